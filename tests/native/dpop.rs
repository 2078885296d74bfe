//! Tokens that are bound to a key (RFC 9449), before the whole engine: what is admitted, what a thief cannot do, and
//! what a client is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{Facts, Gate, RequestId, Step, Verdict};
use scopegate::http::head::RequestHead;
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::backend::NoAccelerator;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

const NOW: i64 = 1_760_000_000;
const URI: &str = "https://api.example.com/orders";

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// An issuer, two clients' keys, and requests.
struct World {
    issuer: PrivateKey,
    client: PrivateKey,
    thief: PrivateKey,
    policy: Value,
    next: Cell<u32>,
}

impl World {
    fn new() -> Self {
        let issuer = PrivateKey::generate(Algorithm::Es256, Some("idp")).unwrap();
        let policy = json!({
            "issuers": {"idp": {
                "issuer": "https://idp.example.com",
                "audiences": "any",
                "jwt": {"jwks": {"inline": {"keys": [issuer.public_jwk()]}}},
            }},
            "dpop": {},
            "rules": [
                {"name": "bound", "match": {"paths": ["/bound"]}, "require": {"proof": "dpop"}},
                {"name": "certified", "match": {"paths": ["/certified"]}, "require": {"proof": "mtls"}},
                {"name": "greeting", "match": {"paths": ["/hello"]}, "access": "optional"},
                {"name": "writing", "match": {"methods": ["PUT"]}, "require": {"scopes": ["write"]}},
                {"name": "orders", "require": {"scopes": ["read"]}},
            ],
        });
        let key = |algorithm| PrivateKey::generate(algorithm, None).unwrap();
        let (client, thief) = (key(Algorithm::Es256), key(Algorithm::Es256));
        Self { issuer, client, thief, policy, next: Cell::new(0) }
    }

    fn gate(&self) -> Gate {
        let policy = config::compile(&self.policy, &|_| None).unwrap();
        Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator))
    }

    fn token(&self, cnf: Value) -> String {
        let claims =
            json!({"iss": "https://idp.example.com", "exp": NOW + 3600, "scope": "read", "cnf": cnf});
        let mut claims = object(claims);
        claims.retain(|_, value| !value.is_null());
        self.issuer.sign(&Map::new(), &Value::Object(claims)).unwrap()
    }

    fn bound(&self) -> String {
        self.token(json!({"jkt": self.client.thumbprint().unwrap()}))
    }

    fn proof(&self, token: &str) -> String {
        self.proof_with(token, json!({}), json!({}))
    }

    /// A proof for `GET` of [`URI`] at `NOW`, with these members of header and claims.
    fn proof_with(&self, token: &str, header: Value, claims: Value) -> String {
        let subject = Subject { method: "GET", uri: URI, token, now: at(0) };
        self.client.proof(&subject, &object(header), &object(claims)).unwrap()
    }

    fn send(&self, gate: &mut Gate, fields: &[(&str, &str)], now: UnixTime) -> Verdict {
        let base = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "api.example.com"),
            (":path", "/orders"),
        ];
        let fields = base.iter().chain(fields).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.next.set(self.next.get() + 1);
        let head = RequestHead::from_pairs(fields);
        let tls = || head.scheme == b"https";
        let facts = Facts { tls: Some(&tls), ..Facts::default() };
        match gate.open(RequestId(self.next.get()), &head, &facts, now) {
            Step::Settle(verdict) => verdict,
            Step::Park => panic!("parked"),
        }
    }

    /// The reason for a request with a token and its proof, at `NOW`.
    fn judged(&self, gate: &mut Gate, token: &str, proof: &str) -> &'static str {
        self.send(gate, &[("authorization", &format!("DPoP {token}")), ("dpop", proof)], at(0)).note().reason
    }
}

fn detail(verdict: &Verdict) -> &str {
    &verdict.note().detail
}

