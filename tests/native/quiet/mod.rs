//! Secrets stand in no debug dump, note, event, message or output of the tool. What Envoy shows is in `tests/envoy`.

mod claims;
mod tool;

use std::rc::Rc;

use kit::canary::{self, Canary, tells_nothing};
use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::{Ask, Event, Facts, Gate, RequestId, Step, Verdict, Woken};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::signing_key::SigningKey;
use scopegate::jose::verify::verify;
use scopegate::policy::Policy;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

const ENVIRONMENT: &str = "canary-environment-4711";
const INLINE: &str = "canary-inline-4711";
const BEARER: &str = "canary-bearer-4711";
const TOKEN: &str = "canary-token-4711";
const CLAIM: &str = "canary-claim-4711";
const REPLY: &str = "canary-reply-4711";
/// What the text of a shared key is in base64url.
const SHARED: &str = "canary-shared-4711-canary-shared-4711";
const NOW: i64 = 1_760_000_000;

/// A policy with a secret in every place that takes one.
struct Planted {
    policy: Value,
    signing: PrivateKey,
    assertion: PrivateKey,
    canaries: Vec<Canary>,
}

fn planted() -> Planted {
    let signing = PrivateKey::generate(Algorithm::Es256, Some("one")).unwrap();
    let assertion = PrivateKey::generate(Algorithm::Es256, Some("gw")).unwrap();
    let shared = json!({"kty": "oct", "kid": "shared", "k": scopegate::base::base64url::encode(SHARED)});
    let ask = |client: Value| {
        json!({"audiences": "any", "introspection": {
            "protocol": "rfc7662", "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": client}})
    };
    let policy = json!({
        "issuers": {
            "corp": {"issuer": "https://idp.example.com", "audiences": "any", "jwt": {
                "jwks": {"inline": {"keys": [signing.public_jwk(), shared]}}, "algorithms": ["ES256", "HS256"]}},
            "env": ask(json!({"id": "gateway", "secret": {"env": "IDP_SECRET"}, "method": "basic"})),
            "inline": ask(json!({"id": "gateway", "secret": INLINE, "method": "post"})),
            "bearer": ask(json!({"secret": BEARER, "method": "bearer"})),
            "assertion": ask(json!({"id": "gateway", "method": "private_key_jwt", "key": assertion.jwk(),
                "alg": "ES256", "audience": "https://idp.example.com"})),
        },
        "token": {"from": [{"header": "authorization", "scheme": "Bearer"}, {"query": "access_token"}, {"cookie": "session"}]},
        "dpop": {},
        "rules": [{"name": "all", "match": {"paths": ["/**"]}, "require": {"scopes": ["read"]}}],
    });
    let d = |key: &PrivateKey| key.jwk()["d"].as_str().unwrap().to_owned();
    let canaries = vec![
        Canary::new("the secret of the environment", ENVIRONMENT),
        Canary::new("the secret of the policy", INLINE),
        Canary::new("our own token", BEARER),
        Canary::new("the shared key", "canary-shared"),
        Canary::within("the private key", &d(&assertion)),
        Canary::within("the signer's private key", &d(&signing)),
        Canary::new("a token", TOKEN),
        Canary::new("a claim", CLAIM),
        Canary::new("a reply", REPLY),
    ];
    Planted { policy, signing, assertion, canaries }
}

fn environment(name: &str) -> Option<String> {
    (name == "IDP_SECRET").then(|| ENVIRONMENT.to_owned())
}

fn compile(policy: &Value) -> Result<Policy, Vec<String>> {
    let compiled = config::compile(policy, &environment);
    compiled.map_err(|problems| problems.iter().map(|problem| format!("{problem} {problem:?}")).collect())
}

fn token(key: &PrivateKey, more: &[(&str, Value)]) -> String {
    let mut claims = json!({"iss": "https://idp.example.com", "iat": NOW, "exp": NOW + 60, "scope": "read", "email": CLAIM});
    for (name, value) in more {
        claims[*name] = value.clone();
    }
    key.sign(&Map::new(), &claims).unwrap()
}

#[test]
fn the_search_finds_what_it_looks_for() {
    canary::canaries_are_found_in_every_form();
}

