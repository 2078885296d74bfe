//! Issuers that fail: whom that keeps out, for how long, and what an old answer is good for.

use scopegate::base::time::UnixTime;
use scopegate::gate::{AskId, Event, Gate, Step};
use scopegate::http::message::Reply;
use serde_json::{Value, json};

use super::news::fail;
use super::{
    START, active, answer, answer_status, ask, asking, at, gate, judged, open, parked, reason, settled,
};

/// A policy that serves answers of ten seconds for a minute more.
pub(super) fn serving_stale() -> Value {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": "10s"});
    policy["issuers"]["idp"]["introspection"]["on_outage"] = json!({"serve_stale": "60s"});
    policy
}

#[test]
fn an_old_answer_serves_while_the_issuer_fails_for_others_too_and_no_longer_than_allowed() {
    let mut gate = gate(&serving_stale());
    for token in ["one", "two"] {
        assert_eq!(judged(&mut gate, 1, token, Some(&active()), at(0)), "admitted");
    }
    assert_eq!(reason(&settled(open(&mut gate, 2, "one", at(9)))), "admitted");
    assert_eq!(
        judged(&mut gate, 3, "one", None, at(10)),
        "issuer_unavailable",
        "its own failure is not enough"
    );
    assert_eq!(judged(&mut gate, 4, "two", None, at(10)), "admitted");
    assert!(
        gate.take_events().iter().any(|event| matches!(event, Event::StaleServed { .. })),
        "and it is counted"
    );
    assert_eq!(judged(&mut gate, 5, "one", None, at(19)), "admitted");
    assert_eq!(
        judged(&mut gate, 6, "one", None, at(20)),
        "issuer_unavailable",
        "the other failed too long ago"
    );
    assert_eq!(
        judged(&mut gate, 7, "three", Some(&active()), at(21)),
        "admitted",
        "and it has not been down"
    );
    assert_eq!(judged(&mut gate, 8, "one", None, at(69)), "issuer_unavailable");
    assert_eq!(judged(&mut gate, 9, "two", None, at(69)), "admitted");
    assert_eq!(
        judged(&mut gate, 10, "two", None, at(70)),
        "issuer_unavailable",
        "an answer of 70 s ago is none"
    );
    assert_eq!(judged(&mut gate, 11, "one", Some(&json!({"active": false})), at(90)), "token_inactive");
    assert_eq!(
        reason(&settled(open(&mut gate, 12, "one", at(91)))),
        "token_inactive",
        "a refusal ends the old answer"
    );
}

#[test]
fn a_refusal_ends_the_old_answer_for_good() {
    let mut gate = gate(&serving_stale());
    for token in ["revoked", "good"] {
        assert_eq!(judged(&mut gate, 1, token, Some(&active()), at(0)), "admitted");
    }
    assert_eq!(judged(&mut gate, 2, "revoked", Some(&json!({"active": false})), at(20)), "token_inactive");
    // The refusal is not remembered any more, and the answer before it would have served until 70.
    for now in [25, 69] {
        assert_eq!(judged(&mut gate, 3, "good", None, at(now)), "issuer_unavailable");
        assert_eq!(judged(&mut gate, 4, "revoked", None, at(now)), "issuer_unavailable", "{now}");
        assert_eq!(judged(&mut gate, 5, "good", None, at(now)), "issuer_unavailable");
    }
}

#[test]
fn whoever_holds_a_revoked_token_gets_no_old_answer_by_making_the_issuer_stumble() {
    let mut gate = gate(&serving_stale());
    assert_eq!(judged(&mut gate, 0, "revoked", Some(&active()), at(0)), "admitted");
    for number in 0..3000u32 {
        let now = UnixTime::from_millis((START + 10) * 1000 + i64::from(number) * 10);
        let token = if number % 2 == 0 { "revoked".to_owned() } else { format!("W10.{number}") };
        assert_eq!(judged(&mut gate, number + 1, &token, None, now), "issuer_unavailable", "{number}");
    }
    assert!(!gate.take_events().iter().any(|event| matches!(event, Event::StaleServed { .. })));
}

