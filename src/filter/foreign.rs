//! What Envoy's foreign functions `verify_signature` and `sign` are given, and what they answer.
//! <https://github.com/envoyproxy/envoy/blob/v1.40.0/source/extensions/common/wasm/ext/verify_signature.proto>

use super::protobuf::{Wire, fields, write_bytes};
use crate::jose::hash::HashName;

/// `message VerifySignatureArguments`: the key as SubjectPublicKeyInfo in DER.
pub fn to_verify(hash: HashName, spki_der: &[u8], signature: &[u8], text: &[u8]) -> Vec<u8> {
    message(&[hash.name().as_bytes(), spki_der, signature, text])
}

/// Whether a `message VerifySignatureResult` says that the signature is good: `result` true, and no error.
pub fn is_verified(result: &[u8]) -> bool {
    let mut fields = fields(result);
    matches!(fields.next(), Some(Some((1, Wire::Varint(1))))) && fields.next().is_none()
}

/// `message SignArguments`: the key in PKCS #8, DER.
pub fn to_sign(hash: HashName, pkcs8_der: &[u8], text: &[u8]) -> Vec<u8> {
    message(&[hash.name().as_bytes(), pkcs8_der, text])
}

/// The signature in a `message SignResult { bool result = 1; bytes signature = 2; string error = 3; }`, which has
/// both of the first and nothing else when all is well.
pub fn signature(result: &[u8]) -> Option<Vec<u8>> {
    let mut fields = fields(result);
    match (fields.next()??, fields.next()??, fields.next()) {
        ((1, Wire::Varint(1)), (2, Wire::Bytes(signature)), None) if !signature.is_empty() => {
            Some(signature.to_vec())
        }
        _ => None,
    }
}

/// A message whose fields, from number 1 on, are these bytes.
fn message(values: &[&[u8]]) -> Vec<u8> {
    /// Tag and length of a field.
    const MOST: usize = 6;
    let mut message = Vec::with_capacity(values.iter().map(|value| value.len() + MOST).sum());
    for (number, value) in (1..).zip(values) {
        write_bytes(&mut message, number, value);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_whole_or_not_at_all() {
        let result = |signature: &[u8]| {
            let mut result = vec![0x08, 0x01];
            write_bytes(&mut result, 2, signature);
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

    #[test]
    fn a_signature_is_good_where_the_answer_says_so_and_nothing_else() {
        assert!(is_verified(&[0x08, 0x01]));
        for other in
            [&[][..], &[0x08], &[0x08, 0x00], &[0x08, 0x02], &[0x08, 0x01, 0x12, 0x01, b'x'], &[0x10, 0x01]]
        {
            assert!(!is_verified(other), "{other:?}");
        }
    }

    #[test]
    fn the_fields_are_numbered_in_their_order() {
        let sent = to_verify(HashName::Sha256, b"key", b"signature", b"text");
        let read: Vec<_> = fields(&sent)
            .map(|field| match field {
                Some((number, Wire::Bytes(bytes))) => (number, bytes),
                _ => (0, &b""[..]),
            })
            .collect();
        assert_eq!(read, [(1, &b"sha256"[..]), (2, b"key"), (3, b"signature"), (4, b"text")]);
        assert_eq!(to_sign(HashName::Sha256, b"key", b"text").first_chunk(), Some(b"\x0a\x06sha256"));
    }
}
