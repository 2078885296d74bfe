//! OpenAM and its heirs: `tokeninfo`, which is asked with the token alone.

use super::members::Members;
use super::reply;
use super::said::{Said, word};
use super::{Endpoint, Question, Silence, Terms, TokenIn, Word};
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// What the subject is called where there is no `sub`: the profile's name attribute.
const SUBJECTS: &[&str] = &["uid"];

/// What the server says of itself, beside attributes of the profile.
const MEMBERS: Members = Members::Profile(&["scope", "client_id", "token_type", "tokenName", "expires_in"]);

/// The request.
pub(super) fn question(endpoint: &Endpoint, token_in: TokenIn, question: &Question<'_>) -> Callout {
    endpoint.get(token_in, question.token, "")
}

/// The response: the token's scopes, realm and time, and those attributes of the profile that the scopes name.
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Word> {
    match answer.status {
        200 => {}
        400 | 401 => {
            return match reply::error(answer)?.as_str() {
                "invalid_token" | "invalid_request" => Ok(Word::Refused(TokenFault::Inactive)),
                _ => {
                    Err(Silence::Misbehaved("its answer is an error that the protocol does not have").into())
                }
            };
        }
        _ => return Err(Silence::Status(answer.status).into()),
    }
    let claims = reply::good_profile(answer)?;
    let Some(lifetime) = reply::lifetime(&claims)? else {
        return Err(Silence::Misbehaved("its answer has no `expires_in`").into());
    };
    let subject = reply::first_text(&claims, SUBJECTS);
    let said = Said { claims, members: MEMBERS, lifetime: Some(lifetime), subject, ..Said::default() };
    Ok(word(said, terms))
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::examples::{Heard, NOW, asked, hear, hear_as};
    use super::*;
    use crate::base::time::UnixTime;
    use serde_json::json;

    const QUERY: Protocol = Protocol::OpenAm { token_in: TokenIn::Query };
    const HEADER: Protocol = Protocol::OpenAm { token_in: TokenIn::Header };

    #[test]
    fn the_request() {
        let callout = asked(QUERY, "a+b", "");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("GET", "/ask?access_token=a%2Bb"));
        assert_eq!(callout.fields.expose(), &[("accept", "application/json".to_owned())]);
        let callout = asked(HEADER, "a+b", "scopes are not sent");
        assert_eq!(callout.path.expose(), "/ask");
        assert!(callout.fields.expose().contains(&("authorization", "Bearer a+b".into())));
        assert!(callout.body.expose().is_empty());
    }

    #[test]
    fn profile_attributes_become_claims() {
        let body = json!({
            "uid": "demo", "mail": "", "scope": ["uid", "mail"], "realm": "/", "grant_type": "password",
            "token_type": "Bearer", "expires_in": 577, "client_id": "app", "access_token": "hunter2",
        });
        let grant = hear(QUERY, 200, &body.to_string()).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("demo"), Some("app")));
        assert_eq!((grant.scopes().to_text(), grant.claim("realm")), ("uid mail".into(), Some(&json!("/"))));
        assert_eq!(grant.window().until, Some(UnixTime::from_secs(NOW.as_secs() + 577)));
        assert_eq!(grant.claim("access_token"), None);
        let grant = hear(HEADER, 200, r#"{"expires_in":1,"scope":"a b","sub":"","uid":""}"#).grant();
        assert_eq!((grant.scopes().to_text().as_str(), grant.subject()), ("a b", None));
    }

    #[test]
    fn a_token_without_time_is_over() {
        for seconds in [json!(0), json!(-1), json!(-0.5)] {
            let body = json!({"expires_in": seconds}).to_string();
            assert_eq!(hear(QUERY, 200, &body), Heard::Refused("token_expired"), "{body}");
        }
    }

    #[test]
    fn a_token_that_the_server_does_not_know_is_inactive() {
        for (status, error) in [
            (400, "invalid_request"),
            (400, "invalid_token"),
            (401, "invalid_token"),
            (401, "invalid_request"),
        ] {
            let body = json!({"error": error}).to_string();
            assert_eq!(hear(QUERY, status, &body), Heard::Refused("token_inactive"), "{status} {error}");
        }
    }

    #[test]
    fn everything_else_says_nothing() {
        for (status, body) in [
            (200, "{}"),
            (200, r#"{"expires_in":"60"}"#),
            (200, r#"{"expires_in":null}"#),
            (200, r#"{"expires_in":1e300}"#),
            (200, r#"{"expires_in":-1e300}"#),
            (200, r#"{"expires_in":60"#),
            (200, r#"[{"expires_in":60}]"#),
            (400, r#"{"error":"server_error"}"#),
            (400, r#"{"error":["invalid_token"]}"#),
            (401, "{}"),
            (401, ""),
            (403, r#"{"error":"invalid_token"}"#),
            (404, r#"{"error":"invalid_token"}"#),
            (302, r#"{"expires_in":60}"#),
        ] {
            assert_eq!(hear(QUERY, status, body), Heard::Misbehaved, "{status} {body}");
        }
        assert_eq!(hear_as(QUERY, 401, "text/html", r#"{"error":"invalid_token"}"#), Heard::Misbehaved);
    }
}
