//! Ed25519 (RFC 8032). Verification is of the strict kind: one signature has one form, and no key signs everything.

use core::cell::{Cell, OnceCell};
use std::sync::LazyLock;

use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsBasepointTable;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};

use super::fault::KeyFault;
use super::hash::HashName;
use crate::base::secret::Secret;

/// How many signatures a key verifies before it gets a table: making one costs as much as some twenty of them, and the
/// key of a proof of possession rarely sees a second.
const USES_WITHOUT_TABLE: u8 = 16;

/// The encodings of the eight points of small order.
static SMALL_ORDER: LazyLock<[[u8; 32]; 8]> = LazyLock::new(|| EIGHT_TORSION.map(|point| point.compress().0));

/// An Ed25519 public key, ready to verify.
pub(super) struct PublicKey {
    key: VerifyingKey,
    uses: Cell<u8>,
    /// Multiples of the key (30 KB): with them nothing is doubled 250 times, and a signature costs two thirds.
    table: OnceCell<Box<EdwardsBasepointTable>>,
}

impl PublicKey {
    /// The point that `x` encodes (RFC 8037 section 2), in its canonical form and not of small order.
    pub(super) fn new(x: &[u8]) -> Result<Self, KeyFault> {
        let encoded: &[u8; 32] = x.try_into().map_err(|_| KeyFault::CoordinateLength)?;
        let key = VerifyingKey::from_bytes(encoded).map_err(|_| KeyFault::Point)?;
        let canonical = key.to_edwards().compress().as_bytes() == encoded;
        if canonical && !key.is_weak() {
            Ok(Self { key, uses: Cell::new(0), table: OnceCell::new() })
        } else {
            Err(KeyFault::Point)
        }
    }

    /// Whether `signature` is a signature of `text`.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        // `verify_strict` takes a square root to see the order of R. But R verifies only when it is, byte for byte, what
        // a point is encoded to, and so the bytes tell it.
        if SMALL_ORDER.contains(signature.r_bytes()) {
            return false;
        }
        let uses = self.uses.get();
        if uses < USES_WITHOUT_TABLE {
            self.uses.set(uses + 1);
            return self.key.verify(text, &signature).is_ok();
        }
        let table =
            self.table.get_or_init(|| Box::new(EdwardsBasepointTable::create(&self.key.to_edwards())));
        self.holds(table, text, &signature)
    }

    /// RFC 8032 section 5.1.7 without the cofactor: what `VerifyingKey::verify` does, with multiples at hand.
    fn holds(&self, multiples: &EdwardsBasepointTable, text: &[u8], signature: &Signature) -> bool {
        let Some(s) = Scalar::from_canonical_bytes(*signature.s_bytes()).into_option() else {
            return false;
        };
        let digest = HashName::Sha512.digest(&[signature.r_bytes(), self.key.as_bytes(), text]);
        let Ok(wide) = <&[u8; 64]>::try_from(digest.as_slice()) else {
            return false;
        };
        let k = Scalar::from_bytes_mod_order_wide(wide);
        let r = ED25519_BASEPOINT_TABLE * &s - multiples * &k;
        r.compress().as_bytes() == signature.r_bytes()
    }
}

