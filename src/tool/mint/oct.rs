//! Symmetric keys (RFC 7518 sections 3.2 and 6.4).

use serde_json::{Map, Value};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::base::secret::Secret;
use crate::jose::hash::HashName;
use crate::jose::hmac;

pub(super) struct Shared(Secret<Vec<u8>>);

impl Shared {
    pub(super) fn generate(hash: HashName) -> Result<Self, MintError> {
        let bytes = jwk::random::<64>()?;
        Ok(Self(Secret::new(bytes.into_iter().take(hash.length()).collect())))
    }

    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, MintError> {
        jwk::bytes(members, "k").map(|bytes| Self(Secret::new(bytes)))
    }

    pub(super) fn members(&self) -> Vec<(&'static str, String)> {
        vec![("kty", "oct".to_owned()), ("k", base64url::encode(self.0.expose()))]
    }

    pub(super) fn sign(&self, hash: HashName, text: &[u8]) -> Option<Vec<u8>> {
        hmac::tag(hash, self.0.expose(), text)
    }
}
