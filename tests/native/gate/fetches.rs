//! Fetches of key sets: what each one is for, who has the turn, and what the others are told of it.

use scopegate::base::time::UnixTime;
use scopegate::gate::{Event, Gate, Verdict};
use scopegate::http::message::{Answer, Reply};
use serde_json::{Value, json};

use super::keys::{asked, by_uri, changed, failed, key, sealed, set, tick, token, two, verifying, worker};
use super::{START, answer, answer_status, ask, at, gate, open, parked, reason, settled};

/// So many milliseconds after the start.
fn millis(millis: i64) -> UnixTime {
    UnixTime::from_millis(START * 1000 + millis)
}

/// Has the set fetched that a tick at `now` wants.
fn fetched(gate: &mut Gate, keys: &Value, now: UnixTime) {
    let sent = tick(gate, now);
    assert_eq!(sent.len(), 1);
    assert!(answer(gate, sent[0], keys, now).is_empty());
}

/// What becomes of a request that nobody has to be asked for.
fn at_once(gate: &mut Gate, token: &str, now: UnixTime) -> &'static str {
    reason(&settled(open(gate, 99, token, now)))
}

fn why_keys_failed(gate: &mut Gate) -> Vec<String> {
    let mut whys = Vec::new();
    for event in gate.take_events() {
        if let Event::KeysFailed { why, .. } = event {
            whys.push(why.into_owned());
        }
    }
    whys
}

fn retry_after(verdict: &Verdict) -> Option<&str> {
    let Verdict::Refuse { response, .. } = verdict else { panic!("admitted") };
    response.fields.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.as_str())
}

#[test]
fn while_a_set_that_is_too_old_is_being_fetched_only_who_found_it_so_waits() {
    let first = key("first");
    let mut gate = gate(&verifying(by_uri(json!({}))));
    fetched(&mut gate, &set(&[&first]), at(0));
    assert!(parked(&open(&mut gate, 1, &token(&first), at(600))));
    assert_eq!(at_once(&mut gate, &token(&first), at(600)), "admitted");
    let (id, _) = asked(&mut gate, at(600));
    assert_eq!(at_once(&mut gate, &token(&first), at(601)), "admitted");
    // And nobody waits while its issuer fails.
    assert_eq!(failed(&mut gate, id, at(602)), ["admitted"]);
    assert_eq!(at_once(&mut gate, &token(&first), at(631)), "admitted");
    assert!(ask(&mut gate, at(631)).is_empty());
    assert!(parked(&open(&mut gate, 2, &token(&first), at(632))), "the next attempt");
}

#[test]
fn a_key_is_looked_for_again_so_long_after_it_was_asked_for_however_late_the_reply() {
    let (first, stranger) = (key("first"), key("stranger"));
    for (first_fetch, asked_at, again) in [(true, 10, 40), (false, 0, 32)] {
        let mut gate = gate(&verifying(by_uri(json!({}))));
        if first_fetch {
            fetched(&mut gate, &set(&[&first]), at(0));
        }
        assert!(parked(&open(&mut gate, 1, &token(&stranger), at(asked_at))));
        let (id, _) = asked(&mut gate, at(asked_at));
        let woken = answer(&mut gate, id, &set(&[&first]), at(asked_at + 2));
        assert_eq!(reason(&woken[0].verdict), "key_unknown");
        assert_eq!(at_once(&mut gate, &token(&stranger), at(again - 1)), "key_unknown", "{first_fetch}");
        assert!(parked(&open(&mut gate, 2, &token(&stranger), at(again))), "{first_fetch}");
    }
}

