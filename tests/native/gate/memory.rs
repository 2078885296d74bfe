//! What is remembered of issuers' answers: of whom, about which token, and until when, here and at other workers.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use serde_json::{Value, json};

use super::waiting::two_issuers;
use super::{
    START, Slots, active, answer, ask, asking, at, gate, judged, open, open_with, parked, reason, settled,
    worker,
};

fn inactive() -> Value {
    json!({"active": false})
}

/// The policy whose answers are remembered for so long.
fn remembering(ttl: &str, negative_ttl: &str) -> Value {
    let mut policy = asking();
    policy["issuers"]["idp"]["introspection"]["cache"] = json!({"ttl": ttl, "negative_ttl": negative_ttl});
    policy
}

/// A moment, in milliseconds after the start.
fn moment(milliseconds: i64) -> UnixTime {
    UnixTime::from_millis(START * 1000 + milliseconds)
}

/// Asks in the name of a worker under `asked` and looks in the name of one under `looking`: both are the same worker
/// where `looking` is `None`. Holds the answer to being remembered for exactly so many seconds from when it came.
fn lasts(asked: &Value, looking: Option<&Value>, said: &Value, seconds: i64) {
    let told = if *said == active() { "admitted" } else { "token_inactive" };
    let slots = Rc::new(Slots::default());
    // One that shares nothing has its own memory alone.
    let mut one = if looking.is_some() { worker(asked, &slots) } else { gate(asked) };
    assert!(parked(&open(&mut one, 1, "token", at(0))));
    let asks = ask(&mut one, at(0));
    // Counted from the answer, not from the question.
    assert_eq!(reason(&answer(&mut one, asks[0].0, said, at(1))[0].verdict), told);
    let end = 1000 + seconds * 1000;
    for (id, now) in [(2, 1000), (3, end - 1), (4, end)] {
        // One that has not looked before, and has nothing in its own memory.
        let mut two = looking.map(|policy| worker(policy, &slots));
        let worker = two.as_mut().unwrap_or(&mut one);
        let step = open(worker, id, "token", moment(now));
        if now < end {
            assert_eq!(reason(&settled(step)), told, "after {now} ms of {end}");
        } else {
            assert!(parked(&step), "after {end} ms");
            assert_eq!(ask(worker, moment(now)).len(), 1, "{said}: its issuer is asked again");
        }
    }
}

#[test]
fn an_answer_is_remembered_for_ttl_and_a_refusal_for_negative_ttl() {
    let policy = remembering("20s", "3s");
    for looking in [None, Some(&policy)] {
        lasts(&policy, looking, &active(), 20);
        lasts(&policy, looking, &inactive(), 3);
    }
}

#[test]
fn of_two_policies_that_share_answers_the_shorter_memory_counts() {
    let (short, long) = (remembering("7s", "2s"), remembering("20s", "6s"));
    for (asked, looking) in [(&short, &long), (&long, &short)] {
        lasts(asked, Some(looking), &active(), 7);
        lasts(asked, Some(looking), &inactive(), 2);
    }
}

#[test]
fn what_one_issuer_said_of_a_token_is_nothing_that_another_said() {
    for (first, second) in [(active(), inactive()), (inactive(), active())] {
        let slots = Rc::new(Slots::default());
        let mut one = worker(&two_issuers(), &slots);
        let path = |path: &'static str| [(":path", path), ("authorization", "Bearer token")];
        for (id, (path, cluster, said)) in
            [(path("/first"), "idp", &first), (path("/second"), "second", &second)].into_iter().enumerate()
        {
            let id = u32::try_from(id).unwrap();
            assert!(parked(&open_with(&mut one, id, &path, at(0))), "{cluster} said nothing so far");
            let asks = ask(&mut one, at(0));
            assert_eq!(asks[0].1.cluster, cluster);
            assert_eq!(answer(&mut one, asks[0].0, said, at(0)).len(), 1);
        }
        let mut two = worker(&two_issuers(), &slots);
        for worker in [&mut one, &mut two] {
            for (path, said) in [(path("/first"), &first), (path("/second"), &second)] {
                let told = if *said == active() { "admitted" } else { "token_inactive" };
                assert_eq!(reason(&settled(open_with(worker, 9, &path, at(1)))), told);
            }
        }
    }
}

#[test]
fn what_is_said_of_one_token_is_nothing_that_is_said_of_another() {
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 1);
    for other in ["toke", "token2", "Token", "token\u{7e}"] {
        assert!(parked(&open(&mut gate, 2, other, at(0))), "{other}");
    }
}

#[test]
fn what_another_worker_was_told_is_remembered_for_no_longer_than_it_counts_there() {
    let (short, long) = (remembering("7s", "2s"), remembering("20s", "6s"));
    for (said, told, end) in [(active(), "admitted", 28), (inactive(), "token_inactive", 23)] {
        for looks_before in [true, false] {
            let slots = Rc::new(Slots::default());
            let (mut one, mut two) = (worker(&long, &slots), worker(&short, &slots));
            for (worker, second) in [(&mut one, 0), (&mut two, 21)] {
                assert_eq!(judged(worker, 1, "token", Some(&said), at(second)), told);
            }
            if looks_before {
                assert_eq!(reason(&settled(open(&mut one, 2, "token", at(22)))), told);
            }
            for id in [3, 4] {
                assert!(parked(&open(&mut one, id, "token", at(end))), "{told}: {looks_before} {id}");
            }
        }
    }
}
