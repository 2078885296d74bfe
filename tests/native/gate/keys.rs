//! Key sets: how often they are fetched, by whom, and what goes over to the next policy and to other workers.

use std::cell::RefCell;
use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{AskId, Event, Gate, RequestId};
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use super::{START, Slots, answer, ask, at, gate, open, parked, reason, settled};

const SEAL: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn key(kid: &str) -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap()
}

pub(super) fn set(keys: &[&PrivateKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()})
}

/// A good token; no two are the same.
pub(super) fn token(key: &PrivateKey) -> String {
    thread_local!(static NUMBER: RefCell<u32> = const { RefCell::new(0) });
    let number = NUMBER.with_borrow_mut(|number| {
        *number += 1;
        *number
    });
    let claims =
        json!({"iss": "https://idp.example.com", "jti": number.to_string(), "exp": START + 1_000_000});
    key.sign(&serde_json::Map::new(), &claims).unwrap()
}

/// A policy whose issuer has the key sets `jwks`.
pub(super) fn verifying(jwks: Value) -> Value {
    json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any", "jwt": {"jwks": jwks}}},
        "rules": [{"name": "all", "require": {}}],
    })
}

pub(super) fn by_uri(more: Value) -> Value {
    let mut jwks = json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"});
    jwks.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    jwks
}

pub(super) fn sealed(mut policy: Value) -> Value {
    policy["seal"] = json!(SEAL);
    policy
}

/// A worker; no two have the same random source.
pub(super) fn worker(policy: &Value, slots: &Rc<Slots>, own: u8) -> Gate {
    let policy = scopegate::config::compile(policy, &|_| None).unwrap();
    let accelerator = Rc::new(scopegate::jose::backend::NoAccelerator);
    let gate = Gate::new(Rc::new(policy), [own; 16], accelerator);
    gate.sharing(Rc::clone(slots) as Rc<dyn SharedSlots>, [9; 16])
}

/// What a tick has sent.
pub(super) fn tick(gate: &mut Gate, now: UnixTime) -> Vec<AskId> {
    gate.refresh(now);
    assert!(gate.follow(now).is_empty(), "nobody waits");
    ask(gate, now).into_iter().map(|(id, _)| id).collect()
}

pub(super) fn changed(gate: &mut Gate) -> usize {
    gate.take_events().iter().filter(|event| matches!(event, Event::KeysChanged { .. })).count()
}

pub(super) fn failed(gate: &mut Gate, ask: AskId, now: UnixTime) -> Vec<&'static str> {
    gate.answer(ask, &Reply::Failed, now).iter().map(|woken| reason(&woken.verdict)).collect()
}