/// Status, challenges and nonce of a refusal.
fn told(verdict: &Verdict) -> (u16, Vec<&str>, Option<&str>) {
    let Verdict::Refuse { response, .. } = verdict else { panic!("admitted") };
    let values = |wanted: &str| {
        let fields = response.fields.iter().filter(move |(name, _)| *name == wanted);
        fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    (response.status, values("www-authenticate"), values("dpop-nonce").first().copied())
}

#[test]
fn a_bound_token_is_good_with_a_proof() {
    let world = World::new();
    let mut gate = world.gate();
    let token = world.bound();
    let proof = world.proof(&token);
    let fields = [("authorization", format!("dpop {token}")), ("dpop", proof)];
    let verdict =
        world.send(&mut gate, &fields.each_ref().map(|(name, value)| (*name, value.as_str())), at(0));
    let Verdict::Admit { edits, note, .. } = verdict else { panic!("refused") };
    assert_eq!((note.reason, edits.remove), ("admitted", vec!["authorization".into(), "dpop".into()]));
}

#[test]
fn every_algorithm_that_is_allowed_makes_proofs() {
    let mut world = World::new();
    let asymmetric = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"];
    world.policy["dpop"] = json!({"algorithms": asymmetric});
    for name in asymmetric {
        world.client = PrivateKey::generate(Algorithm::from_name(name).unwrap(), None).unwrap();
        let token = world.bound();
        assert_eq!(world.judged(&mut world.gate(), &token, &world.proof(&token)), "admitted", "{name}");
    }
    world.policy["dpop"] = json!({"algorithms": ["ES256"]});
    let token = world.bound();
    assert_eq!(world.judged(&mut world.gate(), &token, &world.proof(&token)), "proof_invalid");
}

#[test]
fn a_proof_is_good_once() {
    let world = World::new();
    let mut gate = world.gate();
    let token = world.bound();
    let proof = world.proof(&token);
    assert_eq!(world.judged(&mut gate, &token, &proof), "admitted");
    assert_eq!(world.judged(&mut gate, &token, &proof), "proof_replayed");
    let same_id = world.proof_with(&token, json!({}), json!({"jti": "one", "iat": NOW - 1}));
    let again = world.proof_with(&token, json!({}), json!({"jti": "one", "iat": NOW}));
    assert_eq!(world.judged(&mut gate, &token, &same_id), "admitted");
    assert_eq!(world.judged(&mut gate, &token, &again), "proof_replayed", "whatever else is in it");
    let other_token = world.token(json!({"jkt": world.client.thumbprint().unwrap(), "x": 1}));
    let again = world.proof_with(&other_token, json!({}), json!({"jti": "one"}));
    assert_eq!(world.judged(&mut gate, &other_token, &again), "proof_replayed", "with whatever token");
    assert_eq!(world.judged(&mut gate, &token, &world.proof(&token)), "admitted");
}

/// A proof is known by its key, its `jti` and its target, each of them whole.
#[test]
fn a_proof_uses_up_none_of_another_client_another_name_or_another_target() {
    let world = World::new();
    let mut gate = world.gate();
    let send = |gate: &mut Gate, client: &PrivateKey, path: &str, id: &str| {
        let token = world.token(json!({"jkt": client.thumbprint().unwrap()}));
        let uri = format!("https://api.example.com{path}");
        let subject = Subject { method: "GET", uri: &uri, token: &token, now: at(0) };
        let proof = client.proof(&subject, &Map::new(), &object(json!({"jti": id}))).unwrap();
        let authorization = format!("DPoP {token}");
        let fields = [(":path", path), ("authorization", &authorization), ("dpop", &proof)];
        world.send(gate, &fields, at(0)).note().reason
    };
    let all: Vec<_> = [&world.client, &world.thief]
        .into_iter()
        .flat_map(|client| ["/orders", "/orders/1"].map(|path| (client, path)))
        .flat_map(|(client, path)| ["one", "One", "onehttps://api.example.com"].map(|id| (client, path, id)))
        .collect();
    for due in ["admitted", "proof_replayed"] {
        for (client, path, id) in &all {
            assert_eq!(send(&mut gate, client, path, id), due, "{path} {id}");
        }
    }
}

#[test]
fn only_what_is_admitted_uses_a_proof_up() {
    let world = World::new();
    let mut gate = world.gate();
    let token = world.bound();
    let proof = world.proof_with(&token, json!({}), json!({"htm": "PUT"}));
    let authorization = format!("DPoP {token}");
    let put = [(":method", "PUT"), ("authorization", authorization.as_str()), ("dpop", &proof)];
    for _ in 0..2 {
        assert_eq!(world.send(&mut gate, &put, at(0)).note().reason, "scope_insufficient");
    }
}

/// What somebody does who has seen a token, and proofs, and requests, and has a key of their own.
#[test]
fn a_thief_gets_nowhere() {
    let world = World::new();
    let mut gate = world.gate();
    let (token, other) =
        (world.bound(), world.token(json!({"jkt": world.client.thumbprint().unwrap(), "x": 1})));
    let subject = Subject { method: "GET", uri: URI, token: &token, now: at(0) };
    let own = world.thief.proof(&subject, &Map::new(), &Map::new()).unwrap();
    assert_eq!(world.judged(&mut gate, &token, &own), "binding_unproven", "a proof of another key");
    let swapped = object(json!({"jwk": world.client.public_jwk()}));
    let swapped = world.thief.proof(&subject, &swapped, &Map::new()).unwrap();
    assert_eq!(world.judged(&mut gate, &token, &swapped), "proof_invalid", "another's key put in");
    assert_eq!(
        world.judged(&mut gate, &token, &world.proof(&other)),
        "proof_invalid",
        "a proof for another token"
    );
    let bearer = format!("Bearer {token}");
    let verdict = world.send(&mut gate, &[("authorization", &bearer), ("dpop", &world.proof(&token))], at(0));
    assert_eq!(verdict.note().reason, "binding_unproven", "a bound token as bearer token");
    let dpop = format!("DPoP {token}");
    assert_eq!(world.send(&mut gate, &[("authorization", &dpop)], at(0)).note().reason, "binding_unproven");
    for cnf in [json!(null), json!({"x5t#S256": "A".repeat(43)}), json!({"jkt": 7})] {
        let unbound = world.token(cnf.clone());
        let reason = world.judged(&mut gate, &unbound, &world.proof(&unbound));
        assert_eq!(reason, "binding_unproven", "a token that is not bound to the key: {cnf}");
    }
    let proof = world.proof(&token);
    let (head, signature) = proof.rsplit_once('.').unwrap();
    for broken in [
        format!("{head}."),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        format!("{proof}.a"),
        "a".repeat(9000),
    ] {
        assert_eq!(world.judged(&mut gate, &token, &broken), "proof_invalid");
    }
    let two = [("authorization", dpop.as_str()), ("dpop", &proof), ("dpop", &proof)];
    assert_eq!(world.send(&mut gate, &two, at(0)).note().reason, "proof_invalid");
    assert_eq!(world.judged(&mut gate, &token, &proof), "admitted", "and none of this used the proof up");
}

#[test]
fn a_proof_says_what_it_has_to_say() {
    let world = World::new();
    let mut gate = world.gate();
    let token = world.bound();
    let private = world.client.jwk();
    for (header, claims, problem) in [
        (json!({"typ": null}), json!({}), "its typ is not dpop+jwt"),
        (json!({"typ": "JWT"}), json!({}), "its typ is not dpop+jwt"),
        (json!({"typ": "at+jwt"}), json!({}), "its typ is not dpop+jwt"),
        (json!({"alg": "none"}), json!({}), "the algorithm is not allowed"),
        (json!({"alg": "HS256"}), json!({}), "the algorithm is not allowed"),
        (json!({"alg": "RS256"}), json!({}), "the algorithm is not allowed"),
        (json!({"crit": ["b64"]}), json!({}), "the header demands an extension that is not understood"),
        (json!({"jwk": null}), json!({}), "its header carries no key"),
        (
            json!({"jwk": private}),
            json!({}),
            "the key has private members; publish the public half only, and replace the key",
        ),
        (json!({}), json!({"htm": "POST"}), "its htm is not the method"),
        (json!({}), json!({"htm": "get"}), "its htm is not the method"),
        (json!({}), json!({"htm": null}), "its htm is not the method"),
        (json!({}), json!({"htu": "http://api.example.com/orders"}), "its htu is not the URI of the request"),
        (
            json!({}),
            json!({"htu": "https://api.example.com/orders/7"}),
            "its htu is not the URI of the request",
        ),
        (
            json!({}),
            json!({"htu": "https://api.example.com:8443/orders"}),
            "its htu is not the URI of the request",
        ),
        (
            json!({}),
            json!({"htu": "https://evil.example.com/orders"}),
            "its htu is not the URI of the request",
        ),
        (json!({}), json!({"htu": "/orders"}), "its htu is not the URI of the request"),
        (json!({}), json!({"htu": null}), "its htu is not the URI of the request"),
        (json!({}), json!({"htu": [URI]}), "its htu is not the URI of the request"),
        (json!({}), json!({"ath": null}), "its ath is not the hash of the token"),
        (json!({}), json!({"jti": null}), "it has no jti, or one that is empty or too long"),
        (json!({}), json!({"jti": ""}), "it has no jti, or one that is empty or too long"),
        (json!({}), json!({"jti": 7}), "it has no jti, or one that is empty or too long"),
        (json!({}), json!({"jti": "x".repeat(257)}), "it has no jti, or one that is empty or too long"),
        (json!({}), json!({"iat": null}), "it has no iat, or one that is no time"),
        (json!({}), json!({"iat": NOW.to_string()}), "it has no iat, or one that is no time"),
        (json!({}), json!({"iat": NOW - 65}), "its iat is too long ago"),
        (json!({}), json!({"iat": NOW + 6}), "its iat is in the future"),
        (json!({}), json!({"iat": 1e300}), "it has no iat, or one that is no time"),
    ] {
        let proof = world.proof_with(&token, header.clone(), claims.clone());
        let fields = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
        let verdict =
            world.send(&mut gate, &fields.each_ref().map(|(name, value)| (*name, value.as_str())), at(0));
        assert_eq!(verdict.note().reason, "proof_invalid", "{header} {claims}");
        assert_eq!(detail(&verdict), format!("the proof is not good: {problem}"), "{header} {claims}");
        let status_and_error =
            (told(&verdict).0, told(&verdict).1[0].contains("error=\"invalid_dpop_proof\""));
        assert_eq!(status_and_error, (401, true));
    }
    for (header, claims) in [
        (json!({"typ": "application/DPoP+JWT"}), json!({})),
        (
            json!({"kid": "mine", "x5u": "https://evil.example.com"}),
            json!({"extra": {"a": 1}, "nonce": "unasked"}),
        ),
        (json!({}), json!({"htu": "HTTPS://API.example.com:443/%6frders?page=2#top"})),
        (json!({}), json!({"iat": NOW - 64})),
        (json!({}), json!({"iat": NOW + 5})),
        (json!({}), json!({"iat": NOW as f64 + 0.5, "jti": "x".repeat(256)})),
    ] {
        let proof = world.proof_with(&token, header.clone(), claims.clone());
        assert_eq!(world.judged(&mut gate, &token, &proof), "admitted", "{header} {claims}");
    }
}

#[test]
fn the_query_of_a_request_is_its_own_affair() {
    let world = World::new();
    let mut gate = world.gate();
    let token = world.bound();
    let dpop = format!("DPoP {token}");
    let with_query = [(":path", "/orders?page=2"), ("authorization", &dpop), ("dpop", &world.proof(&token))];
    assert_eq!(world.send(&mut gate, &with_query, at(0)).note().reason, "admitted");
}

#[test]
fn a_proxy_in_front_changes_nothing_unless_the_policy_says_so() {
    let mut world = World::new();
    let token = world.bound();
    let dpop = format!("DPoP {token}");
    let behind = |world: &World, authority: &str| {
        let proof = world.proof(&token);
        let fields = [
            (":scheme", "http"),
            (":authority", authority),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "api.example.com"),
            ("forwarded", "proto=https;host=api.example.com"),
            ("authorization", &dpop),
            ("dpop", &proof),
        ];
        world.send(&mut world.gate(), &fields, at(0)).note().reason
    };
    assert_eq!(behind(&world, "api.example.com"), "proof_invalid");
    assert_eq!(behind(&world, "api.internal:8080"), "proof_invalid");
    world.policy["dpop"] = json!({"scheme": "https"});
    assert_eq!(behind(&world, "api.example.com"), "admitted");
    assert_eq!(behind(&world, "api.internal:8080"), "proof_invalid");
    world.policy["dpop"] = json!({"origins": {"api.internal": "https://api.example.com"}});
    assert_eq!(behind(&world, "api.internal:8080"), "admitted");
    assert_eq!(behind(&world, "api.example.com"), "proof_invalid");
}

