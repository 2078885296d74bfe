//! Google's `tokeninfo`, which is asked with the token alone and writes times as text.

use serde_json::{Number, Value};

use super::reply;
use super::said::{Said, word};
use super::{Endpoint, Question, Silence, Terms, TokenIn, Word};
use crate::base::json::Object;
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;

/// What Google says of ID tokens alone, for which the same endpoint is there: their header and their own claims.
const OF_ID_TOKENS: [&str; 9] = ["iss", "iat", "nbf", "at_hash", "c_hash", "nonce", "alg", "kid", "typ"];

/// The request.
pub(super) fn question(endpoint: &Endpoint, question: &Question<'_>) -> Callout {
    endpoint.get(TokenIn::Query, question.token, "")
}

/// The response: client (`azp`), audience (a client too), scopes, times, and whose token it is where it may be known.
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Word> {
    match answer.status {
        200 => {}
        400 if is_invalid_token(answer) => return Ok(Word::Refused(TokenFault::Inactive)),
        _ => return Err(Silence::Status(answer.status).into()),
    }
    let mut claims = reply::good(answer)?;
    let is_there = |name: &str| claims.get(name).is_some_and(|value| !value.is_null());
    if let Some(mark) = OF_ID_TOKENS.into_iter().find(|name| is_there(name)) {
        return Ok(Word::Refused(TokenFault::OtherKind(mark)));
    }
    if !is_there("scope") {
        return Err(Silence::Misbehaved("its answer has no `scope`").into());
    }
    let ends = [number(&mut claims, "exp")?, number(&mut claims, "expires_in")?];
    if !ends.contains(&true) {
        return Err(Silence::Misbehaved("its answer has neither `exp` nor `expires_in`").into());
    }
    let lifetime = reply::lifetime(&claims)?;
    Ok(word(Said { claims, lifetime, ..Said::default() }, terms))
}

/// Newer versions say `invalid_token`, older ones only that the value was invalid.
fn is_invalid_token(answer: &Answer<'_>) -> bool {
    let Ok(members) = reply::object(answer) else { return false };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    text("error") == Some("invalid_token")
        || (members.get("error").is_none_or(Value::is_null)
            && text("error_description") == Some("Invalid Value"))
}

/// Makes the decimal text of the member `name` the number that it means; whether there is such a member.
fn number(claims: &mut Object, name: &str) -> Result<bool, Silence> {
    let number = match claims.get(name) {
        None | Some(Value::Null) => return Ok(false),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse::<u64>().ok()
        }
        Some(Value::Number(_)) => return Ok(true),
        Some(_) => None,
    };
    let number = number.map(Number::from).ok_or_else(|| reply::malformed(name))?;
    claims.insert(name.to_owned(), Value::Number(number));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::examples::{Heard, NOW, asked, hear, hear_as};
    use crate::base::time::UnixTime;
    use serde_json::{Value, json};

    const GOOGLE: Protocol = Protocol::GoogleTokenInfo;

    /// A good answer with this member changed.
    fn answer(name: &str, value: Value) -> String {
        let mut answer = json!({
            "azp": "ours", "aud": "ours", "sub": "1114613", "scope": "openid https://www.googleapis.com/auth/x",
            "exp": (NOW.as_secs() + 600).to_string(), "expires_in": "599", "email": "a@x.test",
            "email_verified": "true", "access_type": "offline",
        });
        answer[name] = value;
        answer.to_string()
    }

    #[test]
    fn the_request() {
        let callout = asked(GOOGLE, "ya29.a+b", "scopes are not sent");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("GET", "/ask?access_token=ya29.a%2Bb"));
        assert!(callout.body.expose().is_empty());
    }

    #[test]
    fn times_as_text_are_times() {
        let grant = hear(GOOGLE, 200, &answer("hd", json!("x.test"))).grant();
        assert_eq!(grant.window().until, Some(UnixTime::from_secs(NOW.as_secs() + 599)));
        assert_eq!((grant.subject(), grant.audiences()), (Some("1114613"), &["ours".to_owned()][..]));
        assert_eq!(grant.claim("exp"), Some(&json!(NOW.as_secs() + 600)));
        let grant = hear(GOOGLE, 200, &answer("expires_in", json!(null))).grant();
        assert_eq!(grant.window().until, Some(UnixTime::from_secs(NOW.as_secs() + 600)));
        let grant = hear(GOOGLE, 200, &answer("sub", json!(null))).grant();
        assert_eq!(grant.subject(), None, "without the scope openid Google names nobody");
        for (name, value, code) in [
            ("exp", json!(NOW.as_secs().to_string()), "token_expired"),
            ("expires_in", json!("0"), "token_expired"),
            ("aud", json!("other"), "audience_mismatch"),
        ] {
            assert_eq!(hear(GOOGLE, 200, &answer(name, value)), Heard::Refused(code), "{name}");
        }
    }

    #[test]
    fn a_token_that_google_does_not_know_is_inactive() {
        for body in [
            json!({"error": "invalid_token", "error_description": "Invalid Value"}),
            json!({"error": "invalid_token"}),
            json!({"error_description": "Invalid Value"}),
            json!({"error": null, "error_description": "Invalid Value"}),
        ] {
            assert_eq!(hear(GOOGLE, 400, &body.to_string()), Heard::Refused("token_inactive"), "{body}");
        }
    }

    #[test]
    fn an_id_token_is_no_access_token() {
        let id_token = json!({
            "iss": "https://accounts.google.com", "azp": "ours", "aud": "ours", "sub": "1114613", "at_hash": "x",
            "iat": NOW.as_secs().to_string(), "exp": (NOW.as_secs() + 600).to_string(), "alg": "RS256", "kid": "1",
            "typ": "JWT", "nonce": "n",
        });
        assert_eq!(hear(GOOGLE, 200, &id_token.to_string()), Heard::Refused("token_inactive"));
        for mark in super::OF_ID_TOKENS {
            let heard = hear(GOOGLE, 200, &answer(mark, id_token.get(mark).unwrap_or(&json!("x")).clone()));
            assert_eq!(heard, Heard::Refused("token_inactive"), "{mark}");
            hear(GOOGLE, 200, &answer(mark, json!(null))).grant();
        }
    }

    #[test]
    fn everything_else_says_nothing() {
        let invalid = json!({"error": "invalid_token"}).to_string();
        for (status, body) in [
            (200, "{}".to_owned()),
            (200, json!({"aud": "ours", "scope": "a"}).to_string()),
            (200, answer("scope", json!(null))),
            (200, answer("exp", json!("soon"))),
            (200, answer("exp", json!(""))),
            (200, answer("exp", json!("-1"))),
            (200, answer("exp", json!("1.5"))),
            (200, answer("exp", json!("+1999999999"))),
            (200, answer("exp", json!("99999999999999999999999"))),
            (200, answer("exp", json!(["1"]))),
            (200, answer("expires_in", json!("1e3"))),
            (200, answer("aud", json!(7))),
            (400, json!({"error": "invalid_request"}).to_string()),
            (400, json!({"error": "x", "error_description": "Invalid Value"}).to_string()),
            (400, "{}".to_owned()),
            (401, invalid.clone()),
            (403, invalid.clone()),
            (404, invalid.clone()),
        ] {
            assert_eq!(hear(GOOGLE, status, &body), Heard::Misbehaved, "{status} {body}");
        }
        assert_eq!(hear_as(GOOGLE, 400, "text/html", &invalid), Heard::Misbehaved);
    }
}