#[test]
fn a_day_of_fetches_is_as_long_as_the_issuer_says_within_what_the_policy_says() {
    const DAY: i64 = 86_400;
    let first = key("first");
    let published = set(&[&first]).to_string();
    for (cache_control, refresh, least, most) in [
        (None, "10m", 160, 181),
        (Some("max-age=300"), "10m", 320, 361),
        (Some("max-age=3600"), "24h", 26, 31),
        (None, "24h", 2, 2),
        (Some("no-cache"), "10m", 2700, 2881),
        (Some("no-store, max-age=600"), "24h", 2700, 2881),
        (Some("max-age=15"), "10m", 2700, 2881),
        (Some("max-age=60"), "24h", 1600, 1801),
    ] {
        let mut gate = gate(&verifying(by_uri(json!({"refresh": refresh}))));
        let mut fields = vec![("content-type".to_owned(), b"application/json".to_vec())];
        fields.extend(cache_control.map(|text| ("cache-control".to_owned(), text.as_bytes().to_vec())));
        let mut fetches = Vec::new();
        for second in 0..DAY {
            // Half a second between ticks and whatever else happens.
            let now = UnixTime::from_millis((START + second) * 1000 + 500);
            for id in tick(&mut gate, now) {
                let reply =
                    Reply::Answered(Answer { status: 200, fields: &fields, body: published.as_bytes() });
                assert!(gate.answer(id, &reply, now).is_empty());
                fetches.push(second);
            }
            if second % 611 == 0 {
                let verdict = settled(open(&mut gate, 1, &token(&first), now));
                assert_eq!(reason(&verdict), "admitted", "nobody waits: {cache_control:?} {refresh}");
            }
        }
        let told = format!("{cache_control:?} {refresh}: {} fetches", fetches.len());
        assert!(fetches.len() >= least && fetches.len() <= most, "{told}");
        assert!(fetches.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{told}");
        assert_eq!(changed(&mut gate), 1, "{told}");
    }
}

#[test]
fn the_same_keys_in_another_order_are_no_rotation() {
    let (first, second) = (key("first"), key("second"));
    let mut gate = gate(&verifying(by_uri(json!({"refresh": "60s"}))));
    let sent = tick(&mut gate, at(0));
    answer(&mut gate, sent[0], &set(&[&first, &second]), at(0));
    assert_eq!(changed(&mut gate), 1);
    let turned = |key: &PrivateKey| {
        let members = key.public_jwk();
        let members = members.as_object().unwrap().iter().rev();
        members.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
    };
    let shuffled = json!({"more": 1, "keys": [turned(&second), turned(&first)]});
    assert_ne!(shuffled.to_string(), set(&[&first, &second]).to_string());
    let rotated = set(&[&second]);
    for (second, document, changes) in [(60, &shuffled, 0), (120, &rotated, 1), (180, &rotated, 0)] {
        let sent = tick(&mut gate, at(second));
        answer(&mut gate, sent[0], document, at(second));
        assert_eq!(changed(&mut gate), changes, "{second}");
    }
}

/// The place of metadata that is asked.
pub(super) fn asked(gate: &mut Gate, now: UnixTime) -> (AskId, String) {
    let mut asks = ask(gate, now);
    assert_eq!(asks.len(), 1);
    let (id, callout) = asks.remove(0);
    (id, callout.path.expose().clone())
}

const RFC8414: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

#[test]
fn a_place_of_metadata_that_fails_leads_to_the_other_in_the_same_attempt() {
    let first = key("first");
    let metadata = json!({"issuer": "https://idp.example.com", "jwks_uri": "https://idp.example.com/jwks"});
    for status in [0, 500, 503, 504] {
        let mut gate = gate(&verifying(json!({"discover": true, "cluster": "idp"})));
        assert!(parked(&open(&mut gate, 1, &token(&first), at(0))));
        let (id, path) = asked(&mut gate, at(0));
        assert_eq!(path, RFC8414);
        let reply = match status {
            0 => Reply::Failed,
            status => Reply::Answered(Answer { status, fields: &[], body: b"" }),
        };
        assert!(gate.answer(id, &reply, at(2)).is_empty());
        let (id, path) = asked(&mut gate, at(2));
        assert_eq!(path, OPENID, "{status}");
        assert!(answer(&mut gate, id, &metadata, at(3)).is_empty());
        let (id, path) = asked(&mut gate, at(3));
        assert_eq!(path, "/jwks");
        let woken = answer(&mut gate, id, &set(&[&first]), at(3));
        assert_eq!(reason(&woken[0].verdict), "admitted", "{status}");
    }
}

#[test]
fn places_of_metadata_that_both_fail_are_both_tried_again() {
    let first = key("first");
    let mut gate = gate(&verifying(json!({"discover": true, "cluster": "idp"})));
    for second in [0, 10, 20] {
        assert!(parked(&open(&mut gate, 1, &token(&first), at(second))));
        let (id, path) = asked(&mut gate, at(second));
        assert_eq!(path, RFC8414);
        assert_eq!(failed(&mut gate, id, at(second)), [""; 0]);
        let (id, path) = asked(&mut gate, at(second));
        assert_eq!(path, OPENID);
        let missing = Reply::Answered(Answer { status: 404, fields: &[], body: b"" });
        let woken = gate.answer(id, &missing, at(second));
        assert_eq!(reason(&woken[0].verdict), "keys_unavailable");
        let told = gate.take_events().iter().map(ToString::to_string).collect::<String>();
        assert!(told.ends_with("it could not be reached in time"), "the place that may be the one: {told}");
    }
}

#[test]
fn a_key_that_is_in_none_of_many_sets_costs_few_fetches() {
    let first = key("first");
    let uri = |number: u32| json!({"uri": format!("https://idp.example.com/{number}"), "cluster": "idp"});
    let mut gate = gate(&verifying((0..8).map(uri).collect()));
    let stranger = key("stranger");
    // Each request, how often anybody is asked for it, and what it is told.
    let mut run = |second: i64| {
        let (mut fetches, mut told) = (0, None);
        match open(&mut gate, 1, &token(&stranger), at(second)) {
            scopegate::gate::Step::Settle(verdict) => told = Some(reason(&verdict)),
            scopegate::gate::Step::Park => {}
        }
        while told.is_none() {
            for (id, _) in ask(&mut gate, at(second)) {
                fetches += 1;
                let woken = answer(&mut gate, id, &set(&[&first]), at(second));
                told = woken.first().map(|woken| reason(&woken.verdict));
            }
        }
        (fetches, told.unwrap())
    };
    assert_eq!(run(0), (4, "keys_unavailable"), "nobody knows yet");
    assert_eq!(run(0), (4, "key_unknown"));
    assert_eq!(run(1), (0, "key_unknown"), "a first fetch counts too");
    assert_eq!(run(29), (0, "key_unknown"));
    assert_eq!(run(30), (4, "keys_unavailable"));
    assert_eq!(run(30), (4, "key_unknown"));
}

#[test]
fn a_clock_that_is_set_changes_no_wait_for_keys_but_to_shorten_it() {
    let (first, stranger) = (key("first"), key("stranger"));
    for step in [-1_000_000, -7, 0] {
        let mut gate = gate(&verifying(by_uri(json!({}))));
        let sent = tick(&mut gate, at(0));
        answer(&mut gate, sent[0], &set(&[&first]), at(0));
        assert!(parked(&open(&mut gate, 1, &token(&stranger), at(10))));
        let (id, _) = asked(&mut gate, at(10));
        assert_eq!(failed(&mut gate, id, at(10)), ["keys_unavailable"]);
        gate.expire(at(20));
        let since = |seconds: i64| at(20 + step + seconds);
        gate.expire(since(0));
        // The pause of 30 s.
        assert_eq!(reason(&settled(open(&mut gate, 2, &token(&stranger), since(19)))), "keys_unavailable");
        assert!(parked(&open(&mut gate, 3, &token(&stranger), since(20))), "{step}: the key is looked for");
        let (id, _) = asked(&mut gate, since(20));
        let woken = answer(&mut gate, id, &set(&[&first]), since(20));
        assert_eq!(reason(&woken[0].verdict), "key_unknown");
        // The cooldown of 30 s, and the time of the set that came with it.
        assert_eq!(reason(&settled(open(&mut gate, 4, &token(&stranger), since(49)))), "key_unknown");
        assert!(tick(&mut gate, since(500)).is_empty());
        assert_eq!(tick(&mut gate, since(560)).len(), 1, "{step}: ten minutes after, and early");
    }
    let mut gate = gate(&verifying(by_uri(json!({}))));
    let sent = tick(&mut gate, at(0));
    answer(&mut gate, sent[0], &set(&[&first]), at(0));
    assert_eq!(tick(&mut gate, at(86_400)).len(), 1, "a clock that is set ahead has the set fetched");
}

#[test]
fn a_set_that_is_shared_is_as_old_for_whoever_saw_the_clock_set_as_it_is() {
    let first = key("first");
    let (slots, mut one, two) = two(&sealed(verifying(by_uri(json!({})))));
    drop(two);
    let sent = tick(&mut one, at(0));
    answer(&mut one, sent[0], &set(&[&first]), at(0));
    // A worker that does not know whether the set is from before the step asks for itself.
    let mut seeing = worker(&sealed(verifying(by_uri(json!({})))), &slots, 100);
    seeing.expire(at(1));
    seeing.expire(at(-500));
    assert_eq!(tick(&mut seeing, at(2)).len(), 1);
    // The next attempt fails: what is told again has the age that it has.
    one.expire(at(500));
    one.expire(at(0));
    let sent = tick(&mut one, at(50));
    assert_eq!(failed(&mut one, sent[0], at(50)), [""; 0]);
    let mut fresh = worker(&sealed(verifying(by_uri(json!({})))), &slots, 101);
    fresh.adopt(at(51));
    let ages = fresh.key_ages(at(51));
    assert_eq!(ages.first().map(|(_, age)| age.as_secs()), Some(551));
}

#[test]
fn the_next_policy_has_the_keys_that_are_there() {
    let first = key("first");
    let mut before = gate(&verifying(by_uri(json!({}))));
    let sent = tick(&mut before, at(0));
    answer(&mut before, sent[0], &set(&[&first]), at(0));
    let next = |policy: Value| gate(&policy).taking_over([&before]);
    let mut same = verifying(by_uri(json!({"timeout": "1s"})));
    same["responses"] = json!({"realm": "other"});
    same["issuers"] = json!({"another": same["issuers"]["corp"], "corp": {
        "issuer": "https://other.example.com", "audiences": "any", "jwt": {"jwks": by_uri(json!({}))},
    }});
    let mut after = next(same);
    assert_eq!(
        reason(&settled(open(&mut after, 1, &token(&first), at(1)))),
        "admitted",
        "while nobody answers"
    );
    after.refresh(at(1));
    let asks = ask(&mut after, at(1));
    assert_eq!(asks.len(), 1, "what another issuer has at the same place is fetched for itself");
    // How long they are used is for the new policy to say.
    let mut shorter = next(verifying(by_uri(json!({"refresh": "60s"}))));
    assert_eq!(reason(&settled(open(&mut shorter, 1, &token(&first), at(59)))), "admitted");
    assert!(parked(&open(&mut shorter, 2, &token(&first), at(62))));
    for other in [
        by_uri(json!({"cluster": "other"})),
        by_uri(json!({"uri": "https://idp.example.com/other"})),
        json!({"discover": true, "cluster": "idp"}),
    ] {
        let mut after = next(verifying(other.clone()));
        assert!(parked(&open(&mut after, 1, &token(&first), at(1))), "{other}");
    }
}

#[test]
fn a_failing_issuer_is_as_well_known_to_the_next_policy() {
    let (first, stranger) = (key("first"), key("stranger"));
    let policy = verifying(by_uri(json!({})));
    let mut before = gate(&policy);
    let sent = tick(&mut before, at(0));
    answer(&mut before, sent[0], &set(&[&first]), at(0));
    let sent = tick(&mut before, at(600));
    assert_eq!(failed(&mut before, sent[0], at(600)), [""; 0]);
    let mut after = gate(&policy).taking_over([&before]);
    assert_eq!(reason(&settled(open(&mut after, 1, &token(&first), at(601)))), "admitted");
    let verdict = settled(open(&mut after, 2, &token(&stranger), at(601)));
    assert_eq!(reason(&verdict), "keys_unavailable");
    assert!(tick(&mut after, at(629)).is_empty() && tick(&mut after, at(630)).len() == 1);
}

#[test]
fn what_issuers_said_goes_over_where_it_means_the_same() {
    let policy = super::asking();
    let mut before = gate(&policy);
    for (id, said) in [(1, super::active()), (2, json!({"active": false}))] {
        assert!(parked(&open(&mut before, id, &format!("token-{id}"), at(0))));
        let asks = ask(&mut before, at(0));
        answer(&mut before, asks[0].0, &said, at(0));
    }
    let next = |change: &dyn Fn(&mut Value)| {
        let mut policy = policy.clone();
        change(&mut policy);
        gate(&policy).taking_over([&before])
    };
    // Another rule is no other answer, and what it grants is judged by the new one.
    let mut after = next(&|policy| policy["rules"][0]["require"] = json!({"scopes": ["write"]}));
    assert_eq!(reason(&settled(open(&mut after, 1, "token-1", at(1)))), "scope_insufficient");
    assert_eq!(reason(&settled(open(&mut after, 2, "token-2", at(1)))), "token_inactive");
    assert!(ask(&mut after, at(1)).is_empty());
    assert!(parked(&open(&mut after, 3, "token-2", at(5))), "each for no longer than before");
    type Change = fn(&mut Value);
    let changes: [Change; 7] = [
        // What an answer is held against, and about which tokens there is one.
        |policy| policy["issuers"]["idp"]["audiences"] = json!(["orders-api"]),
        |policy| policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all"),
        |policy| policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": "2s"}),
        |policy| policy["issuers"]["idp"]["introspection"]["uri"] = json!("https://idp.example.com/other"),
        |policy| policy["issuers"]["idp"]["introspection"]["client"] = json!({"id": "gw", "secret": "s"}),
        |policy| policy["issuers"]["idp"]["scope_claims"] = json!(["roles"]),
        |policy| {
            let idp = policy["issuers"]["idp"].clone();
            policy["issuers"] = json!({"another": idp, "idp": idp});
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut after = next(change);
        assert!(parked(&open(&mut after, 1, "token-1", at(5))), "{number}");
    }
    // Last, for all of them have one clock.
    let mut same = next(&|_| {});
    assert_eq!(reason(&settled(open(&mut same, 1, "token-1", at(59)))), "admitted");
    assert!(parked(&open(&mut same, 2, "token-1", at(60))));
}

#[test]
fn what_an_issuer_said_goes_over_while_its_keys_are_the_same() {
    let [one, two] = [key("one"), key("two")];
    let inline = |key: &PrivateKey| json!({"inline": set(&[key])});
    let of = |jwks: Value| {
        let mut policy = super::asking();
        policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
        policy["issuers"]["idp"]["introspection"]["iss"] = json!("optional");
        policy["issuers"]["idp"]["jwt"] = json!({"jwks": jwks});
        gate(&policy)
    };
    let fetched = by_uri(json!({}));
    for (before, after, goes_over) in [
        (json!([inline(&one)]), json!([inline(&one)]), true),
        (json!([inline(&one)]), json!([inline(&two)]), false),
        (json!([inline(&one)]), json!([inline(&one), inline(&two)]), false),
        (json!([inline(&one)]), json!([fetched]), false),
        (json!([fetched]), json!([fetched]), true),
        (json!([fetched]), json!([by_uri(json!({"uri": "https://idp.example.com/other"}))]), false),
    ] {
        let mut former = of(before.clone());
        assert_eq!(super::judged(&mut former, 1, "token-1", Some(&super::active()), at(0)), "admitted");
        let mut next = of(after.clone()).taking_over([&former]);
        assert_eq!(!parked(&open(&mut next, 1, "token-1", at(1))), goes_over, "{before} {after}");
    }
}

#[test]
fn a_key_set_may_be_as_long_as_it_may_and_no_longer() {
    let first = key("first");
    for (longer, expected) in [(0, "admitted"), (1, "keys_unavailable")] {
        let mut gate = gate(&verifying(by_uri(json!({}))));
        let mut published = set(&[&first]).to_string();
        published += &" ".repeat(512 * 1024 - published.len() + longer);
        assert!(parked(&open(&mut gate, 1, &token(&first), at(0))));
        let fields = [("content-type".to_owned(), b"application/json".to_vec())];
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: published.as_bytes() });
        let id = ask(&mut gate, at(0))[0].0;
        let woken = gate.answer(id, &reply, at(0));
        assert_eq!(reason(&woken[0].verdict), expected, "{longer}");
    }
}

