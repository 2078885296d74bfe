//! Keys on P-256, P-384 and P-521 (RFC 7518 section 6.2).

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use serde_json::{Map, Value};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::jose::hash::HashName;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

pub(super) enum Pair {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl Pair {
    pub(super) fn generate(curve: Curve) -> Result<Self, MintError> {
        /// A number of a curve's length is a key nearly always; that a hundred in a row are none does not happen.
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            let mut scalar = jwk::random::<66>()?.to_vec();
            scalar.truncate(curve.length());
            if let (Curve::P521, Some(first)) = (curve, scalar.first_mut()) {
                *first &= 1;
            }
            if let Some(pair) = Self::of(curve, &scalar) {
                return Ok(pair);
            }
        }
        Err(MintError::new("the system's random source repeats itself"))
    }

    pub(super) fn read(curve: Curve, members: &Map<String, Value>) -> Result<Self, MintError> {
        let scalar = jwk::bytes(members, "d")?;
        let fits = members.get("crv").and_then(Value::as_str) == Some(curve.name());
        let pair = if fits && scalar.len() == curve.length() { Self::of(curve, &scalar) } else { None };
        pair.ok_or_else(|| MintError::new(format!("`d` is no private key of {}", curve.name())))
    }

    pub(super) fn private_members(&self) -> Vec<(&'static str, String)> {
        let mut members = self.public_members();
        let scalar = match self {
            Self::P256(key) => key.to_bytes().to_vec(),
            Self::P384(key) => key.to_bytes().to_vec(),
            Self::P521(key) => key.to_bytes().to_vec(),
        };
        members.push(("d", base64url::encode(scalar)));
        members
    }

    pub(super) fn public_members(&self) -> Vec<(&'static str, String)> {
        let (curve, point) = match self {
            Self::P256(key) => (Curve::P256, key.verifying_key().to_sec1_point(false).as_bytes().to_vec()),
            Self::P384(key) => (Curve::P384, key.verifying_key().to_sec1_point(false).as_bytes().to_vec()),
            Self::P521(key) => (Curve::P521, key.verifying_key().to_sec1_point(false).as_bytes().to_vec()),
        };
        // The first byte says that both coordinates follow in full (SEC 1 section 2.3.3).
        let coordinate = |start| point.iter().copied().skip(start).take(curve.length()).collect::<Vec<_>>();
        vec![
            ("kty", "EC".to_owned()),
            ("crv", curve.name().to_owned()),
            ("x", base64url::encode(coordinate(1))),
            ("y", base64url::encode(coordinate(1 + curve.length()))),
        ]
    }

    pub(super) fn sign(&self, hash: HashName, text: &[u8]) -> Result<Vec<u8>, MintError> {
        let digest = hash.digest(&[text]);
        let signature = match self {
            Self::P256(key) => {
                key.sign_prehash(&digest).map(|signature: p256::ecdsa::Signature| signature.to_vec())
            }
            Self::P384(key) => {
                key.sign_prehash(&digest).map(|signature: p384::ecdsa::Signature| signature.to_vec())
            }
            Self::P521(key) => {
                key.sign_prehash(&digest).map(|signature: p521::ecdsa::Signature| signature.to_vec())
            }
        };
        signature.map_err(|_| MintError::new("the elliptic curve key does not sign"))
    }

    fn of(curve: Curve, scalar: &[u8]) -> Option<Self> {
        match curve {
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(scalar).ok().map(Self::P256),
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(scalar).ok().map(Self::P384),
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(scalar).ok().map(Self::P521),
        }
    }
}

impl Curve {
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}
