//! Asking the issuer about a token: one file a protocol.
//!
//! A reply says one of three things, and they are never taken for each other: the token is good (a grant), the token
//! is not good (a fault of the token), or we do not know (an outage).

mod client;
pub mod endpoint;
#[cfg(test)]
mod examples;
mod google;
mod kind;
mod members;
mod mule;
mod openam;
mod pingfederate;
mod reply;
mod rfc7662;
mod said;
pub mod signed;
mod silence;
mod userinfo;

pub use client::ClientAuthentication;
pub use endpoint::{Endpoint, Protocol, TokenIn};
pub use said::Answers;
pub use signed::ReplyKeys;
pub use silence::Silence;

use super::expect::{Expect, IssuerId};
use super::fault::TokenFault;
use super::grant::Grant;
use crate::base::time::UnixTime;
use crate::http::message::{Callout, Reply};
use crate::jose::backend::Signer;

/// The longest reply that is read, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// What an issuer's reply comes to.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// The token is good.
    Active(Box<Grant>),
    /// The token is not good.
    Refused(TokenFault),
    /// The issuer did not say.
    Unknown(Silence),
}

impl From<Silence> for Word {
    fn from(silence: Silence) -> Self {
        Self::Unknown(silence)
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The token: visible ASCII without a comma.
    pub token: &'q [u8],
    /// The scopes that the deciding rule requires, space-delimited; an answer may depend on them where
    /// [`Endpoint::sends_scopes`].
    pub scopes: &'q str,
    /// The time.
    pub now: UnixTime,
    /// What no other question has, and nobody can foretell.
    pub nonce: [u8; 16],
    /// Who signs where we cannot.
    pub signer: &'q dyn Signer,
    /// Whether the issuer has keys, so that an answer that it signs can be verified.
    pub can_verify: bool,
}

/// What an answer is held against.
#[derive(Clone, Copy)]
pub struct Terms<'t> {
    /// Who was asked.
    pub issuer: IssuerId,
    /// What its tokens must be like.
    pub expect: &'t Expect,
    /// What its answers are like.
    pub answers: &'t Answers,
    /// What the token says of itself, where its signature was verified here: the answer is then about this.
    pub verified: Option<&'t Grant>,
    /// The time of the question, or a time before it: no signed answer to it is older.
    pub asked: UnixTime,
    /// The time of the answer.
    pub now: UnixTime,
    /// What answers that it signs are verified with.
    pub keys: ReplyKeys<'t>,
}

/// The callout that puts `question` to `endpoint`.
///
/// # Errors
/// [`Silence::Unsigned`]: the issuer cannot even be asked.
pub fn question(endpoint: &Endpoint, question: &Question<'_>) -> Result<Callout, Silence> {
    match &endpoint.protocol {
        Protocol::Rfc7662 { client } => rfc7662::question(endpoint, client, question),
        Protocol::PingFederate { client } => pingfederate::question(endpoint, client, question),
        Protocol::OpenAm { token_in } => Ok(openam::question(endpoint, *token_in, question)),
        Protocol::Mule { token_in, send_scopes: _ } => Ok(mule::question(endpoint, *token_in, question)),
        Protocol::GoogleTokenInfo => Ok(google::question(endpoint, question)),
        Protocol::UserInfo => Ok(userinfo::question(endpoint, question)),
    }
}

/// What `reply` to a question to `endpoint` says.
pub fn understand(endpoint: &Endpoint, reply: &Reply<'_>, terms: &Terms<'_>) -> Word {
    let answer = match reply {
        Reply::Failed => return Word::Unknown(Silence::Unavailable(0)),
        Reply::Answered(answer) => answer,
    };
    // Whatever a protocol makes of it: a server that fails, or wants to be left alone, says nothing about the token.
    if let Some(why) = answer.unreached() {
        return Word::Unknown(Silence::Unreached { cluster: endpoint.cluster.clone(), why });
    }
    if answer.status >= 500 || answer.status == 429 {
        return Word::Unknown(Silence::Unavailable(answer.status));
    }
    if answer.body.len() > MAX_BODY {
        return Word::Unknown(Silence::Misbehaved("its answer is longer than 64 KiB"));
    }
    let word = match &endpoint.protocol {
        Protocol::Rfc7662 { client } => rfc7662::understand(answer, client, terms),
        Protocol::PingFederate { .. } => pingfederate::understand(answer, terms),
        Protocol::OpenAm { .. } => openam::understand(answer, terms),
        Protocol::Mule { .. } => mule::understand(answer, terms),
        Protocol::GoogleTokenInfo => google::understand(answer, terms),
        Protocol::UserInfo => userinfo::understand(answer, terms),
    };
    word.unwrap_or_else(|word| word)
}

