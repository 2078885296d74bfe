//! Which pages of other origins may read what scopegate itself answers (the Fetch standard's CORS protocol).

use core::time::Duration;
use std::collections::BTreeSet;

use crate::http::message::FieldValue;

/// Fields of an answer, by their names.
pub type Fields = Vec<(&'static str, FieldValue)>;

/// The pages that may read answers of scopegate's own: refusals, and what a resource says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cors {
    /// Where such pages come from.
    pub origins: Origins,
    /// Whether they may read answers to requests with cookies or client certificates.
    pub allow_credentials: bool,
    /// The names of the fields that they may read besides those that they always may; comma-separated.
    pub expose: FieldValue,
    /// How long a browser may remember the answer to a preflight.
    pub max_age: Duration,
}

/// The origins of pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Any, one without a name among them.
    Any,
    /// These, as browsers write them in `Origin`.
    These(BTreeSet<String>),
}

impl Cors {
    /// The fields that let a page of `origin`, the request's one `Origin` field, read an answer.
    ///
    /// Where any page may, the fields do not depend on who asks: a copy that a cache keeps is good for all. Where some
    /// may, `Vary` is there for those that may not, too (Fetch standard, "CORS protocol and HTTP caches").
    pub fn fields(&self, origin: Option<&[u8]>) -> Fields {
        let mut fields = Fields::new();
        if let Some(allowed) = self.allowed(origin) {
            fields.push(("access-control-allow-origin", FieldValue::lossy(allowed)));
            if self.allow_credentials {
                fields.push(("access-control-allow-credentials", FieldValue::lossy("true")));
            }
            if !self.expose.as_str().is_empty() {
                fields.push(("access-control-expose-headers", self.expose.clone()));
            }
        }
        if matches!(self.origins, Origins::These(_)) {
            fields.push(("vary", FieldValue::lossy("origin")));
        }
        fields
    }

    /// The fields that answer a preflight for something that may be read: as [`Self::fields`], and that a page may send
    /// the fields that it has `asked` for. To pages that may not read it nothing is allowed.
    pub fn preflight_fields(&self, origin: Option<&[u8]>, asked: Option<&[u8]>) -> Fields {
        let mut fields = self.fields(origin);
        if self.allowed(origin).is_some() {
            fields.push(("access-control-allow-methods", FieldValue::lossy("GET, HEAD")));
            // `*` would leave out `authorization`, and means nothing where there are cookies.
            let asked = asked.and_then(|asked| FieldValue::new(core::str::from_utf8(asked).ok()?));
            fields.extend(asked.map(|asked| ("access-control-allow-headers", asked)));
            let seconds = self.max_age.as_secs().to_string();
            fields.push(("access-control-max-age", FieldValue::lossy(&seconds)));
        }
        fields
    }

    /// What `Access-Control-Allow-Origin` says to a page of `origin`: nothing that the client wrote.
    fn allowed(&self, origin: Option<&[u8]>) -> Option<&str> {
        match &self.origins {
            Origins::Any => Some("*"),
            Origins::These(origins) => {
                let origin = core::str::from_utf8(origin?).ok()?;
                origins.get(origin).map(String::as_str)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &[u8] = b"https://app.example.com";

    fn cors(origins: &[&str]) -> Cors {
        let these = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Cors {
            origins: if origins.is_empty() { Origins::Any } else { Origins::These(these) },
            allow_credentials: false,
            expose: FieldValue::lossy("www-authenticate"),
            max_age: Duration::from_secs(60),
        }
    }

    fn text(fields: Fields) -> String {
        let lines = fields.into_iter().map(|(name, value)| format!("{name}: {}", value.as_str()));
        lines.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn only_a_listed_origin_is_allowed_and_caches_are_told_always() {
        let cors = cors(&["https://app.example.com", "http://localhost:3000"]);
        assert_eq!(
            text(cors.fields(Some(APP))),
            "access-control-allow-origin: https://app.example.com; access-control-expose-headers: www-authenticate; vary: origin"
        );
        for origin in [
            None,
            Some(&b"null"[..]),
            Some(b""),
            Some(b"https://app.example.com:443"),
            Some(b"https://app.example.com.evil.test"),
            Some(b"https://APP.example.com"),
            Some(b"http://app.example.com"),
            Some(b"https://app.example.com, https://evil.test"),
            Some(b"*"),
            Some(b"\xff"),
        ] {
            assert_eq!(text(cors.fields(origin)), "vary: origin", "{origin:?}");
            assert_eq!(text(cors.preflight_fields(origin, Some(b"x"))), "vary: origin", "{origin:?}");
        }
    }

    #[test]
    fn any_origin_gets_the_same_fields_as_none() {
        let open = "access-control-allow-origin: *; access-control-expose-headers: www-authenticate";
        for origin in [None, Some(APP), Some(&b"null"[..])] {
            assert_eq!(text(cors(&[]).fields(origin)), open);
        }
    }

    #[test]
    fn credentials_are_allowed_where_the_policy_says_so() {
        let cors = Cors { allow_credentials: true, ..cors(&["https://app.example.com"]) };
        assert!(text(cors.fields(Some(APP))).contains("access-control-allow-credentials: true"));
        assert_eq!(text(cors.fields(None)), "vary: origin");
    }

    #[test]
    fn a_preflight_is_allowed_the_fields_that_it_asks_for_unless_they_break_out_of_their_line() {
        let told = |asked: Option<&[u8]>| text(cors(&[]).preflight_fields(Some(APP), asked));
        let rest = "access-control-allow-methods: GET, HEAD";
        assert!(told(Some(b"authorization, mcp-protocol-version")).contains(&format!(
            "{rest}; access-control-allow-headers: authorization, mcp-protocol-version; access-control-max-age: 60"
        )));
        for asked in [None, Some(&b"a\r\nset-cookie: b"[..]), Some(b"\xff")] {
            assert!(told(asked).ends_with(&format!("{rest}; access-control-max-age: 60")), "{asked:?}");
        }
    }
}