#[test]
fn an_open_circuit_breaker_stays_open_under_the_next_policy() {
    let policy = super::asking();
    let mut before = gate(&policy);
    for id in 0..60u32 {
        let now = UnixTime::from_millis(START * 1000 + i64::from(id) * 100);
        if parked(&open(&mut before, id, &format!("t{id}"), now)) {
            for (ask, _) in ask(&mut before, now) {
                assert_eq!(failed(&mut before, ask, now), ["issuer_unavailable"]);
            }
        }
    }
    let now = UnixTime::from_millis(START * 1000 + 5_950);
    assert!(!parked(&open(&mut before, 100, "new", now)), "it is open");
    let mut after = gate(&policy).taking_over([&before]);
    assert_eq!(reason(&settled(open(&mut after, 1, "new", now))), "issuer_unavailable");
    let mut other = policy;
    other["issuers"]["idp"]["introspection"]["cluster"] = json!("other");
    let mut after = gate(&other).taking_over([&before]);
    assert!(parked(&open(&mut after, 1, "new", now)), "another cluster is another connection");
}

/// Two workers that share what is sealed.
pub(super) fn two(policy: &Value) -> (Rc<Slots>, Gate, Gate) {
    let slots = Rc::new(Slots::default());
    let (one, two) = (worker(policy, &slots, 1), worker(policy, &slots, 200));
    (slots, one, two)
}

