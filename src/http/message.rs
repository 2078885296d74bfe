//! Messages that the engine asks its skin to send, and replies that come back.

use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use crate::base::secret::Secret;

/// A header value that cannot break out of its line: visible ASCII with single spaces inside (RFC 9110 section 5.5,
/// narrowed to what every server reads alike).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldValue(String);

impl FieldValue {
    /// The longest value that is sent.
    pub const MAX: usize = 16 * 1024;

    /// `text` as a field value. `None` when it holds anything but visible ASCII and inner spaces, or is too long.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        Self::holds(&text).then_some(Self(text))
    }

    /// Whether `text` is a field value as it stands.
    pub fn holds(text: &str) -> bool {
        text.bytes().all(is_plain) && text.trim() == text && text.len() <= Self::MAX
    }

    /// `text` with everything else taken out: for values put together from checked parts.
    pub fn lossy(text: &str) -> Self {
        // Nearly every text is plain, and copied as it is.
        if text.len() <= Self::MAX && text.bytes().all(is_plain) {
            return Self(text.trim().to_owned());
        }
        let text: String =
            text.chars().filter(|c| c.is_ascii() && is_plain(*c as u8)).take(Self::MAX).collect();
        Self(text.trim().to_owned())
    }

    /// The value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` as a quoted-string (RFC 9110 section 5.6.4): quotes and backslashes escaped, the rest left out where a
/// header cannot hold it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    if text.bytes().all(|byte| is_plain(byte) && !matches!(byte, b'"' | b'\\')) {
        quoted.push_str(text);
    } else {
        for c in text.chars().filter(|c| c.is_ascii() && is_plain(*c as u8)) {
            if matches!(c, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
    }
    quoted.push('"');
    quoted
}

/// Whether every server reads `byte` alike within a field value.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}

/// A request to an issuer, to be sent through a cluster of the proxy.
#[derive(Clone)]
pub struct Callout {
    /// The proxy's cluster; it decides about addresses, TLS and trust.
    pub cluster: String,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host, and port where the URI has one.
    pub authority: String,
    /// Path and query; may hold a token.
    pub path: Secret<String>,
    /// Fields; may hold a client's credentials.
    pub fields: Secret<Vec<(&'static str, String)>>,
    /// The body; may hold a token and a client's credentials.
    pub body: Secret<String>,
    /// How long to wait; never zero.
    pub timeout: Duration,
}

/// How callouts name their sender (RFC 9110 section 10.1.5): some issuers, and many firewalls, refuse requests without.
pub const USER_AGENT: &str = concat!("scopegate/", env!("CARGO_PKG_VERSION"));

impl Callout {
    /// All fields as they are sent, but for the pseudo-fields.
    pub fn sent_fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = self.fields.expose().iter().map(|(name, value)| (*name, value.as_str()));
        own.chain([("user-agent", USER_AGENT)])
    }
}

impl fmt::Debug for Callout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to cluster {}, {}", self.method, self.cluster, self.authority)
    }
}

/// What came of a callout.
pub enum Reply<'a> {
    /// Somebody answered.
    Answered(Answer<'a>),
    /// Nobody did: not sent, refused, reset, too late, or far too long.
    Failed,
}

/// An issuer's answer, whole.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// All fields; names in lower case.
    pub fields: &'a [(String, Vec<u8>)],
    /// The body, possibly cut one byte after the longest that is read.
    pub body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The first value of the field `name` (lower case), where it is text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self {
            Self::Answered(answer) => answer.text(name),
            Self::Failed => None,
        }
    }
}

impl<'a> Answer<'a> {
    /// The first value of the field `name` (lower case), where it is text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.fields.iter().find(|(found, _)| found == name)?;
        core::str::from_utf8(value).ok()
    }

    /// The media type of the body: lower case, without parameters (RFC 9110 section 8.3).
    pub fn media_type(&self) -> Option<String> {
        let kind = self.text("content-type")?.split(';').next()?;
        Some(kind.trim().to_ascii_lowercase())
    }

    /// Whether the body is declared as JSON: `application/json`, or a type that ends in `+json` (RFC 6839 section 3.1).
    pub fn is_json(&self) -> bool {
        self.media_type().is_some_and(|kind| kind == "application/json" || is_json_suffixed(&kind))
    }
}

