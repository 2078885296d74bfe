//! Signatures verified by the host, where it can: many times faster than Wasm.

use core::cell::Cell;

use super::abi;
use crate::jose::hash::HashName;
use crate::jose::verify::Accelerator;

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
        // message VerifySignatureArguments
        let mut arguments = Vec::with_capacity(spki_der.len() + signature.len() + text.len() + 32);
        field(&mut arguments, 1, hash.name().as_bytes());
        field(&mut arguments, 2, spki_der);
        field(&mut arguments, 3, signature);
        field(&mut arguments, 4, text);
        match abi::call_foreign("verify_signature", &arguments) {
            // message VerifySignatureResult: `result` true, and no error.
            Ok(result) => Some(result == [0x08, 0x01]),
            Err(fault) => {
                self.missing.set(fault.status == abi::NOT_FOUND);
                None
            }
        }
    }
}

/// Appends a protobuf field of bytes.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = bytes.len();
    while length > 0x7f {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(bytes);
}
