//! Time that never goes back: what waits are measured by, whatever happens to the proxy's clock.
//!
//! The clock is the system's: it may be set while something waits. All that waits or is remembered here is therefore
//! measured by *steady* time. What other workers are to read is dated by the proxy's clock, which all of them see, and
//! counts only while it is certain how old it is.

use core::cell::Cell;
use core::time::Duration;

use crate::base::time::UnixTime;

/// So much later than now something may be dated: readings of one moment differ a little.
const JITTER: Duration = Duration::from_millis(100);

/// How long things take, told from a clock that may be set. A step back adds nothing to it and a step ahead shortens
/// waits, so that neither makes one longer. All policies of one worker have the same one.
#[derive(Default)]
pub(super) struct Clock {
    latest: Cell<Option<UnixTime>>,
    /// How far the clock was set back, in all.
    behind: Cell<Duration>,
    /// The latest that the clock showed before it was set back.
    back_from: Cell<Option<UnixTime>>,
}

impl Clock {
    /// Takes note of the time; to be called at every door of the gate.
    pub(super) fn see(&self, now: UnixTime) {
        if let Some(latest) = self.latest.replace(Some(now)).filter(|latest| now < *latest) {
            self.behind.set(self.behind.get().saturating_add(latest.since(now)));
            self.back_from.set(self.back_from.get().max(Some(latest)));
        }
    }

    /// The steady time when the proxy's clock shows `shown`, now or since it was set back last.
    pub(super) fn steady(&self, shown: UnixTime) -> UnixTime {
        shown.plus(self.behind.get())
    }

    /// The steady time when it was looked at last; before all others where it never was.
    pub(super) fn latest(&self) -> UnixTime {
        self.latest.get().map_or(UnixTime::from_millis(i64::MIN), |latest| self.steady(latest))
    }

    /// What the proxy's clock, as it is set now, showed or would have shown at a steady time.
    pub(super) fn shown(&self, steady: UnixTime) -> UnixTime {
        steady.minus(self.behind.get())
    }

    /// Whether it is certain how long ago the clock showed `then`, for what others wrote down: it has not been set back
    /// since.
    pub(super) fn tells_age_of(&self, then: UnixTime, now: UnixTime) -> bool {
        then <= now.plus(JITTER) && self.back_from.get().is_none_or(|back_from| then > back_from)
    }
}

/// From when until when something counts, by the proxy's clock as whoever wrote it saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// When it was written.
    pub(super) at: UnixTime,
    /// It counts until then.
    pub(super) until: UnixTime,
}

impl Span {
    /// What counts at no time.
    pub(super) const NONE: Self =
        Self { at: UnixTime::from_millis(i64::MIN), until: UnixTime::from_millis(i64::MIN) };

    /// Whether it counts still, as far as the clock can tell.
    pub(super) fn holds(self, clock: &Clock, now: UnixTime) -> bool {
        now < self.until && clock.tells_age_of(self.at, now)
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
        let clock = Clock::default();
        let mut before = at(i64::MIN / 1000);
        for now in [100, 101, 50, 51, 4000, 60, 61, -5, 0] {
            clock.see(at(now));
            assert!(clock.steady(at(now)) >= before, "{now}");
            before = clock.steady(at(now));
            assert_eq!(clock.shown(before), at(now));
        }
    }

    #[test]
    fn a_step_back_takes_no_time() {
        let clock = Clock::default();
        clock.see(at(100));
        clock.see(at(40));
        assert_eq!(clock.steady(at(40)), at(100));
        assert_eq!(clock.steady(at(45)), at(105));
        assert_eq!(clock.shown(at(90)), at(30), "ten seconds before");
    }

    #[test]
    fn after_a_step_back_the_age_of_what_was_written_before_it_is_not_known() {
        let clock = Clock::default();
        clock.see(at(100));
        for (milliseconds, known) in [(100_000, true), (100_100, true), (100_101, false)] {
            assert_eq!(
                clock.tells_age_of(UnixTime::from_millis(milliseconds), at(100)),
                known,
                "{milliseconds}"
            );
        }
        clock.see(at(40));
        for then in [30, 40, 41, 100] {
            assert!(!clock.tells_age_of(at(then), at(200)), "{then}");
        }
        assert!(clock.tells_age_of(at(101), at(200)));
        clock.see(at(30));
        assert!(!clock.tells_age_of(at(100), at(200)), "a second step back does not make the first one good");
    }

    #[test]
    fn a_span_counts_until_its_end_and_not_when_its_age_is_not_known() {
        let clock = Clock::default();
        let span = Span { at: at(100), until: at(110) };
        assert!(span.holds(&clock, at(100)) && span.holds(&clock, at(109)) && !span.holds(&clock, at(110)));
        assert!(span.holds(&clock, UnixTime::from_millis(99_950)), "two readings of one moment");
        assert!(!span.holds(&clock, at(98)));
        for now in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!Span::NONE.holds(&clock, UnixTime::from_millis(now)), "{now}");
        }
        clock.see(at(105));
        clock.see(at(101));
        assert!(!span.holds(&clock, at(102)));
    }
}