#[test]
fn a_stranger_whose_tokens_the_issuer_cannot_digest_keeps_nobody_out() {
    for kind in 0..4 {
        let mut gate = gate(&asking());
        // Nothing but 429, or no answer at all, for a while is a word about everybody; a row of 500 is not, however long.
        let strangers = if kind < 2 { 100 } else { 10 };
        for number in 0..1000u32 {
            let now = UnixTime::from_millis(START * 1000 + i64::from(number) * 50);
            assert!(parked(&open(&mut gate, number, &format!("stranger-{number}"), now)));
            let asks = ask(&mut gate, now);
            let woken = match kind {
                0 => answer_status(&mut gate, asks[0].0, 500, &[], now),
                1 => answer_status(&mut gate, asks[0].0, 503, &[("x-envoy-upstream-service-time", "3")], now),
                2 => answer_status(&mut gate, asks[0].0, 429, &[("retry-after", "9")], now),
                // As Envoy answers where the issuer takes too long.
                _ => answer_status(&mut gate, asks[0].0, 504, &[], now),
            };
            assert_eq!(reason(&woken[0].verdict), "issuer_unavailable");
            if number % strangers == strangers - 1 {
                let user = format!("user-{number}");
                assert_eq!(
                    judged(&mut gate, 2000 + number, &user, Some(&active()), now),
                    "admitted",
                    "{kind}"
                );
            }
        }
        assert!(
            !gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })),
            "{kind}"
        );
    }
}

#[test]
fn an_issuer_that_fails_for_known_tokens_is_left_alone_and_tried_with_them_first() {
    let mut gate = gate(&asking());
    let known = |number: u32| format!("known-{number}");
    for number in 0..10 {
        assert_eq!(judged(&mut gate, number, &known(number), Some(&active()), at(0)), "admitted");
    }
    let mut now = UnixTime::from_millis((START + 60) * 1000);
    for number in 0..5 {
        assert_eq!(judged(&mut gate, number, &known(number), None, now), "issuer_unavailable");
        now = UnixTime::from_millis(now.as_millis() + 250);
    }
    assert!(
        gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })),
        "within 1 s"
    );
    assert_eq!(reason(&settled(open(&mut gate, 20, &known(6), now))), "issuer_unavailable");
    assert!(ask(&mut gate, now).is_empty(), "nobody is asked");
    // Half-open: strangers have places of their own.
    let later = at(70);
    for number in 0..10 {
        let step = open(&mut gate, 30 + number, &format!("stranger-{number}"), later);
        assert!(parked(&step), "{number}");
    }
    assert!(parked(&open(&mut gate, 50, &known(6), later)));
    let asks = ask(&mut gate, later);
    assert_eq!(asks.len(), 5, "four trials of strangers, and one of a token that was active lately");
    let given_up = gate.expire(later);
    assert_eq!(given_up.len(), 6);
    assert!(given_up.iter().all(|woken| reason(&woken.verdict) == "issuer_unavailable"));
    for (ask, _) in &asks[..4] {
        answer_status(&mut gate, *ask, 500, &[], later);
    }
    assert_eq!(answer(&mut gate, asks[4].0, &active(), later).len(), 1);
    assert!(gate.take_events().iter().any(|event| matches!(event, Event::CircuitClosed { .. })));
    assert!(parked(&open(&mut gate, 51, "stranger-99", later)), "it is back for everybody");
}

#[test]
fn an_issuer_that_cannot_be_reached_is_left_alone_for_a_while() {
    let mut gate = gate(&asking());
    let mut asked = 0;
    for id in 0..200u32 {
        let now = UnixTime::from_millis(START * 1000 + i64::from(id) * 100);
        if let Step::Settle(verdict) = open(&mut gate, id, &format!("t{id}"), now) {
            assert_eq!(reason(&verdict), "issuer_unavailable");
            continue;
        }
        for (ask, _) in ask(&mut gate, now) {
            asked += 1;
            assert_eq!(gate.answer(ask, &Reply::Failed, now).len(), 1);
        }
    }
    assert!((52..62).contains(&asked), "{asked} questions: all for five seconds, then few for fifteen");
    let later = at(40);
    assert!(parked(&open(&mut gate, 200, "good", later)));
    assert!(parked(&open(&mut gate, 202, "good", later)), "and whoever has the same question waits for it");
    let asks = ask(&mut gate, later);
    assert_eq!(answer(&mut gate, asks[0].0, &active(), later).len(), 2);
    assert!(parked(&open(&mut gate, 203, "other", later)), "it is back");
}

