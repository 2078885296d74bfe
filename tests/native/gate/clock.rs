//! A clock that is set, forward or back.

use std::rc::Rc;

use scopegate::base::time::UnixTime;
use serde_json::json;

use super::{
    START, Slots, active, after, answer, answer_status, ask, asking, at, gate, open, parked, reason, settled,
    worker,
};

#[test]
fn a_clock_that_is_set_makes_no_answer_last_longer() {
    for (step, worker_two) in [(-86_400, false), (-30, false), (-86_400, true), (-30, true), (86_400, false)]
    {
        let slots = Rc::new(Slots::default());
        let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
        for token in ["good", "bad"] {
            assert!(parked(&open(&mut one, 1, token, at(0))));
            let asks = ask(&mut one, at(0));
            let said = if token == "good" { active() } else { json!({"active": false}) };
            answer(&mut one, asks[0].0, &said, at(0));
        }
        one.expire(at(4));
        two.expire(at(4));
        // The clock is set, and time goes on from there.
        let since = |seconds: i64| at(4 + step + seconds);
        one.expire(since(0));
        two.expire(since(0));
        let looking = if worker_two { &mut two } else { &mut one };
        if step < 0 && !worker_two {
            assert_eq!(reason(&settled(open(looking, 2, "good", since(55)))), "admitted", "{step}");
        }
        assert!(parked(&open(looking, 3, "bad", since(1))), "{step}: five seconds");
        assert!(parked(&open(looking, 4, "good", since(56))), "{step}: a minute");
    }
}

#[test]
fn a_clock_that_is_set_keeps_nobody_waiting_longer_and_no_breaker_open() {
    for step in [-86_400, -1, 86_400] {
        let mut gate = gate(&asking());
        assert!(parked(&open(&mut gate, 1, "slow", at(0))));
        assert_eq!(ask(&mut gate, at(0)).len(), 1);
        gate.expire(at(1));
        gate.expire(at(1 + step));
        let expired = gate.expire(UnixTime::from_millis((START + 1 + step) * 1000 + 1200));
        assert_eq!(expired.len() + usize::from(step > 0), 1, "{step}");
        assert_eq!(gate.waiting(), 0, "{step}");

        // An issuer that is left alone, and one that has asked for it.
        for status in [503, 429] {
            let mut gate = self::gate(&asking());
            for number in 0..60u32 {
                let now = UnixTime::from_millis(START * 1000 + i64::from(number) * 100);
                if parked(&open(&mut gate, number, &format!("t{number}"), now)) {
                    for (ask, _) in ask(&mut gate, now) {
                        answer_status(&mut gate, ask, status, &[("retry-after", "3600")], now);
                    }
                }
            }
            assert_eq!(reason(&settled(open(&mut gate, 90, "new", at(6)))), "issuer_unavailable");
            gate.expire(at(6 + step));
            assert!(parked(&open(&mut gate, 91, "new", at(6 + step + 31))), "{status} {step}");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_is_noticed_by_whichever_door_comes_next() {
    // By the one through which questions go out: the answer has its time.
    let mut gate = gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(100))));
    let asks = ask(&mut gate, at(40));
    assert!(gate.expire(at(41)).is_empty());
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(41)).len(), 1);

    // By the one through which answers come in: they are remembered for their time.
    let mut gate = self::gate(&asking());
    assert!(parked(&open(&mut gate, 1, "token", at(100))));
    let asks = ask(&mut gate, at(100));
    assert_eq!(answer(&mut gate, asks[0].0, &active(), at(40)).len(), 1);
    assert_eq!(reason(&settled(open(&mut gate, 2, "token", at(99)))), "admitted");
    assert!(parked(&open(&mut gate, 3, "token", at(100))));

    // By the one through which others are followed: nobody knows any more how long another worker has had its turn.
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&asking(), &slots), worker(&asking(), &slots));
    for worker in [&mut one, &mut two] {
        assert!(parked(&open(worker, 1, "token", at(0))));
    }
    assert_eq!((ask(&mut one, at(0)).len(), ask(&mut two, at(0)).len()), (1, 0));
    assert!(two.follow(after(1500)).is_empty() && two.is_following());
    assert!(two.follow(after(500)).is_empty());
    assert_eq!(ask(&mut two, after(500)).len(), 1);
}