#[cfg(test)]
mod tests {
    use super::examples::{Heard, NOW, answers, endpoint, expect, hear, heard, terms};
    use super::*;
    use crate::http::message::Answer;
    use serde_json::{Value, json};

    fn protocols() -> [Protocol; 6] {
        [
            Protocol::Rfc7662 { client: ClientAuthentication::None },
            Protocol::PingFederate { client: ClientAuthentication::None },
            Protocol::OpenAm { token_in: TokenIn::Query },
            Protocol::Mule { token_in: TokenIn::Query, send_scopes: false },
            Protocol::GoogleTokenInfo,
            Protocol::UserInfo,
        ]
    }

    /// A good answer, as the servers give it.
    fn good(protocol: &Protocol) -> Value {
        match protocol {
            Protocol::Rfc7662 { .. } => json!({"active": true, "sub": "s", "scope": "a", "client_id": "app"}),
            Protocol::PingFederate { .. } => json!({
                "token_type": "urn:pingidentity.com:oauth2:validated_token", "expires_in": 60, "scope": "a",
                "client_id": "app", "access_token": {"sub": "s"},
            }),
            Protocol::OpenAm { .. } => json!({
                "access_token": "t", "uid": "s", "scope": ["a"], "realm": "/", "token_type": "Bearer", "expires_in": 60,
                "client_id": "app", "grant_type": "password", "auth_level": 0,
            }),
            Protocol::Mule { .. } => {
                json!({"expires_in": 60, "scope": "a", "client_id": "app", "username": "s"})
            }
            Protocol::GoogleTokenInfo => json!({
                "azp": "app", "aud": "ours", "sub": "s", "scope": "a", "exp": (NOW.as_secs() + 60).to_string(),
                "expires_in": "60", "access_type": "online",
            }),
            Protocol::UserInfo => json!({"sub": "s", "client_id": "app"}),
        }
    }

    fn with(protocol: &Protocol, name: &str, value: &Value) -> String {
        let mut body = good(protocol);
        body[name] = value.clone();
        body.to_string()
    }

    /// Whose word it is, of the protocols: the status', that of `active`, and the status' beside a user's attributes.
    fn said_by(protocol: &Protocol) -> usize {
        match protocol {
            Protocol::PingFederate { .. } | Protocol::Mule { .. } | Protocol::GoogleTokenInfo => 0,
            Protocol::Rfc7662 { .. } => 1,
            Protocol::OpenAm { .. } | Protocol::UserInfo => 2,
        }
    }

    #[test]
    fn a_body_that_takes_back_what_the_status_says_is_no_good_answer() {
        for protocol in protocols() {
            let hear = |name, value| hear(protocol.clone(), 200, &with(&protocol, name, &value));
            assert_eq!(hear("x", json!(1)).grant().subject(), Some("s"), "{protocol:?}");
            assert_eq!(hear("active", json!(false)), Heard::Refused("token_inactive"), "{protocol:?}");
            // Which of the three do not take it for an attribute, or for nothing.
            for (name, value, refuses) in [
                ("active", json!("false"), [true, true, false]),
                ("active", json!(0), [true, true, false]),
                ("active", json!("2020-01-01"), [true, true, false]),
                ("error", json!("invalid_token"), [true, true, true]),
                ("error", json!({"code": 401}), [true, true, true]),
                ("error", json!(true), [true, true, false]),
                ("error", json!(401), [true, true, false]),
                ("error", json!(["x"]), [true, true, false]),
                ("error", json!(0), [true, false, false]),
                ("error", json!([]), [true, false, false]),
                ("error_description", json!("Invalid Value"), [true, false, false]),
                ("error", json!(null), [false; 3]),
                ("error", json!(false), [false; 3]),
                ("error", json!(""), [false; 3]),
            ] {
                let heard = hear(name, value.clone());
                let refuses = refuses[said_by(&protocol)];
                assert_eq!(heard == Heard::Misbehaved, refuses, "{protocol:?} {name} {value}");
                assert_eq!(matches!(heard, Heard::Active(_)), !refuses, "{protocol:?} {name} {value}");
            }
            hear("active", json!(true)).grant();
            let refused = super::understand(
                &endpoint(protocol.clone()),
                &Reply::Answered(Answer {
                    status: 200,
                    fields: &[("content-type".to_owned(), b"application/json".to_vec())],
                    body: br#"{"error":"invalid_token"}"#,
                }),
                &terms(&expect(), &answers()),
            );
            assert_eq!(heard(refused), Heard::Misbehaved, "{protocol:?}");
        }
    }

