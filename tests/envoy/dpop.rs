//! Tokens that are bound to a key (RFC 9449), through the whole proxy: what URI a request has, one proof at many
//! connections and workers, nonces, identity. What each claim has to be is in the scenarios.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use kit::client::{Connection, Request};
use kit::deadline::{PATIENCE, poll, unix_now};
use kit::envoy::Launch;
use kit::issuer::Answer;
use kit::tls::Client;
use libtest_mimic::Trial;
use scopegate::base::time::UnixTime;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

use crate::authority::Authority;
use crate::policies::{ASKED, introspected, opaque, verifying};
use crate::ring::{Plan, Ring, Site, alone};
use crate::tokens::{jwks, key, signed};

const URI: &str = "http://api.example.com/orders/1";

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, dpop: Value, run: fn(&Site, &Cast)| {
        let cast = Cast::new();
        ring.test(&format!("dpop::{name}"), cast.plan(dpop), move |site| run(site, &cast));
    };
    test("a_proof_is_about_the_uri_that_envoy_saw", json!({}), seen_uri);
    test("a_proof_may_be_about_the_uri_that_the_policy_says", json!({"scheme": "https"}), outside_uri);
    test("what_a_client_says_of_its_scheme_does_not_count", json!({}), in_the_clear);
    test("many_keys_and_algorithms_prove_themselves", json!({"algorithms": ALL}), algorithms);
    test("a_nonce_is_given_and_taken", json!({"nonce": "required"}), nonces);
    test("what_is_no_proof_never_gets_through", json!({}), hostile);
    let cast = Cast::new();
    let overwriting = json!({"scheme_header_transformation": {"scheme_to_overwrite": "https"}});
    let plan = cast.plan(json!({})).manager(overwriting);
    ring.test("dpop::the_scheme_field_is_not_asked", plan, move |site| in_the_clear(site, &cast));
    let (cast, authority) = (Cast::new(), Authority::new());
    let client = authority.client(None);
    let plan = cast.plan(json!({})).over_tls(authority.listens(false), &client);
    ring.test("dpop::over_tls_a_proof_is_about_https", plan, move |site| over_tls(site, &cast, &client));
    ring.test("dpop::an_opaque_token_is_bound_by_its_issuers_word", Cast::asking(), asked);
}

pub(crate) fn trials() -> Vec<Trial> {
    let cast = Cast::new();
    let plan = cast.plan(json!({}));
    let run = move |site: &Site| one_of_many(site, &cast);
    let flooded = Cast::new();
    let mut small = flooded.plan(json!({"proof_lifetime": "10m", "algorithms": ["EdDSA", "ES256"]}));
    small.filter.policy["limits"] = json!({"remembered_proofs": 1000});
    let flood = move |site: &Site| holders_part(site, &flooded);
    vec![
        alone("dpop::of_many_requests_with_one_proof_one_is_admitted", plan, Launch::workers(2), run),
        alone("dpop::a_flood_of_proofs_with_one_key_keeps_no_other_out", small, Launch::workers(2), flood),
    ]
}

const ALL: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/// An issuer's key and a client's.
struct Cast {
    issuer: PrivateKey,
    client: PrivateKey,
    token: String,
}

impl Cast {
    fn new() -> Self {
        let (issuer, client) = (key("a"), PrivateKey::generate(Algorithm::Es256, None).unwrap());
        let token = bound(&issuer, &client);
        Self { issuer, client, token }
    }

    fn plan(&self, dpop: Value) -> Plan {
        let mut plan = verifying(json!({"inline": jwks(&[&self.issuer])}));
        plan.filter.policy["dpop"] = dpop;
        plan
    }

    fn asking() -> Plan {
        let mut plan = introspected();
        plan.filter.policy["dpop"] = json!({});
        plan
    }

    /// A request for an order, with a fresh proof for `uri`.
    fn order(&self, uri: &str) -> Request {
        presented(&self.token, &proof(&self.client, uri, &self.token, json!({})))
    }
}

fn bound(issuer: &PrivateKey, client: &PrivateKey) -> String {
    signed(issuer, &json!({}), json!({"cnf": {"jkt": client.thumbprint().unwrap()}}))
}

fn proof(key: &PrivateKey, uri: &str, token: &str, claims: Value) -> String {
    let subject = Subject { method: "GET", uri, token, now: UnixTime::from_secs(unix_now()) };
    key.proof(&subject, &Map::new(), claims.as_object().unwrap()).unwrap()
}

fn presented(token: &str, proof: &str) -> Request {
    Request::get("/orders/1").field("authorization", format!("DPoP {token}")).field("dpop", proof)
}

fn seen_uri(site: &Site, cast: &Cast) {
    let seen = site.admits(&cast.order(URI)).head;
    assert_eq!((seen.get("x-auth-subject").as_deref(), seen.get("authorization")), (Some("alice"), None));
    assert_eq!(seen.get("dpop"), None, "the proof went on");
    site.admits(&cast.order("http://API.example.com:80/%6Frders/1?page=2#top"));
    for uri in [
        "https://api.example.com/orders/1",
        "http://api.example.com/orders/2",
        "http://evil.example.com/orders/1",
    ] {
        site.refuses(&cast.order(uri), 401, "proof_invalid");
    }
    let with_query = proof(&cast.client, URI, &cast.token, json!({}));
    let request = Request::get("/orders/1?page=3").field("authorization", format!("DPoP {}", cast.token));
    site.admits(&request.field("dpop", with_query));
}