#[test]
fn who_has_waited_for_a_set_does_not_wait_for_its_next_fetch() {
    let (first, stranger) = (key("first"), key("stranger"));
    let often = |uri: &str| by_uri(json!({"uri": uri, "refresh": "2s", "min_refresh": "1s"}));
    let two = json!([often("https://idp.example.com/0"), often("https://idp.example.com/1")]);
    let mut gate = gate(&verifying(two));
    for id in tick(&mut gate, at(0)) {
        assert!(answer(&mut gate, id, &set(&[&first]), at(0)).is_empty());
    }
    assert!(parked(&open(&mut gate, 1, &token(&stranger), at(1))));
    let (id, path) = asked(&mut gate, at(1));
    assert_eq!(path, "/0");
    assert!(answer(&mut gate, id, &set(&[&first]), at(1)).is_empty());
    let (second, path) = asked(&mut gate, at(1));
    assert_eq!(path, "/1");
    gate.refresh(at(3));
    assert_eq!(asked(&mut gate, at(3)).1, "/0", "the first one is due meanwhile");
    let woken = answer(&mut gate, second, &set(&[&first]), at(3));
    assert_eq!(woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["key_unknown"]);
}

#[test]
fn a_request_that_has_waited_for_four_sets_and_for_one_that_is_too_old_waits_for_no_more() {
    let (first, stranger) = (key("first"), key("stranger"));
    let uri = |number: u32| by_uri(json!({"uri": format!("https://idp.example.com/{number}")}));
    let mut gate = gate(&verifying((0..8).map(uri).collect()));
    gate.refresh(at(0));
    let published = set(&[&first]).to_string();
    for (id, callout) in ask(&mut gate, at(0)) {
        let lifetime = if callout.path.expose() == "/7" { "max-age=100" } else { "max-age=600" };
        let fields = [("cache-control".to_owned(), lifetime.as_bytes().to_vec())];
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: published.as_bytes() });
        assert!(gate.answer(id, &reply, at(0)).is_empty());
    }
    assert!(parked(&open(&mut gate, 1, &token(&stranger), at(99))));
    let mut paths = Vec::new();
    let mut told = Vec::new();
    for second in [99, 99, 99, 100, 100] {
        let (id, path) = asked(&mut gate, at(second));
        paths.push(path);
        told.extend(answer(&mut gate, id, &set(&[&first]), at(second)));
        // The fourth set came when the last one of all had become too old.
    }
    assert_eq!(paths, ["/0", "/1", "/2", "/3", "/7"]);
    assert_eq!(told.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(), ["keys_unavailable"]);
    assert!(ask(&mut gate, at(100)).is_empty());
}

#[test]
fn who_is_told_to_come_again_comes_when_the_first_set_is_asked_for() {
    let (first, stranger) = (key("first"), key("stranger"));
    let of = |min: &str| by_uri(json!({"uri": format!("https://idp.example.com/{min}"), "min_refresh": min}));
    for (order, [soon, late]) in [(["30s", "90s"], [0, 1]), (["90s", "30s"], [1, 0])] {
        // No set has ever come.
        let mut gate = gate(&verifying(order.map(of).into_iter().collect()));
        for _ in 0..2 {
            for id in tick(&mut gate, at(0)) {
                assert_eq!(failed(&mut gate, id, at(0)), [""; 0]);
            }
        }
        let sent = tick(&mut gate, at(1));
        assert_eq!(failed(&mut gate, sent[soon], at(1)), [""; 0]);
        assert_eq!(failed(&mut gate, sent[late], at(2)), [""; 0]);
        let verdict = settled(open(&mut gate, 1, &token(&first), at(2)));
        assert_eq!((reason(&verdict), retry_after(&verdict)), ("keys_unavailable", Some("1")), "{order:?}");

        let mut gate = self::gate(&verifying(order.map(of).into_iter().collect()));
        for id in tick(&mut gate, at(0)) {
            assert!(answer(&mut gate, id, &set(&[&first]), at(0)).is_empty());
        }
        for id in tick(&mut gate, at(540)) {
            assert_eq!(failed(&mut gate, id, at(540)), [""; 0]);
        }
        let verdict = settled(open(&mut gate, 1, &token(&stranger), at(540)));
        assert_eq!((reason(&verdict), retry_after(&verdict)), ("keys_unavailable", Some("30")), "{order:?}");
    }
}

