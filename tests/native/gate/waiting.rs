//! Who waits for what, who is woken, and how many may wait.

use std::rc::Rc;

use scopegate::gate::{Gate, RequestId, Verdict};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use super::{
    START, Slots, active, after, answer, answer_status, ask, asking, at, gate, judged, open, open_with,
    parked, reason, settled, worker,
};

#[test]
fn one_question_serves_everybody_who_waits() {
    let mut gate = gate(&asking());
    for id in 1..=10 {
        assert!(parked(&open(&mut gate, id, "token", at(0))));
    }
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    assert!(parked(&open(&mut gate, 11, "token", at(0))));
    assert!(ask(&mut gate, at(0)).is_empty(), "the question is out already");
    let woken = answer(&mut gate, asks[0].0, &active(), at(1));
    assert_eq!(woken.iter().map(|woken| woken.id.0).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    assert!(woken.iter().all(|woken| matches!(woken.verdict, Verdict::Admit { .. })));
    assert_eq!(gate.waiting(), 0);
}

#[test]
fn followers_survive_the_leader() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    assert!(parked(&open(&mut gate, 2, "token", at(0))));
    gate.close(RequestId(1));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &active(), at(0));
    assert_eq!(woken.iter().map(|woken| woken.id.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_question_that_nobody_waits_for_is_not_asked() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    gate.close(RequestId(1));
    assert!(ask(&mut gate, at(0)).is_empty());
    assert!(parked(&open(&mut gate, 2, "token", at(0))), "and the next one is not lost");
    assert_eq!(ask(&mut gate, at(0)).len(), 1);
}

#[test]
fn a_second_reply_finds_nothing() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(answer(&mut gate, asks[0].0, &json!({"active": false}), at(0)).len(), 1);
    assert!(answer(&mut gate, asks[0].0, &active(), at(0)).is_empty());
    assert_eq!(reason(&settled(open(&mut gate, 2, "token", at(1)))), "token_inactive");
}

#[test]
fn nothing_waits_past_its_deadline() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert!(gate.expire(at(2)).is_empty(), "the timeout is 2 s, and a reply may take a moment");
    let expired = gate.expire(at(3));
    assert_eq!(
        expired.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(),
        ["issuer_unavailable"]
    );
    assert!(matches!(&expired[0].verdict, Verdict::Refuse { response, .. } if response.status == 503));
    assert!(answer(&mut gate, asks[0].0, &active(), at(4)).is_empty(), "too late");
    assert!(parked(&open(&mut gate, 2, "token", at(4))), "what came too late was not believed");
    assert_eq!(ask(&mut gate, at(4)).len(), 1);
}

#[test]
fn whoever_waits_for_keys_waits_for_as_long_as_three_callouts_may_take() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut gate = gate(&json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"discover": true, "cluster": "idp", "timeout": "1s"}}}},
        "rules": [{"name": "all", "require": {}}],
    }));
    let token = key.sign(&Map::new(), &json!({"iss": "https://idp.example.com", "exp": START + 60})).unwrap();
    assert!(parked(&open(&mut gate, 1, &token, at(0))));
    assert_eq!(ask(&mut gate, at(0)).len(), 1);
    assert!(gate.expire(after(3199)).is_empty());
    assert_eq!(reason(&gate.expire(after(3200))[0].verdict), "issuer_unavailable");
}

#[test]
fn a_request_that_looks_again_for_one_answer_waits_no_longer_for_it() {
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    assert!(parked(&open(&mut two, 1, "token", at(0))) && ask(&mut two, at(0)).is_empty());
    answer_status(&mut one, asks[0].0, 500, &[], after(1900));
    assert!(two.follow(after(1900)).is_empty());
    assert_eq!(ask(&mut two, after(1900)).len(), 1, "it asks for itself");
    assert!(two.expire(after(2199)).is_empty());
    assert_eq!(two.expire(after(2200)).len(), 1);
}

#[test]
fn a_request_waits_for_each_issuer_that_is_asked_in_turn() {
    let mut policy = two_issuers();
    policy["rules"] = json!([{"name": "all", "require": {}}]);
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert!(answer(&mut gate, asks[0].0, &json!({"active": false}), after(1900)).is_empty());
    assert_eq!(ask(&mut gate, after(1900)).len(), 1);
    assert!(gate.expire(after(4099)).is_empty());
    assert_eq!(gate.expire(after(4100)).len(), 1);
}

