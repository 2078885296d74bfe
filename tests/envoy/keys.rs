//! Keys that are fetched: found, awaited, renewed, missed, and kept when there is nothing better.

use std::time::Duration;

use kit::client::Connection;
use kit::deadline::{Gate, PATIENCE, last, poll, stays, timed};
use kit::envoy::Launch;
use kit::issuer::Answer;
use libtest_mimic::Trial;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use crate::issuers::is_outage;
use crate::policies::{opaque, verifying};
use crate::ring::{Plan, Ring, Site, alone};
use crate::tokens::{ISSUER, good, jwks, key, order, published, signed, with_one_bit_changed};

/// Where the key set is.
const JWKS: &str = "/jwks";

/// More requests than fit anywhere by chance.
const CROWD: usize = 200;

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, jwks: Value, run: fn(&Site, &PrivateKey)| {
        let first = key("first");
        let plan = verifying(jwks).answer(JWKS, published(&[&first]));
        ring.test(&format!("keys::{name}"), plan, move |site| run(site, &first));
    };
    let seldom = || by_uri("10m", "30s");
    test("an_unknown_key_has_the_set_fetched_once", seldom(), fetched_once);
    test("a_flood_of_unknown_keys_leads_to_one_fetch", seldom(), flood);
    test("while_the_issuer_is_down_an_unknown_key_is_an_outage", seldom(), unknown_while_down);
    test("a_token_brings_no_key_along", seldom(), brought_along);
    test("a_key_that_was_taken_back_stops_working", by_uri("1s", "1s"), taken_back);
    test("the_last_good_set_is_kept", by_uri("1s", "1s"), kept);
    discovery(ring);
    for (name, answer) in [
        ("of_a_server_that_is_down", Answer::Reset),
        ("of_a_server_that_fails", Answer::status(500)),
        ("that_are_none", Answer::json(&json!({"keys": []}))),
        ("that_are_a_page", Answer::with_type("text/html", "<h1>Welcome</h1>")),
        ("that_are_somewhere_else", Answer::status(302)),
    ] {
        let plan = verifying(seldom()).answer(JWKS, answer);
        ring.test(&format!("keys::{name}_are_an_outage_that_ends_by_itself"), plan, recovers);
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let (gate, first) = (Gate::default(), key("first"));
    let mut patient = by_uri("10m", "30s");
    patient["timeout"] = json!("6s");
    let plan = verifying(patient).answer(JWKS, published(&[&first]).held(&gate));
    let name = "keys::requests_wait_for_keys_that_are_on_their_way";
    vec![
        alone(name, plan, Launch::workers(1), move |site| late(site, &first, &gate)),
        crowd("keys::one_worker_fetches_for_all_where_sets_are_sealed", true, 1),
        crowd("keys::each_worker_fetches_for_itself_where_they_are_not", false, WORKERS + 1),
        uncached(),
    ]
}

/// So many workers beside the main thread, whose filter runs too.
const WORKERS: usize = 4;

/// The text that seals.
const SEAL: &str = "0123456789abcdef0123456789abcdef";

/// A policy whose key sets are sealed, or not.
fn sealing(jwks: Value, is_sealed: bool) -> Plan {
    let mut plan = verifying(jwks);
    if is_sealed {
        plan.filter.policy["seal"] = json!({"env": "SEAL"});
        plan = plan.environment("SEAL", SEAL);
    }
    plan
}

/// Every worker has the keys, after so many fetches.
fn crowd(name: &str, is_sealed: bool, fetches: usize) -> Trial {
    let first = key("first");
    let plan = sealing(by_uri("10m", "30s"), is_sealed).answer(JWKS, published(&[&first]));
    alone(name, plan, Launch::workers(WORKERS), move |site| {
        assert!(site.issuer.wait_asked(JWKS, fetches));
        // So many connections that each worker has some of them.
        let tokens: Vec<_> = (0..CROWD).map(|_| good(&first)).collect();
        let mut clients: Vec<_> = tokens.iter().map(|token| sent(site, token)).collect();
        for client in &mut clients {
            assert_eq!(client.response().unwrap().status, 200);
        }
        assert!(stays(Duration::from_secs(2), || site.issuer.asked(JWKS) == fetches));
    })
}

