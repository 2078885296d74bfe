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

    /// The bytes.
    pub(super) const fn bytes(&self) -> &Secret<Vec<u8>> {
        &self.0
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

    /// The code of `text`. `None` in the module: no policy has a key for it, and it would be larger.
    pub(super) fn sign(&self, hash: HashName, text: &[u8]) -> Option<Vec<u8>> {
        if cfg!(target_arch = "wasm32") { None } else { tag(hash, self.0.expose(), text) }
    }
}

/// The length of [`code`], in bytes.
pub const CODE: usize = HashName::Sha256.length();

/// The code of `parts`, each with its length so that none can be taken for a piece of another, under `key` of any
/// length: HMAC with SHA-256.
pub fn code(key: &Secret<Vec<u8>>, parts: &[&[u8]]) -> [u8; CODE] {
    keyed(key, parts).map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
}

/// Whether `code` is that of `parts` under `key`; compared in constant time.
pub fn is_code(key: &Secret<Vec<u8>>, parts: &[&[u8]], code: &[u8]) -> bool {
    keyed(key, parts).is_some_and(|mac| mac.verify_slice(code).is_ok())
}

/// `None` never comes: every length of key is one for HMAC.
fn keyed(key: &Secret<Vec<u8>>, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    Some(mac)
}

/// The code of `text` under `key`; `None` never comes: every length of key is one for HMAC.
pub(super) fn tag(hash: HashName, key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    macro_rules! tag {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(key)
                .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        };
    }
    match hash {
        HashName::Sha256 => tag!(Sha256),
        HashName::Sha384 => tag!(Sha384),
        HashName::Sha512 => tag!(Sha512),
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_and_its_place_counts() {
        let key = |text: &str| Secret::new(text.as_bytes().to_vec());
        let good = code(&key("key"), &[b"ab", b"c"]);
        assert!(is_code(&key("key"), &[b"ab", b"c"], &good));
        for parts in [[&b"a"[..], b"bc"], [b"ab", b"d"], [b"c", b"ab"]] {
            assert!(!is_code(&key("key"), &parts, &good), "{parts:?}");
        }
        assert!(!is_code(&key("other"), &[b"ab", b"c"], &good));
        assert!(!is_code(&key("key"), &[b"ab", b"c"], &good[1..]) && !is_code(&key("key"), &[b"abc"], &good));
    }
}
