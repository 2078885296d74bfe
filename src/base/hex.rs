//! Hexadecimal digits (RFC 4648 section 8), in either case.

/// The bytes that `text` stands for; `None` unless it is just two digits for each of `N` bytes.
pub fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |byte, digit| Some(byte << 4 | value(*digit)?))?;
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_either_case_and_in_their_number() {
        assert_eq!(decode::<3>(b"00fF7a"), Some([0, 0xff, 0x7a]));
        for text in ["", "00ff7", "00ff7a0", "00ff7a00", "00fg7a", " 0ff7a", "00ff7\u{661}", "+0ff7a"] {
            assert_eq!(decode::<3>(text.as_bytes()), None, "{text}");
        }
    }
}
