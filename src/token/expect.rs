//! What an issuer's tokens must be like; a value that a policy holds.

use core::time::Duration;

use crate::jose::algorithm::Algorithms;

/// An issuer's number within its policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct IssuerId(pub u32);

/// Which audiences are ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audiences {
    /// The check is switched off, in writing.
    Any,
    /// At least one of these must be in `aud`.
    OneOf(Vec<String>),
}

impl Audiences {
    /// Whether a token for `audiences` is for us.
    pub fn admit(&self, audiences: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(ours) => ours.iter().any(|ours| audiences.contains(ours)),
        }
    }
}

/// What every token of one issuer must be like, whoever vouches for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expect {
    /// `iss`, compared byte for byte. `None`: tokens that are verified here have none, and that of an answer is not
    /// compared.
    pub issuer: Option<String>,
    /// Who `aud` must name.
    pub audiences: Audiences,
    /// Claims that must be there, besides those that the checks need anyway.
    pub required_claims: Vec<String>,
    /// Claims that hold scopes; all that are there count.
    pub scope_claims: Vec<String>,
    /// Claims that hold the client; the first that is there counts.
    pub client_claims: Vec<String>,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: Duration,
    /// How far `exp` may be from `iat`; `None` for no limit.
    pub max_lifetime: Option<Duration>,
    /// Whether a token may do without `exp`.
    pub allow_missing_exp: bool,
    /// `typ` values that are allowed, as [`media_type`] writes them; `None` for any and none.
    pub types: Option<Vec<String>>,
    /// Whether a token that is verified here may be an ID token (OpenID Connect Core section 2).
    pub accepts_id_tokens: bool,
    /// Signature algorithms that are allowed.
    pub algorithms: Algorithms,
}

/// A `typ` value in the form in which it is compared: lower case, `application/` cut (RFC 7515 section 4.1.9).
pub fn media_type(typ: &str) -> String {
    without_application(typ).to_ascii_lowercase()
}

/// Whether the `typ` value means `wanted`, which is as [`media_type`] writes it.
pub fn is_media_type(typ: &str, wanted: &str) -> bool {
    without_application(typ).eq_ignore_ascii_case(wanted)
}

fn without_application(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_compared_exactly() {
        let ours = Audiences::OneOf(vec!["orders-api".into()]);
        assert!(ours.admit(&["x".into(), "orders-api".into()]));
        for theirs in ["orders-ap", "orders-api/", "ORDERS-API", ""] {
            assert!(!ours.admit(&[theirs.into()]), "{theirs}");
        }
        assert!(!ours.admit(&[]) && Audiences::Any.admit(&[]));
    }

    #[test]
    fn typ_is_a_media_type() {
        assert_eq!(media_type("application/AT+jwt"), "at+jwt");
        assert_eq!(media_type("JWT"), "jwt");
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(is_media_type(typ, "at+jwt") && media_type(typ) == "at+jwt", "{typ}");
        }
        for typ in [
            "",
            "application/",
            "application/application/at+jwt",
            "application at+jwt",
            "at+jwt ",
            "at+\u{212a}wt",
        ] {
            assert!(!is_media_type(typ, "at+jwt") && media_type(typ) != "at+jwt", "{typ}");
        }
    }
}