#[test]
fn one_worker_fetches_for_all_where_sets_can_be_sealed() {
    let first = key("first");
    let plain = verifying(by_uri(json!({})));
    let client = |secret: &str| json!({"uri": "https://idp.example.com/i", "cluster": "idp", "client": {"id": "gw", "secret": secret}});
    let mut of_client = plain.clone();
    of_client["issuers"]["corp"]["introspection"] = client(SEAL);
    let mut of_short = plain.clone();
    of_short["issuers"]["corp"]["introspection"] = client("guess-me");
    for (policy, shares) in
        [(sealed(plain.clone()), true), (of_client, true), (of_short, false), (plain, false)]
    {
        let (_, mut one, mut two) = two(&policy);
        let sent = tick(&mut one, at(0));
        assert_eq!(tick(&mut two, at(0)).len(), usize::from(!shares), "while the first is at it");
        answer(&mut one, sent[0], &set(&[&first]), at(0));
        if shares {
            assert!(tick(&mut two, at(0)).is_empty());
            assert_eq!(reason(&settled(open(&mut two, 1, &token(&first), at(0)))), "admitted");
            assert_eq!((changed(&mut one), changed(&mut two)), (1, 1));
            // Whoever is first to find it due.
            let mut fetches = 0;
            for second in 1..7200 {
                for worker in [&mut one, &mut two] {
                    for id in tick(worker, at(second)) {
                        fetches += 1;
                        answer(worker, id, &set(&[&first]), at(second));
                    }
                }
            }
            assert!((13..=15).contains(&fetches), "{fetches}");
        }
    }
}

