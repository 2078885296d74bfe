//! An endpoint that answers only to a good token, and then says whose it is: OpenID Connect UserInfo (Core 1.0
//! section 5.3), Anypoint's `/accounts/api/profile` and `/accounts/api/me`.

use serde_json::Value;

use super::members::Members;
use super::reply;
use super::said::{Said, word};
use super::{Endpoint, Question, Silence, Terms, TokenIn, Word};
use crate::base::json::Object;
use crate::http::authorization;
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// What the subject is called in a profile, which may stand in a member `user`.
const SUBJECTS: &[&str] = &["id", "username"];

/// What the server says of itself, beside what the user's profile holds.
const MEMBERS: Members = Members::Profile(&["sub", "client_id"]);

/// The request.
pub(super) fn question(endpoint: &Endpoint, question: &Question<'_>) -> Callout {
    endpoint.get(TokenIn::Header, question.token, "")
}

/// The response: an object that names somebody.
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Word> {
    match answer.status {
        200 => {
            let mut claims = reply::good_profile(answer)?;
            for name in ["sub", "client_id"] {
                if let Some(number) = claims.get(name).and_then(whole_number) {
                    claims.insert(name.to_owned(), Value::String(number));
                }
            }
            let Some(subject) = subject(&claims) else {
                // Any endpoint at all may answer 200; one that knows whom it answers does more.
                return Err(Silence::Misbehaved("its answer names nobody").into());
            };
            Ok(word(Said { claims, members: MEMBERS, subject: Some(subject), ..Said::default() }, terms))
        }
        403 if error(answer).as_deref() == Some("insufficient_scope") => {
            Ok(Word::Refused(TokenFault::LacksScope))
        }
        401 | 403 => Ok(Word::Refused(TokenFault::Inactive)),
        400 if matches!(error(answer).as_deref(), Some("invalid_token" | "invalid_scope")) => {
            Ok(Word::Refused(TokenFault::Inactive))
        }
        _ => Err(Silence::Status(answer.status).into()),
    }
}

/// What the endpoint has against the token (RFC 6750 section 3.1): in the challenge, or in JSON.
fn error(answer: &Answer<'_>) -> Option<String> {
    let challenges = answer.fields.iter().filter(|(name, _)| name == "www-authenticate");
    let mut texts = challenges.filter_map(|(_, value)| core::str::from_utf8(value).ok());
    texts
        .find_map(|challenges| authorization::challenge_parameter(challenges, "error"))
        .or_else(|| reply::error(answer).ok())
}

fn subject(claims: &Object) -> Option<String> {
    let user = claims.get("user").and_then(Value::as_object);
    let profile = |profile: &Object| {
        let number = profile.get("id").and_then(whole_number);
        number.or_else(|| reply::first_text(profile, SUBJECTS))
    };
    reply::first_text(claims, &["sub"]).or_else(|| user.and_then(profile)).or_else(|| profile(claims))
}

/// A number as whoever counts users writes it; only here are numbers taken for names, as GitHub and many others have
/// them in profiles.
fn whole_number(value: &Value) -> Option<String> {
    value.as_number().filter(|number| number.is_i64() || number.is_u64()).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Heard, answers, asked, endpoint, expect, hear, hear_as, heard, terms};
    use super::super::{Protocol, understand};
    use crate::http::message::{Answer, Reply};
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
    fn who_is_counted_has_a_number_for_a_name() {
        let grant = hear(Protocol::UserInfo, 200, r#"{"login":"octocat","id":583231}"#).grant();
        assert_eq!((grant.subject(), grant.claim("id")), (Some("583231"), Some(&json!(583231))));
        let grant = hear(Protocol::UserInfo, 200, r#"{"sub":42,"id":7,"client_id":4242}"#).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("42"), Some("4242")));
        let grant = hear(Protocol::UserInfo, 200, r#"{"user":{"id":18446744073709551615}}"#).grant();
        assert_eq!(grant.subject(), Some("18446744073709551615"));
        let grant = hear(Protocol::UserInfo, 200, r#"{"id":-7}"#).grant();
        assert_eq!(grant.subject(), Some("-7"));
        assert_eq!(hear(Protocol::UserInfo, 200, r#"{"id":1.5}"#), Heard::Misbehaved);
    }

    /// What an answer of this status comes to whose challenge or body is this.
    fn objected(status: u16, challenge: &str, body: &str) -> Heard {
        let fields = [
            ("content-type".to_owned(), b"application/json".to_vec()),
            ("www-authenticate".to_owned(), b"Basic realm=\"x\"".to_vec()),
            ("www-authenticate".to_owned(), challenge.as_bytes().to_vec()),
        ];
        let reply = Reply::Answered(Answer { status, fields: &fields, body: body.as_bytes() });
        let (expect, answers) = (expect(), answers());
        heard(understand(&endpoint(Protocol::UserInfo), &reply, &terms(&expect, &answers)))
    }

    #[test]
    fn what_the_endpoint_has_against_a_token_is_told_in_two_places() {
        for (status, error, heard) in [
            (403, "insufficient_scope", Heard::Refused("scope_insufficient")),
            (403, "invalid_token", Heard::Refused("token_inactive")),
            (401, "insufficient_scope", Heard::Refused("token_inactive")),
            (400, "invalid_token", Heard::Refused("token_inactive")),
            (400, "invalid_scope", Heard::Refused("token_inactive")),
            (400, "invalid_request", Heard::Misbehaved),
            (400, "insufficient_scope", Heard::Misbehaved),
        ] {
            assert_eq!(objected(status, &format!("Bearer error=\"{error}\""), ""), heard, "{status} {error}");
            assert_eq!(objected(status, "", &json!({"error": error}).to_string()), heard, "{status} {error}");
        }
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
            (200, r#"{"sub":7.5}"#),
            (200, r#"{"sub":["s"]}"#),
            (200, r#"{"sub":"s","client_id":true}"#),
            (200, r#"{"id":1e3}"#),
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
        assert!(
            hear_as(Protocol::UserInfo, 200, "application/hal+json", r#"{"sub":"s"}"#)
                .grant()
                .subject()
                .is_some()
        );
        for kind in ["text/html", "application/jwt", ""] {
            assert_eq!(hear_as(Protocol::UserInfo, 200, kind, r#"{"sub":"s"}"#), Heard::Misbehaved, "{kind}");
        }
    }
}
