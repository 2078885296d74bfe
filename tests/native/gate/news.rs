//! What is known of an issuer, and to whom: outages, revocations, policies that follow others.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::gate::{Event, Gate};
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use super::outages::serving_stale;
use super::{
    START, Slots, active, answer_status, ask, asking, at, gate, judged, open, parked, reason, settled, worker,
};

/// An issuer that is asked about opaque tokens, and whose keys come from the same cluster.
fn both(jwks: Value) -> Value {
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["introspection"]["iss"] = json!("optional");
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": jwks});
    policy
}

/// Whether the circuit breaker opens when the keys are fetched for a minute and each reply is like this.
fn opens(jwks: &Value, reply: &dyn Fn(&str) -> Option<(u16, &'static str)>) -> bool {
    let mut gate = gate(&both(jwks.clone()));
    assert_eq!(judged(&mut gate, 1, "known", Some(&active()), at(0)), "admitted");
    let mut fetches = 0;
    for second in 0..60 {
        gate.refresh(at(second));
        let mut sent = ask(&mut gate, at(second));
        while let Some((id, callout)) = sent.pop() {
            fetches += 1;
            let answer = reply(callout.path.expose());
            let answer = answer.map(|(status, body)| Answer { status, fields: &[], body: body.as_bytes() });
            gate.answer(id, &answer.map_or(Reply::Failed, Reply::Answered), at(second));
            sent.extend(ask(&mut gate, at(second)));
        }
    }
    assert!(fetches > 5, "{fetches}");
    gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. }))
}

#[test]
fn keys_that_cannot_be_fetched_open_the_circuit_breaker_in_an_outage_alone() {
    let by_uri = json!({"uri": "https://idp.example.com/jwks", "cluster": "idp"});
    let found = json!({"discover": true, "cluster": "idp"});
    for reply in [None, Some((500, "")), Some((502, "")), Some((503, "")), Some((504, ""))] {
        assert!(opens(&by_uri, &|_| reply), "{reply:?}");
        assert!(opens(&found, &|_| reply), "{reply:?}");
        // An issuer may have one of the places alone.
        let first = |path: &str| if path.contains("oauth") { reply } else { Some((404, "")) };
        let second = |path: &str| if path.contains("openid") { reply } else { Some((404, "")) };
        assert!(opens(&found, &first) && opens(&found, &second), "{reply:?}");
    }
    let elsewhere = json!({"uri": "https://keys.example.com/jwks", "cluster": "keys"});
    assert!(!opens(&elsewhere, &|_| None), "that says nothing about who is asked");
    for reply in [
        (404, ""),
        (403, ""),
        (429, ""),
        (301, ""),
        (200, ""),
        (200, "{"),
        (200, r#"{"keys": []}"#),
        (200, r#"{"issuer": "https://other.example.com", "jwks_uri": "https://idp.example.com/jwks"}"#),
    ] {
        for jwks in [&by_uri, &found] {
            assert!(!opens(jwks, &|_| Some(reply)), "{reply:?}");
        }
    }
}

/// What becomes of a request with the revoked token in an outage, in which another known token has failed before.
fn in_an_outage(worker: &mut Gate, now: UnixTime) -> &'static str {
    judged(worker, 90, "other", None, now);
    judged(worker, 91, "revoked", None, now)
}

#[test]
fn what_another_worker_heard_of_a_revocation_ends_the_old_answer_here() {
    let inactive = json!({"active": false});
    // Who has asked again since, in the outage, while the others might look.
    for asked_again in [false, true] {
        let slots = Rc::new(Slots::default());
        let (mut one, mut two) = (worker(&serving_stale(), &slots), worker(&serving_stale(), &slots));
        for token in ["revoked", "other"] {
            assert_eq!(judged(&mut one, 1, token, Some(&active()), at(0)), "admitted");
            assert_eq!(reason(&settled(open(&mut two, 1, token, at(1)))), "admitted", "as it was told");
        }
        assert_eq!(in_an_outage(&mut two, at(12)), "admitted", "it is the last that anybody heard");
        assert_eq!(judged(&mut one, 2, "revoked", Some(&inactive), at(14)), "token_inactive");
        if asked_again {
            assert_eq!(in_an_outage(&mut one, at(20)), "issuer_unavailable");
        }
        // Nobody's news any more, and the last word all the same.
        assert_eq!(in_an_outage(&mut two, at(25)), "issuer_unavailable", "{asked_again}");
    }
}

#[test]
fn what_another_worker_heard_later_serves_an_outage_for_longer() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&serving_stale(), &slots), worker(&serving_stale(), &slots));
    for token in ["revoked", "other"] {
        assert_eq!(judged(&mut one, 1, token, Some(&active()), at(0)), "admitted");
        assert_eq!(reason(&settled(open(&mut two, 1, token, at(1)))), "admitted");
    }
    assert_eq!(judged(&mut one, 2, "revoked", Some(&active()), at(40)), "admitted");
    assert_eq!(in_an_outage(&mut two, at(100)), "admitted", "a minute after it was news");
    assert_eq!(in_an_outage(&mut two, at(110)), "issuer_unavailable");
}

