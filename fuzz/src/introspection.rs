//! An issuer's reply: "active" only where the contract says so, and always there; "inactive" only there too, and
//! everything else is an outage.
//!
//! An input is a line and a body: `PROTOCOL STATUS MEDIA-TYPE`, the protocol as a letter: `r`fc7662, `s`igned (RFC 9701),
//! `p`ingfederate, `o`penam, `m`ule, `g`oogle_tokeninfo, `u`serinfo. After it `!` says that answers may leave out
//! neither `aud` nor `iss`, and `+` that the reply is about a token that was verified before. A body that begins with
//! `=` is the payload of a signed reply.

mod oracle;
mod values;

use core::time::Duration;

use scopegate::base::secret::Secret;
use scopegate::base::time::UnixTime;
use scopegate::http::message::{Answer, Reply};
use scopegate::http::uri::Uri;
use scopegate::jose::algorithm::Algorithms;
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::token::expect::{Audiences, Expect, IssuerId};
use scopegate::token::grant::Grant;
use scopegate::token::introspection::{
    Answers, ClientAuthentication, Endpoint, Protocol, ReplyKeys, Silence, Terms, TokenIn, Word, understand,
};
use scopegate::token::jwt::{self, Rest};
use serde_json::{Value, json};

use self::oracle::{Expected, Said};
use crate::{keys, naive};

const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "ours";
const CLIENT: &str = "gw";
const NOW: i64 = 1_800_000_000;
const SIGNED: &str = "application/token-introspection+jwt";

thread_local! {
    static KEYS: KeySet = KeySet::parse(&keys::object(&keys::key_set(&["one"])), Origin::Fetched).expect("a key set").0;
    static VERIFIED: Grant = KEYS.with(verified);
}

/// What the token says of itself about which a reply may be.
fn token() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "azp": "web", "scope": "read write",
        "exp": NOW + 100, "tenant": "a",
    })
}

fn verified(keys: &KeySet) -> Grant {
    let text = keys::token("one", &json!({}), &token());
    let jws = Unverified::parse(text.as_bytes()).expect("a token");
    let payload = verify(jws, keys, Algorithms::ASYMMETRIC, &NoAccelerator).expect("a good signature");
    jwt::accept(payload, IssuerId(0), &expect(), Rest::Answer, UnixTime::from_secs(NOW))
        .expect("a good token")
}

fn expect() -> Expect {
    Expect {
        issuer: Some(ISSUER.into()),
        audiences: Audiences::OneOf(vec![AUDIENCE.into()]),
        required_claims: Vec::new(),
        scope_claims: vec!["scope".into()],
        client_claims: vec!["client_id".into(), "azp".into()],
        clock_skew: Duration::ZERO,
        max_lifetime: None,
        allow_missing_exp: false,
        accepts_id_tokens: false,
        types: None,
        algorithms: Algorithms::ASYMMETRIC,
    }
}

/// Takes a reply.
pub fn run(input: &[u8]) {
    let (line, body) = naive::cut(input, b'\n');
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let how = words.next().unwrap_or_default();
    let number =
        words.next().and_then(|word| core::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
    let kind = words.next().unwrap_or_default().to_vec();
    let (body, signed) = match body {
        Some([b'=', payload @ ..]) => sign(payload),
        body => (body.unwrap_or_default().to_vec(), None),
    };
    let said = Said {
        letter: how.first().copied().unwrap_or(b'r'),
        is_strict: how.contains(&b'!'),
        is_about_verified: how.contains(&b'+'),
        status: number.unwrap_or(200),
        kind,
        body,
        signed,
    };
    KEYS.with(|keys| VERIFIED.with(|verified| check(&said, keys, verified)));
}

/// A reply as the issuer would sign it, and what is in it; with its header's `typ` before the first line break.
fn sign(payload: &[u8]) -> (Vec<u8>, Option<Value>) {
    let (typ, claims) = naive::cut(payload, b'\n');
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(claims).ok());
    let (Ok(typ), Some(claims)) = (core::str::from_utf8(typ), claims.filter(Value::is_object)) else {
        return (payload.to_vec(), None);
    };
    (keys::token("one", &json!({"typ": typ}), &claims).into_bytes(), Some(claims))
}

fn check(said: &Said, keys: &KeySet, verified: &Grant) {
    let client = ClientAuthentication::Basic { id: CLIENT.into(), secret: Secret::new("secret".into()) };
    let (protocol, scopes): (_, &[&str]) = match said.letter {
        b'p' => (Protocol::PingFederate { client }, &[]),
        b'o' => (Protocol::OpenAm { token_in: TokenIn::Query }, &["scope"]),
        b'm' => (Protocol::Mule { token_in: TokenIn::Header, send_scopes: true }, &["scope"]),
        b'g' => (Protocol::GoogleTokenInfo, &["scope"]),
        b'u' => (Protocol::UserInfo, &[]),
        _ => (Protocol::Rfc7662 { client }, &["scope"]),
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let answers = Answers {
        aud_optional: !said.is_strict,
        iss_optional: !said.is_strict,
        scope_claims: owned(scopes),
        client_claims: owned(said.clients()),
    };
    let endpoint = Endpoint {
        protocol,
        uri: Uri::parse("https://idp.test/ask").expect("a URI"),
        cluster: "idp".into(),
        timeout: Duration::from_secs(1),
    };
    let (expect, now) = (expect(), UnixTime::from_secs(NOW));
    let keys =
        if said.letter == b's' { ReplyKeys::There(keys, &NoAccelerator) } else { ReplyKeys::NotExpected };
    let terms = Terms {
        issuer: IssuerId(0),
        expect: &expect,
        answers: &answers,
        verified: said.is_about_verified.then_some(verified),
        asked: now,
        now,
        keys,
    };
    let fields = [("content-type".to_owned(), said.kind.clone())];
    let reply = Reply::Answered(Answer { status: said.status, fields: &fields, body: &said.body });
    let word = understand(&endpoint, &reply, &terms);
    if let Word::Unknown(Silence::Unavailable(status)) = word {
        assert!(status >= 500 || status == 429);
    }
    match (said.expected(), &word) {
        (Expected::Good(good), Word::Active(grant)) => {
            assert!(grant.window().check(now).is_ok(), "good at once");
            good.check(grant);
        }
        (Expected::Inactive, Word::Refused(fault)) => assert_eq!(fault.code(), "token_inactive"),
        (Expected::LacksScope, Word::Refused(fault)) => assert_eq!(fault.code(), "scope_insufficient"),
        (Expected::Refused { or_unknown: _ }, Word::Refused(_))
        | (Expected::Refused { or_unknown: true }, Word::Unknown(_))
        | (Expected::Unknown, Word::Unknown(_))
        | (Expected::Anything, Word::Active(_) | Word::Refused(_)) => {}
        (expected, word) => panic!("{expected:?}, and not {word:?}"),
    }
}
