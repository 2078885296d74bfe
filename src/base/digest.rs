//! Keyed digests: what is remembered of a token is not the token.

use core::fmt;
use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// The key of all digests of one memory. Whoever does not know it cannot aim for a collision.
#[derive(Clone, Copy)]
pub struct DigestKey([u8; 16]);

/// 128 bits that stand for a token and the realm in which it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(u128);

impl DigestKey {
    /// A key made of `seed`, which has to come from a random source.
    pub const fn new(seed: [u8; 16]) -> Self {
        Self(seed)
    }

    /// The digest of `bytes` within `realm` (an issuer's number): equal bytes in two realms have unrelated digests.
    pub fn digest(&self, realm: u32, bytes: &[u8]) -> Digest {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u32(realm);
        hasher.write(bytes);
        Digest(hasher.finish128().as_u128())
    }
}

impl Digest {
    /// The digest as a number.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

/// The realm of [`DigestKey::nonce`]; nobody else's.
const NONCES: u32 = u32::MAX - 1;

impl DigestKey {
    /// What nobody can foretell who does not know the key, and what comes once for each `counter`.
    pub fn nonce(&self, counter: u64) -> [u8; 16] {
        self.digest(NONCES, &counter.to_be_bytes()).0.to_be_bytes()
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0 >> 96)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realm_key_and_bytes_all_count() {
        let (one, two) = (DigestKey::new([1; 16]), DigestKey::new([2; 16]));
        let digest = one.digest(0, b"token");
        assert_eq!(digest, one.digest(0, b"token"));
        assert_ne!(digest, one.digest(1, b"token"));
        assert_ne!(digest, one.digest(0, b"tokem"));
        assert_ne!(digest, two.digest(0, b"token"));
    }

    #[test]
    fn a_nonce_comes_once() {
        let (one, two) = (DigestKey::new([1; 16]), DigestKey::new([2; 16]));
        assert!(one.nonce(0) != one.nonce(1) && one.nonce(0) != two.nonce(0));
    }
}