#[test]
fn a_refusal_whose_age_nobody_can_tell_ends_an_old_answer() {
    for (said, told, then) in [
        (json!({"active": false}), "token_inactive", "issuer_unavailable"),
        (active(), "admitted", "admitted"),
    ] {
        let slots = Rc::new(Slots::default());
        let (mut one, mut two) = (worker(&serving_stale(), &slots), worker(&serving_stale(), &slots));
        for token in ["revoked", "other"] {
            assert_eq!(judged(&mut one, 1, token, Some(&active()), at(0)), "admitted");
            assert_eq!(reason(&settled(open(&mut two, 1, token, at(1)))), "admitted");
        }
        assert_eq!(judged(&mut one, 2, "revoked", Some(&said), at(12)), told);
        two.expire(at(15));
        two.expire(at(5));
        assert_eq!(in_an_outage(&mut two, at(10)), then);
    }
}

#[test]
fn a_refusal_that_another_worker_got_while_this_one_asked_ends_the_old_answer() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&serving_stale(), &slots), worker(&serving_stale(), &slots));
    for token in ["revoked", "other"] {
        assert_eq!(judged(&mut one, 1, token, Some(&active()), at(0)), "admitted");
        assert_eq!(reason(&settled(open(&mut two, 1, token, at(1)))), "admitted");
    }
    assert_eq!(judged(&mut two, 2, "other", None, at(14)), "issuer_unavailable");
    // The turn of the first is over when the second asks, and its answer comes late and still in time.
    assert!(parked(&open(&mut one, 3, "revoked", at(12))));
    let first = ask(&mut one, at(12));
    assert!(parked(&open(&mut two, 3, "revoked", at(14))));
    let second = ask(&mut two, at(14));
    let now = UnixTime::from_millis((START + 14) * 1000 + 100);
    assert_eq!(super::answer(&mut one, first[0].0, &json!({"active": false}), now).len(), 1);
    let woken = answer_status(&mut two, second[0].0, 500, &[], now);
    assert_eq!(reason(&woken[0].verdict), "token_inactive");
}

#[test]
fn a_refusal_that_this_worker_cannot_read_ends_the_old_answer() {
    let signed_with = |key: &PrivateKey| {
        let mut policy = serving_stale();
        policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
        policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
        policy["issuers"]["idp"]["introspection"]["client"] = json!({"id": "gw", "secret": "s"});
        policy
    };
    let [key, other] = [1, 2].map(|_| PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap());
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&signed_with(&key), &slots), worker(&signed_with(&other), &slots));
    let good = json!({"active": true, "scope": "read", "sub": "alice", "iss": "https://idp.example.com"});
    for token in ["revoked", "other"] {
        assert_eq!(judged(&mut one, 1, token, Some(&good), at(0)), "admitted");
        assert_eq!(reason(&settled(open(&mut two, 1, token, at(1)))), "admitted");
    }
    assert_eq!(in_an_outage(&mut two, at(12)), "admitted", "so far");
    let claims = json!({
        "iss": "https://idp.example.com", "aud": "gw", "iat": START + 14, "exp": START + 3600,
        "token_introspection": {"active": false},
    });
    let header = Map::from_iter([("typ".to_owned(), json!("token-introspection+jwt"))]);
    let body = key.sign(&header, &claims).unwrap();
    let fields = [("content-type".to_owned(), b"application/token-introspection+jwt".to_vec())];
    assert!(parked(&open(&mut one, 2, "revoked", at(14))));
    let asks = ask(&mut one, at(14));
    let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() });
    let woken = one.answer(asks[0].0, &reply, at(14));
    assert_eq!(reason(&woken[0].verdict), "token_inactive");
    assert_eq!(in_an_outage(&mut two, at(25)), "issuer_unavailable");
}