#[test]
fn a_debug_dump_shows_no_secret_of_a_policy_or_a_key() {
    let Planted { policy, signing, assertion, canaries } = planted();
    let compiled = compile(&policy).unwrap();
    let mut dumps = vec![format!("{compiled:?}"), format!("{compiled:#?}")];
    assert!(dumps[0].contains("gateway") && dumps[0].contains("corp"), "{}", dumps[0]);
    let document = policy["issuers"]["corp"]["jwt"]["jwks"]["inline"].clone();
    let (keys, _) = KeySet::parse(document.as_object().unwrap(), Origin::Inline).unwrap();
    let key = SigningKey::from_jwk(assertion.jwk().as_object().unwrap(), Algorithm::Es256).unwrap();
    dumps.extend([format!("{keys:?}"), format!("{key:?}"), format!("{:?}", key.material())]);
    let token = token(&signing, &[]);
    let unverified = Unverified::parse(token.as_bytes()).unwrap();
    dumps.push(format!("{unverified:?}"));
    let verified = verify(unverified, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).unwrap();
    dumps.extend([format!("{verified:?}"), format!("{:?}", verified.get())]);
    let signature = Canary::within("the signature", token.rsplit('.').next().unwrap());
    for dump in &dumps {
        tells_nothing(canaries.iter().chain([&signature]), dump, "a debug dump");
    }
}

/// What no log has: a dump of what a verdict knows.
const DUMP: &str = "dump: ";

/// Everything that comes out of a gate and has words in it.
#[derive(Default)]
struct Heard(Vec<String>);

impl Heard {
    fn verdict(&mut self, verdict: &Verdict) {
        let note = verdict.note();
        self.0.push(format!("{} {:?} {:?} {}", note.reason, note.rule, note.issuer, note.detail));
        self.0.push(format!("{DUMP}{:?}", note.grant()));
        match verdict {
            Verdict::Refuse { response, .. } => self.0.push(format!("{response:?}")),
            Verdict::Admit { edits, .. } => self.0.push(format!("{:?} {:?}", edits.remove, edits.set)),
        }
    }

    fn woken(&mut self, woken: Vec<Woken>) {
        woken.iter().for_each(|woken| self.verdict(&woken.verdict));
    }

    fn events(&mut self, events: Vec<Event>) {
        self.0.extend(events.iter().map(|event| format!("{event} {event:?}")));
    }
}

/// What an issuer may say, with a canary in each part that has words.
fn replies() -> Vec<(u16, &'static str, String)> {
    let json = "application/json";
    vec![
        (200, json, json!({"active": true, "scope": "read", "email": CLAIM}).to_string()),
        (200, json, json!({"active": true, "scope": REPLY}).to_string()),
        (200, json, json!({"active": REPLY}).to_string()),
        (200, json, json!({"active": true, "exp": REPLY}).to_string()),
        (200, json, json!({"active": true, "iss": REPLY, "aud": REPLY, "scope": 7}).to_string()),
        (200, json, json!({"active": false, "error_description": REPLY}).to_string()),
        (200, json, REPLY.to_owned()),
        (200, json, format!("{{\"active\": true, \"{REPLY}\": 1, \"{REPLY}\": 2}}")),
        (200, "text/html", REPLY.to_owned()),
        (200, REPLY, REPLY.to_owned()),
        (401, json, json!({"error": REPLY}).to_string()),
        (500, json, REPLY.to_owned()),
    ]
}

/// Answers every question until there is none; what was asked, as it was sent.
fn answer_all(gate: &mut Gate, reply: &(u16, &str, String), heard: &mut Heard) -> String {
    let now = UnixTime::from_secs(NOW);
    let mut sent = String::new();
    for _ in 0..16 {
        let asks = gate.asks(now);
        for Ask { id, callout } in &asks {
            heard.0.push(format!("{callout:?}"));
            sent += &format!(
                "{} {:?} {}\n",
                callout.path.expose(),
                callout.fields.expose(),
                callout.body.expose()
            );
            let fields = [
                ("content-type".to_owned(), reply.1.as_bytes().to_vec()),
                ("www-authenticate".to_owned(), REPLY.as_bytes().to_vec()),
            ];
            let answer = Answer { status: reply.0, fields: &fields, body: reply.2.as_bytes() };
            heard.woken(gate.answer(*id, &Reply::Answered(answer), now));
        }
        heard.0.push(format!("{asks:?}"));
        heard.events(gate.take_events());
    }
    assert_eq!(gate.waiting(), 0);
    sent
}

