//! Classes of characters: those of URIs (RFC 3986 section 2) and those of names (RFC 9110 section 5.6.2).

/// Whether an escape of `byte` and `byte` itself are the same to everybody (section 2.3).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether `byte` may stand in hosts and paths as it is without being unreserved (`sub-delims`, section 2.2).
pub(super) const fn is_sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Whether `text` is a token: the name of a field, a method, a scheme (RFC 9110 section 5.6.2).
pub fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_character_or_more_of_those_that_separate_nothing() {
        for text in ["a", "GET", "x-request-id", "!#$%&'*+-.^_`|~09AZaz"] {
            assert!(is_token(text), "{text}");
        }
        for text in ["", "a b", "a:", "a,", "a/b", "\"a\"", "(", "@", "a\0", "\u{e9}", "\x7f", ":method"] {
            assert!(!is_token(text), "{text}");
        }
    }
}
