//! An issuer that signs what it says about tokens (RFC 9701), and the engine that waits for its keys.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::{Ask, Facts, Gate, RequestId, Step};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::backend::NoAccelerator;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn gate(jwks: &Value) -> Gate {
    let document = json!({
        "issuers": {"idp": {
            "issuer": "https://idp.example.com",
            "audiences": "any",
            "jwt": {"jwks": jwks},
            "introspection": {
                "uri": "https://idp.example.com/introspect", "cluster": "idp",
                "client": {"id": "gw", "secret": "s"},
            },
        }},
        "rules": [{"name": "all", "require": {}}],
    });
    let policy = config::compile(&document, &|_| None).unwrap();
    Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator))
}

fn open(gate: &mut Gate, id: u32, token: &str) -> Step {
    let authorization = format!("Bearer {token}");
    let fields = [
        (":method", "GET"),
        (":authority", "api.example.com"),
        (":path", "/"),
        ("authorization", &authorization),
    ];
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    gate.open(RequestId(id), &RequestHead::from_pairs(fields), &Facts::default(), NOW)
}

fn signed(key: &PrivateKey) -> String {
    let header = Map::from_iter([("typ".to_owned(), json!("token-introspection+jwt"))]);
    let claims = json!({
        "iss": "https://idp.example.com", "aud": "gw", "iat": NOW.as_secs(), "exp": NOW.as_secs() + 60,
        "token_introspection": {"active": true, "iss": "https://idp.example.com", "sub": "alice"},
    });
    key.sign(&header, &claims).unwrap()
}

/// Answers `ask`; the reason of the verdict on the one request that waited for it, where one did.
fn answer(gate: &mut Gate, ask: &Ask, kind: &str, body: &str) -> Option<&'static str> {
    let fields = [("content-type".to_owned(), kind.as_bytes().to_vec())];
    let answer = Answer { status: 200, fields: &fields, body: body.as_bytes() };
    let woken = gate.answer(ask.id, &Reply::Answered(answer), NOW);
    woken.first().map(|woken| woken.verdict.note().reason)
}

const SIGNED: &str = "application/token-introspection+jwt";

#[test]
fn a_signed_answer_is_believed_with_the_keys_of_the_issuer() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut gate = gate(&json!({"inline": {"keys": [key.public_jwk()]}}));
    assert!(matches!(open(&mut gate, 1, "opaque"), Step::Park));
    let ask = gate.asks(NOW).remove(0);
    let accept = ask.callout.fields.expose().iter().find(|(name, _)| *name == "accept").cloned();
    assert_eq!(accept.unwrap().1, format!("{SIGNED}, application/json"));
    assert_eq!(answer(&mut gate, &ask, SIGNED, &signed(&key)), Some("admitted"));
    let stranger = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    assert!(matches!(open(&mut gate, 2, "another"), Step::Park));
    let ask = gate.asks(NOW).remove(0);
    assert_eq!(answer(&mut gate, &ask, SIGNED, &signed(&stranger)), Some("issuer_misbehaved"));
}

#[test]
fn an_answer_whose_key_is_not_there_yet_is_an_outage_and_has_the_keys_fetched() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut gate = gate(&json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"}));
    assert!(matches!(open(&mut gate, 1, "opaque"), Step::Park));
    let ask = gate.asks(NOW).remove(0);
    assert_eq!(answer(&mut gate, &ask, SIGNED, &signed(&key)), Some("keys_unavailable"));
    let fetch = gate.asks(NOW).remove(0);
    assert_eq!(fetch.callout.path.expose(), "/jwks");
    let set = json!({"keys": [key.public_jwk()]}).to_string();
    assert_eq!(answer(&mut gate, &fetch, "application/json", &set), None);
    assert!(matches!(open(&mut gate, 2, "opaque"), Step::Park), "nothing was remembered");
    let ask = gate.asks(NOW).remove(0);
    assert_eq!(answer(&mut gate, &ask, SIGNED, &signed(&key)), Some("admitted"));

    let newer = PrivateKey::generate(Algorithm::Es256, Some("k2")).unwrap();
    assert!(matches!(open(&mut gate, 3, "another"), Step::Park));
    let ask = gate.asks(NOW).remove(0);
    assert_eq!(answer(&mut gate, &ask, SIGNED, &signed(&newer)), Some("keys_unavailable"));
    assert_eq!(gate.asks(NOW).remove(0).callout.path.expose(), "/jwks", "the key may be newer than the set");
}

#[test]
fn a_signed_answer_is_nobodys_access_token() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut gate = gate(&json!({"inline": {"keys": [key.public_jwk()]}}));
    match open(&mut gate, 1, &signed(&key)) {
        Step::Settle(verdict) => assert_eq!(verdict.note().reason, "type_not_allowed"),
        Step::Park => panic!("parked"),
    }
}
