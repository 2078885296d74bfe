//! PingFederate: a token is validated by a grant type of its own at the token endpoint.

use serde_json::Value;

use super::members::Members;
use super::reply;
use super::said::{Said, word};
use super::{ClientAuthentication, Endpoint, Question, Silence, Terms, Word};
use crate::base::json::Object;
use crate::http::form;
use crate::http::message::{Answer, Callout};
use crate::token::fault::TokenFault;
use crate::token::scope::Scopes;

const GRANT_TYPE: &[u8] = b"urn:pingidentity.com:oauth2:grant_type:validate_bearer";
const TOKEN_TYPE: &str = "urn:pingidentity.com:oauth2:validated_token";

/// What the subject is called where the attribute contract has no `sub`.
const SUBJECTS: &[&str] = &["subject", "username", "uid"];

/// What the server says of itself, beside attributes from a directory.
const MEMBERS: Members = Members::Profile(&["scope", "client_id", "expires_in"]);

/// The request: a token request whose grant is the token.
pub(super) fn question(
    endpoint: &Endpoint,
    client: &ClientAuthentication,
    question: &Question<'_>,
) -> Result<Callout, Silence> {
    let mut body = String::new();
    form::append(&mut body, "grant_type", GRANT_TYPE);
    form::append(&mut body, "token", question.token);
    endpoint.post(client, question, body, "application/json")
}

/// The response: a token response whose `access_token` is an object of attributes, or an error (RFC 6749 section 5.2).
pub(super) fn understand(answer: &Answer<'_>, terms: &Terms<'_>) -> Result<Word, Word> {
    match answer.status {
        200 => Ok(word(said(reply::good(answer)?)?, terms)),
        401 => Err(Silence::CredentialsRefused(401).into()),
        400 => match reply::error(answer)?.as_str() {
            "invalid_grant" => Ok(Word::Refused(TokenFault::Inactive)),
            "invalid_client" | "unauthorized_client" => Err(Silence::CredentialsRefused(400).into()),
            _ => Err(Silence::Misbehaved("it found fault with our question").into()),
        },
        _ => Err(Silence::Status(answer.status).into()),
    }
}