#[test]
fn an_answer_below_500_is_a_mistake_of_the_issuer_and_any_other_an_outage_of_it() {
    for (status, expected) in [
        (201, "its key set is not there"),
        (404, "its key set is not there"),
        (499, "its key set is not there"),
        (500, "it answered with a server error"),
        (501, "it answered with a server error"),
        (599, "it answered with a server error"),
    ] {
        let mut gate = gate(&verifying(by_uri(json!({}))));
        let sent = tick(&mut gate, at(0));
        assert!(answer_status(&mut gate, sent[0], status, &[], at(0)).is_empty());
        assert_eq!(why_keys_failed(&mut gate), [expected], "{status}");
    }
}

#[test]
fn keys_that_cannot_be_had_open_no_circuit_breaker_of_an_issuer_that_is_asked_elsewhere_or_not_at_all() {
    let introspection = |cluster: &str| json!({"uri": "https://idp.example.com/introspect", "cluster": cluster, "client": {"method": "none"}});
    for (asked, opens) in
        [(Some(introspection("idp")), true), (Some(introspection("another")), false), (None, false)]
    {
        let mut policy = verifying(by_uri(json!({})));
        if let Some(introspection) = &asked {
            policy["issuers"]["corp"]["introspection"] = introspection.clone();
        }
        let mut gate = gate(&policy);
        let mut opened = 0;
        for second in 0..30 {
            for id in tick(&mut gate, at(second)) {
                answer_status(&mut gate, id, 503, &[], at(second));
            }
            let events = gate.take_events();
            opened += events.iter().filter(|event| matches!(event, Event::CircuitOpened { .. })).count();
        }
        assert_eq!(opened, usize::from(opens), "{asked:?}");
    }
}

#[test]
fn of_several_sets_in_use_the_age_of_the_oldest_is_told() {
    let first = key("first");
    let often = |uri: &str, refresh: &str| by_uri(json!({"uri": uri, "refresh": refresh}));
    let sets = json!([often("https://idp.example.com/0", "60s"), often("https://idp.example.com/1", "600s")]);
    let mut gate = gate(&verifying(sets));
    for (second, fetches) in [(0, 2), (54, 1)] {
        let sent = tick(&mut gate, at(second));
        assert_eq!(sent.len(), fetches);
        for id in sent {
            assert!(answer(&mut gate, id, &set(&[&first]), at(second)).is_empty());
        }
    }
    let ages: Vec<_> =
        gate.key_ages(at(60)).iter().map(|(name, age)| (name.to_string(), age.as_secs())).collect();
    assert_eq!(ages, [("corp".to_owned(), 60)]);
}

#[test]
fn after_a_fetch_for_a_key_well_or_not_the_next_one_is_like_any_other() {
    let (first, second) = (key("first"), key("second"));
    // When the other worker fetches it, and when a request finds it too old here, where it is not looked for.
    for (succeeds, fetched_at, old_at) in [(true, 941, 1000), (false, 541, 600)] {
        let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
        fetched(&mut one, &set(&[&first]), at(0));
        two.adopt(at(0));
        assert!(parked(&open(&mut one, 1, &token(&second), at(400))));
        let (id, _) = asked(&mut one, at(400));
        if succeeds {
            answer(&mut one, id, &set(&[&first]), at(400));
        } else {
            assert_eq!(failed(&mut one, id, at(400)), ["keys_unavailable"]);
        }
        two.adopt(at(400));
        fetched(&mut two, &set(&[&first]), at(fetched_at));
        assert!(parked(&open(&mut one, 2, &token(&first), at(old_at))));
        assert!(ask(&mut one, at(old_at)).is_empty(), "{succeeds}: the other one has fetched it");
        assert_eq!(reason(&one.follow(at(old_at))[0].verdict), "admitted");
    }
}

