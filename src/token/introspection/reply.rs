//! What the answers of all dialects have in common, read in one way.

use core::time::Duration;

use serde_json::Value;

use super::{Silence, Terms, Word};
use crate::base::json::{self, Object};
use crate::base::time::UnixTime;
use crate::http::message::Answer;
use crate::token::claims;
use crate::token::expect::Audiences;
use crate::token::fault::TokenFault;
use crate::token::grant::{Grant, Window};

/// What an issuer says about a token that it calls good.
#[derive(Default)]
pub(super) struct Said {
    /// Its members.
    pub(super) claims: Object,
    /// How long the token lives from now on, where the dialect says that besides or instead of `exp`.
    pub(super) lifetime: Option<Duration>,
    /// Whose token it is, where `sub` does not say it.
    pub(super) subject: Option<String>,
}

/// The answer has a status that the protocol gives no meaning.
pub(super) const STATUS: Silence =
    Silence::Misbehaved("its answer has a status that the protocol does not have");

/// The JSON object in an answer, whatever its status.
pub(super) fn object(answer: &Answer<'_>) -> Result<Object, Silence> {
    if answer.media_type().as_deref() != Some("application/json") {
        return Err(Silence::Misbehaved("its answer is not declared as application/json"));
    }
    json::object(answer.body).map_err(|_| Silence::Misbehaved("its answer is not a JSON object"))
}

/// The `error` of an error response (RFC 6749 section 5.2).
pub(super) fn error(answer: &Answer<'_>) -> Result<String, Silence> {
    match object(answer)?.remove("error") {
        Some(Value::String(error)) => Ok(error),
        _ => Err(Silence::Misbehaved("its answer is an error without `error`")),
    }
}

/// `expires_in` (RFC 6749 section 5.1) in seconds, fractions allowed; may be negative.
pub(super) fn expires_in(members: &Object) -> Result<Option<f64>, Silence> {
    let Some(value) = members.get("expires_in") else { return Ok(None) };
    match value.as_f64().filter(|seconds| UnixTime::from_numeric_date(*seconds).is_some()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Silence::Misbehaved("its answer's `expires_in` is not a number of seconds")),
    }
}

/// `expires_in` as a span of time.
pub(super) fn lifetime(members: &Object) -> Result<Option<Duration>, Silence> {
    let span = |seconds| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Silence::Misbehaved("its answer's `expires_in` is negative"))
    };
    expires_in(members)?.map(span).transpose()
}

/// The first of `names` that is text and not empty.
pub(super) fn first_text(members: &Object, names: &[&str]) -> Option<String> {
    let text = |name: &&str| members.get(*name).and_then(Value::as_str).filter(|text| !text.is_empty());
    names.iter().find_map(text).map(str::to_owned)
}

/// What the issuer said becomes a grant, unless our own checks speak against it.
pub(super) fn word(said: Said, terms: &Terms<'_>) -> Word {
    match grant(said, terms) {
        Ok(grant) => Word::Active(Box::new(grant)),
        Err(fault) => Word::Refused(fault),
    }
}

fn grant(said: Said, terms: &Terms<'_>) -> Result<Grant, TokenFault> {
    let Said { mut claims, lifetime, subject } = said;
    if let (Some(wanted), Some(found)) = (&terms.expect.issuer, claims::text(&claims, "iss")?)
        && found != wanted
    {
        return Err(TokenFault::IssuerUnknown);
    }
    // A refresh token is active too, and is nobody's access token.
    let is_refresh = |name, value| claims.get(name).and_then(Value::as_str) == Some(value);
    if is_refresh("token_type", "refresh_token") || is_refresh("token_use", "refresh") {
        return Err(TokenFault::TypeNotAllowed);
    }
    // Some answers repeat the token, and claims go upstream.
    for token in ["access_token", "refresh_token", "id_token"] {
        claims.shift_remove(token);
    }
    let ends = [claims::time(&claims, "exp")?, lifetime.map(|lifetime| terms.now.plus(lifetime))];
    let window = Window {
        from: claims::time(&claims, "nbf")?.map(|from| from.minus(terms.expect.clock_skew)),
        // No allowance: the issuer has just looked at its own clock.
        until: ends.into_iter().flatten().min(),
    };
    window.check(terms.now)?;
    let audience_said = claims.contains_key("aud");
    let mut grant = claims::grant(claims, window, terms.issuer, terms.expect)?;
    grant.subject = grant.subject.filter(|subject| !subject.is_empty()).or(subject);
    match &terms.expect.audiences {
        Audiences::OneOf(_) if audience_said && !terms.expect.audiences.admit(grant.audiences()) => {
            Err(TokenFault::AudienceMismatch)
        }
        Audiences::OneOf(_) | Audiences::Any => Ok(grant),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Heard, NOW, expect, heard, object, terms};
    use super::*;
    use serde_json::json;

    fn heard_for(claims: Value, lifetime: Option<Duration>) -> Heard {
        heard(word(Said { claims: object(claims), lifetime, subject: None }, &terms(&expect())))
    }

    #[test]
    fn the_earlier_end_counts() {
        let end = |exp: i64, lifetime: u64| {
            let grant =
                heard_for(json!({"exp": NOW.as_secs() + exp}), Some(Duration::from_secs(lifetime))).grant();
            grant.window().until.map(|until| until.since(NOW).as_secs())
        };
        assert_eq!(end(10, 20), Some(10));
        assert_eq!(end(20, 10), Some(10));
    }

    #[test]
    fn our_own_checks_apply_whatever_the_issuer_calls_good() {
        for (claims, code) in [
            (json!({"exp": NOW.as_secs()}), "token_expired"),
            (json!({"nbf": NOW.as_secs() + 1}), "token_not_yet_valid"),
            (json!({"iss": "https://other.test"}), "issuer_unknown"),
            (json!({"aud": "other"}), "audience_mismatch"),
            (json!({"aud": []}), "audience_mismatch"),
            (json!({"token_type": "refresh_token"}), "type_not_allowed"),
            (json!({"token_use": "refresh"}), "type_not_allowed"),
            (json!({"exp": "soon"}), "claim_malformed"),
            (json!({"sub": ["a"]}), "claim_malformed"),
            (json!({"scope": 1}), "claim_malformed"),
        ] {
            assert_eq!(heard_for(claims.clone(), None), Heard::Refused(code), "{claims}");
        }
        heard_for(json!({"aud": ["x", "ours"], "iss": "https://idp.test"}), None).grant();
        assert_eq!(heard_for(json!({}), Some(Duration::ZERO)), Heard::Refused("token_expired"));
    }

    #[test]
    fn no_token_becomes_a_claim() {
        let said =
            json!({"access_token": "hunter2", "refresh_token": "hunter2", "id_token": "hunter2", "a": 1});
        assert_eq!(heard_for(said, None).grant().claims(), &object(json!({"a": 1})));
    }

    #[test]
    fn expires_in_is_a_number_of_seconds() {
        let read = |value: Value| lifetime(&object(json!({"expires_in": value})));
        assert_eq!(read(json!(1.5)), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(read(json!(0)), Ok(Some(Duration::ZERO)));
        assert_eq!(lifetime(&Object::new()), Ok(None));
        for bad in
            [json!(-1), json!("60"), json!(null), json!(true), json!([60]), json!(1e300), json!(u64::MAX)]
        {
            assert!(matches!(read(bad.clone()), Err(Silence::Misbehaved(_))), "{bad}");
        }
    }
}