/// An issuer whose key set is never to be cached is asked once in `min_refresh`, and nobody waits meanwhile.
fn uncached() -> Trial {
    const LEAST: Duration = Duration::from_secs(3);
    const ROUNDS: usize = 180;
    let first = key("first");
    let mut answer = published(&[&first]);
    if let Answer::Reply { headers, .. } = &mut answer {
        headers.push(("cache-control".to_owned(), "no-cache, no-store".to_owned()));
    }
    let plan = sealing(by_uri("10m", "3s"), true).answer(JWKS, answer);
    let name = "keys::a_set_that_is_never_to_be_cached_is_fetched_once_in_a_while";
    alone(name, plan, Launch::workers(2), move |site| {
        assert!(site.issuer.wait_asked(JWKS, 1));
        let (whole, ()) = timed(|| {
            for _ in 0..ROUNDS {
                let (took, admitted) = timed(|| site.admits(&order(&good(&first))));
                assert!(took < Duration::from_millis(500), "{took:?} for {admitted:?}");
                last(Duration::from_millis(100));
            }
        });
        let (asked, most) = (site.issuer.asked(JWKS), whole.as_secs() / LEAST.as_secs() + 1);
        assert!(asked >= 5 && asked as u64 <= most, "{asked} fetches");
    })
}

fn by_uri(refresh: &str, min_refresh: &str) -> Value {
    json!({
        "uri": "https://idp.example.com/jwks", "cluster": "idp", "refresh": refresh, "min_refresh": min_refresh,
    })
}

fn fetched_once(site: &Site, first: &PrivateKey) {
    let second = key("second");
    site.admits(&order(&good(first)));
    let before = site.issuer.asked(JWKS);
    site.issuer.answers(JWKS, published(&[first, &second]));
    site.admits(&order(&good(&second)));
    site.admits(&order(&good(first)));
    // Within the cooldown nobody is asked about the next one.
    site.refuses(&order(&good(&key("third"))), 401, "key_unknown");
    assert_eq!(site.issuer.asked(JWKS), before + 1);
}

fn flood(site: &Site, first: &PrivateKey) {
    site.admits(&order(&good(first)));
    let before = site.issuer.asked(JWKS);
    let tokens =
        (0..CROWD).map(|number| signed(first, &json!({"kid": format!("unknown-{number}")}), json!({})));
    let mut clients: Vec<_> = tokens.map(|token| sent(site, &token)).collect();
    for client in &mut clients {
        site.is_refusal(&client.response().unwrap(), 401, "key_unknown");
    }
    assert_eq!((site.issuer.asked(JWKS), site.upstream.count()), (before + 1, 1));
}

fn unknown_while_down(site: &Site, first: &PrivateKey) {
    site.admits(&order(&good(first)));
    site.issuer.answers(JWKS, Answer::Reset);
    for _ in 0..3 {
        is_outage(&site.refuses(&order(&good(&key("second"))), 503, "keys_unavailable"));
        site.admits(&order(&good(first)));
    }
}

fn brought_along(site: &Site, first: &PrivateKey) {
    let mallory = key("mallory");
    site.issuer.answers("/evil", published(&[&mallory]));
    let evil = "https://idp.example.com/evil";
    for header in [
        json!({"jwk": mallory.public_jwk(), "kid": null}),
        json!({"jku": evil}),
        json!({"x5u": evil}),
        json!({"jku": evil, "kid": evil}),
        json!({"x5c": ["MIIB"]}),
        json!({"kid": "../../evil"}),
    ] {
        let response = site.keeps_out(&order(&signed(&mallory, &header, json!({}))));
        assert_eq!(response.status, 401, "{header}");
    }
    assert_eq!(site.issuer.asked("/evil"), 0);
    site.admits(&order(&good(first)));
}

fn taken_back(site: &Site, first: &PrivateKey) {
    let (second, old) = (key("second"), good(first));
    site.admits(&order(&old));
    site.issuer.answers(JWKS, published(&[&second]));
    let (took, admitted) =
        timed(|| poll(PATIENCE, || (site.send(&order(&good(&second))).status == 200).then_some(())));
    assert!(admitted.is_some() && took < Duration::from_secs(2), "{took:?}");
    // The very token that was remembered is not good any more.
    site.refuses(&order(&old), 401, "key_unknown");
}