#[test]
fn a_fetch_for_its_age_is_no_look_for_a_key() {
    let (first, second) = (key("first"), key("second"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let (slots, mut one, _) = two(&policy);
    fetched(&mut one, &set(&[&first]), at(0));
    let mut fresh = worker(&policy, &slots, 3);
    fresh.adopt(at(1));
    assert_eq!(at_once(&mut fresh, &token(&first), at(1)), "admitted");
    assert!(parked(&open(&mut fresh, 1, &token(&second), at(1))), "it may be newer than the set");
}

#[test]
fn a_set_that_cannot_be_had_keeps_nobody_from_the_keys_of_the_next() {
    let first = key("first");
    let uri = |number: u32| by_uri(json!({"uri": format!("https://idp.example.com/{number}")}));
    let mut gate = gate(&verifying((0..2).map(uri).collect()));
    assert!(parked(&open(&mut gate, 1, &token(&first), at(0))));
    let (id, path) = asked(&mut gate, at(0));
    assert_eq!(path, "/0");
    assert_eq!(failed(&mut gate, id, at(0)), [""; 0]);
    let (id, path) = asked(&mut gate, at(0));
    assert_eq!(path, "/1");
    let woken = answer(&mut gate, id, &set(&[&first]), at(0));
    assert_eq!(reason(&woken[0].verdict), "admitted");
}

#[test]
fn a_signed_answer_of_an_issuer_that_has_no_keys_is_a_mistake_and_of_one_whose_keys_are_not_there_an_outage()
{
    let first = key("first");
    for (has_keys, expected, why) in [
        (false, "issuer_misbehaved", "its answer is signed, which was not asked for"),
        (true, "keys_unavailable", "the key for that is not there (yet)"),
    ] {
        let mut policy = super::asking();
        policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
        policy["issuers"]["idp"]["introspection"]["client"] = json!({"id": "gw", "secret": "s"});
        if has_keys {
            policy["issuers"]["idp"]["jwt"] = json!({"jwks": by_uri(json!({}))});
        }
        let mut gate = gate(&policy);
        let header = serde_json::Map::from_iter([("typ".to_owned(), json!("token-introspection+jwt"))]);
        let claims = json!({"iss": "https://idp.example.com", "aud": "gw", "iat": START,
                            "token_introspection": super::active()});
        let signed = first.sign(&header, &claims).unwrap();
        assert!(parked(&open(&mut gate, 1, "opaque", at(0))));
        let (id, _) = asked(&mut gate, at(0));
        let fields = [("content-type".to_owned(), b"application/token-introspection+jwt".to_vec())];
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: signed.as_bytes() });
        assert_eq!(reason(&gate.answer(id, &reply, at(0))[0].verdict), expected);
        let told = gate.take_events().iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains(why), "{told}");
        assert_eq!(ask(&mut gate, at(0)).len(), usize::from(has_keys), "the keys are looked for");
    }
}

