//! The host a request is for.

use std::borrow::Cow;

/// The host within an `authority`: lower case, without port (RFC 3986 section 3.2.2) and without the dot that may end
/// a name (RFC 1034 section 3.1): a server behind us takes both spellings for one host. `None` when there is none,
/// or when it holds anything but letters, digits, `-`, `.`, `_` and, in brackets, an address: user information and
/// other tricks name no host, nor does anything longer than a name can be.
pub fn of_authority(authority: &[u8]) -> Option<Cow<'_, str>> {
    if authority.first() == Some(&b'[') {
        return of_address(authority).map(Cow::Owned);
    }
    let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end)?;
    // All characters are looked at in any case: to stop at the first that is wrong would cost more.
    let mut found = host.iter().fold(0, |found, byte| found | kind(*byte));
    found |=
        port.iter().skip(1).fold(0, |found, byte| found | if byte.is_ascii_digit() { 0 } else { FOREIGN });
    let host = host.strip_suffix(b".").unwrap_or(host);
    if found & FOREIGN != 0 || host.is_empty() || host.len() > LONGEST {
        return None;
    }
    let host = core::str::from_utf8(host).ok()?;
    Some(if found & UPPER != 0 { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

/// An address in brackets, and perhaps a port.
fn of_address(authority: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(authority).ok()?;
    let (address, after) = text.strip_prefix('[')?.split_once(']')?;
    let port = after.strip_prefix(':').or(after.is_empty().then_some(""))?;
    let plain = address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let good = plain && !address.is_empty() && address.len() + 2 <= LONGEST;
    (good && port.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("[{}]", address.to_ascii_lowercase()))
}

const UPPER: u8 = 1;
const FOREIGN: u8 = 2;

/// What `byte` is in a host's name: nothing remarkable, an upper case letter, or foreign to it.
const fn kind(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => 0,
        b'A'..=b'Z' => UPPER,
        _ => FOREIGN,
    }
}

/// The longest name in the DNS, written as text (RFC 1035 section 2.3.4).
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_port_and_a_last_dot_do_not_count() {
        for authority in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com:8443",
            "api.example.com:",
            "api.example.com.",
            "api.example.com.:80",
        ] {
            assert_eq!(of_authority(authority.as_bytes()).as_deref(), Some("api.example.com"), "{authority}");
        }
        assert_eq!(of_authority(b"[::1]:80").as_deref(), Some("[::1]"));
        assert!(of_authority("a".repeat(253).as_bytes()).is_some());
    }

    #[test]
    fn tricks_name_no_host() {
        for authority in [
            "",
            ".",
            ":80",
            "user@api.example.com",
            "a b",
            "a/b",
            "api.example.com:80:80",
            "[::1",
            "[::1]x",
            "[x]",
            "a\u{e9}",
            &"a".repeat(254),
        ] {
            assert_eq!(of_authority(authority.as_bytes()), None, "{authority}");
        }
    }
}