    /// What a directory or a user may call an attribute, with a value that the claim of this name cannot have.
    const ATTRIBUTES: [(&str, &str); 14] = [
        ("purpose", r#""promo-code""#),
        ("purpose", "[1]"),
        ("typ", r#""ID""#),
        ("typ", "7"),
        ("token_use", r#""refresh""#),
        ("token_type", r#"["x"]"#),
        ("tokenName", r#"{"a":1}"#),
        ("exp", r#""2030-01-01""#),
        ("exp", "5"),
        ("nbf", "99999999999"),
        ("nbf", "[]"),
        ("iss", "7"),
        ("aud", "true"),
        ("aud", r#"["ours",1]"#),
    ];

    #[test]
    fn a_users_attribute_says_nothing_about_the_token_whatever_it_is_called() {
        let client = || ClientAuthentication::None;
        for (protocol, is_profile) in [
            (Protocol::UserInfo, true),
            (Protocol::PingFederate { client: client() }, true),
            (Protocol::OpenAm { token_in: TokenIn::Query }, true),
            (Protocol::Rfc7662 { client: client() }, false),
            (Protocol::Mule { token_in: TokenIn::Query, send_scopes: false }, false),
            (Protocol::GoogleTokenInfo, false),
        ] {
            for (name, text) in ATTRIBUTES {
                let value: Value = serde_json::from_str(text).unwrap();
                let mut body = good(&protocol);
                if matches!(protocol, Protocol::PingFederate { .. }) {
                    body["access_token"][name] = value.clone();
                } else {
                    body[name] = value.clone();
                }
                let heard = hear(protocol.clone(), 200, &body.to_string());
                // OpenAM says these two itself.
                let is_own = matches!(protocol, Protocol::OpenAm { .. })
                    && ["token_type", "tokenName"].contains(&name);
                if is_profile && !is_own {
                    let grant = heard.grant();
                    assert_eq!(
                        (grant.subject(), grant.audiences().len()),
                        (Some("s"), 0),
                        "{protocol:?} {name}"
                    );
                    if kind::MEMBERS.contains(&name) && name != "token_type" {
                        assert_eq!(grant.claim(name), Some(&value), "{protocol:?} {name} is a plain claim");
                    } else if name != "token_type" {
                        assert_eq!(grant.claim(name), None, "{protocol:?} {name} is about the token");
                    }
                } else {
                    assert!(!matches!(heard, Heard::Active(_)), "{protocol:?} {name} {text}");
                }
            }
        }
    }

    #[test]
    fn an_audience_and_an_issuer_that_a_profile_names_are_compared_all_the_same() {
        for protocol in [Protocol::UserInfo, Protocol::OpenAm { token_in: TokenIn::Query }] {
            for (name, value, code) in [
                ("aud", json!("other"), "audience_mismatch"),
                ("aud", json!(["other"]), "audience_mismatch"),
                ("iss", json!("https://other.test"), "issuer_unknown"),
            ] {
                assert_eq!(hear(protocol.clone(), 200, &with(&protocol, name, &value)), Heard::Refused(code));
            }
            hear(protocol.clone(), 200, &with(&protocol, "aud", &json!(["other", "ours"]))).grant();
        }
    }

    #[test]
    fn an_outage_is_an_outage_in_every_dialect() {
        let good = r#"{"active":true,"expires_in":60,"sub":"s"}"#;
        for protocol in protocols() {
            for status in [429, 500, 502, 503, 504, 599] {
                assert_eq!(hear(protocol.clone(), status, good), Heard::Unavailable, "{protocol:?} {status}");
            }
            assert_ne!(hear(protocol.clone(), 499, good), Heard::Unavailable, "{protocol:?}");
            let failed =
                understand(&endpoint(protocol.clone()), &Reply::Failed, &terms(&expect(), &answers()));
            assert_eq!(heard(failed), Heard::Unavailable, "{protocol:?}");
            let long = format!("{good}{}", " ".repeat(MAX_BODY));
            for status in [200, 400, 401, 403] {
                assert_eq!(hear(protocol.clone(), status, &long), Heard::Misbehaved, "{protocol:?} {status}");
            }
        }
    }

    #[test]
    fn an_answer_may_be_as_long_as_it_may_and_no_longer() {
        for protocol in protocols() {
            let mut body = good(&protocol).to_string();
            body += &" ".repeat(MAX_BODY - body.len());
            hear(protocol.clone(), 200, &body).grant();
            assert_eq!(hear(protocol.clone(), 200, &format!("{body} ")), Heard::Misbehaved, "{protocol:?}");
        }
    }

    #[test]
    fn a_broken_answer_is_never_a_word_about_the_token() {
        for protocol in protocols() {
            for body in
                ["", "{", "[]", "null", r#"{"active":true,"active":true}"#, "<html>", r#"{"sub":"\ud800"}"#]
            {
                assert_eq!(hear(protocol.clone(), 200, body), Heard::Misbehaved, "{protocol:?} {body}");
            }
        }
    }
}
