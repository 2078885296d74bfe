//! A canary in every claim, right and wrong, of a token that is verified here and of an issuer's answer: what is logged,
//! counted and answered has none of it. But for one thing: of a token that has ended, or that is not good yet, the line of
//! the debug log says when.

use std::rc::Rc;

use kit::canary::{Canary, tells_nothing};
use scopegate::base::time::UnixTime;
use scopegate::gate::{Event, Facts, Gate, RequestId, Step};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::backend::NoAccelerator;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use super::{DUMP, Heard, NOW, compile};

const WORD: &str = "canary-word-4711";
const NAME: &str = "canary-name-4711";
const ENDS: i64 = NOW + 4_711;
const MADE: i64 = NOW - 4_711;
const ENDED: i64 = NOW - 471_100;
const BEGINS: i64 = NOW + 471_100;

/// One rule for each way to be refused, and one that admits.
fn policy(key: &PrivateKey) -> Value {
    let rule = |path: &str, require: Value| json!({"name": path, "match": {"paths": [format!("/{path}")]}, "require": require});
    let introspection = json!({"protocol": "rfc7662", "uri": "https://idp.example.com/introspect", "cluster": "idp",
        "client": {"id": "gateway", "method": "none"}});
    json!({
        "issuers": {
            "corp": {"issuer": "https://idp.example.com", "audiences": ["orders-api"],
                "jwt": {"jwks": {"inline": {"keys": [key.jwk()]}}, "max_lifetime": "24h", "algorithms": ["HS256"], "clock_skew": "0s"}},
            "asked": {"audiences": ["orders-api"], "introspection": introspection},
        },
        "dpop": {},
        "rules": [
            rule("good", json!({"scopes": ["read"]})),
            rule("scope", json!({"scopes": ["write"]})),
            rule("client", json!({"clients": ["somebody"]})),
            rule("claim", json!({"claims": {"department": "sales"}})),
            rule("details", json!({"authorization_details": [{"type": "payment"}]})),
            rule("login", json!({"acr": ["gold"]})),
            rule("recent", json!({"max_age": "1m"})),
            rule("bound", json!({"proof": "dpop"})),
            rule("issuer", json!({"issuers": ["asked"], "scopes": ["write"]})),
        ],
        "upstream": {"filter_state": ["subject", "client", "issuer", "rule", "reason"]},
    })
}

const PATHS: [&str; 9] =
    ["good", "scope", "client", "claim", "details", "login", "recent", "bound", "issuer"];

/// A good token's claims, with a canary in each that may say what it likes.
fn good() -> Map<String, Value> {
    let claims = json!({
        "iss": "https://idp.example.com", "aud": ["orders-api", WORD], "sub": WORD, "client_id": WORD, "azp": WORD,
        "scope": format!("read {WORD}"), "jti": WORD, "exp": ENDS, "iat": MADE, "nbf": MADE, "auth_time": MADE,
        "acr": WORD, "amr": [WORD], "email": WORD, "department": WORD, "groups": [WORD], "username": WORD,
        "realm_access": {"roles": [WORD]}, "authorization_details": [{"type": WORD, "actions": [WORD]}],
        (NAME): {NAME: WORD},
    });
    claims.as_object().unwrap().clone()
}

/// The good claims, and what becomes of them when one is another.
fn all() -> Vec<Map<String, Value>> {
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims.insert(name.to_owned(), value);
        claims
    };
    let mut all = vec![
        good(),
        with("exp", json!(ENDED)),
        with("nbf", json!(BEGINS)),
        with("iat", json!(BEGINS)),
        with("exp", json!(BEGINS)),
        with("aud", json!(WORD)),
        with("cnf", json!({"jkt": WORD})),
        with("cnf", json!({"x5t#S256": WORD})),
        with("cnf", json!({NAME: WORD})),
        with("nonce", json!(WORD)),
        with("at_hash", json!(WORD)),
        with("c_hash", json!(WORD)),
        with("token_use", json!(WORD)),
        with("active", json!(false)),
    ];
    let names: Vec<_> =
        good().keys().cloned().chain(["cnf", "typ", "token_type", "active"].map(str::to_owned)).collect();
    for name in &names {
        let texts = [json!(WORD), json!([WORD]), json!({NAME: WORD}), json!([[WORD]])];
        let others = [json!(ENDED), json!(-ENDED), json!(null)];
        all.extend(texts.into_iter().chain(others).map(|wrong| with(name, wrong)));
    }
    all
}