#[test]
fn a_worker_that_starts_knows_that_a_key_was_looked_for_and_until_when() {
    let (first, stranger) = (key("first"), key("stranger"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let (slots, mut one, _) = two(&policy);
    fetched(&mut one, &set(&[&first]), at(0));
    assert!(parked(&open(&mut one, 1, &token(&stranger), at(100))));
    let (id, _) = asked(&mut one, at(100));
    assert_eq!(reason(&answer(&mut one, id, &set(&[&first]), at(100))[0].verdict), "key_unknown");
    let mut fresh = worker(&policy, &slots, 3);
    fresh.adopt(at(101));
    assert_eq!(at_once(&mut fresh, &token(&stranger), at(129)), "key_unknown");
    assert!(parked(&open(&mut fresh, 1, &token(&stranger), at(130))));
}

#[test]
fn where_the_look_for_a_key_has_failed_no_worker_calls_it_unknown() {
    let (first, second) = (key("first"), key("second"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let (slots, mut one, _) = two(&policy);
    fetched(&mut one, &set(&[&first]), at(0));
    assert!(parked(&open(&mut one, 1, &token(&second), at(10))));
    let (id, _) = asked(&mut one, at(10));
    assert_eq!(failed(&mut one, id, at(10)), ["keys_unavailable"]);
    let mut fresh = worker(&policy, &slots, 3);
    fresh.adopt(at(12));
    assert_eq!(at_once(&mut fresh, &token(&first), at(12)), "admitted");
    assert!(parked(&open(&mut fresh, 1, &token(&second), at(12))), "the set is from before the key");
    let (id, _) = asked(&mut fresh, at(12));
    let woken = answer(&mut fresh, id, &set(&[&first, &second]), at(12));
    assert_eq!(reason(&woken[0].verdict), "admitted");
}

#[test]
fn who_looks_for_a_key_is_not_content_with_a_fetch_of_another_worker_that_began_before() {
    let (first, second) = (key("first"), key("second"));
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    fetched(&mut one, &set(&[&first]), at(0));
    two.adopt(at(0));
    // A fetch for its age is out while the keys are rotated.
    let sent = tick(&mut one, at(541));
    assert!(parked(&open(&mut two, 1, &token(&second), at(541))));
    assert!(ask(&mut two, at(541)).is_empty() && two.is_following(), "the other one has the turn");
    assert!(answer(&mut one, sent[0], &set(&[&first]), at(542)).is_empty());
    assert!(two.follow(at(542)).is_empty());
    let (id, _) = asked(&mut two, at(542));
    let woken = answer(&mut two, id, &set(&[&first, &second]), at(542));
    assert_eq!(reason(&woken[0].verdict), "admitted");
}

#[test]
fn a_set_that_came_from_elsewhere_is_told_on_while_its_issuer_fails() {
    let first = key("first");
    let policy = sealed(verifying(by_uri(json!({}))));
    for by_the_policy_before in [true, false] {
        let (slots, mut one, mut two) = two(&policy);
        fetched(&mut one, &set(&[&first]), at(0));
        if by_the_policy_before {
            two = worker(&policy, &slots, 3).taking_over([&one]);
        } else {
            two.adopt(at(0));
        }
        drop(one);
        let sent = tick(&mut two, at(541));
        assert_eq!(failed(&mut two, sent[0], at(541)), [""; 0]);
        let mut fresh = worker(&policy, &slots, 4);
        fresh.adopt(at(600));
        assert_eq!(at_once(&mut fresh, &token(&first), at(600)), "admitted", "{by_the_policy_before}");
    }
}

#[test]
fn a_worker_whose_fetch_fails_has_what_another_one_has_fetched_meanwhile() {
    let (first, second) = (key("first"), key("second"));
    let policy = sealed(verifying(by_uri(json!({}))));
    let (_, mut one, mut two) = two(&policy);
    fetched(&mut one, &set(&[&first]), at(0));
    two.adopt(at(0));
    let sent = tick(&mut two, at(541));
    // Its turn ends before its question does.
    for id in tick(&mut one, millis(543_200)) {
        assert!(answer(&mut one, id, &set(&[&second]), millis(543_200)).is_empty());
    }
    assert_eq!(changed(&mut one), 2);
    assert_eq!(failed(&mut two, sent[0], millis(543_300)), [""; 0]);
    assert_eq!(at_once(&mut two, &token(&second), millis(543_300)), "admitted");
}

#[test]
fn a_turn_to_fetch_lasts_as_long_as_a_callout_and_a_little_longer() {
    for (timeout, length) in [("2s", 2200), ("700ms", 900)] {
        let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({"timeout": timeout})))));
        assert_eq!(tick(&mut one, millis(0)).len(), 1);
        two.refresh(millis(1));
        assert!(ask(&mut two, millis(1)).is_empty() && two.is_following());
        assert!(two.follow(millis(length - 1)).is_empty() && two.is_following(), "{timeout}");
        assert!(two.follow(millis(length)).is_empty() && !two.is_following(), "{timeout}");
        assert_eq!(tick(&mut two, millis(length)).len(), 1, "{timeout}");
    }
}

#[test]
fn a_worker_that_finds_what_it_wants_keeps_no_turn() {
    let (first, second) = (key("first"), key("second"));
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    assert!(parked(&open(&mut two, 1, &token(&first), at(0))));
    fetched(&mut one, &set(&[&first]), at(0));
    assert!(ask(&mut two, at(0)).is_empty());
    assert_eq!(reason(&two.follow(at(0))[0].verdict), "admitted");
    assert!(parked(&open(&mut one, 1, &token(&second), at(0))));
    assert_eq!(asked(&mut one, at(0)).1, "/jwks");
}