const BEARER: &str = r#"Bearer realm="api.example.com""#;
const DPOP: &str = r#"DPoP realm="api.example.com""#;
const ALGS: &str = r#"algs="RS256 PS256 ES256 EdDSA""#;

#[test]
fn a_client_is_told_by_which_schemes_it_may_come() {
    let world = World::new();
    let mut gate = world.gate();
    let (token, unbound) = (world.bound(), world.token(json!(null)));
    let bearer = |token: &str| format!("Bearer {token}");
    let plain_dpop = format!("{DPOP}, {ALGS}");
    let mut tell = |path: &str, credential: Option<&str>, proof: Option<&str>| {
        let mut fields = vec![(":path", path)];
        fields.extend(credential.map(|credential| ("authorization", credential)));
        fields.extend(proof.map(|proof| ("dpop", proof)));
        let verdict = world.send(&mut gate, &fields, at(0));
        let (status, challenges, nonce) = told(&verdict);
        assert_eq!(nonce, None);
        (verdict.note().reason, status, challenges.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    // Nothing is wrong yet: no error (RFC 6750 section 3).
    assert_eq!(
        tell("/orders", None, None),
        ("token_missing", 401, vec![BEARER.to_owned(), plain_dpop.clone()])
    );
    assert_eq!(tell("/bound", None, None), ("token_missing", 401, vec![plain_dpop.clone()]));
    assert_eq!(tell("/certified", None, None), ("token_missing", 401, vec![BEARER.to_owned()]));
    // What is wrong is said in the scheme that was tried.
    let (reason, status, challenges) = tell("/orders", Some("Bearer garbage"), None);
    assert_eq!((reason, status, challenges.len()), ("token_malformed", 401, 2));
    assert!(
        challenges[0].starts_with(&format!(r#"{BEARER}, error="invalid_token""#))
            && challenges[1] == plain_dpop
    );
    let (reason, status, challenges) = tell("/orders", Some("DPoP garbage"), None);
    assert_eq!((reason, status, challenges.len()), ("token_malformed", 401, 1));
    assert!(
        challenges[0].starts_with(&format!(r#"{DPOP}, error="invalid_token""#))
            && challenges[0].ends_with(ALGS)
    );
    // A bearer token is not what helps where a key is at stake.
    for (path, credential) in
        [("/orders", bearer(&token)), ("/bound", bearer(&token)), ("/bound", bearer(&unbound))]
    {
        let (reason, status, challenges) = tell(path, Some(&credential), None);
        assert_eq!((reason, status, challenges.len()), ("binding_unproven", 401, 1), "{path}");
        assert!(challenges[0].starts_with(&format!(r#"{DPOP}, error="invalid_token""#)), "{challenges:?}");
    }
    // Another scheme widens nothing.
    let proof = world.proof_with(&token, json!({}), json!({"htm": "PUT"}));
    let fields = [(":method", "PUT"), ("authorization", &format!("DPoP {token}")), ("dpop", &proof)];
    let verdict = world.send(&mut world.gate(), &fields, at(0));
    let (status, challenges, _) = told(&verdict);
    assert_eq!((status, challenges.len()), (403, 1));
    assert!(challenges[0].starts_with(&format!(r#"{DPOP}, error="insufficient_scope", scope="write""#)));
    let fields = [(":method", "PUT"), ("authorization", bearer(&unbound).as_str())]
        .map(|(name, value)| (name, value.to_owned()));
    let verdict =
        world.send(&mut world.gate(), &fields.each_ref().map(|(name, value)| (*name, value.as_str())), at(0));
    let (_, challenges, _) = told(&verdict);
    assert!(challenges.len() == 1 && challenges[0].starts_with(BEARER), "{challenges:?}");
    // One that is bound to a certificate is bound to no key.
    let certified = bearer(&world.token(json!({"x5t#S256": "A".repeat(43)})));
    let (reason, _, challenges) = tell("/orders", Some(&certified), None);
    assert_eq!((reason, challenges.len()), ("binding_unproven", 2), "{challenges:?}");
}

#[test]
fn where_no_place_takes_a_bearer_token_none_is_offered() {
    let mut world = World::new();
    let told_at = |world: &World| {
        let verdict = world.send(&mut world.gate(), &[], at(0));
        told(&verdict).1.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    world.policy["token"] = json!({"from": [{"header": "authorization", "scheme": "DPoP"}]});
    assert_eq!(told_at(&world), [format!("{DPOP}, {ALGS}")]);
    world.policy["token"] = json!({"from": [{"cookie": "session"}]});
    assert_eq!(told_at(&world), [BEARER.to_owned(), format!("{DPOP}, {ALGS}")], "a cookie takes any token");
}

#[test]
fn without_dpop_in_the_policy_nothing_is_said_of_it() {
    let mut world = World::new();
    world.policy.as_object_mut().unwrap().remove("dpop");
    world.policy["rules"].as_array_mut().unwrap().remove(0);
    let mut gate = world.gate();
    let token = world.bound();
    let fields = [("authorization", format!("DPoP {token}")), ("dpop", world.proof(&token))];
    let verdict =
        world.send(&mut gate, &fields.each_ref().map(|(name, value)| (*name, value.as_str())), at(0));
    assert_eq!((verdict.note().reason, told(&verdict)), ("token_missing", (401, vec![BEARER], None)));
    let verdict = world.send(&mut gate, &[("authorization", &format!("Bearer {token}"))], at(0));
    assert_eq!(verdict.note().reason, "binding_unproven");
}

#[test]
fn a_proof_may_have_to_hold_a_nonce() {
    let mut world = World::new();
    world.policy["dpop"] = json!({"nonce": "required", "proof_lifetime": "10m"});
    let mut gate = world.gate();
    let token = world.bound();
    let dpop = format!("DPoP {token}");
    let mut send = |claims: Value, now: UnixTime| {
        let fields =
            [("authorization", dpop.as_str()), ("dpop", &world.proof_with(&token, json!({}), claims))];
        let verdict = world.send(&mut gate, &fields, now);
        let nonce = match &verdict {
            Verdict::Refuse { .. } => told(&verdict).2.map(str::to_owned),
            Verdict::Admit { .. } => None,
        };
        (verdict.note().reason, nonce)
    };
    let (reason, nonce) = send(json!({}), at(0));
    assert_eq!(reason, "proof_nonce_missing");
    let nonce = nonce.unwrap();
    for wrong in [json!("x"), json!(""), json!(7), json!([nonce]), json!(format!("{nonce}="))] {
        assert_eq!(
            send(json!({"nonce": wrong}), at(0)),
            ("proof_nonce_missing", Some(nonce.clone())),
            "{wrong}"
        );
    }
    assert_eq!(send(json!({"nonce": nonce}), at(0)), ("admitted", None));
    // It is given out for five minutes and good for as long again.
    let (reason, later) = send(json!({}), at(300));
    assert!(reason == "proof_nonce_missing" && later.is_some() && later != Some(nonce.clone()));
    assert_eq!(send(json!({"nonce": nonce}), at(300)).0, "admitted");
    assert_eq!(send(json!({"nonce": nonce}), at(600)).0, "proof_nonce_missing");
    // What is wrong besides comes first, and whoever has no token yet gets a nonce for it.
    assert_eq!(send(json!({"htm": "PUT"}), at(0)), ("proof_invalid", Some(nonce.clone())));
    let verdict = world.send(&mut world.gate(), &[], at(0));
    assert_eq!(told(&verdict).2, Some(nonce.as_str()), "from any worker");
    let verdict =
        world.send(&mut world.gate(), &[("authorization", &dpop), ("dpop", &world.proof(&token))], at(0));
    assert!(told(&verdict).1[0].contains(r#"error="use_dpop_nonce""#));
}

/// Slots that several gates share, as workers do.
#[derive(Default)]
struct Slots {
    values: RefCell<BTreeMap<u32, (Vec<u8>, u32)>>,
    version: Cell<u32>,
}

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.values.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut values = self.values.borrow_mut();
        if values.get(&slot).map(|(_, version)| *version) != version {
            return false;
        }
        self.version.set(self.version.get() + 1);
        values.insert(slot, (bytes.to_vec(), self.version.get()));
        true
    }
}

#[test]
fn workers_know_of_each_others_proofs_and_nonces() {
    let mut world = World::new();
    let slots = Rc::new(Slots::default());
    let workers = |world: &World| [0, 1].map(|_| world.gate().sharing(slots.clone(), [9; 16]));
    let [mut one, mut other] = workers(&world);
    let token = world.bound();
    for round in 0..100 {
        let proof = world.proof(&token);
        let (first, second) = if round % 2 == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
        assert_eq!(world.judged(first, &token, &proof), "admitted");
        assert_eq!(world.judged(second, &token, &proof), "proof_replayed");
        assert_eq!(world.judged(first, &token, &proof), "proof_replayed");
    }
    // A neighbour that writes over everything keeps proofs from being judged; it lets none through again.
    let proof = world.proof(&token);
    assert_eq!(world.judged(&mut one, &token, &proof), "admitted");
    for (bytes, version) in slots.values.borrow_mut().values_mut() {
        (*bytes, *version) = (vec![0xff; 100], u32::MAX);
    }
    let fields = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    let verdict =
        world.send(&mut other, &fields.each_ref().map(|(name, value)| (*name, value.as_str())), at(0));
    assert_eq!((verdict.note().reason, told(&verdict).0), ("overloaded", 503));
    world.policy["dpop"] = json!({"nonce": "required"});
    let nonces =
        workers(&world).map(|mut gate| told(&world.send(&mut gate, &[], at(0))).2.map(str::to_owned));
    assert!(nonces[0].is_some() && nonces[0] == nonces[1]);
}

#[test]
fn an_opaque_token_is_bound_by_what_its_issuer_says() {
    let mut world = World::new();
    world.policy["issuers"] = json!({"idp": {
        "audiences": "any",
        "introspection": {"uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}},
    }});
    let mut gate = world.gate();
    let proof = world.proof("opaque");
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.example.com"),
        (":path", "/orders"),
        ("authorization", "DPoP opaque"),
        ("dpop", proof.as_str()),
    ];
    let head =
        RequestHead::from_pairs(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    // Both wait for the same answer with the same proof: one is first.
    for id in [1, 2] {
        assert!(matches!(
            gate.open(RequestId(id), &head, &Facts { tls: Some(&|| true), ..Facts::default() }, at(0)),
            Step::Park
        ));
    }
    let asks = gate.asks(at(0));
    let said = json!({"active": true, "scope": "read", "token_type": "DPoP", "cnf": {"jkt": world.client.thumbprint().unwrap()}});
    let fields = [("content-type".to_owned(), b"application/json".to_vec())];
    let body = said.to_string();
    let answer = scopegate::http::message::Answer { status: 200, fields: &fields, body: body.as_bytes() };
    let woken = gate.answer(asks[0].id, &scopegate::http::message::Reply::Answered(answer), at(0));
    let reasons: Vec<_> = woken.iter().map(|woken| woken.verdict.note().reason).collect();
    assert_eq!(reasons, ["admitted", "proof_replayed"]);
}