/// An Ed25519 private key, ready to sign.
pub(super) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// The key of the seed `d` (RFC 8037 section 2), which must be that of the public key `x`.
    pub(super) fn new(d: &[u8], x: &[u8]) -> Result<Self, KeyFault> {
        let seed: &[u8; 32] = d.try_into().map_err(|_| KeyFault::CoordinateLength)?;
        let key = Self::of(seed);
        if key.point() == x { Ok(key) } else { Err(KeyFault::Halves) }
    }

    /// The key of the seed `d`.
    pub(super) fn of(d: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(d))
    }

    /// The encoded point.
    pub(super) fn point(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The seed.
    pub(super) fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(self.0.to_bytes().to_vec())
    }

    /// A signature of `text`.
    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(of: u8) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&[of; 64])
    }

    /// What both ways say of a signature, which is what `verify_strict` says too.
    fn verdict(key: &PublicKey, text: &[u8], signature: &[u8]) -> bool {
        let strict = Signature::from_slice(signature)
            .is_ok_and(|signature| key.key.verify_strict(text, &signature).is_ok());
        for uses in [0, USES_WITHOUT_TABLE] {
            key.uses.set(uses);
            assert_eq!(key.verify(text, signature), strict, "after {uses} uses: {signature:x?}");
        }
        strict
    }

    fn pair(seed: u8) -> (SigningKey, PublicKey) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = PublicKey::new(key.verifying_key().as_bytes()).unwrap();
        (key, public)
    }

    #[test]
    fn points_of_small_order_are_eight_weak_keys() {
        for (place, encoded) in SMALL_ORDER.iter().enumerate() {
            assert!(VerifyingKey::from_bytes(encoded).unwrap().is_weak(), "{encoded:x?}");
            assert!(!SMALL_ORDER[..place].contains(encoded));
        }
    }

    #[test]
    fn a_key_gets_its_table_when_it_is_used_often() {
        let (key, public) = pair(1);
        let signature = key.sign(b"text").to_vec();
        for _ in 0..USES_WITHOUT_TABLE {
            assert!(public.verify(b"text", &signature));
        }
        assert!(public.table.get().is_none());
        assert!(public.verify(b"text", &signature));
        assert!(public.table.get().is_some());
        assert!(!public.verify(b"texts", &signature));
    }

    #[test]
    fn with_a_table_and_without_one_bit_decides() {
        for seed in 0..2 {
            let (key, public) = pair(seed);
            let signature = key.sign(b"text").to_vec();
            assert!(verdict(&public, b"text", &signature));
            assert!(!verdict(&public, b"Text", &signature));
            assert!(!verdict(&pair(7).1, b"text", &signature));
            for bit in 0..512 {
                let mut other = signature.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(!verdict(&public, b"text", &other), "bit {bit}");
            }
            assert!(!verdict(&public, b"text", &signature[..63]));
            assert!(public.table.get().is_some());
        }
    }

    #[test]
    fn with_a_table_and_without_s_has_one_form() {
        let (key, public) = pair(3);
        let signature = key.sign(b"text").to_bytes();
        // The order of the base point: -1 + 1, without the reduction.
        let mut carry = 1;
        let order = (-Scalar::ONE).to_bytes().map(|byte| {
            let sum = u16::from(byte) + carry;
            carry = sum >> 8;
            sum as u8
        });
        let (mut other, mut carry) = (signature, 0);
        for (byte, more) in other[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert!(!verdict(&public, b"text", &other));
    }

    #[test]
    fn with_a_table_and_without_r_is_not_of_small_order() {
        let (key, public) = pair(4);
        for r in EIGHT_TORSION {
            let digest = HashName::Sha512.digest(&[&r.compress().0, public.key.as_bytes(), b"text"]);
            let k = Scalar::from_bytes_mod_order_wide(digest.as_slice().try_into().unwrap());
            // Whoever has the private number can make R the identity; nobody can with the others, but one may try.
            let s = k * key.to_scalar();
            let signature = [r.compress().0, s.to_bytes()].concat();
            let known = Signature::from_slice(&signature).unwrap();
            assert_eq!(public.key.verify(b"text", &known).is_ok(), r == EIGHT_TORSION[0]);
            assert!(!verdict(&public, b"text", &signature));
        }
    }

    #[test]
    fn with_a_table_and_without_many_keys_and_texts_verify() {
        for seed in 0..12 {
            let (key, public) = pair(seed ^ 0x5a);
            let text = number(seed).to_bytes().repeat(usize::from(seed));
            assert!(verdict(&public, &text, &key.sign(&text).to_vec()));
            let made_up = [EIGHT_TORSION[1].compress().0, number(seed).to_bytes()].concat();
            assert!(!verdict(&public, &text, &made_up));
        }
    }
}
