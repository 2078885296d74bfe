//! The little DER (X.690) that others want to read: keys and ECDSA signatures. Nothing here reads DER.

/// A SEQUENCE of `parts`, each already DER.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// An INTEGER of unsigned big-endian `bytes`, shortest form.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let digits = trim(bytes);
    // A first bit that is set would mean a negative number; zero is one zero byte.
    let sign: &[u8] = if digits.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tagged(0x02, &[sign, digits].concat())
}

/// An OCTET STRING of `bytes`.
pub(super) fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tagged(0x04, bytes)
}

/// A SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of an `algorithm` identifier's content and a key.
pub(super) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let no_unused_bits = [&[0], key].concat();
    sequence(&[&sequence(&[algorithm]), &tagged(0x03, &no_unused_bits)])
}

/// `bytes` without leading zeros.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let size = content.len().to_be_bytes();
    let size = trim(&size);
    match size {
        [] => vec![tag, 0],
        [short] if *short < 0x80 => [&[tag, *short], content].concat(),
        long => [&[tag, 0x80 | long.len() as u8], long, content].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_shortest_and_never_negative() {
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
    }

    #[test]
    fn lengths_have_one_byte_up_to_127() {
        assert_eq!(&tagged(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(&tagged(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(&tagged(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
