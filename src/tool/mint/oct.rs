//! Symmetric keys (RFC 7518 sections 3.2 and 6.4).

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::base::secret::Secret;
use crate::jose::hash::HashName;

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

    pub(super) fn sign(&self, hash: HashName, text: &[u8]) -> Result<Vec<u8>, MintError> {
        macro_rules! tag {
            ($hash:ty) => {
                Hmac::<$hash>::new_from_slice(self.0.expose())
                    .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
            };
        }
        let tag = match hash {
            HashName::Sha256 => tag!(Sha256),
            HashName::Sha384 => tag!(Sha384),
            HashName::Sha512 => tag!(Sha512),
        };
        tag.map_err(|_| MintError::new("the symmetric key has a length that HMAC does not take"))
    }
}
