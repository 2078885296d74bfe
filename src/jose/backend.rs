//! What a host may do for us: verify faster, and sign with RSA.

use super::algorithm::Algorithm;
use super::hash::HashName;

/// Somebody who verifies faster than we can, such as the proxy around us.
pub trait Accelerator {
    /// Whether `signature` is one of `text`; `None` = not offered here, verify it yourself.
    ///
    /// Algorithm, key type, curve, hash and size are already pinned. `signature` is PKCS#1 v1.5 for an RSA key, and
    /// DER (RFC 3279 section 2.2.3) for an elliptic curve key.
    fn verify(&self, hash: HashName, spki_der: &[u8], signature: &[u8], text: &[u8]) -> Option<bool>;
}

/// Offers nothing.
pub struct NoAccelerator;

impl Accelerator for NoAccelerator {
    fn verify(&self, _: HashName, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        None
    }
}

/// Somebody who signs with RSA, which nothing here does: such as the proxy around us.
pub trait Signer {
    /// A signature of `text` with a private RSA key in PKCS#8, by RSASSA-PKCS1-v1_5 or RSASSA-PSS as `algorithm` says;
    /// `None` = not offered here, or the key was refused.
    fn sign(&self, algorithm: Algorithm, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>>;
}

/// Offers nothing.
pub struct NoSigner;

impl Signer for NoSigner {
    fn sign(&self, _: Algorithm, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
