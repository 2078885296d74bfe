//! What goes over to the next policy where there is little room for it.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use super::news::fail;
use super::{
    START, Slots, active, answer_status, ask, asking, at, gate, judged, open, parked, reason, settled, worker,
};

/// A policy that remembers two good tokens and two that are not.
fn small() -> Value {
    let mut policy = asking();
    policy["limits"]["cached_tokens"] = json!(2);
    policy
}

fn inactive() -> Value {
    json!({"active": false})
}

#[test]
fn strangers_tokens_and_old_answers_take_no_room_of_what_counts() {
    for (before, said) in [(0, inactive()), (-10, inactive()), (-4000, active())] {
        let policy = small();
        let mut first = gate(&policy);
        for token in ["x", "y"] {
            judged(&mut first, 1, token, Some(&said), at(before));
        }
        let mut second = gate(&policy).taking_over([&first]);
        assert_eq!(judged(&mut second, 1, "user", Some(&active()), at(1)), "admitted");
        assert_eq!(judged(&mut second, 2, "bad", Some(&inactive()), at(1)), "token_inactive");
        let mut next = gate(&policy).taking_over([&first, &second]);
        assert_eq!(reason(&settled(open(&mut next, 1, "user", at(2)))), "admitted", "{before}");
        if before != 0 {
            assert_eq!(reason(&settled(open(&mut next, 2, "bad", at(2)))), "token_inactive", "{before}");
        }
    }
}

#[test]
fn a_later_refusal_ends_an_answer_that_was_taken_over_whatever_room_there_is() {
    let policy = small();
    let mut first = gate(&policy);
    for token in ["revoked", "user"] {
        assert_eq!(judged(&mut first, 1, token, Some(&active()), at(0)), "admitted");
    }
    for token in ["x", "y"] {
        assert_eq!(judged(&mut first, 2, token, Some(&inactive()), at(0)), "token_inactive");
    }
    let mut second = gate(&policy).taking_over([&first]);
    assert_eq!(judged(&mut second, 2, "revoked", Some(&inactive()), at(60)), "token_inactive");
    for formers in [[&first, &second], [&second, &first]] {
        let mut next = gate(&policy).taking_over(formers);
        assert_eq!(reason(&settled(open(&mut next, 1, "revoked", at(61)))), "token_inactive");
    }
}

#[test]
fn a_refusal_ends_an_answer_of_another_gate_also_where_others_refusals_have_its_room() {
    let policy = small();
    let before = gate(&policy);
    let [mut first, mut second] = [0, 1].map(|_| gate(&policy).taking_over([&before]));
    for token in ["revoked", "user"] {
        assert_eq!(judged(&mut first, 1, token, Some(&active()), at(0)), "admitted");
    }
    for token in ["x", "y"] {
        assert_eq!(judged(&mut first, 2, token, Some(&inactive()), at(29)), "token_inactive");
    }
    assert_eq!(judged(&mut second, 2, "revoked", Some(&inactive()), at(30)), "token_inactive");
    for formers in [[&first, &second], [&second, &first]] {
        let mut next = gate(&policy).taking_over(formers);
        assert_eq!(reason(&settled(open(&mut next, 1, "revoked", at(31)))), "token_inactive");
    }
}

#[test]
fn a_pause_goes_over_from_a_policy_under_which_the_issuer_has_answered_nothing_else() {
    let policy = asking();
    let other = gate(&policy);
    let mut before = gate(&policy).taking_over([&other]);
    let mut now = at(0);
    for id in 0..5u32 {
        now = UnixTime::from_millis(START * 1000 + i64::from(id) * 250);
        assert!(parked(&open(&mut before, id, &format!("t{id}"), now)));
        let asks = ask(&mut before, now);
        answer_status(&mut before, asks[0].0, 429, &[("retry-after", "20")], now);
    }
    assert!(!parked(&open(&mut before, 9, "new", now)), "nobody that is unknown is asked about");
    for formers in [[&before, &other], [&other, &before]] {
        let mut next = gate(&policy).taking_over(formers);
        assert_eq!(reason(&settled(open(&mut next, 9, "new", now))), "issuer_unavailable");
    }
}

#[test]
fn an_answer_goes_over_while_its_issuer_has_the_same_name_and_wants_the_same_of_tokens() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let of = |name: &str, skew: &str| {
        let mut policy = asking();
        let mut issuer = policy["issuers"]["idp"].take();
        issuer["issuer"] = json!("https://idp.example.com");
        issuer["introspection"]["iss"] = json!("optional");
        issuer["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}, "clock_skew": skew});
        policy["issuers"] = json!({name: issuer});
        gate(&policy)
    };
    let mut before = of("idp", "60s");
    assert_eq!(judged(&mut before, 1, "token", Some(&active()), at(0)), "admitted");
    for (name, skew, goes_over) in [("idp", "60s", true), ("other", "60s", false), ("idp", "5s", false)] {
        let mut after = of(name, skew).taking_over([&before]);
        assert_eq!(!parked(&open(&mut after, 1, "token", at(1))), goes_over, "{name} {skew}");
    }
}

#[test]
fn what_a_gate_with_another_clock_knows_does_not_go_over() {
    let policy = asking();
    let (first, mut stranger) = (gate(&policy), gate(&policy));
    assert_eq!(judged(&mut stranger, 1, "token", Some(&active()), at(0)), "admitted");
    let mut next = gate(&policy).taking_over([&first, &stranger]);
    assert!(parked(&open(&mut next, 1, "token", at(1))));
}

#[test]
fn what_a_gate_with_another_seed_knows_does_not_go_over() {
    let policy = asking();
    let mut former = gate(&policy);
    assert_eq!(judged(&mut former, 1, "token", Some(&active()), at(0)), "admitted");
    let now = fail(&mut former, 1);
    for (mut next, goes_over) in [
        (gate(&policy).taking_over([&former]), true),
        (worker(&policy, &Rc::new(Slots::default())).taking_over([&former]), false),
    ] {
        assert_eq!(!parked(&open(&mut next, 1, "token", now)), goes_over);
        assert_eq!(!parked(&open(&mut next, 2, "new", now)), goes_over, "its tokens are other ones");
    }
}
