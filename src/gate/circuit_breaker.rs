//! Whether an issuer is worth asking: one that fails again and again is given a rest, then tried with one question.

use core::time::Duration;

use crate::base::time::UnixTime;

/// So many failures in a row, over so long a time, and an issuer gets its rest.
const FAILURES: u32 = 5;
const FAILING_FOR: Duration = Duration::from_secs(1);

/// The first rest; each failed trial doubles it, up to the longest, which bounds how long a recovery goes unseen.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(4);

/// How an issuer has answered lately.
#[derive(Default)]
pub(super) struct CircuitBreaker {
    failures: u32,
    /// The first failure of the row.
    since: Option<UnixTime>,
    resting: Option<Rest>,
}

struct Rest {
    until: UnixTime,
    length: Duration,
    /// One question is out that will tell whether the issuer is back.
    trial: bool,
}

impl CircuitBreaker {
    /// Whether the issuer may be asked something at `now`.
    pub(super) fn may_ask(&self, now: UnixTime) -> bool {
        self.resting.as_ref().is_none_or(|rest| !rest.trial && now >= rest.until)
    }

    /// It is being asked.
    pub(super) const fn asked(&mut self) {
        if let Some(rest) = &mut self.resting {
            rest.trial = true;
        }
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub(super) fn failed(&mut self, now: UnixTime) {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let length = match &self.resting {
            Some(rest) if rest.trial => (rest.length * 2).min(LONGEST_REST),
            // Questions that were out already when the rest began.
            Some(_) => return,
            None if self.failures >= FAILURES && now >= since.plus(FAILING_FOR) => FIRST_REST,
            None => return,
        };
        self.resting = Some(Rest { until: now.plus(length), length, trial: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: i64) -> UnixTime {
        UnixTime::from_millis(milliseconds)
    }

    fn tired() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        for failure in 0..5 {
            assert!(breaker.may_ask(at(failure * 250)));
            breaker.failed(at(failure * 250));
        }
        breaker
    }

    #[test]
    fn an_issuer_that_keeps_failing_gets_a_rest_and_then_one_trial() {
        let mut breaker = tired();
        assert!(!breaker.may_ask(at(1000)) && !breaker.may_ask(at(1499)));
        assert!(breaker.may_ask(at(1500)));
        breaker.asked();
        assert!(!breaker.may_ask(at(9999)), "one trial is enough");
        breaker.failed(at(1600));
        assert!(!breaker.may_ask(at(2599)) && breaker.may_ask(at(2600)), "twice as long");
    }

    #[test]
    fn rests_do_not_grow_for_ever() {
        let mut breaker = tired();
        let mut now = 1500;
        for _ in 0..20 {
            assert!(breaker.may_ask(at(now)));
            breaker.asked();
            breaker.failed(at(now));
            now += 4000;
        }
    }

    #[test]
    fn one_answer_makes_it_well_again() {
        let mut breaker = tired();
        breaker.asked();
        breaker.answered();
        assert!(breaker.may_ask(at(1001)));
    }

    #[test]
    fn a_burst_of_failures_at_one_moment_is_no_pattern() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..1000 {
            breaker.failed(at(0));
        }
        assert!(breaker.may_ask(at(0)));
    }
}