#[test]
fn questions_that_nobody_answers_in_time_open_the_circuit_breaker() {
    let mut gate = gate(&asking());
    for number in 0..5u32 {
        let now = i64::from(number) * 3;
        assert!(parked(&open(&mut gate, number, &format!("t{number}"), at(now))), "{number}");
        assert_eq!(ask(&mut gate, at(now)).len(), 1);
        assert_eq!(gate.expire(at(now + 3)).len(), 1);
    }
    assert!(gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })));
    assert_eq!(reason(&settled(open(&mut gate, 9, "new", at(15)))), "issuer_unavailable");
}

#[test]
fn an_old_answer_serves_while_the_circuit_breaker_is_open_whoever_opened_it() {
    let mut gate = gate(&serving_stale());
    assert_eq!(judged(&mut gate, 0, "known", Some(&active()), at(0)), "admitted");
    let now = fail(&mut gate, 10);
    assert_eq!(reason(&settled(open(&mut gate, 100, "known", now))), "admitted");
    assert!(gate.take_events().iter().any(|event| matches!(event, Event::StaleServed { .. })));
    assert_eq!(reason(&settled(open(&mut gate, 101, "stranger", now))), "issuer_unavailable");
}

#[test]
fn an_issuer_that_asks_to_wait_is_no_outage_for_which_an_old_answer_would_serve() {
    for (status, expected) in [(500, "admitted"), (429, "issuer_unavailable")] {
        let mut gate = gate(&serving_stale());
        for token in ["one", "two"] {
            assert_eq!(judged(&mut gate, 1, token, Some(&active()), at(0)), "admitted");
        }
        assert_eq!(judged(&mut gate, 2, "two", None, at(10)), "issuer_unavailable");
        assert!(parked(&open(&mut gate, 3, "one", at(11))));
        let asks = ask(&mut gate, at(11));
        let woken = answer_status(&mut gate, asks[0].0, status, &[], at(11));
        assert_eq!(reason(&woken[0].verdict), expected, "{status}");
    }
}

/// Whether the circuit breaker opens where strangers' tokens are asked about for twelve seconds, and `reply` does what
/// comes of each question.
fn opens(reply: &dyn Fn(&mut Gate, AskId, UnixTime)) -> bool {
    let mut gate = gate(&asking());
    for second in 0..12u32 {
        let now = at(i64::from(second));
        if parked(&open(&mut gate, second, &format!("stranger-{second}"), now)) {
            let asks = ask(&mut gate, now);
            reply(&mut gate, asks[0].0, now);
        }
    }
    gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. }))
}

#[test]
fn an_issuer_that_answers_itself_is_not_out_of_reach_whatever_it_answers() {
    let failed = |gate: &mut Gate, ask, now| {
        gate.answer(ask, &Reply::Failed, now);
    };
    assert!(opens(&failed));
    for status in [500, 502, 503, 504] {
        for fields in [&[][..], &[("x-envoy-upstream-service-time", "3")]] {
            let answered = |gate: &mut Gate, ask, now| {
                answer_status(gate, ask, status, fields, now);
            };
            // Envoy says so in the place of a server that it cannot reach.
            let by_envoy = fields.is_empty() && matches!(status, 503 | 504);
            assert_eq!(opens(&answered), by_envoy, "{status} {fields:?}");
        }
    }
}

#[test]
fn a_token_that_met_429_is_asked_about_again_when_the_issuer_says() {
    for (after, seconds) in [(Some("7"), 7), (Some(" 7 "), 7), (Some("soon"), 1), (None, 1)] {
        let mut gate = gate(&asking());
        let fields: Vec<_> = after.map(|after| ("retry-after", after)).into_iter().collect();
        assert!(parked(&open(&mut gate, 1, "token", at(0))));
        let asks = ask(&mut gate, at(0));
        let woken = answer_status(&mut gate, asks[0].0, 429, &fields, at(0));
        assert_eq!(reason(&woken[0].verdict), "issuer_unavailable");
        let before = UnixTime::from_millis(at(seconds).as_millis() - 1);
        assert_eq!(reason(&settled(open(&mut gate, 2, "token", before))), "issuer_unavailable", "{after:?}");
        assert!(parked(&open(&mut gate, 3, "other", before)), "{after:?}: it may answer others");
        assert!(parked(&open(&mut gate, 4, "token", at(seconds))), "{after:?}");
    }
}
