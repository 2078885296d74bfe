//! Questions and answers for the tests of this folder.

use core::time::Duration;

use serde_json::{Value, json};

use super::{Answers, Endpoint, Protocol, Question, ReplyKeys, Silence, Terms, Word, question, understand};
use crate::base::json::Object;
use crate::base::time::UnixTime;
use crate::http::message::{Answer, Callout, Reply};
use crate::http::uri::Uri;
use crate::jose::algorithm::Algorithms;
use crate::jose::backend::NoSigner;
use crate::token::expect::{Audiences, Expect, IssuerId};
use crate::token::grant::Grant;

pub(super) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

pub(super) fn endpoint(protocol: Protocol) -> Endpoint {
    Endpoint {
        protocol,
        uri: Uri::parse("https://idp.test/ask").unwrap(),
        cluster: "idp".into(),
        timeout: Duration::from_secs(1),
    }
}

pub(super) fn expect() -> Expect {
    Expect {
        issuer: Some("https://idp.test".into()),
        audiences: Audiences::OneOf(vec!["ours".into()]),
        required_claims: Vec::new(),
        scope_claims: vec!["scope".into()],
        client_claims: vec!["client_id".into()],
        clock_skew: Duration::ZERO,
        max_lifetime: None,
        allow_missing_exp: false,
        accepts_id_tokens: false,
        types: None,
        algorithms: Algorithms::NONE,
    }
}

/// Answers that leave out what the policy wants to compare.
pub(super) fn answers() -> Answers {
    Answers {
        aud_optional: true,
        iss_optional: true,
        scope_claims: vec!["scope".into()],
        client_claims: vec!["client_id".into()],
    }
}

pub(super) const fn terms<'t>(expect: &'t Expect, answers: &'t Answers) -> Terms<'t> {
    Terms {
        issuer: IssuerId(0),
        expect,
        answers,
        verified: None,
        asked: NOW,
        now: NOW,
        keys: ReplyKeys::NotExpected,
    }
}

pub(super) fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

/// The question about `token` for a rule that requires `scopes`.
pub(super) fn asked(protocol: Protocol, token: &str, scopes: &str) -> Callout {
    question(&endpoint(protocol), &question_about(token, scopes)).unwrap()
}

pub(super) fn question_about<'q>(token: &'q str, scopes: &'q str) -> Question<'q> {
    Question {
        token: token.as_bytes(),
        scopes,
        now: NOW,
        nonce: [9; 16],
        signer: &NoSigner,
        can_verify: false,
    }
}

/// The private key of RFC 7515 A.3.
pub(super) fn ec_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

/// What an answer comes to, in a form that a test can compare.
#[derive(PartialEq, Debug)]
pub(super) enum Heard {
    Active(Box<Grant>),
    Refused(&'static str),
    Unavailable,
    CredentialsRefused,
    Misbehaved,
    Unsigned,
    KeysMissing,
}

impl Heard {
    pub(super) fn grant(self) -> Grant {
        let Self::Active(grant) = self else { panic!("no grant: {self:?}") };
        *grant
    }
}

/// What an answer in JSON comes to.
pub(super) fn hear(protocol: Protocol, status: u16, body: &str) -> Heard {
    hear_as(protocol, status, "application/json;charset=UTF-8", body)
}

/// What an answer that is declared as `kind` comes to.
pub(super) fn hear_as(protocol: Protocol, status: u16, kind: &str, body: &str) -> Heard {
    let fields = [("content-type".to_owned(), kind.as_bytes().to_vec())];
    let reply = Reply::Answered(Answer { status, fields: &fields, body: body.as_bytes() });
    heard(understand(&endpoint(protocol), &reply, &terms(&expect(), &answers())))
}

pub(super) fn heard(word: Word) -> Heard {
    match word {
        Word::Active(grant) => Heard::Active(grant),
        Word::Refused(fault) => Heard::Refused(fault.code()),
        Word::Unknown(Silence::Unavailable(_) | Silence::Unreached { .. }) => Heard::Unavailable,
        Word::Unknown(Silence::CredentialsRefused(_)) => Heard::CredentialsRefused,
        Word::Unknown(Silence::Misbehaved(_) | Silence::Status(_) | Silence::Malformed(_)) => {
            Heard::Misbehaved
        }
        Word::Unknown(Silence::Unsigned) => Heard::Unsigned,
        Word::Unknown(Silence::KeysMissing) => Heard::KeysMissing,
    }
}
