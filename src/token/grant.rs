//! What a good token says: who, for whom, until when, with which scopes.

use core::fmt;

use serde_json::Value;

use super::claims;
use super::expect::IssuerId;
use super::fault::TokenFault;
use super::scope::Scopes;
use crate::base::json::Object;
use crate::base::time::UnixTime;

/// The access that one token grants. Only `token::jwt` and `token::introspection` make one, out of a verified
/// payload or an issuer's answer.
///
/// A grant is remembered, a decision never: time and rule are checked again on each use.
#[derive(Clone, PartialEq)]
pub struct Grant {
    pub(super) issuer: IssuerId,
    pub(super) subject: Option<String>,
    pub(super) client: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) audiences: Vec<String>,
    pub(super) window: Window,
    pub(super) claims: Object,
}

/// The time in which a token is good, the allowance for clocks included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Not before this.
    pub from: Option<UnixTime>,
    /// Not at this time or later.
    pub until: Option<UnixTime>,
}

impl Window {
    /// Whether `now` lies within.
    ///
    /// # Errors
    /// `Expired` from `until` on, `NotYetValid` before `from`.
    pub fn check(&self, now: UnixTime) -> Result<(), TokenFault> {
        if let Some(at) = self.until.filter(|until| now >= *until) {
            return Err(TokenFault::Expired { at, now });
        }
        if let Some(at) = self.from.filter(|from| now < *from) {
            return Err(TokenFault::NotYetValid { at, now });
        }
        Ok(())
    }
}

impl Grant {
    /// Whose token this is.
    pub const fn issuer(&self) -> IssuerId {
        self.issuer
    }

    /// `sub`, or what the issuer's dialect has in its place.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The client that the token was issued to.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The scopes that the token names, without what they imply.
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The members of `aud`.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// When the token is good.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// All claims: the token's, or the members of the issuer's answer.
    pub const fn claims(&self) -> &Object {
        &self.claims
    }

    /// The claim `name`, or what a JSON pointer (RFC 6901) leads to when `name` begins with `/`.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        claims::find(&self.claims, name)
    }
}

impl fmt::Debug for Grant {
    /// The issuer and the window; subject, client and claims are nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("issuer", &self.issuer)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// A grant made of nothing but what a test needs.
#[cfg(test)]
pub(crate) fn for_test(issuer: IssuerId, claims: Value) -> Grant {
    let claims = claims.as_object().cloned().unwrap_or_default();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Grant {
        issuer,
        subject: text("sub"),
        client: text("client_id"),
        scopes: claims.get("scope").and_then(Scopes::from_claim).unwrap_or_default(),
        audiences: text("aud").into_iter().collect(),
        window: Window::default(),
        claims,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_ends_at_its_last_moment() {
        let at = UnixTime::from_secs;
        let window = Window { from: Some(at(10)), until: Some(at(20)) };
        assert_eq!(window.check(at(9)).unwrap_err().code(), "token_not_yet_valid");
        assert!(window.check(at(10)).is_ok() && window.check(at(19)).is_ok());
        assert_eq!(window.check(at(20)).unwrap_err().code(), "token_expired");
        assert!(Window::default().check(at(i64::MAX)).is_ok());
    }

    #[test]
    fn a_name_or_a_pointer_finds_a_claim() {
        let grant = for_test(IssuerId(0), json!({"a/b": 1, "realm": {"roles": ["x", {"y~": 2}]}}));
        assert_eq!(grant.claim("a/b"), Some(&json!(1)));
        assert_eq!(grant.claim("/a~1b"), Some(&json!(1)));
        assert_eq!(grant.claim("/realm/roles/0"), Some(&json!("x")));
        assert_eq!(grant.claim("/realm/roles/1/y~0"), Some(&json!(2)));
        let odd =
            ["/realm/roles/00", "/realm/roles/+0", "/realm/roles/-0", "/realm/roles/ 0", "/realm/roles/-"];
        for missing in
            ["realm/roles", "/realm/roles/2", "/realm/x", "/", "/realm/roles/0/z", "c"].iter().chain(&odd)
        {
            assert_eq!(grant.claim(missing), None, "{missing}");
        }
    }

    #[test]
    fn debug_shows_no_claim() {
        let grant = for_test(IssuerId(0), json!({"sub": "hunter2"}));
        assert!(!format!("{grant:?}").contains("hunter2"));
    }
}
