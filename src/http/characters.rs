//! The classes of characters of URIs (RFC 3986 section 2).

/// Whether an escape of `byte` and `byte` itself are the same to everybody (section 2.3).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether `byte` may stand in hosts and paths as it is without being unreserved (`sub-delims`, section 2.2).
pub(super) const fn is_sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}
