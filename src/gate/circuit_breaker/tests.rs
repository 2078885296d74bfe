use super::*;
use crate::base::digest::DigestKey;
use Standing::{ActiveLately, Unknown};

const fn at(milliseconds: i64) -> UnixTime {
    UnixTime::from_millis(milliseconds)
}

fn token(number: u32) -> Digest {
    DigestKey::new([1; 16]).digest(number, b"token")
}

/// A breaker that the failures of two known tokens have opened at 1000.
fn opened() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::default();
    for failure in 0..5 {
        let now = at(i64::from(failure) * 250);
        assert!(breaker.is_closed(), "{failure}");
        breaker.failed(token(failure % 2), ActiveLately, Failure::ServerError, now);
    }
    assert!(!breaker.is_closed());
    breaker
}

fn admits(breaker: &CircuitBreaker, standing: Standing, now: i64) -> bool {
    breaker.admission(token(u32::MAX), standing, at(now)) == Admission::Ask
}

#[test]
fn failures_of_known_tokens_open_it_and_after_the_backoff_trials_are_let_in() {
    let mut breaker = opened();
    assert!(!admits(&breaker, ActiveLately, 1499) && admits(&breaker, ActiveLately, 1500));
    for number in 0..4 {
        breaker.asked(token(number), ActiveLately);
    }
    assert!(!admits(&breaker, ActiveLately, 1500), "so many trials are enough");
    assert!(admits(&breaker, Unknown, 1500), "and strangers take no place of known tokens");
    breaker.failed(token(0), ActiveLately, Failure::Unreached, at(1600));
    breaker.failed(token(1), ActiveLately, Failure::Unreached, at(1600));
    assert!(
        !admits(&breaker, ActiveLately, 2599) && admits(&breaker, ActiveLately, 2600),
        "twice as long, once"
    );
}

#[test]
fn backoffs_do_not_grow_for_ever() {
    let mut breaker = opened();
    let mut now = 1500;
    for _ in 0..20 {
        assert!(admits(&breaker, ActiveLately, now));
        breaker.asked(token(0), ActiveLately);
        breaker.failed(token(0), ActiveLately, Failure::ServerError, at(now));
        now += 4000;
    }
}

#[test]
fn one_success_closes_it() {
    let mut breaker = opened();
    breaker.asked(token(0), Unknown);
    breaker.succeeded(at(1500));
    assert!(breaker.is_closed() && admits(&breaker, Unknown, 1001));
}

#[test]
fn a_burst_of_failures_at_one_moment_is_no_pattern() {
    let mut breaker = CircuitBreaker::default();
    for number in 0..1000 {
        breaker.failed(token(number), ActiveLately, Failure::ServerError, at(0));
    }
    assert!(breaker.is_closed());
}

#[test]
fn one_token_alone_does_not_open_it_whatever_its_holder_does() {
    let mut breaker = CircuitBreaker::default();
    for second in 0..100 {
        breaker.failed(token(0), ActiveLately, Failure::ServerError, at(second * 1000));
        assert!(breaker.is_closed() && !breaker.another_failed(token(0), at(second * 1000)));
    }
    assert!(breaker.another_failed(token(1), at(99_000)));
    assert!(!breaker.another_failed(token(1), at(109_000)), "ten seconds later");
}

#[test]
fn a_stranger_opens_it_with_nothing_but_connections_that_fail_while_no_answer_comes() {
    for failure in [Failure::ServerError, Failure::TooMany(None), Failure::Odd] {
        let mut breaker = CircuitBreaker::default();
        for number in 0..1000u32 {
            breaker.failed(token(number), Unknown, failure, at(i64::from(number) * 100));
        }
        assert!(breaker.is_closed(), "{failure:?}");
    }
    let mut breaker = CircuitBreaker::default();
    let mut unreached = |from: u32, until: u32| {
        for number in from..until {
            breaker.failed(token(number), Unknown, Failure::Unreached, at(i64::from(number) * 100));
        }
        breaker.is_closed()
    };
    assert!(unreached(0, 50), "for less than five seconds");
    assert!(!unreached(50, 51), "for five seconds");

    let mut breaker = CircuitBreaker::default();
    for number in 0..1000u32 {
        let failure = if number % 40 == 0 { Failure::ServerError } else { Failure::Unreached };
        breaker.failed(token(number), Unknown, failure, at(i64::from(number) * 100));
    }
    assert!(breaker.is_closed(), "an answer of any status shows that there is somebody");
}

#[test]
fn a_trial_of_a_stranger_that_fails_makes_nobody_wait_longer() {
    let mut breaker = opened();
    for number in 0..100 {
        breaker.asked(token(number), Unknown);
        breaker.failed(token(number), Unknown, Failure::ServerError, at(1500));
    }
    assert!(admits(&breaker, Unknown, 1500) && admits(&breaker, ActiveLately, 1500));
}

#[test]
fn keys_that_cannot_be_fetched_open_it() {
    let mut breaker = CircuitBreaker::default();
    for second in 0..5 {
        assert!(breaker.is_closed());
        breaker.keys_failed(at(second * 1000));
    }
    assert!(!breaker.is_closed());
}

#[test]
fn a_token_that_was_answered_with_429_waits_alone() {
    let mut breaker = CircuitBreaker::default();
    let after = Some(Duration::from_secs(2));
    breaker.failed(token(0), Unknown, Failure::TooMany(after), at(0));
    assert_eq!(breaker.admission(token(0), Unknown, at(1999)), Admission::Paused);
    assert_eq!(breaker.admission(token(0), Unknown, at(2000)), Admission::Ask);
    assert_eq!(breaker.admission(token(1), Unknown, at(0)), Admission::Ask);
    for (after, length) in [(None, 1000), (Some(Duration::ZERO), 1000), (Some(Duration::MAX), 30_000)] {
        let mut breaker = CircuitBreaker::default();
        breaker.failed(token(0), Unknown, Failure::TooMany(after), at(0));
        assert_eq!(breaker.admission(token(0), Unknown, at(length - 1)), Admission::Paused);
        assert_eq!(breaker.admission(token(0), Unknown, at(length)), Admission::Ask);
    }
}

#[test]
fn when_nothing_but_429_comes_all_that_are_unknown_wait_and_known_tokens_do_not() {
    let mut breaker = CircuitBreaker::default();
    let after = Some(Duration::from_secs(2));
    for number in 0..5 {
        assert!(admits(&breaker, Unknown, 1250));
        breaker.failed(token(number), Unknown, Failure::TooMany(after), at(i64::from(number) * 250));
    }
    assert_eq!(breaker.admission(token(u32::MAX), Unknown, at(2999)), Admission::Paused);
    assert_eq!(breaker.admission(token(u32::MAX), ActiveLately, at(1000)), Admission::Ask);
    assert!(breaker.is_closed());
    breaker.succeeded(at(1000));
    assert!(admits(&breaker, Unknown, 1001), "an answer ends it");
}

#[test]
fn answers_for_others_keep_429_from_pausing_them() {
    let mut breaker = CircuitBreaker::default();
    for number in 0..1000u32 {
        breaker.failed(token(number), Unknown, Failure::TooMany(None), at(i64::from(number) * 50));
        if number % 15 == 0 {
            breaker.succeeded(at(i64::from(number) * 50));
        }
        assert!(admits(&breaker, Unknown, i64::from(number) * 50), "{number}");
    }
}