#[test]
fn who_waits_for_a_fetch_of_another_worker_is_woken_by_it() {
    let first = key("first");
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    let sent = tick(&mut one, at(0));
    assert!(parked(&open(&mut two, 1, &token(&first), at(0))));
    assert!(ask(&mut two, at(0)).is_empty() && two.is_following());
    assert!(two.follow(at(0)).is_empty());
    answer(&mut one, sent[0], &set(&[&first]), at(1));
    let woken = two.follow(at(1));
    assert_eq!(woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["admitted"]);
}

#[test]
fn a_fetch_of_another_worker_that_failed_is_made_again_for_whoever_waits_and_for_nobody_else() {
    for waits in [true, false] {
        let first = key("first");
        let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
        let sent = tick(&mut one, at(0));
        assert!(parked(&open(&mut two, 1, &token(&first), at(0))));
        assert!(ask(&mut two, at(0)).is_empty() && two.is_following());
        if !waits {
            two.close(RequestId(1));
        }
        assert_eq!(failed(&mut one, sent[0], at(1)), [""; 0]);
        assert!(two.follow(at(1)).is_empty() && !two.is_following());
        assert_eq!(ask(&mut two, at(1)).len(), usize::from(waits));
    }
}

#[test]
fn a_worker_that_never_comes_back_keeps_nobody_from_fetching() {
    let first = key("first");
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    assert_eq!(tick(&mut one, at(0)).len(), 1);
    drop(one);
    assert!(parked(&open(&mut two, 1, &token(&first), at(1))));
    assert!(ask(&mut two, at(1)).is_empty());
    assert!(two.follow(at(2)).is_empty() && ask(&mut two, at(2)).is_empty());
    assert!(two.follow(at(3)).is_empty());
    let asks = ask(&mut two, at(3));
    assert_eq!(asks.len(), 1, "its turn has ended");
    let woken = answer(&mut two, asks[0].0, &set(&[&first]), at(3));
    assert_eq!(woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["admitted"]);
}