fn kept(site: &Site, first: &PrivateKey) {
    let token = good(first);
    for answer in [
        Answer::Reset,
        Answer::status(404),
        Answer::json(&json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})),
        Answer::CutShort(jwks(&[first]).to_string().into_bytes()),
    ] {
        let before = site.issuer.asked(JWKS);
        site.issuer.answers(JWKS, answer);
        assert!(site.issuer.wait_asked(JWKS, before + 3), "nobody asked for fresh keys");
        site.admits(&order(&token));
        // One that was not seen before: its signature is checked now.
        site.admits(&order(&good(first)));
    }
}

fn recovers(site: &Site) {
    let first = key("first");
    let response = site.refuses(&order(&good(&first)), 503, "keys_unavailable");
    is_outage(&response);
    // A token that no key could make good needs none.
    site.refuses(&order("no-token"), 401, "token_malformed");
    site.issuer.answers(JWKS, published(&[&first]));
    let (took, served) =
        timed(|| poll(PATIENCE, || (site.send(&order(&good(&first))).status == 200).then_some(())));
    assert!(served.is_some() && took < Duration::from_secs(6), "it took {took:?} to recover");
}

fn late(site: &Site, first: &PrivateKey, gate: &Gate) {
    let token = good(first);
    let tokens = [
        (&*token, 200, "via_upstream"),
        (&with_one_bit_changed(&token, 9), 401, "scopegate_signature_invalid"),
        (&signed(first, &json!({}), json!({"exp": 1})), 401, "scopegate_token_expired"),
        (&signed(first, &json!({}), json!({"scope": "other"})), 403, "scopegate_scope_insufficient"),
        (&good(&key("unknown")), 401, "scopegate_key_unknown"),
    ];
    let mut clients: Vec<_> = tokens.iter().map(|(token, ..)| sent(site, token)).collect();
    sent(site, &token).leave();
    assert!(stays(Duration::from_millis(100), || site.upstream.count() == 0));
    site.wait_inside(tokens.len() as u64);
    gate.open();
    for (client, (_, status, details)) in clients.iter_mut().zip(tokens) {
        let response = client.response().unwrap();
        assert_eq!((response.status, site.logged(&response).get("details")), (status, details));
    }
    assert_eq!(site.upstream.count(), 1);
}

/// Keys that the issuer's metadata leads to.
fn discovery(ring: &mut Ring) {
    let discovered = || verifying(json!({"discover": true, "cluster": "idp"}));
    let metadata =
        |issuer: &str| Answer::json(&json!({"issuer": issuer, "jwks_uri": format!("{ISSUER}/found")}));
    let mut test = |name: &str, plan: fn(Plan, Answer) -> Plan| {
        let first = key("first");
        let plan = plan(discovered(), metadata(ISSUER)).answer("/found", published(&[&first]));
        ring.test(&format!("keys::{name}"), plan, move |site| {
            let served = poll(PATIENCE, || (site.send(&order(&good(&first))).status == 200).then_some(()));
            assert!(served.is_some(), "{:?}", site.issuer.questions("/found"));
        });
    };
    test("are_where_the_metadata_says", |plan, metadata| plan.answer(RFC8414, metadata));
    test("are_where_openid_metadata_says", |plan, metadata| plan.answer(OPENID, metadata));
    test("are_found_beside_metadata_that_fails", |plan, metadata| {
        plan.answer(RFC8414, Answer::status(503)).answer(OPENID, metadata)
    });
    test("are_found_beside_metadata_that_is_reset", |plan, metadata| {
        plan.answer(RFC8414, Answer::Reset).answer(OPENID, metadata)
    });
    test("are_found_beside_metadata_that_never_comes", |plan, metadata| {
        plan.answer(RFC8414, Answer::Silence).answer(OPENID, metadata)
    });
    test("are_found_beside_metadata_that_is_none", |plan, metadata| {
        plan.answer(RFC8414, Answer::json(&opaque("nobody"))).answer(OPENID, metadata)
    });
    let other = discovered()
        .answer(RFC8414, metadata("https://idp.example.com/"))
        .answer(OPENID, metadata("https://evil.example"));
    ring.test("keys::are_not_where_the_metadata_of_another_issuer_says", other, |site| {
        site.refuses(&order(&good(&key("first"))), 503, "keys_unavailable");
        assert_eq!(site.issuer.asked("/found"), 0);
    });
}

const RFC8414: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

fn sent(site: &Site, token: &str) -> Connection {
    let mut client = site.connect();
    client.send(&order(token).head_bytes()).unwrap();
    client
}
