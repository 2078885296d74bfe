//! Time that never goes back: what waits are measured by, whatever happens to the proxy's clock.

use core::time::Duration;

use crate::base::time::UnixTime;

/// How long things take, told from a clock that may be set. A step back adds nothing to it and a step ahead shortens
/// waits, so that neither makes one longer.
#[derive(Clone, Default)]
pub(super) struct Clock {
    latest: Option<UnixTime>,
    /// How far the clock was set back, in all.
    behind: Duration,
    /// The latest that the clock showed before it was set back.
    back_from: Option<UnixTime>,
}

impl Clock {
    /// Takes note of the time; to be called at every door of the gate.
    pub(super) fn see(&mut self, now: UnixTime) {
        if let Some(latest) = self.latest.filter(|latest| now < *latest) {
            self.behind = self.behind.saturating_add(latest.since(now));
            self.back_from = self.back_from.max(Some(latest));
        }
        self.latest = Some(now);
    }

    /// The steady time when the proxy's clock shows `now`: no earlier than any before it.
    pub(super) fn steady(&self, now: UnixTime) -> UnixTime {
        now.plus(self.behind)
    }

    /// Whether it is certain how long ago the clock showed `then`, for what others wrote down: it has not been set back
    /// since.
    pub(super) fn tells_age_of(&self, then: UnixTime, now: UnixTime) -> bool {
        then <= now && self.back_from.is_none_or(|back_from| then > back_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn steady_time_never_goes_back() {
        let mut clock = Clock::default();
        let mut before = at(i64::MIN / 1000);
        for now in [100, 101, 50, 51, 4000, 60, 61, -5, 0] {
            clock.see(at(now));
            assert!(clock.steady(at(now)) >= before, "{now}");
            before = clock.steady(at(now));
        }
    }

    #[test]
    fn a_step_back_takes_no_time() {
        let mut clock = Clock::default();
        clock.see(at(100));
        clock.see(at(40));
        assert_eq!(clock.steady(at(40)), at(100));
        assert_eq!(clock.steady(at(45)), at(105));
    }

    #[test]
    fn after_a_step_back_the_age_of_what_was_written_before_it_is_not_known() {
        let mut clock = Clock::default();
        clock.see(at(100));
        assert!(clock.tells_age_of(at(100), at(100)) && !clock.tells_age_of(at(101), at(100)));
        clock.see(at(40));
        for then in [30, 40, 41, 100] {
            assert!(!clock.tells_age_of(at(then), at(200)), "{then}");
        }
        assert!(clock.tells_age_of(at(101), at(200)));
        clock.see(at(30));
        assert!(!clock.tells_age_of(at(100), at(200)), "a second step back does not make the first one good");
    }
}