#[test]
fn a_key_that_nobody_has_is_looked_for_once_by_all_workers() {
    let (first, second, stranger) = (key("first"), key("second"), key("stranger"));
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    let sent = tick(&mut one, at(0));
    answer(&mut one, sent[0], &set(&[&first]), at(0));
    assert!(tick(&mut two, at(0)).is_empty());
    // A rotation: the first token leads to a fetch, and the next one elsewhere finds what that brought.
    assert!(parked(&open(&mut one, 1, &token(&second), at(5))));
    let (id, _) = asked(&mut one, at(5));
    answer(&mut one, id, &set(&[&first, &second]), at(5));
    assert!(parked(&open(&mut two, 1, &token(&second), at(6))));
    assert!(ask(&mut two, at(6)).is_empty());
    let woken = two.follow(at(6));
    assert_eq!(woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["admitted"]);
    for second in [7, 34] {
        for worker in [&mut one, &mut two] {
            let verdict = settled(open(worker, 2, &token(&stranger), at(second)));
            assert_eq!(reason(&verdict), "key_unknown", "{second}");
        }
    }
}

#[test]
fn a_worker_that_starts_while_the_issuer_is_down_has_the_keys_of_the_others() {
    let first = key("first");
    let policy = sealed(verifying(by_uri(json!({}))));
    let (slots, mut one, _) = two(&policy);
    let sent = tick(&mut one, at(0));
    answer(&mut one, sent[0], &set(&[&first]), at(0));
    let mut fresh = worker(&policy, &slots, 3);
    fresh.adopt(at(400));
    assert_eq!(reason(&settled(open(&mut fresh, 1, &token(&first), at(400)))), "admitted");
    // The issuer has been down for an hour, and whoever has the set says so each time.
    for second in (600..4200).step_by(30) {
        for id in tick(&mut one, at(second)) {
            assert_eq!(failed(&mut one, id, at(second)), [""; 0]);
        }
    }
    let mut late = worker(&policy, &slots, 4);
    late.adopt(at(4201));
    assert_eq!(reason(&settled(open(&mut late, 1, &token(&first), at(4201)))), "admitted");
    // Nobody has said so for a while: the set is only as good as its own time.
    let mut later = worker(&policy, &slots, 5);
    later.adopt(at(4300));
    assert!(parked(&open(&mut later, 1, &token(&first), at(4300))));
}