#[test]
fn the_waiting_room_has_a_limit() {
    let mut gate = gate(&asking());
    for id in 0..50 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(0))));
    }
    let verdict = settled(open(&mut gate, 50, "token-50", at(0)));
    assert_eq!(reason(&verdict), "overloaded");
    assert_eq!(gate.waiting(), 50);
    gate.close(RequestId(0));
    assert!(parked(&open(&mut gate, 51, "token-51", at(0))));
}

/// Two issuers that are asked, each for its own path.
pub(super) fn two_issuers() -> Value {
    let mut policy = asking();
    policy["issuers"]["second"] = policy["issuers"]["idp"].clone();
    policy["issuers"]["second"]["introspection"]["cluster"] = json!("second");
    policy["limits"]["waiting_requests"] = json!(200);
    policy["rules"] = json!([
        {"name": "first", "match": {"paths": ["/first"]}, "require": {"issuers": ["idp"]}},
        {"name": "second", "match": {"paths": ["/second"]}, "require": {"issuers": ["second"]}},
    ]);
    policy
}

#[test]
fn a_slow_issuer_leaves_another_one_its_part_of_the_waiting_room() {
    let mut gate = gate(&two_issuers());
    let mut send = |id: u32, path: &str| {
        let token = format!("Bearer token-{id}");
        open_with(&mut gate, id, &[(":path", path), ("authorization", &token)], at(0))
    };
    for id in 0..200 {
        assert!(parked(&send(id, "/first")), "{id}");
    }
    assert_eq!(reason(&settled(send(200, "/first"))), "overloaded");
    for id in 300..340 {
        assert!(parked(&send(id, "/second")), "{id}");
    }
    assert_eq!(reason(&settled(send(340, "/second"))), "overloaded", "a fifth, beyond what there is for all");
    gate.close(RequestId(300));
    let token = [(":path", "/second"), ("authorization", "Bearer last")];
    assert!(parked(&open_with(&mut gate, 341, &token, at(0))));
}

#[test]
fn requests_with_one_token_take_a_tenth_of_the_waiting_room_at_most() {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(300);
    let mut gate = gate(&policy);
    for id in 0..30 {
        assert!(parked(&open(&mut gate, id, "slow", at(0))), "{id}");
    }
    assert_eq!(reason(&settled(open(&mut gate, 30, "slow", at(0)))), "overloaded");
    for id in 31..301 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(0))), "{id}");
    }
    // A tenth of a small one would be fewer than a browser sends at once.
    let mut small = self::gate(&asking());
    for id in 0..16 {
        assert!(parked(&open(&mut small, id, "slow", at(0))), "{id}");
    }
    assert_eq!(reason(&settled(open(&mut small, 16, "slow", at(0)))), "overloaded");
}

/// A gate with room for all who wait, where `known` is remembered as active and out of date.
fn roomy() -> Gate {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(10_000);
    let mut gate = gate(&policy);
    assert_eq!(judged(&mut gate, 0, "known", Some(&active()), at(-61)), "admitted");
    gate
}

#[test]
fn requests_with_a_token_that_was_active_lately_take_half_of_the_waiting_room_at_most() {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(300);
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 0, "busy", at(0))));
    let asks = ask(&mut gate, at(0));
    answer(&mut gate, asks[0].0, &active(), at(0));
    assert_eq!(reason(&settled(open(&mut gate, 0, "busy", at(59)))), "admitted");
    // Its answer is over, and everything that its client sends waits for the next.
    for id in 0..150 {
        assert!(parked(&open(&mut gate, id, "busy", at(61))), "{id}");
    }
    assert_eq!(reason(&settled(open(&mut gate, 150, "busy", at(61)))), "overloaded");
    for id in 150..300 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(61))), "{id}");
    }
    let asks = ask(&mut gate, at(61));
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(61)).len(), 150);
}

#[test]
fn all_tokens_that_were_active_lately_have_half_of_the_waiting_room_beyond_their_parts_at_most() {
    let mut policy = asking();
    policy["limits"]["waiting_requests"] = json!(300);
    let mut gate = gate(&policy);
    for token in ["one", "two", "three"] {
        assert_eq!(judged(&mut gate, 0, token, Some(&active()), at(0)), "admitted");
    }
    for id in 0..150 {
        assert!(parked(&open(&mut gate, id, "one", at(61))), "{id}");
    }
    for (token, from) in [("two", 150), ("three", 180)] {
        for id in from..from + 30 {
            assert!(parked(&open(&mut gate, id, token, at(61))), "{id}");
        }
        assert_eq!(reason(&settled(open(&mut gate, 1000, token, at(61)))), "overloaded", "its part alone");
    }
    // Where the first one's are fewer, the others may have more.
    gate.close(RequestId(0));
    assert!(parked(&open(&mut gate, 1001, "three", at(61))));
    assert_eq!(reason(&settled(open(&mut gate, 1002, "one", at(61)))), "overloaded");
    for id in 210..300 {
        assert!(parked(&open(&mut gate, id, &format!("token-{id}"), at(61))), "{id}");
    }
}