fn over_tls(site: &Site, cast: &Cast, client: &Client) {
    let uri = "https://api.example.com/orders/1";
    site.admits(&cast.order(uri).over(client));
    site.admits(&cast.order("https://api.example.com:443/orders/1").over(client));
    for proto in ["http", "https"] {
        site.admits(&cast.order(uri).field("x-forwarded-proto", proto).over(client));
        // What somebody overheard in the clear is worth nothing here.
        let overheard = cast.order(URI).field("x-forwarded-proto", proto).over(client);
        site.refuses(&overheard, 401, "proof_invalid");
    }
}

/// Envoy's `:scheme` follows `x-forwarded-proto`, which any client can send, and whatever it is told to follow.
fn in_the_clear(site: &Site, cast: &Cast) {
    for proto in ["http", "https"] {
        site.admits(&cast.order(URI).field("x-forwarded-proto", proto));
        let other = cast.order("https://api.example.com/orders/1").field("x-forwarded-proto", proto);
        site.refuses(&other, 401, "proof_invalid");
    }
}

/// Where the policy says what clients see, no field of theirs changes it.
fn outside_uri(site: &Site, cast: &Cast) {
    let outside = "https://api.example.com/orders/1";
    site.admits(&cast.order(outside));
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example.com"),
        ("x-forwarded-port", "80"),
        ("forwarded", "proto=http;host=evil.example.com"),
        ("x-original-url", "/elsewhere"),
        ("x-envoy-original-path", "/elsewhere"),
    ] {
        site.admits(&cast.order(outside).field(name, value));
        for uri in [URI, "http://evil.example.com/orders/1", "https://api.example.com/elsewhere"] {
            site.refuses(&cast.order(uri).field(name, value), 401, "proof_invalid");
        }
    }
}

/// The proxy verifies what it can, the module the rest.
fn algorithms(site: &Site, cast: &Cast) {
    for name in ALL {
        let client = PrivateKey::generate(Algorithm::from_name(name).unwrap(), None).unwrap();
        let token = bound(&cast.issuer, &client);
        let good = proof(&client, URI, &token, json!({}));
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let reversed: String = signature.chars().rev().collect();
        site.refuses(&presented(&token, &format!("{rest}.{reversed}")), 401, "proof_invalid");
        site.admits(&presented(&token, &good));
        site.refuses(&presented(&token, &good), 401, "proof_replayed");
    }
}

fn nonces(site: &Site, cast: &Cast) {
    let told = site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    let first = told.head.get("dpop-nonce").unwrap();
    let response = site.refuses(&cast.order(URI), 401, "proof_nonce_missing");
    let nonce = response.head.get("dpop-nonce").unwrap();
    let challenge = response.head.get("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"use_dpop_nonce\""), "{challenge}");
    for nonce in [&first, &nonce] {
        let holding = proof(&cast.client, URI, &cast.token, json!({"nonce": nonce}));
        site.admits(&presented(&cast.token, &holding));
        site.refuses(&presented(&cast.token, &holding), 401, "proof_replayed");
    }
    let holding = proof(&cast.client, URI, &cast.token, json!({"nonce": "one-of-its-own"}));
    site.refuses(&presented(&cast.token, &holding), 401, "proof_nonce_missing");
}

fn hostile(site: &Site, cast: &Cast) {
    let good = || proof(&cast.client, URI, &cast.token, json!({}));
    let long = "a".repeat(20_000);
    let nested = format!("{}.{}.AAAA", encoded(&"[".repeat(3000)), encoded("{}"));
    for proof in ["", "a", "a.b.c", "..", "\u{e9}", &format!("{},{}", good(), good()), &long, &nested] {
        site.refuses(&presented(&cast.token, proof), 401, "proof_invalid");
    }
    let request = Request::get("/orders/1").field("authorization", format!("DPoP {}", cast.token));
    site.refuses(&request.clone().field("dpop", [0xff, 0xfe]), 401, "proof_invalid");
    site.refuses(&request.clone().field("dpop", good()).field("DPoP", good()), 401, "proof_invalid");
    site.refuses(&request.clone(), 401, "binding_unproven");
    site.refuses(
        &Request::get("/orders/1").bearer(&cast.token).field("dpop", good()),
        401,
        "binding_unproven",
    );
    let thief = PrivateKey::generate(Algorithm::Es256, None).unwrap();
    let own = proof(&thief, URI, &cast.token, json!({}));
    let response = site.refuses(&presented(&cast.token, &own), 401, "binding_unproven");
    let challenges: Vec<_> =
        response.head.fields.iter().filter(|(name, _)| name == "www-authenticate").collect();
    assert_eq!(challenges.len(), 1);
    let response = site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    let challenges = response.head.fields.iter().filter(|(name, _)| name == "www-authenticate");
    let schemes: Vec<_> =
        challenges.map(|(_, value)| value.split(|byte| *byte == b' ').next().unwrap()).collect();
    assert_eq!(schemes, [b"Bearer".as_slice(), b"DPoP"], "a field for each scheme");
}

