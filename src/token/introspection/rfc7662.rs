//! OAuth 2.0 Token Introspection, RFC 7662.

use core::time::Duration;

use serde_json::Value;

use super::reply;
use super::said::{Said, word};
use super::{ClientAuthentication, Endpoint, Question, Silence, Terms, Word, signed};
use crate::base::json::Object;
use crate::base::time::UnixTime;
use crate::http::form;
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// The request of section 2.1.
pub(super) fn question(
    endpoint: &Endpoint,
    client: &ClientAuthentication,
    question: &Question<'_>,
) -> Result<Callout, Silence> {
    let mut body = String::new();
    form::append(&mut body, "token", question.token);
    form::append(&mut body, "token_type_hint", b"access_token");
    let accept = if question.can_verify && client.id().is_some() {
        // First, because some issuers sign only for those who like that best.
        &format!("{}, application/json", signed::MEDIA_TYPE)
    } else {
        "application/json"
    };
    endpoint.post(client, question, body, accept)
}

/// The response of section 2.2, or of RFC 9701 section 5.
pub(super) fn understand(
    answer: &Answer<'_>,
    client: &ClientAuthentication,
    terms: &Terms<'_>,
) -> Result<Word, Word> {
    let claims = match answer.status {
        200 if answer.media_type().as_deref() == Some(signed::MEDIA_TYPE) => {
            signed::open(answer, client, terms)?
        }
        200 => reply::object(answer)?,
        status @ (401 | 403) => return Err(Silence::CredentialsRefused(status).into()),
        // RFC 7009 section 2.2.1: it has no such tokens.
        400 if reply::error(answer).is_ok_and(|error| error == "unsupported_token_type") => {
            return Ok(Word::Refused(TokenFault::Inactive));
        }
        _ => return Err(Silence::Status(answer.status).into()),
    };
    match claims.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(Word::Refused(TokenFault::Inactive)),
        None | Some(_) => {
            return Err(Silence::Misbehaved("its answer's `active` is neither true nor false").into());
        }
    }
    // `active` says it. An error beside it is none of the RFC, nor is a code or a list that says that there is none.
    let is_none = |error: &Value| *error == 0 || error.as_array().is_some_and(Vec::is_empty);
    if claims.get("error").is_some_and(|error| reply::is_said(error) && !is_none(error)) {
        return Err(reply::CONTRADICTION.into());
    }
    let lifetime = lifetime(&claims);
    Ok(word(Said { claims, lifetime, has_issuer: true, ..Said::default() }, terms))
}

/// `expires_in`, which some servers say instead of `exp`, a few as text. The RFC does not have it: one that cannot be how
/// long a good token lives is some other member of this name.
fn lifetime(claims: &Object) -> Option<Duration> {
    let seconds = match claims.get("expires_in")? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let readable = |seconds: &f64| *seconds > 0.0 && UnixTime::from_numeric_date(*seconds).is_some();
    Duration::try_from_secs_f64(seconds.filter(readable)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::examples::{Heard, NOW, asked, hear};
    use super::*;
    use crate::base::secret::Secret;

    fn protocol() -> Protocol {
        Protocol::Rfc7662 {
            client: ClientAuthentication::Post { id: "gw".into(), secret: Secret::new("s".into()) },
        }
    }

    #[test]
    fn the_request() {
        let callout = asked(protocol(), "a+b", "");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("POST", "/ask"));
        assert_eq!(
            callout.body.expose(),
            "token=a%2Bb&token_type_hint=access_token&client_id=gw&client_secret=s"
        );
    }

    #[test]
    fn only_the_boolean_says_something() {
        let grant = hear(protocol(), 200, r#"{"active":true,"sub":"alice","scope":"a b"}"#).grant();
        assert_eq!((grant.subject(), grant.scopes().to_text().as_str()), (Some("alice"), "a b"));
        assert_eq!(
            hear(protocol(), 200, r#"{"active":false,"sub":"alice"}"#),
            Heard::Refused("token_inactive")
        );
        for body in [
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"x":{"active":true}}"#,
            "{}",
            r#"{"active":null}"#,
        ] {
            assert_eq!(hear(protocol(), 200, body), Heard::Misbehaved, "{body}");
        }
    }

    #[test]
    fn what_a_server_says_of_the_rest_of_its_life_ends_a_token_too() {
        let told = |expires_in: &str| {
            hear(
                protocol(),
                200,
                &format!(r#"{{"active":true,"exp":{},"expires_in":{expires_in}}}"#, NOW.as_secs() + 100),
            )
        };
        let end = |expires_in: &str| {
            told(expires_in).grant().window().until.map(|until| until.since(NOW).as_secs())
        };
        assert_eq!((end("60"), end("600"), end("null")), (Some(60), Some(100), Some(100)));
        assert_eq!((end("\"60\""), end("0.5"), end("\"600\"")), (Some(60), Some(0), Some(100)));
    }

    #[test]
    fn a_member_that_the_rfc_does_not_have_locks_nobody_out() {
        for nothing in [
            "0",
            "-1",
            "-0.5",
            "true",
            "\"soon\"",
            "\"0\"",
            "\"\"",
            "\"-1\"",
            "\"6e1\"",
            "[60]",
            "{}",
            "1e18",
            "1e300",
            "-1e300",
            "18446744073709551615",
            "\"99999999999999999999999\"",
        ] {
            let body = format!(r#"{{"active":true,"expires_in":{nothing}}}"#);
            assert_eq!(hear(protocol(), 200, &body).grant().window().until, None, "{nothing}");
            let body = format!(r#"{{"active":true,"exp":{},"expires_in":{nothing}}}"#, NOW.as_secs() + 100);
            let until = hear(protocol(), 200, &body).grant().window().until;
            assert_eq!(until.map(|until| until.since(NOW).as_secs()), Some(100), "{nothing}");
        }
    }

    #[test]
    fn another_status_is_no_word_about_the_token() {
        for status in [401, 403] {
            assert_eq!(hear(protocol(), status, r#"{"active":true}"#), Heard::CredentialsRefused);
        }
        for status in [201, 204, 302, 400, 404] {
            assert_eq!(hear(protocol(), status, r#"{"active":true}"#), Heard::Misbehaved, "{status}");
        }
        let error = |status, error: &str| hear(protocol(), status, &format!(r#"{{"error":"{error}"}}"#));
        assert_eq!(error(400, "unsupported_token_type"), Heard::Refused("token_inactive"));
        assert_eq!(error(400, "invalid_request"), Heard::Misbehaved);
        assert_eq!(error(404, "unsupported_token_type"), Heard::Misbehaved);
    }
}
