//! Ed25519 keys (RFC 8032, RFC 8037).

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Map, Value};

use super::jwk::{self, MintError};
use crate::base::base64url;

pub(super) struct Pair(SigningKey);

impl Pair {
    pub(super) fn generate() -> Result<Self, MintError> {
        jwk::random().map(|seed| Self(SigningKey::from_bytes(&seed)))
    }

    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, MintError> {
        let seed = jwk::bytes(members, "d")?;
        let seed = seed.try_into().map_err(|_| MintError::new("`d` is not 32 bytes long"))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    pub(super) fn private_members(&self) -> Vec<(&'static str, String)> {
        let mut members = self.public_members();
        members.push(("d", base64url::encode(self.0.to_bytes())));
        members
    }

    pub(super) fn public_members(&self) -> Vec<(&'static str, String)> {
        let point = base64url::encode(self.0.verifying_key().as_bytes());
        vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", point)]
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).to_bytes().to_vec()
    }
}
