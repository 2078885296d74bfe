//! Ed25519 keys (RFC 8037).

use serde_json::{Map, Value};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::jose::eddsa::PrivateKey;

pub(super) fn generate() -> Result<PrivateKey, MintError> {
    jwk::random().map(|seed| PrivateKey::of(&seed))
}

pub(super) fn read(members: &Map<String, Value>) -> Result<PrivateKey, MintError> {
    let seed = jwk::bytes(members, "d")?;
    let seed = seed.try_into().map_err(|_| MintError::new("`d` is not 32 bytes long"))?;
    Ok(PrivateKey::of(&seed))
}

pub(super) fn private_members(key: &PrivateKey) -> Vec<(&'static str, String)> {
    let mut members = public_members(key);
    members.push(("d", base64url::encode(key.to_bytes())));
    members
}

pub(super) fn public_members(key: &PrivateKey) -> Vec<(&'static str, String)> {
    vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", base64url::encode(key.point()))]
}