#[test]
fn what_another_worker_has_fetched_is_in_use_as_soon_as_somebody_looks() {
    let first = key("first");
    let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
    fetched(&mut one, &set(&[&first]), at(0));
    two.refresh(at(1));
    assert_eq!(at_once(&mut two, &token(&first), at(1)), "admitted");
    assert!(ask(&mut two, at(1)).is_empty() && !two.is_following());
}

#[test]
fn a_worker_that_looks_for_sets_sees_the_clock_set_back() {
    type Look = fn(&mut Gate, UnixTime);
    let looks: [Look; 2] = [Gate::adopt, Gate::refresh];
    for (number, look) in looks.iter().enumerate() {
        let first = key("first");
        let (_, mut one, mut two) = two(&sealed(verifying(by_uri(json!({})))));
        look(&mut two, at(100));
        drop(ask(&mut two, at(100)));
        fetched(&mut one, &set(&[&first]), at(0));
        look(&mut two, at(1));
        assert!(two.key_ages(at(1)).is_empty(), "{number}: nobody can tell how old it is");
    }
}

#[test]
fn of_two_policies_before_the_one_with_the_latest_keys_counts_in_whatever_order() {
    let (old, new) = (key("old"), key("new"));
    let policy = verifying(by_uri(json!({})));
    let mut first = gate(&policy);
    fetched(&mut first, &set(&[&old]), at(0));
    let mut second = gate(&policy).taking_over([&first]);
    fetched(&mut second, &set(&[&new]), at(541));
    for formers in [[&first, &second], [&second, &first]] {
        let mut next = gate(&policy).taking_over(formers);
        assert_eq!(at_once(&mut next, &token(&new), at(542)), "admitted");
        assert_eq!(next.key_ages(at(542))[0].1.as_secs(), 1);
        assert!(parked(&open(&mut next, 1, &token(&old), at(542))), "a key that was withdrawn");
    }
}

#[test]
fn a_policy_under_which_no_keys_came_leaves_no_pause_to_the_next() {
    let policy = verifying(by_uri(json!({})));
    let mut before = gate(&policy);
    for _ in 0..2 {
        let sent = tick(&mut before, at(0));
        assert_eq!(failed(&mut before, sent[0], at(0)), [""; 0]);
    }
    assert!(tick(&mut before, at(0)).is_empty(), "a second");
    let mut after = gate(&policy).taking_over([&before]);
    assert_eq!(tick(&mut after, at(0)).len(), 1);
}

#[test]
fn the_next_policy_knows_where_the_keys_are() {
    let first = key("first");
    let policy = verifying(json!({"discover": true, "cluster": "idp"}));
    let metadata = json!({"issuer": "https://idp.example.com", "jwks_uri": "https://idp.example.com/jwks"});
    let mut before = gate(&policy);
    fetched(&mut before, &metadata, at(0));
    let (id, _) = asked(&mut before, at(0));
    assert!(answer(&mut before, id, &set(&[&first]), at(0)).is_empty());
    let mut after = gate(&policy).taking_over([&before]);
    after.refresh(at(541));
    let (id, path) = asked(&mut after, at(541));
    assert_eq!(path, "/jwks");
    // What fails is looked for from the start.
    assert_eq!(failed(&mut after, id, at(541)), [""; 0]);
    let mut next = gate(&policy).taking_over([&after]);
    next.refresh(at(571));
    assert_eq!(asked(&mut next, at(571)).1, "/.well-known/oauth-authorization-server");
}

#[test]
fn where_metadata_was_looked_for_in_vain_is_told() {
    let mut gate = gate(&verifying(json!({"discover": true, "cluster": "idp"})));
    for _ in 0..2 {
        let sent = tick(&mut gate, at(0));
        assert!(answer_status(&mut gate, sent[0], 404, &[], at(0)).is_empty());
    }
    let told = why_keys_failed(&mut gate).concat();
    for place in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert!(told.contains(place), "{told}");
    }
}