/// Has 60 questions about unknown tokens fail, 100 ms apart; until when.
pub(super) fn fail(gate: &mut Gate, from: i64) -> UnixTime {
    let mut now = at(from);
    for id in 0..60u32 {
        now = UnixTime::from_millis((START + from) * 1000 + i64::from(id) * 100);
        if parked(&open(gate, id, &format!("t{id}"), now)) {
            for (ask, _) in ask(gate, now) {
                answer_status(gate, ask, 504, &[], now);
            }
        }
    }
    now
}

#[test]
fn of_several_policies_before_it_the_one_with_the_latest_news_of_an_issuer_counts() {
    let policy = asking();
    let is_open = |gate: &mut Gate, now| !parked(&open(gate, 900, "new", now));
    // Which of two listeners fails, the first or the second; the other one has heard nothing, or a good answer before.
    for fails in [0, 1] {
        for before in [false, true] {
            let first = gate(&policy);
            let second = gate(&policy).taking_over([&first]);
            let mut both = [first, second];
            if before {
                assert_eq!(judged(&mut both[1 - fails], 1, "known", Some(&active()), at(0)), "admitted");
            }
            let now = fail(&mut both[fails], 1);
            let next = |both: &[Gate; 2]| gate(&policy).taking_over([&both[1], &both[0]]);
            let mut after = next(&both);
            assert!(is_open(&mut after, now), "{fails} {before}: an outage is nothing new");
            let known = open(&mut after, 1, "known", now);
            assert_eq!(!parked(&known) && reason(&settled(known)) == "admitted", before, "{fails}");
            // Later the issuer is well again, as the other one hears.
            let later = at(30);
            assert_eq!(judged(&mut both[1 - fails], 2, "well", Some(&active()), later), "admitted");
            assert_eq!(judged(&mut next(&both), 3, "stranger", Some(&active()), later), "admitted");
            for id in 0..9 {
                let step = open(&mut next(&both), id, &format!("stranger-{id}"), later);
                assert!(parked(&step), "{fails} {before}: it is asked as usual");
            }
        }
    }
}

#[test]
fn of_several_policies_before_it_the_later_answer_counts() {
    let policy = asking();
    let first = gate(&policy);
    let second = gate(&policy).taking_over([&first]);
    let mut both = [first, second];
    let inactive = json!({"active": false});
    for (older, newer) in [(0, 1), (1, 0)] {
        let token = |what: &str| format!("{what}-{older}");
        for (what, before, after, expected) in [
            ("revoked", active(), inactive.clone(), "token_inactive"),
            ("granted", inactive.clone(), active(), "admitted"),
        ] {
            judged(&mut both[older], 1, &token(what), Some(&before), at(0));
            judged(&mut both[newer], 2, &token(what), Some(&after), at(1));
            let mut next = gate(&policy).taking_over([&both[1], &both[0]]);
            assert_eq!(reason(&settled(open(&mut next, 3, &token(what), at(2)))), expected, "{older}");
        }
    }
}

#[test]
fn a_policy_goes_on_with_the_time_of_those_before_it() {
    let policy = asking();
    let mut before = gate(&policy);
    assert_eq!(judged(&mut before, 1, "token", Some(&active()), at(0)), "admitted");
    before.expire(at(50));
    before.expire(at(10));
    let mut after = gate(&policy).taking_over([&before]);
    assert_eq!(reason(&settled(open(&mut after, 1, "token", at(19)))), "admitted", "59 s later");
    assert!(parked(&open(&mut after, 2, "token", at(20))), "60 s later");
}
