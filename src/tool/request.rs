//! A request and an issuer's reply as plain data, the same for all commands.

use super::values::owned;
use crate::base::hex;
use crate::document::Node;
use crate::document::values::choice;
use crate::http::head::RequestHead;
use crate::http::message;

/// A request as a proxy would see it.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host, and port where there is one.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// Fields; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The proxy's route.
    pub route: Route,
    /// The SHA-256 of the client's certificate, as the proxy tells it of the connection.
    pub client_cert_sha256: Option<[u8; 32]>,
    /// The body; decisions do not look at it.
    pub body: Vec<u8>,
}

/// What the proxy knows of its route.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Route {
    /// Its name.
    pub name: Option<String>,
    /// The rule that its metadata names.
    pub rule: Option<String>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            scheme: "https".to_owned(),
            authority: "api.example.com".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            route: Route::default(),
            client_cert_sha256: None,
            body: Vec::new(),
        }
    }
}

impl Request {
    /// Whether it comes over TLS.
    pub fn is_over_tls(&self) -> bool {
        self.scheme == "https"
    }

    /// The head that the engine judges.
    pub fn head(&self) -> RequestHead<'_> {
        let pseudo = [
            (&b":method"[..], self.method.as_bytes()),
            (b":authority", self.authority.as_bytes()),
            (b":path", self.path.as_bytes()),
            (b":scheme", self.scheme.as_bytes()),
        ];
        let fields = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        RequestHead::from_pairs(pseudo.into_iter().chain(fields))
    }
}

/// What came of a callout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The issuer answered.
    Answered {
        /// The status code.
        status: u16,
        /// Fields; names in lower case.
        headers: Vec<(String, Vec<u8>)>,
        /// The body.
        body: Vec<u8>,
    },
    /// It did not.
    Failed(Failure),
}

/// Why an issuer did not answer. The engine makes no difference; a server that plays the issuer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Not in time.
    Timeout,
    /// The connection broke off.
    Reset,
    /// There was no connection.
    Refused,
}

impl Reply {
    /// The reply as the engine takes it.
    pub fn as_message(&self) -> message::Reply<'_> {
        match self {
            Self::Answered { status, headers, body } => {
                message::Reply::Answered(message::Answer { status: *status, fields: headers, body })
            }
            Self::Failed(_) => message::Reply::Failed,
        }
    }
}

/// The `route` of a request.
pub(super) fn route(node: &Node<'_>) -> Option<Route> {
    let members = node.members(&["name", "rule"])?;
    Some(Route { name: members.read("name", owned), rule: members.read("rule", owned) })
}

/// The SHA-256 of a certificate, in hexadecimal digits.
pub(super) fn certificate(node: &Node<'_>) -> Option<[u8; 32]> {
    hex::decode(node.string()?.as_bytes())
        .or_else(|| node.refused("is not a SHA-256", "write 64 hexadecimal digits"))
}

/// Why an issuer does not answer.
pub(super) fn failure(node: &Node<'_>) -> Option<Failure> {
    let failures = [("timeout", Failure::Timeout), ("reset", Failure::Reset), ("refused", Failure::Refused)];
    choice(node, &failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use serde_json::{Value, json};

    #[test]
    fn a_certificate_is_64_hexadecimal_digits() {
        let certificate = |value: &Value| document::read("certificate", value, certificate);
        let hex = "00ff".repeat(16);
        assert_eq!(certificate(&json!(hex)).unwrap().iter().filter(|byte| **byte == 0xff).count(), 16);
        assert!(certificate(&json!(hex.to_uppercase())).is_ok());
        for text in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64), &"\u{e9}".repeat(32)] {
            assert!(certificate(&json!(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn the_head_has_pseudo_fields_and_fields() {
        let request = Request { headers: vec![("a".to_owned(), b"b".to_vec())], ..Request::default() };
        let head = request.head();
        assert_eq!((head.method, head.scheme, head.path), (&b"GET"[..], &b"https"[..], &b"/"[..]));
        assert_eq!(head.first(b"a"), Some(&b"b"[..]));
    }
}