fn said(mut outer: Object) -> Result<Said, Silence> {
    if outer.get("token_type").and_then(Value::as_str) != Some(TOKEN_TYPE) {
        return Err(Silence::Misbehaved("its answer is not about a validated token"));
    }
    let lifetime = reply::lifetime(&outer)?;
    if lifetime.is_none() {
        return Err(Silence::Misbehaved("its answer has no `expires_in`"));
    }
    let Some(Value::Object(mut claims)) = outer.remove("access_token") else {
        return Err(Silence::Misbehaved("its answer's `access_token` is not an object"));
    };
    // An attribute comes from a directory, whatever it is called; what the server itself says stands outside.
    let scopes = match outer.get("scope") {
        None | Some(Value::Null) => None,
        Some(scope) => Some(Scopes::from_claim(scope).ok_or_else(|| reply::malformed("scope"))?),
    };
    let client = match outer.get("client_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(client)) => Some(client.clone()),
        Some(_) => return Err(reply::malformed("client_id")),
    };
    claims.shift_remove("token_type");
    for name in ["scope", "client_id", "expires_in"] {
        match outer.remove(name) {
            None | Some(Value::Null) => claims.shift_remove(name),
            Some(value) => claims.insert(name.to_owned(), value),
        };
    }
    let subject = reply::first_text(&claims, SUBJECTS);
    Ok(Said { claims, members: MEMBERS, lifetime, subject, scopes, client, ..Said::default() })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{
        Heard, NOW, answers, asked, endpoint, expect, hear, hear_as, heard, object, terms,
    };
    use super::super::{Answers, Protocol, understand};
    use super::*;
    use crate::base::secret::Secret;
    use crate::base::time::UnixTime;
    use crate::http::message::Reply;
    use serde_json::json;

    fn protocol() -> Protocol {
        Protocol::PingFederate {
            client: ClientAuthentication::Basic {
                id: "rs_client".into(),
                secret: Secret::new("2Federate".into()),
            },
        }
    }

    /// A good answer with other outer members.
    fn answer(changes: Value) -> String {
        let mut answer = json!({
            "access_token": {"subject": "joe", "group": ["a", "b"], "mail": "joe@x.test"},
            "token_type": TOKEN_TYPE,
            "expires_in": 60,
            "scope": "edit view",
            "client_id": "app",
        });
        answer.as_object_mut().unwrap().extend(object(changes));
        answer.to_string()
    }

    #[test]
    fn the_request() {
        let callout = asked(protocol(), "a+b", "");
        assert_eq!((callout.method, callout.path.expose().as_str()), ("POST", "/ask"));
        assert_eq!(
            callout.body.expose(),
            "grant_type=urn%3Apingidentity.com%3Aoauth2%3Agrant_type%3Avalidate_bearer&token=a%2Bb"
        );
        assert!(
            callout.fields.expose().contains(&("authorization", "Basic cnNfY2xpZW50OjJGZWRlcmF0ZQ==".into()))
        );
    }

    #[test]
    fn attributes_become_claims_and_many_values_stay_an_array() {
        let grant = hear(protocol(), 200, &answer(json!({}))).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("joe"), Some("app")));
        assert_eq!(grant.scopes().to_text(), "edit view");
        assert_eq!(grant.window().until, Some(UnixTime::from_secs(NOW.as_secs() + 60)));
        assert_eq!(grant.claim("group"), Some(&json!(["a", "b"])));
        assert_eq!(grant.claim("expires_in"), Some(&json!(60)));
        let typed = json!({"access_token": {"sub": "s", "token_type": "gold"}});
        assert_eq!(hear(protocol(), 200, &answer(typed)).grant().claim("token_type"), None);
    }

    #[test]
    fn what_the_server_says_outside_outweighs_an_attribute() {
        let attributes =
            json!({"sub": "s", "username": "u", "scope": "admin", "client_id": "other", "expires_in": 9e9});
        let grant = hear(protocol(), 200, &answer(json!({"access_token": attributes}))).grant();
        assert_eq!((grant.subject(), grant.client()), (Some("s"), Some("app")));
        assert_eq!(
            (grant.scopes().to_text(), grant.claim("expires_in")),
            ("edit view".into(), Some(&json!(60)))
        );
        let silent = json!({"access_token": attributes, "scope": null, "client_id": null});
        let grant = hear(protocol(), 200, &answer(silent)).grant();
        assert!(grant.scopes().is_empty() && grant.client().is_none());
    }

    #[test]
    fn attributes_stand_for_scopes_and_client_only_where_the_server_says_none_and_the_policy_names_them() {
        let read = |outer: Value, claims: &[&str]| {
            let names: Vec<String> = claims.iter().map(|name| (*name).to_owned()).collect();
            let answers = Answers { scope_claims: names.clone(), client_claims: names, ..answers() };
            let attributes =
                json!({"sub": "s", "scp": "admin", "azp": "other", "token_type": "refresh_token"});
            let mut outer = outer;
            outer["access_token"] = attributes;
            let body = answer(outer);
            let fields = [("content-type".to_owned(), b"application/json".to_vec())];
            let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() });
            let expect = expect();
            heard(understand(&endpoint(protocol()), &reply, &terms(&expect, &answers))).grant()
        };
        let silent = || json!({"scope": null, "client_id": null});
        let grant = read(json!({}), &["scp", "azp"]);
        assert_eq!((grant.scopes().to_text().as_str(), grant.client()), ("edit view", Some("app")));
        let grant = read(silent(), &[]);
        assert_eq!((grant.scopes().to_text().as_str(), grant.client()), ("", None));
        let grant = read(silent(), &["scp"]);
        assert_eq!((grant.scopes().to_text().as_str(), grant.client()), ("admin", Some("admin")));
        for (member, value) in [("scope", json!(7)), ("client_id", json!(["app"]))] {
            assert_eq!(hear(protocol(), 200, &answer(json!({member: value}))), Heard::Misbehaved, "{member}");
        }
    }

    #[test]
    fn an_inactive_token_is_told_from_our_own_fault() {
        let error = |error: &str| json!({"error": error, "error_description": "x"}).to_string();
        assert_eq!(hear(protocol(), 400, &error("invalid_grant")), Heard::Refused("token_inactive"));
        for code in ["invalid_client", "unauthorized_client"] {
            assert_eq!(hear(protocol(), 400, &error(code)), Heard::CredentialsRefused);
        }
        assert_eq!(hear(protocol(), 401, &error("invalid_grant")), Heard::CredentialsRefused);
        for (status, body) in [
            (400, error("invalid_request")),
            (400, "{}".into()),
            (400, "invalid_grant".into()),
            (403, error("invalid_grant")),
            (404, error("invalid_grant")),
            (201, answer(json!({}))),
        ] {
            assert_eq!(hear(protocol(), status, &body), Heard::Misbehaved, "{status} {body}");
        }
        let page = hear_as(protocol(), 400, "text/html", &error("invalid_grant"));
        assert_eq!(page, Heard::Misbehaved);
    }

    #[test]
    fn an_answer_that_is_not_whole_says_nothing() {
        for changes in [
            json!({"token_type": "Bearer"}),
            json!({"token_type": null}),
            json!({"access_token": "opaque"}),
            json!({"access_token": null}),
            json!({"expires_in": null}),
            json!({"expires_in": "60"}),
            json!({"expires_in": 1e300}),
        ] {
            assert_eq!(hear(protocol(), 200, &answer(changes.clone())), Heard::Misbehaved, "{changes}");
        }
        let mut without = object(serde_json::from_str(&answer(json!({}))).unwrap());
        without.remove("expires_in");
        assert_eq!(hear(protocol(), 200, &Value::Object(without).to_string()), Heard::Misbehaved);
        for over in [json!(0), json!(-1)] {
            assert_eq!(
                hear(protocol(), 200, &answer(json!({"expires_in": over}))),
                Heard::Refused("token_expired")
            );
        }
    }
}
