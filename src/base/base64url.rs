//! base64url without padding (RFC 7515 section 2), strict: one text for each byte string.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Decodes `text`; `None` for padding, white space, another alphabet or spare bits that are not zero.
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes `bytes` without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes `bytes` in the standard alphabet with padding, as HTTP Basic wants it (RFC 7617 section 2).
pub fn encode_standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Decodes the standard alphabet with padding (RFC 4648 section 4); as strict as [`decode`].
pub fn decode_standard(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_alphabet_is_read_with_its_padding() {
        assert_eq!(decode_standard("+/8=").as_deref(), Some(&[0xfb, 0xff][..]));
        for text in ["+/8", "-_8=", "+/9=", "+/8= "] {
            assert_eq!(decode_standard(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(decode("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        for text in ["-_8=", "-_9", "+/8", "-_8 ", "-\n_8", "A"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