#[test]
fn no_verdict_note_or_event_tells_a_secret() {
    let Planted { policy, signing, canaries, .. } = planted();
    let mut gate = Gate::new(Rc::new(compile(&policy).unwrap()), [7; 16], Rc::new(NoAccelerator));
    let (mut heard, mut sent, mut id) = (Heard::default(), String::new(), 0);
    let mut open = |gate: &mut Gate, heard: &mut Heard, fields: &[(&str, String)]| {
        id += 1;
        let base = [(":method", "GET"), (":authority", "api.example.com"), (":path", "/")];
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = base.into_iter().chain(fields).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        match gate.open(
            RequestId(id),
            &RequestHead::from_pairs(fields),
            &Facts::default(),
            UnixTime::from_secs(NOW),
        ) {
            Step::Settle(verdict) => heard.verdict(&verdict),
            Step::Park => {}
        }
    };
    for (number, reply) in replies().iter().enumerate() {
        open(&mut gate, &mut heard, &[("authorization", format!("Bearer {TOKEN}-{number}"))]);
        sent += &answer_all(&mut gate, reply, &mut heard);
    }
    let good = token(&signing, &[]);
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    for fields in [
        vec![bearer(&good)],
        vec![bearer(&token(&signing, &[("scope", json!(CLAIM))]))],
        vec![bearer(&token(&signing, &[("exp", json!(CLAIM))]))],
        vec![bearer(&token(&signing, &[("nbf", json!([CLAIM]))]))],
        vec![bearer(&token(&signing, &[("iss", json!(CLAIM))]))],
        vec![bearer(&format!("{good}{TOKEN}"))],
        vec![bearer(&good), bearer(TOKEN)],
        vec![("authorization", format!("Bearer {TOKEN} {TOKEN}"))],
        vec![("authorization", format!("Basic {TOKEN}")), ("dpop", TOKEN.to_owned())],
        vec![("authorization", format!("DPoP {TOKEN}")), ("dpop", TOKEN.to_owned())],
        vec![(":path", format!("/?access_token={TOKEN}&access_token={TOKEN}"))],
        vec![(":path", format!("/../{TOKEN}"))],
        vec![("cookie", format!("session={TOKEN}; session={TOKEN}"))],
    ] {
        open(&mut gate, &mut heard, &fields);
        answer_all(&mut gate, &(503, "text/plain", REPLY.to_owned()), &mut heard);
    }
    // Every secret was in use: the issuers were shown it, or a token was verified with its help.
    let env = Canary::new("", ENVIRONMENT);
    assert!(
        env.line_of(&sent).is_some()
            && sent.contains(INLINE)
            && sent.contains(BEARER)
            && sent.contains(TOKEN)
    );
    assert!(sent.contains("client_assertion="), "{sent}");
    assert!(heard.0.iter().any(|line| line.starts_with("admitted")), "{:#?}", heard.0);
    assert!(heard.0.len() > 100, "only {} lines were heard", heard.0.len());
    for line in &heard.0 {
        tells_nothing(&canaries, line, "what the gate says");
    }
}

/// Every place in `value` that can be changed without touching a secret, as JSON pointers.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let secret = value.as_str().is_some_and(|text| text == INLINE || text == BEARER);
    if !secret {
        found.push(here.to_owned());
    }
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{here}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| places(value, &format!("{here}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_problem_of_a_policy_tells_a_secret_that_stands_in_it() {
    let Planted { policy, canaries, .. } = planted();
    let mut all = Vec::new();
    places(&policy, "", &mut all);
    let (mut refused, mut changed) = (0, 0);
    let mut hear = |policy: &Value| {
        changed += 1;
        for problem in compile(policy).err().into_iter().flatten() {
            tells_nothing(&canaries, &problem, "a problem of a policy");
            refused += 1;
        }
    };
    for place in &all {
        for other in [
            json!(null),
            json!(7),
            json!(""),
            json!([]),
            json!({}),
            json!(["x"]),
            json!({"x": 1}),
            json!("x y\n"),
        ] {
            let mut broken = policy.clone();
            *broken.pointer_mut(place).unwrap() = other;
            hear(&broken);
        }
        // What stands there goes by another name.
        if let Some((parent, name)) = place.rsplit_once('/') {
            let mut broken = policy.clone();
            if let Some(Value::Object(members)) = broken.pointer_mut(parent) {
                let value = members.remove(name).unwrap();
                members.insert(format!("{name}x"), value);
                hear(&broken);
            }
        }
    }
    // A secret of the wrong kind, or in a list or an object that should not be there.
    for place in
        ["/issuers/inline/introspection/client/secret", "/issuers/assertion/introspection/client/key"]
    {
        for other in [
            json!([INLINE]),
            json!({"value": INLINE}),
            json!({"env": format!("{INLINE}=")}),
            json!({"kty": "EC", "d": INLINE}),
        ] {
            let mut broken = policy.clone();
            *broken.pointer_mut(place).unwrap() = other;
            hear(&broken);
        }
    }
    assert!(changed > 500 && refused > 500, "{changed} changes, {refused} problems");
}
