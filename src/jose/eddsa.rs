//! Ed25519 verification (RFC 8032), the strict kind: one signature has one form, and no key signs everything.

use ed25519_dalek::{Signature, VerifyingKey};

use super::fault::KeyFault;

/// An Ed25519 public key, ready to verify.
pub(super) struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The point that `x` encodes (RFC 8037 section 2), in its canonical form and not of small order.
    pub(super) fn new(x: &[u8]) -> Result<Self, KeyFault> {
        let encoded: &[u8; 32] = x.try_into().map_err(|_| KeyFault::CoordinateLength)?;
        let key = VerifyingKey::from_bytes(encoded).map_err(|_| KeyFault::Point)?;
        let canonical = key.to_edwards().compress().as_bytes() == encoded;
        if canonical && !key.is_weak() { Ok(Self(key)) } else { Err(KeyFault::Point) }
    }

    /// Whether `signature` is a signature of `text`.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(text, &signature).is_ok())
    }
}
