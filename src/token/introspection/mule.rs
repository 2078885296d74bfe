//! The Mule OAuth provider: `validate`, which is asked with the token and perhaps the scopes that are needed.

use serde_json::Value;

use super::reply;
use super::said::{Said, word};
use super::{Endpoint, Question, Silence, Terms, TokenIn, Word};
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// The request.
pub(super) fn question(endpoint: &Endpoint, token_in: TokenIn, question: &Question<'_>) -> Callout {
    let scopes = if endpoint.sends_scopes() { question.scopes } else { "" };
    endpoint.get(token_in, question.token, scopes)
}

/// The response: the status says whether the token is good, and for the scopes that were asked for; the provider says of
/// a good one how long it lives.
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Word> {
    match answer.status {
        200 => {
            let claims = reply::good(answer)?;
            let Some(lifetime) = reply::lifetime(&claims)? else {
                return Err(Silence::Misbehaved("its answer has no `expires_in`").into());
            };
            let subject = match claims.get("username") {
                None | Some(Value::Null) => None,
                Some(Value::String(name)) => Some(name.clone()).filter(|name| !name.is_empty()),
                Some(_) => return Err(reply::malformed("username").into()),
            };
            Ok(word(Said { claims, lifetime: Some(lifetime), subject, ..Said::default() }, terms))
        }
        400 | 401 | 403 => Ok(Word::Refused(TokenFault::Inactive)),
        _ => Err(Silence::Status(answer.status).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::examples::{Heard, NOW, asked, hear, hear_as};
    use super::*;
    use crate::base::time::UnixTime;

    const PLAIN: Protocol = Protocol::Mule { token_in: TokenIn::Query, send_scopes: false };
    const SCOPED: Protocol = Protocol::Mule { token_in: TokenIn::Header, send_scopes: true };

    #[test]
    fn the_request() {
        let callout = asked(PLAIN, "a+b", "READ");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("GET", "/ask?access_token=a%2Bb"));
        let callout = asked(SCOPED, "a+b", "READ a&b");
        assert_eq!(callout.path.expose(), "/ask?scopes=READ%20a%26b");
        assert!(callout.fields.expose().contains(&("authorization", "Bearer a+b".into())));
        assert_eq!(asked(SCOPED, "a+b", "").path.expose(), "/ask");
    }

    #[test]
    fn the_members_of_a_good_answer() {
        let body = r#"{"expires_in":60,"scope":"READ WRITE","client_id":"app","username":"john"}"#;
        let grant = hear(SCOPED, 200, body).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("john"), Some("app")));
        assert_eq!(grant.scopes().to_text(), "READ WRITE");
        assert_eq!(grant.window().until, Some(UnixTime::from_secs(NOW.as_secs() + 60)));
        let grant = hear(PLAIN, 200, r#"{"expires_in":60}"#).grant();
        assert!(grant.subject().is_none() && grant.scopes().is_empty());
        for over in ["0", "-1"] {
            let body = format!(r#"{{"expires_in":{over},"scope":"READ"}}"#);
            assert_eq!(hear(PLAIN, 200, &body), Heard::Refused("token_expired"), "{body}");
        }
    }

    #[test]
    fn three_statuses_say_that_the_token_is_not_good() {
        for status in [400, 401, 403] {
            assert_eq!(
                hear_as(PLAIN, status, "text/plain", ""),
                Heard::Refused("token_inactive"),
                "{status}"
            );
        }
    }

    #[test]
    fn everything_else_says_nothing() {
        for (status, body) in [
            (200, ""),
            (200, "true"),
            // Any server at all may answer 200; this one says how long the token lives.
            (200, "{}"),
            (200, r#"{"expires_in":null,"scope":"READ","client_id":"app","username":"john"}"#),
            (200, r#"{"expires_in":-1e300}"#),
            (200, r#"{"expires_in":"60"}"#),
            (200, r#"{"expires_in":1e300}"#),
            (200, r#"{"expires_in":60"#),
            (200, r#"{"expires_in":60,"username":7}"#),
            (201, "{}"),
            (204, ""),
            (302, "{}"),
            (404, "{}"),
            (405, "{}"),
        ] {
            assert_eq!(hear(PLAIN, status, body), Heard::Misbehaved, "{status} {body}");
        }
        assert_eq!(hear_as(PLAIN, 200, "text/html", "{}"), Heard::Misbehaved);
    }
}