/// Whether `kind` is `type/subtype+json`, all three parts there.
fn is_json_suffixed(kind: &str) -> bool {
    let parts = kind.strip_suffix("+json").and_then(|kind| kind.split_once('/'));
    parts.is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty() && !subtype.contains('/'))
}

/// What the client is told instead of being served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Fields, every value checked.
    pub fields: Vec<(&'static str, FieldValue)>,
    /// The body; empty for none.
    pub body: String,
    /// The gRPC status for gRPC requests (their body then is the status message).
    pub grpc_status: Option<u8>,
}

/// What changes on a request that goes on: first everything in `remove`, then everything in `set`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HeaderEdits {
    /// Names of fields that the request carries and the upstream must not see.
    pub remove: Vec<Rc<str>>,
    /// Fields to put there, `:path` among them where a token stood in the query.
    pub set: Vec<(Rc<str>, Rc<str>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_value_stays_on_its_line() {
        assert!(FieldValue::new("a b\"c,=").is_some());
        for text in ["a\r\nb: c", "a\nb", "a\0b", "a\tb", "caf\u{e9}", " a", "a ", "\u{7f}"] {
            assert_eq!(FieldValue::new(text), None, "{text:?}");
        }
        assert_eq!(FieldValue::lossy("a\r\nb").as_str(), "ab");
    }

    #[test]
    fn a_field_value_is_cut_and_never_longer_than_what_is_sent() {
        let long = "a".repeat(FieldValue::MAX);
        assert_eq!(FieldValue::new(&*long).map(|value| value.as_str().len()), Some(FieldValue::MAX));
        assert_eq!(FieldValue::new(format!("{long}a")), None);
        for text in [format!("{long}a"), format!("\n{long}b"), format!("{long}\n")] {
            assert_eq!(FieldValue::lossy(&text).as_str(), long, "{}", text.len());
        }
        // The last byte of ш is that of H.
        assert_eq!(FieldValue::lossy(" a\u{e9} \u{448}b ").as_str(), "a b");
    }

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quoted("a\r\nb\u{e9}\u{448}"), r#""ab""#);
        assert_eq!((&*quoted("\""), &*quoted("\\\"")), (r#""\"""#, r#""\\\"""#));
    }

    #[test]
    fn json_is_json_under_every_name_that_says_so() {
        let is_json = |kind: &str| {
            let fields = [("content-type".to_owned(), kind.as_bytes().to_vec())];
            Answer { status: 200, fields: &fields, body: b"" }.is_json()
        };
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/hal+json",
            "application/vnd.github.v3+json;x=y",
            "text/x+json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            "text/json",
            "application/jsonp",
            "application/+json",
            "+json",
            "/x+json",
            "application/x+jsonx",
            "application/token-introspection+jwt",
            "text/html;application/json",
            "a/b/c+json",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
        assert!(!Answer { status: 200, fields: &[], body: b"{}" }.is_json());
    }

    #[test]
    fn a_callout_shows_no_secrets_and_who_asks() {
        let callout = Callout {
            cluster: "idp".into(),
            method: "POST",
            scheme: "https",
            authority: "idp.example.com".into(),
            path: Secret::new("/i?access_token=hunter2".into()),
            fields: Secret::new(vec![("authorization", "Basic hunter2".into())]),
            body: Secret::new("token=hunter2".into()),
            timeout: Duration::from_secs(1),
        };
        assert!(!format!("{callout:?}").contains("hunter2"));
        let agent = callout.sent_fields().find(|(name, _)| *name == "user-agent");
        assert!(agent.is_some_and(|(_, value)| value.starts_with("scopegate/") && value.len() > 10));
        assert_eq!(callout.sent_fields().count(), 2);
    }
}