/// What lies in the slots, each of them changed by `how`.
fn garble(slots: &Slots, how: impl Fn(&[u8]) -> Vec<u8>) {
    for (bytes, version) in slots.0.borrow_mut().values_mut() {
        *bytes = how(bytes);
        *version += 1;
    }
}

#[test]
fn what_a_neighbour_plants_is_never_a_key() {
    let (first, mallory) = (key("first"), key("first"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let mut other = policy.clone();
    other["seal"] = json!("another secret that is long enough");
    let mut elsewhere = sealed(verifying(by_uri(json!({"uri": "https://evil.example.com/jwks"}))));
    elsewhere["issuers"]["corp"]["issuer"] = json!("https://evil.example.com");
    // Sets that the neighbour has sealed with what it has: its own secret, and ours for another issuer.
    for foreign in [&other, &elsewhere] {
        let (slots, mut planter, _) = two(foreign);
        let sent = tick(&mut planter, at(0));
        answer(&mut planter, sent[0], &set(&[&mallory]), at(0));
        let planted = slots.0.borrow().values().map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        for record in planted {
            let (slots, mut one, _) = two(&policy);
            let sent = tick(&mut one, at(0));
            answer(&mut one, sent[0], &set(&[&first]), at(0));
            garble(&slots, |_| record.clone());
            let mut two = worker(&policy, &slots, 3);
            two.adopt(at(1));
            assert!(parked(&open(&mut two, 1, &token(&mallory), at(1))), "there is no key");
            assert_eq!(ask(&mut two, at(1)).len(), 1, "and nobody has the turn");
        }
    }
    // Ours, cut and touched.
    let (slots, mut one, _) = two(&policy);
    let sent = tick(&mut one, at(0));
    answer(&mut one, sent[0], &set(&[&first]), at(0));
    let good = slots.0.borrow().clone();
    let longest = good.values().map(|(bytes, _)| bytes.len()).max().unwrap();
    for place in (0..80).chain((80..longest).step_by(37)) {
        for cut in [true, false] {
            slots.0.borrow_mut().clone_from(&good);
            garble(&slots, |bytes| match bytes.get(place) {
                Some(_) if cut => bytes[..place].to_vec(),
                Some(byte) => [&bytes[..place], &[byte ^ 1], &bytes[place + 1..]].concat(),
                None => Vec::new(),
            });
            let mut two = worker(&policy, &slots, 3);
            two.adopt(at(1));
            assert_eq!(two.key_ages(at(1)).len(), 0, "{place} {cut}");
        }
    }
}

#[test]
fn an_old_set_that_is_put_back_takes_nobody_back() {
    let (first, second) = (key("first"), key("second"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let (slots, mut one, mut two) = two(&policy);
    let sent = tick(&mut one, at(0));
    answer(&mut one, sent[0], &set(&[&first]), at(0));
    let old = slots.0.borrow().clone();
    // The first key is withdrawn.
    let sent = tick(&mut one, at(540));
    answer(&mut one, sent[0], &set(&[&second]), at(540));
    two.adopt(at(540));
    garble(&slots, |_| Vec::new());
    for (slot, (bytes, _)) in &old {
        slots.0.borrow_mut().get_mut(slot).unwrap().0.clone_from(bytes);
    }
    for worker in [&mut one, &mut two] {
        worker.refresh(at(541));
        assert!(parked(&open(worker, 1, &token(&first), at(541))), "the key is not there");
        drop(ask(worker, at(541)));
        assert!(worker.follow(at(541)).is_empty());
        assert_eq!(reason(&settled(open(worker, 2, &token(&second), at(541)))), "admitted");
    }
    // A worker that starts takes it, for no longer than its own time.
    let mut fresh = worker(&policy, &slots, 3);
    fresh.adopt(at(599));
    assert_eq!(fresh.key_ages(at(599)).len(), 1);
    let mut late = worker(&policy, &slots, 4);
    late.adopt(at(600));
    assert_eq!(late.key_ages(at(600)).len(), 0);
}

#[test]
fn a_set_of_a_time_to_come_is_not_believed() {
    let first = key("first");
    let policy = sealed(verifying(by_uri(json!({}))));
    let (_, mut one, mut two) = two(&policy);
    let sent = tick(&mut one, at(5000));
    answer(&mut one, sent[0], &set(&[&first]), at(5000));
    // The clock was ahead.
    two.adopt(at(0));
    assert_eq!(two.key_ages(at(0)).len(), 0);
    let sent = tick(&mut two, at(0));
    assert_eq!(sent.len(), 1, "and what is later than now keeps nobody from fetching");
    answer(&mut two, sent[0], &set(&[&first]), at(0));
    assert!(tick(&mut one, at(1)).is_empty(), "the first has a set, which was fetched a moment ago");
    assert_eq!(one.key_ages(at(2))[0].1.as_secs(), 1, "by time that never goes back");
}
