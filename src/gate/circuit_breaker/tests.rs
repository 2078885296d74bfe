use super::*;
use crate::base::digest::DigestKey;
use Standing::{ActiveLately, Unknown};

const fn at(milliseconds: i64) -> UnixTime {
    UnixTime::from_millis(milliseconds)
}

fn token(number: u32) -> Digest {
    DigestKey::new([1; 16]).digest(number, b"token")
}

/// A breaker that such failures of two known tokens have opened at 1000.
fn opened_by(failure: Failure) -> CircuitBreaker {
    let mut breaker = CircuitBreaker::default();
    for number in 0..5 {
        assert!(breaker.is_closed(), "{failure:?} {number}");
        breaker.failed(token(number % 2), ActiveLately, failure, at(i64::from(number) * 250));
    }
    assert!(!breaker.is_closed(), "{failure:?}");
    breaker
}

fn opened() -> CircuitBreaker {
    opened_by(Failure::ServerError)
}

/// A breaker that connections have opened at 5000 that failed for strangers.
fn opened_by_strangers() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::default();
    for number in 0..=5 {
        assert!(breaker.is_closed(), "{number}");
        breaker.failed(token(number), Unknown, Failure::Unreached, at(i64::from(number) * 1000));
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
    for backoff in [1000, 2000, 4000, 4000, 4000] {
        breaker.asked(token(0), ActiveLately);
        breaker.failed(token(0), ActiveLately, Failure::ServerError, at(now));
        now += backoff;
        assert!(!admits(&breaker, ActiveLately, now - 1) && admits(&breaker, ActiveLately, now), "{backoff}");
    }
}

#[test]
fn connections_that_fail_for_known_tokens_open_it_as_soon_as_server_errors_do() {
    let breaker = opened_by(Failure::Unreached);
    assert!(!admits(&breaker, ActiveLately, 1499) && admits(&breaker, ActiveLately, 1500));
}

#[test]
fn a_failed_trial_of_a_known_token_opens_it_again_whoever_opened_it_first() {
    for failure in [Failure::ServerError, Failure::Unreached] {
        let mut breaker = opened_by_strangers();
        breaker.asked(token(0), ActiveLately);
        breaker.failed(token(0), ActiveLately, failure, at(5500));
        assert!(
            !admits(&breaker, ActiveLately, 6499) && admits(&breaker, ActiveLately, 6500),
            "{failure:?}: twice as long"
        );
    }
}

#[test]
fn a_trial_of_a_known_token_that_is_no_outage_makes_nobody_wait_longer() {
    for failure in [Failure::Odd, Failure::TooMany(None)] {
        let mut breaker = opened();
        breaker.asked(token(0), ActiveLately);
        breaker.failed(token(0), ActiveLately, failure, at(1500));
        assert!(admits(&breaker, ActiveLately, 1500), "{failure:?}");
        assert!(!breaker.is_closed(), "{failure:?}: and it is no word about a token either");
    }
}

#[test]
fn keys_that_fail_while_it_is_open_change_nothing() {
    let mut breaker = opened();
    breaker.asked(token(0), ActiveLately);
    breaker.failed(token(0), ActiveLately, Failure::ServerError, at(1500));
    breaker.keys_failed(at(2400));
    assert!(!admits(&breaker, ActiveLately, 2499) && admits(&breaker, ActiveLately, 2500));
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
    assert!(breaker.another_failed(token(1), at(108_999)));
    assert!(!breaker.another_failed(token(1), at(109_000)), "ten seconds later");
}

#[test]
fn a_token_that_fails_again_and_again_hides_no_other_one_that_failed() {
    let mut breaker = CircuitBreaker::default();
    for (number, now) in [(0, 0), (1, 1000), (1, 2000), (1, 3000)] {
        breaker.failed(token(number), ActiveLately, Failure::ServerError, at(now));
    }
    assert!(breaker.another_failed(token(1), at(3000)) && breaker.another_failed(token(0), at(3000)));
    breaker.failed(token(2), ActiveLately, Failure::ServerError, at(9000));
    assert!(breaker.another_failed(token(2), at(10_000)), "the one before it");
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
    assert_eq!(breaker.admission(token(u32::MAX), Unknown, at(3000)), Admission::Ask);
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

#[test]
fn answers_of_another_status_end_a_row_of_429_although_they_say_nothing() {
    for failure in [Failure::ServerError, Failure::Unreached, Failure::Odd] {
        let mut breaker = CircuitBreaker::default();
        for number in 0..8 {
            let failure = if number == 4 { failure } else { Failure::TooMany(None) };
            breaker.failed(token(number), Unknown, failure, at(i64::from(number) * 250));
        }
        assert!(admits(&breaker, Unknown, 1750), "{failure:?}");
    }
}

#[test]
fn after_a_pause_of_all_one_429_pauses_its_token_alone() {
    let mut breaker = CircuitBreaker::default();
    for number in 0..5 {
        breaker.failed(token(number), Unknown, Failure::TooMany(None), at(i64::from(number) * 250));
    }
    assert!(!admits(&breaker, Unknown, 1999) && admits(&breaker, Unknown, 2000));
    breaker.failed(token(9), Unknown, Failure::TooMany(None), at(2000));
    assert_eq!(breaker.admission(token(9), Unknown, at(2000)), Admission::Paused);
    assert!(admits(&breaker, Unknown, 2000));
}

#[test]
fn so_many_tokens_are_paused_one_by_one_and_the_first_makes_room() {
    let mut breaker = CircuitBreaker::default();
    let mut pause = |number| {
        breaker.failed(token(number), Unknown, Failure::TooMany(None), at(0));
        breaker.succeeded(at(0));
        breaker.admission(token(0), Unknown, at(0))
    };
    for number in 0..512 {
        assert_eq!(pause(number), Admission::Paused, "{number}");
    }
    assert_eq!(pause(512), Admission::Ask);
}

#[test]
fn whatever_happens_makes_it_new_no_longer() {
    assert!(CircuitBreaker::default().is_new());
    for (standing, failure) in [
        (ActiveLately, Failure::ServerError),
        (ActiveLately, Failure::Unreached),
        (Unknown, Failure::Unreached),
        (Unknown, Failure::TooMany(None)),
    ] {
        let mut breaker = CircuitBreaker::default();
        breaker.failed(token(0), standing, failure, at(0));
        assert!(!breaker.is_new(), "{standing:?} {failure:?}");
    }
    let mut breaker = CircuitBreaker::default();
    breaker.succeeded(at(0));
    assert!(!breaker.is_new());
}