/// Asks about each path with `token`; where its issuer is asked, that says `claims`.
fn judge(gate: &mut Gate, number: &mut u32, token: &str, claims: &Map<String, Value>) -> Heard {
    let (now, mut heard) = (UnixTime::from_secs(NOW), Heard::default());
    let mut said = Map::from_iter([("active".to_owned(), json!(true))]);
    said.extend(claims.clone());
    let body = Value::Object(said).to_string();
    for path in PATHS {
        *number += 1;
        let (path, bearer) = (format!("/{path}"), format!("Bearer {token}"));
        let fields = [
            (":method", "GET"),
            (":authority", "api.example.com"),
            (":path", &path),
            ("authorization", &bearer),
        ];
        let head = RequestHead::from_pairs(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        match gate.open(RequestId(*number), &head, &Facts::default(), now) {
            Step::Settle(verdict) => heard.verdict(&verdict),
            Step::Park => {
                for ask in gate.asks(now) {
                    let fields = [("content-type".to_owned(), b"application/json".to_vec())];
                    let answer = Answer { status: 200, fields: &fields, body: body.as_bytes() };
                    heard.woken(gate.answer(ask.id, &Reply::Answered(answer), now));
                }
            }
        }
        let events: Vec<Event> = gate.take_events();
        heard.events(events);
    }
    assert_eq!(gate.waiting(), 0);
    heard
}

#[test]
fn no_claim_is_told_but_the_time_at_which_a_token_ended_or_begins() {
    let key = PrivateKey::generate(Algorithm::Hs256, Some("one")).unwrap();
    let mut gate = Gate::new(Rc::new(compile(&policy(&key)).unwrap()), [7; 16], Rc::new(NoAccelerator));
    let words = [Canary::new("a claim", WORD), Canary::new("the name of a claim", NAME)];
    let [ends, made, ended, begins] =
        [ENDS, MADE, ENDED, BEGINS].map(|time| Canary::new("a time", time.to_string()));
    let (mut number, mut lines) = (0, Vec::new());
    for (index, claims) in all().iter().enumerate() {
        let signed = key.sign(&Map::new(), &Value::Object(claims.clone())).unwrap();
        for token in [signed, format!("opaque-{index}")] {
            lines.extend(judge(&mut gate, &mut number, &token, claims).0);
        }
    }
    for line in &lines {
        tells_nothing(&words, line, "what the gate says");
        // The times by which a grant is judged are no secret of a dump.
        if line.starts_with(DUMP) {
            continue;
        }
        tells_nothing([&ends, &made], line, "what the gate says");
        if !line.starts_with("token_expired ") {
            tells_nothing([&ended], line, "what the gate says");
        }
        if !line.starts_with("token_not_yet_valid ") {
            tells_nothing([&begins], line, "what the gate says");
        }
    }
    // Each way to be refused was gone, and the two exceptions are told as the manual says.
    for reason in [
        "admitted",
        "token_expired",
        "token_not_yet_valid",
        "lifetime_too_long",
        "audience_mismatch",
        "issuer_unknown",
        "issuer_not_allowed",
        "claim_malformed",
        "claim_missing",
        "type_not_allowed",
        "scope_insufficient",
        "client_not_allowed",
        "claim_mismatch",
        "authorization_details_insufficient",
        "authentication_too_weak",
        "authentication_too_old",
        "binding_unproven",
        "token_inactive",
        "issuer_misbehaved",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(reason)), "nobody was told {reason}");
    }
    let tells = |canary: &Canary, reason: &str| {
        lines.iter().any(|line| line.starts_with(reason) && canary.line_of(line).is_some())
    };
    assert!(tells(&ended, "token_expired ") && tells(&begins, "token_not_yet_valid "));
}
