//! Keys on P-256, P-384 and P-521 (RFC 7518 section 6.2).

use serde_json::{Map, Value};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::jose::algorithm::Curve;
use crate::jose::ecdsa::PrivateKey;

pub(super) fn generate(curve: Curve) -> Result<PrivateKey, MintError> {
    /// A number of a curve's length is a key nearly always; that a hundred in a row are none does not happen.
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let mut number = jwk::random::<66>()?.to_vec();
        number.truncate(curve.length());
        if let (Curve::P521, Some(first)) = (curve, number.first_mut()) {
            *first &= 1;
        }
        if let Some(key) = PrivateKey::of(curve, &number) {
            return Ok(key);
        }
    }
    Err(MintError::new("the system's random source repeats itself"))
}

pub(super) fn read(curve: Curve, members: &Map<String, Value>) -> Result<PrivateKey, MintError> {
    let number = jwk::bytes(members, "d")?;
    let fits = jwk::text(members, "crv") == Some(curve.name()) && number.len() == curve.length();
    let key = if fits { PrivateKey::of(curve, &number) } else { None };
    key.ok_or_else(|| MintError::new(format!("`d` is no private key of {}", curve.name())))
}

pub(super) fn private_members(key: &PrivateKey) -> Vec<(&'static str, String)> {
    let mut members = public_members(key);
    members.push(("d", base64url::encode(key.to_bytes())));
    members
}

pub(super) fn public_members(key: &PrivateKey) -> Vec<(&'static str, String)> {
    let (curve, point) = key.point();
    let (x, y) = point.split_at_checked(curve.length()).unwrap_or_default();
    vec![
        ("kty", "EC".to_owned()),
        ("crv", curve.name().to_owned()),
        ("x", base64url::encode(x)),
        ("y", base64url::encode(y)),
    ]
}
