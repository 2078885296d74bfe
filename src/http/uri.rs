//! The absolute URIs that operators write: whom a callout is addressed to (RFC 3986, RFC 9110 section 4.2).

use core::fmt;

use super::host;

/// An `http` or `https` URI without user information and fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uri {
    scheme: &'static str,
    authority: String,
    path: String,
}

impl Uri {
    /// Reads `text`.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            ("http", rest)
        } else {
            return Err("is not an absolute http or https URI");
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or("is not a URI")?;
        if host::of_authority(authority.as_bytes()).is_none() {
            return Err("has no usable host");
        }
        if path.contains('#') {
            return Err("has a fragment");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has a character that a URI cannot hold; percent-encode it");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { scheme, authority: authority.to_ascii_lowercase(), path: format!("{slash}{path}") })
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host, and port where the URI has one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query; begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Scheme and authority, with another `path`.
    pub fn with_path(&self, path: String) -> Self {
        Self { scheme: self.scheme, authority: self.authority.clone(), path }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_uri() {
        let uri = Uri::parse("https://IDP.example.com:8443/a/b?c=d").unwrap();
        assert_eq!(
            (uri.scheme(), uri.authority(), uri.path()),
            ("https", "idp.example.com:8443", "/a/b?c=d")
        );
        assert_eq!(Uri::parse("http://idp").unwrap().path(), "/");
        assert_eq!(Uri::parse("http://idp?x").unwrap().to_string(), "http://idp/?x");
    }

    #[test]
    fn what_a_callout_cannot_be_addressed_to_is_refused() {
        for text in [
            "",
            "idp.example.com",
            "ftp://x/",
            "https://",
            "https://u:p@x/",
            "https://x/#f",
            "https://x/a b",
            "https://x/\r\n",
        ] {
            assert!(Uri::parse(text).is_err(), "{text:?}");
        }
    }
}
