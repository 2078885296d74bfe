//! Signatures verified by the host, where it can: many times faster than Wasm. And made by it, with RSA.

use core::cell::Cell;

use super::{abi, foreign, numbers};
use crate::jose::algorithm::{Algorithm, Family};
use crate::jose::backend::{Accelerator, Signer};
use crate::jose::hash::HashName;

/// Envoy's foreign function `verify_signature`. The engine has pinned algorithm, key type, curve, hash and size: the
/// host checks none of them.
#[derive(Default)]
pub(super) struct HostSignatures {
    /// The host does not have the function.
    missing: Cell<bool>,
}

impl Accelerator for HostSignatures {
    fn verify(&self, hash: HashName, spki_der: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
        if self.missing.get() {
            return None;
        }
        match abi::call_foreign("verify_signature", &foreign::to_verify(hash, spki_der, signature, text)) {
            Ok(result) => Some(foreign::is_verified(&result)),
            Err(fault) => {
                self.missing.set(fault.status == numbers::NOT_FOUND);
                None
            }
        }
    }
}

impl Signer for HostSignatures {
    /// Envoy's foreign function `sign`, which knows RSASSA-PKCS1-v1_5 alone. Called once for a question at most, and so
    /// asked for each time.
    fn sign(&self, algorithm: Algorithm, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        if algorithm.family() != Family::RsaPkcs1 {
            return None;
        }
        let question = foreign::to_sign(algorithm.hash(), pkcs8_der, text);
        foreign::signature(&abi::call_foreign("sign", &question).ok()?)
    }
}
