//! HMAC with SHA-2 (RFC 2104, RFC 7518 section 3.2).

use hmac::{Hmac, KeyInit as _, Mac as _};

use super::fault::KeyFault;
use super::hash::{HashName, Sha256, Sha384, Sha512};
use crate::base::secret::Secret;

/// The hash of the smallest algorithm; a shorter key fits none.
const MIN_LENGTH: usize = HashName::Sha256.length();

/// A secret that the issuer and we share.
pub(super) struct SharedKey(Secret<Vec<u8>>);

impl SharedKey {
    /// A key of these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, KeyFault> {
        if bytes.len() < MIN_LENGTH {
            return Err(KeyFault::SecretTooShort(bytes.len()));
        }
        Ok(Self(Secret::new(bytes)))
    }

    /// Whether the key is as long as the hash, which it must be at least (RFC 7518 section 3.2).
    pub(super) fn is_long_enough(&self, hash: HashName) -> bool {
        self.0.expose().len() >= hash.length()
    }

    /// Whether `tag` is the whole code of `text`; compared in constant time.
    pub(super) fn verify(&self, hash: HashName, text: &[u8], tag: &[u8]) -> bool {
        // One macro rather than one generic function: the bounds of the latter would be longer than this file.
        macro_rules! holds {
            ($hash:ty) => {
                Hmac::<$hash>::new_from_slice(self.0.expose())
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(tag).is_ok())
            };
        }
        match hash {
            HashName::Sha256 => holds!(Sha256),
            HashName::Sha384 => holds!(Sha384),
            HashName::Sha512 => holds!(Sha512),
        }
    }
}

/// The code of `text`, for tests that need tokens of their own.
#[cfg(test)]
pub(super) fn tag(hash: HashName, key: &[u8], text: &[u8]) -> Vec<u8> {
    macro_rules! tag {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
        };
    }
    match hash {
        HashName::Sha256 => tag!(Sha256),
        HashName::Sha384 => tag!(Sha384),
        HashName::Sha512 => tag!(Sha512),
    }
}
