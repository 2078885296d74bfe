//! The URI that a request is for (RFC 9110 section 7.1), in one normal form without query and fragment.

use super::host;
use super::path::Path;

/// A target URI after RFC 3986 sections 6.2.2 and 6.2.3: scheme and host in lower case, no default port, escapes in
/// one form, `/` for an empty path. Host and path are those that rules match: the host without a dot at its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetUri(String);

impl TargetUri {
    /// The URI of a request target `path` (path and query) at `authority`. `None` for any scheme but `http` and
    /// `https`, an authority that names no host, and a path with more than one reading or none.
    pub fn new(scheme: &[u8], authority: &[u8], path: &[u8]) -> Option<Self> {
        let (scheme, default_port) = if scheme.eq_ignore_ascii_case(b"https") {
            ("https", "443")
        } else if scheme.eq_ignore_ascii_case(b"http") {
            ("http", "80")
        } else {
            return None;
        };
        let host = host::of_authority(authority)?;
        let port = port(authority).filter(|port| !port.is_empty() && *port != default_port);
        let path = Path::normalize(path).ok()?;
        let (colon, port) = port.map_or(("", ""), |port| (":", port));
        Some(Self(format!("{scheme}://{host}{colon}{port}{}", path.as_str())))
    }

    /// Reads an absolute URI; its query and fragment are left out. `None` as for [`TargetUri::new`].
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let path = if path.starts_with('/') { path } else { "/" };
        Self::new(scheme.as_bytes(), authority.as_bytes(), path.as_bytes())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands after the colon, of an authority that names a host.
fn port(authority: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(authority).ok()?;
    let after_address = text.rsplit_once(']').map_or(text, |(_, after)| after);
    after_address.split_once(':').map(|(_, port)| port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        TargetUri::parse(text).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn one_text_for_each_uri() {
        for (text, expected) in [
            ("https://api.example.com/orders", "https://api.example.com/orders"),
            ("HTTPS://API.Example.COM:443/orders?a=b#c", "https://api.example.com/orders"),
            ("http://api.example.com:80", "http://api.example.com/"),
            ("http://api.example.com?x", "http://api.example.com/"),
            ("https://api.example.com:/", "https://api.example.com/"),
            ("https://api.example.com:80/", "https://api.example.com:80/"),
            ("http://api.example.com:443/", "http://api.example.com:443/"),
            ("https://[::1]:8443/%7ea/%c3%a9", "https://[::1]:8443/~a/%C3%A9"),
            ("https://[::1]:443/", "https://[::1]/"),
            ("https://api.example.com/#/orders", "https://api.example.com/"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_another_uri_stays_another() {
        let target = normal("https://api.example.com/orders");
        for text in [
            "http://api.example.com/orders",
            "https://api.example.com:8443/orders",
            "https://api.example.com:0443/orders",
            "https://example.com/orders",
            "https://api.example.com/Orders",
            "https://api.example.com/orders/",
            "https://api.example.com/orders;a",
            "https://api.example.com/orders%3Fa",
        ] {
            assert!(normal(text).is_some() && normal(text) != target, "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_none() {
        for text in [
            "",
            "/orders",
            "api.example.com/orders",
            "ftp://api.example.com/",
            "https:/api.example.com/",
            "https://",
            "https:///orders",
            "https://user@api.example.com/",
            "https://api.example.com:x/",
            "https://api.example.com/a/../b",
            "https://api.example.com/a//b",
            "https://api.example.com/a%2fb",
            "https://api.example.com\\/",
            " https://api.example.com/",
        ] {
            assert_eq!(normal(text), None, "{text:?}");
        }
        assert_eq!(TargetUri::new(b"", b"api.example.com", b"/"), None);
        assert_eq!(TargetUri::new(b"https", b"api.example.com", b"*"), None);
    }
}