fn encoded(text: &str) -> String {
    scopegate::base::base64url::encode(text)
}

fn asked(site: &Site) {
    let client = PrivateKey::generate(Algorithm::EdDsa, None).unwrap();
    let mut said = opaque("alice");
    said["cnf"] = json!({"jkt": client.thumbprint().unwrap()});
    site.issuer.answers(ASKED, Answer::json(&said));
    for _ in ["asked about", "remembered"] {
        let good = proof(&client, URI, "opaque", json!({}));
        site.admits(&presented("opaque", &good));
        site.refuses(&presented("opaque", &good), 401, "proof_replayed");
        site.refuses(&Request::get("/orders/1").bearer("opaque"), 401, "binding_unproven");
    }
}

/// So many proofs of the flood find no room; by then there are some thousands.
const TOO_MANY: usize = 60;

/// So many proofs of the flood come for each of another client, who uses up no part of the memory.
const FOR_EACH_OTHER: usize = 50;

/// One holder sends fresh proofs as fast as he can, until his part of the memory is used up; others go on.
fn holders_part(site: &Site, cast: &Cast) {
    let (refused, all_sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_over = || refused.load(Ordering::Relaxed) >= TOO_MANY;
    let flood = || {
        let client = PrivateKey::generate(Algorithm::EdDsa, None).unwrap();
        let token = bound(&cast.issuer, &client);
        let mut connection = site.connect();
        let mut sent = 0;
        while !is_over() {
            let request = presented(&token, &proof(&client, URI, &token, json!({})));
            connection.send(&request.head_bytes()).unwrap();
            let response = connection.response().unwrap();
            sent += 1;
            all_sent.store(sent, Ordering::Relaxed);
            match response.status {
                200 => {}
                503 => drop(refused.fetch_add(1, Ordering::Relaxed)),
                status => panic!("{status}: {}", response.text()),
            }
            assert!(sent < 40_000, "the holder of one key has no end of room");
        }
        sent
    };
    let others = |has_ended: &dyn Fn() -> bool| {
        let key = |_| PrivateKey::generate(Algorithm::EdDsa, None).unwrap();
        let clients: Vec<PrivateKey> = (0..5).map(key).collect();
        let mut served = 0;
        while !has_ended() {
            if all_sent.load(Ordering::Relaxed) < served / clients.len() * FOR_EACH_OTHER {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            for client in &clients {
                let token = bound(&cast.issuer, client);
                let proof = proof(client, URI, &token, json!({}));
                assert_eq!(site.send(&presented(&token, &proof)).status, 200, "after {served}");
                served += 1;
            }
        }
        served
    };
    let (sent, served) = thread::scope(|scope| {
        let flood = scope.spawn(flood);
        let served = others(&|| flood.is_finished());
        (flood.join().unwrap(), served)
    });
    assert!(sent > 1000 && served > 20, "{sent} of the flood, {served} of others");
    println!("{sent} proofs of one key, {TOO_MANY} without room; {served} of others, all served");
}

/// So many connections hold a request each, all with one proof.
const CROWD: usize = 12;

fn one_of_many(site: &Site, cast: &Cast) {
    let workers = |count: usize| {
        let active =
            |worker| site.envoy.stat(&format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_active"));
        let all = || (active(0) + active(1) >= count as u64).then(|| active(0).min(active(1)));
        poll(PATIENCE, all).unwrap_or_else(|| panic!("the workers have {} and {}", active(0), active(1)))
    };
    // The kernel deals connections out: there are more until both workers have some.
    let mut crowd: Vec<Connection> = (0..CROWD).map(|_| site.connect()).collect();
    while workers(crowd.len()) < 2 {
        assert!(crowd.len() < 500, "one worker gets all connections");
        crowd.push(site.connect());
    }
    let rounds = 25;
    let barrier = Barrier::new(crowd.len());
    for round in 0..rounds {
        let before = site.upstream.count();
        let head = cast.order(URI).head_bytes();
        let send = |client: &mut Connection| {
            barrier.wait();
            client.send(&head).unwrap();
            client.response().unwrap().status
        };
        let statuses: Vec<u16> = thread::scope(|scope| {
            let running: Vec<_> = crowd.iter_mut().map(|client| scope.spawn(|| send(client))).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let admitted = statuses.iter().filter(|status| **status == 200).count();
        let refused = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!((admitted, refused), (1, crowd.len() - 1), "round {round}: {statuses:?}");
        assert_eq!(site.upstream.count(), before + 1, "round {round}");
    }
    let replayed = (rounds * (crowd.len() - 1)) as u64;
    let stat = "wasmcustom.scopegate.decision.proof_replayed";
    let counted = poll(PATIENCE, || (site.envoy.stat(stat) == replayed).then_some(()));
    assert!(counted.is_some(), "{} of {replayed} were replays", site.envoy.stat(stat));
}
