//! An endpoint that answers only to a good token, and then says whose it is: OpenID Connect UserInfo (Core 1.0
//! section 5.3), Anypoint's `/accounts/api/profile` and `/accounts/api/me`.

use super::reply::{self, Said};
use super::{Endpoint, Question, Silence, Terms, TokenIn, Word};
use crate::base::json::Object;
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// What the subject is called in a profile, which may stand in a member `user`.
const SUBJECTS: &[&str] = &["id", "username"];

/// The request.
pub(super) fn question(endpoint: &Endpoint, question: &Question<'_>) -> Callout {
    endpoint.get(TokenIn::Header, question.token, "")
}

/// The response: an object that names somebody.
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Silence> {
    match answer.status {
        200 => {
            let claims = reply::object(answer)?;
            let Some(subject) = subject(&claims) else {
                // Any endpoint at all may answer 200; one that knows whom it answers does more.
                return Err(Silence::Misbehaved("its answer names nobody"));
            };
            Ok(reply::word(Said { claims, subject: Some(subject), ..Said::default() }, terms))
        }
        401 | 403 => Ok(Word::Refused(TokenFault::Inactive)),
        _ => Err(reply::STATUS),
    }
}

fn subject(claims: &Object) -> Option<String> {
    let user = claims.get("user").and_then(serde_json::Value::as_object);
    let profile = |profile| reply::first_text(profile, SUBJECTS);
    reply::first_text(claims, &["sub"]).or_else(|| user.and_then(profile)).or_else(|| profile(claims))
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::examples::{Heard, asked, hear, hear_as};
    use serde_json::json;

    #[test]
    fn the_request() {
        let callout = asked(Protocol::UserInfo, "a+b", "scopes are not sent");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("GET", "/ask"));
        assert!(callout.fields.expose().contains(&("authorization", "Bearer a+b".into())));
    }

    #[test]
    fn the_object_as_claims() {
        let grant = hear(Protocol::UserInfo, 200, r#"{"sub":"248289","email":"j@x.test"}"#).grant();
        assert_eq!((grant.subject(), grant.claim("email")), (Some("248289"), Some(&json!("j@x.test"))));
        assert_eq!(grant.window().until, None);
    }

    #[test]
    fn a_profile_has_its_own_names_for_the_subject() {
        let subject = |body: &str| hear(Protocol::UserInfo, 200, body).grant().subject().map(str::to_owned);
        assert_eq!(subject(r#"{"user":{"id":"7f","username":"max"}}"#).as_deref(), Some("7f"));
        assert_eq!(subject(r#"{"user":{"username":"max"}}"#).as_deref(), Some("max"));
        assert_eq!(
            subject(r#"{"id":"7f","username":"max","organization":{"id":"o"}}"#).as_deref(),
            Some("7f")
        );
        assert_eq!(subject(r#"{"sub":"s","user":{"id":"7f"}}"#).as_deref(), Some("s"));
    }

    #[test]
    fn our_own_checks_apply() {
        let heard = hear(Protocol::UserInfo, 200, r#"{"sub":"s","aud":"other"}"#);
        assert_eq!(heard, Heard::Refused("audience_mismatch"));
    }

    #[test]
    fn a_refusal_is_told_from_everything_else() {
        for status in [401, 403] {
            let heard = hear_as(Protocol::UserInfo, status, "text/plain", "Unauthorized");
            assert_eq!(heard, Heard::Refused("token_inactive"));
        }
        for (status, body) in [
            (200, "{}"),
            (200, r#"{"sub":""}"#),
            (200, r#"{"sub":7}"#),
            (200, r#"{"user":"max"}"#),
            (200, r#"["sub"]"#),
            (200, r#"{"sub":"s""#),
            (204, ""),
            (301, r#"{"sub":"s"}"#),
            (400, r#"{"sub":"s"}"#),
            (404, r#"{"sub":"s"}"#),
        ] {
            assert_eq!(hear(Protocol::UserInfo, status, body), Heard::Misbehaved, "{status} {body}");
        }
        for kind in ["text/html", "application/jwt", ""] {
            assert_eq!(hear_as(Protocol::UserInfo, 200, kind, r#"{"sub":"s"}"#), Heard::Misbehaved, "{kind}");
        }
    }
}
