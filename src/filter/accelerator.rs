//! Signatures verified by the host, where it can: many times faster than Wasm. And made by it, with RSA.

use core::cell::Cell;

use super::abi;
use crate::jose::backend::Signer;
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

impl Signer for HostSignatures {
    /// Envoy's foreign function `sign`. Called once for a question at most, and so asked for each time.
    fn sign(&self, hash: HashName, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        // message SignArguments
        let mut arguments = Vec::with_capacity(pkcs8_der.len() + text.len() + 32);
        field(&mut arguments, 1, hash.name().as_bytes());
        field(&mut arguments, 2, pkcs8_der);
        field(&mut arguments, 3, text);
        signature(&abi::call_foreign("sign", &arguments).ok()?)
    }
}

/// The signature in a `message SignResult { bool result = 1; bytes signature = 2; string error = 3; }`, which has
/// both of the first and nothing else when all is well.
fn signature(result: &[u8]) -> Option<Vec<u8>> {
    let mut rest = result.strip_prefix(&[0x08, 0x01, 2 << 3 | 2])?;
    let mut length = 0usize;
    for shift in [0, 7, 14] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (length > 0 && rest.len() == length).then(|| rest.to_vec());
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_whole_or_not_at_all() {
        let result = |signature: &[u8]| {
            let mut result = vec![0x08, 0x01];
            field(&mut result, 2, signature);
            result
        };
        for length in [1, 127, 128, 256, 512] {
            let bytes = vec![7; length];
            assert_eq!(signature(&result(&bytes)), Some(bytes));
        }
        let good = result(&[7; 256]);
        for end in 0..good.len() {
            assert_eq!(signature(&good[..end]), None, "{end}");
        }
        let error = [&[3 << 3 | 2, 3][..], b"bad"].concat();
        assert!(signature(&error).is_none() && signature(&[good, error].concat()).is_none());
        assert!(
            signature(&result(&[])).is_none() && signature(&[0x08, 0x01, 0x12, 0xff, 0xff, 0xff]).is_none()
        );
    }
}
