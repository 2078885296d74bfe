//! The host a request is for.

use std::borrow::Cow;

/// The host within an `authority`: lower case, without port (RFC 3986 section 3.2.2) and without the dot that may end
/// a name (RFC 1034 section 3.1): a server behind us takes both spellings for one host. `None` when there is none,
/// or when it holds anything but letters, digits, `-`, `.`, `_` and, in brackets, an address: user information and
/// other tricks name no host, nor does anything longer than a name can be.
pub fn of_authority(authority: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(authority).ok()?;
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) => {
            let plain = address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            if address.is_empty() || !plain {
                return None;
            }
            (Cow::Owned(format!("[{address}]")), after.strip_prefix(':').or(after.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let plain =
                host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            let host = host.strip_suffix('.').unwrap_or(host);
            if host.is_empty() || !plain {
                return None;
            }
            (Cow::Borrowed(host), port)
        }
    };
    let good = host.len() <= LONGEST && port.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| host.to_ascii_lowercase())
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
