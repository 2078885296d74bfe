//! Ed25519 (RFC 8032). Verification is of the strict kind: one signature has one form, and no key signs everything.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

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

/// An Ed25519 private key, ready to sign.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// The key of the seed `d` (RFC 8037 section 2), which must be that of the public key `x`.
    pub(super) fn new(d: &[u8], x: &[u8]) -> Result<Self, KeyFault> {
        let seed: &[u8; 32] = d.try_into().map_err(|_| KeyFault::CoordinateLength)?;
        let key = SigningKey::from_bytes(seed);
        if key.verifying_key().as_bytes() == x { Ok(Self(key)) } else { Err(KeyFault::Halves) }
    }

    /// The seed.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// A signature of `text`.
    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).to_vec()
    }
}