#[test]
fn a_flood_of_new_tokens_leaves_places_for_those_that_were_active_lately() {
    let mut gate = roomy();
    for id in 1..=384 {
        assert!(parked(&open(&mut gate, id, &format!("flood-{id}"), at(0))), "{id}");
    }
    assert_eq!(ask(&mut gate, at(0)).len(), 384);
    assert_eq!(reason(&settled(open(&mut gate, 385, "flood-385", at(0)))), "overloaded");
    assert_eq!(judged(&mut gate, 386, "known", Some(&active()), at(0)), "admitted");
    assert!(parked(&open(&mut gate, 387, "flood-1", at(0))), "whose question is out already waits for it");
}

#[test]
fn questions_that_were_abandoned_take_no_place_of_those_for_which_somebody_waits() {
    let mut gate = roomy();
    let mut asked = 0;
    for id in 1..=384 {
        assert!(parked(&open(&mut gate, id, &format!("flood-{id}"), at(0))), "{id}");
        asked += ask(&mut gate, at(0)).len();
        gate.close(RequestId(id));
    }
    assert_eq!(asked, 32, "then whoever goes at once leaves no question behind");
    assert!(ask(&mut gate, at(1)).is_empty(), "and nobody asks for them later");
    for id in 1001..=1384 {
        assert!(parked(&open(&mut gate, id, &format!("user-{id}"), at(0))), "{id}");
    }
    assert!(ask(&mut gate, at(0)).is_empty(), "they have to last a moment");
    assert_eq!(ask(&mut gate, at(1)).len(), 384);
    assert_eq!(judged(&mut gate, 2000, "known", Some(&active()), at(1)), "admitted", "who is known does not");
}

#[test]
fn an_abandoned_question_is_taken_up_by_whoever_comes_next() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    gate.close(RequestId(1));
    assert!(parked(&open(&mut gate, 2, "token", at(0))));
    assert!(ask(&mut gate, at(0)).is_empty());
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 1);
}

#[test]
fn without_memory_every_request_is_asked_about_and_everybody_is_answered() {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": "0s", "negative_ttl": "0s"});
    let mut gate = gate(&policy);
    for round in 0..3u32 {
        assert!(parked(&open(&mut gate, round * 2, "token", at(0))));
        assert!(parked(&open(&mut gate, round * 2 + 1, "token", at(0))));
        let asks = ask(&mut gate, at(0));
        assert_eq!(asks.len(), 1);
        assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 2);
    }
}

#[test]
fn issuers_are_asked_in_turn_until_one_knows_the_token() {
    let mut policy = asking();
    let second = json!({
        "audiences": "any",
        "introspection": {"uri": "https://second.example.com/i", "cluster": "second", "client": {"method": "none"},
                          "cache": {"negative_ttl": "0s"}},
    });
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"negative_ttl": "0s"});
    policy["issuers"]["second"] = second;
    let mut gate = gate(&policy);
    let run = |gate: &mut Gate, id, first: &Value, second: Option<&Value>| {
        assert!(parked(&open(gate, id, &format!("token-{id}"), at(0))));
        let asks = ask(gate, at(0));
        assert_eq!(asks[0].1.cluster, "idp");
        let mut woken = answer(gate, asks[0].0, first, at(0));
        if let Some(second) = second {
            assert!(woken.is_empty());
            let asks = ask(gate, at(0));
            assert_eq!(asks[0].1.cluster, "second");
            woken = answer(gate, asks[0].0, second, at(0));
        }
        assert_eq!(woken.len(), 1);
        reason(&woken[0].verdict)
    };
    let inactive = json!({"active": false});
    assert_eq!(run(&mut gate, 1, &active(), None), "admitted");
    assert_eq!(run(&mut gate, 2, &inactive, Some(&active())), "admitted");
    assert_eq!(run(&mut gate, 3, &inactive, Some(&inactive)), "token_inactive");
    assert_eq!(
        run(&mut gate, 4, &json!({}), Some(&inactive)),
        "issuer_misbehaved",
        "one of them did not say"
    );
    assert_eq!(run(&mut gate, 5, &json!({}), Some(&active())), "admitted");
}
