//! Waits that a step of the clock cannot lengthen.
//!
//! The clock is the system's: it may be set while something waits. A wait therefore knows when it began, and is over
//! when the clock shows a time before that: what is left of a wait is never more than its length.

use core::time::Duration;

use super::time::UnixTime;

/// So far back a clock may go without having been set: readings of one moment differ a little.
pub const JITTER: Duration = Duration::from_secs(1);

/// A span of time that begins at one moment and ends at another: something is done no earlier than its end, or holds
/// no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    since: UnixTime,
    until: UnixTime,
}

impl Wait {
    /// A wait that is over at any time.
    pub const NONE: Self =
        Self { since: UnixTime::from_millis(i64::MAX), until: UnixTime::from_millis(i64::MIN) };

    /// The wait of `length` that begins at `since`.
    pub fn new(since: UnixTime, length: Duration) -> Self {
        Self { since, until: since.plus(length) }
    }

    /// The wait from `since` to `until`; over at once where that is no later.
    pub const fn between(since: UnixTime, until: UnixTime) -> Self {
        Self { since, until }
    }

    /// When it began.
    pub const fn since(self) -> UnixTime {
        self.since
    }

    /// When it ends, unless the clock is set.
    pub const fn until(self) -> UnixTime {
        self.until
    }

    /// Whether it is over at `now`: its end has come, or the clock was set back behind its begin.
    pub fn is_over(self, now: UnixTime) -> bool {
        now >= self.until || now < self.since.minus(JITTER)
    }

    /// How much of it is left at `now`; zero when it is over, and never more than its length and a second.
    pub fn left(self, now: UnixTime) -> Duration {
        if self.is_over(now) { Duration::ZERO } else { self.until.since(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn a_wait_is_over_at_its_end() {
        let wait = Wait::new(at(100), Duration::from_secs(10));
        assert!(!wait.is_over(at(100)) && !wait.is_over(at(109)) && wait.is_over(at(110)));
        assert_eq!((wait.left(at(103)).as_secs(), wait.left(at(110)).as_secs()), (7, 0));
        assert_eq!(wait, Wait::between(at(100), at(110)));
    }

    #[test]
    fn a_clock_that_is_set_ends_a_wait_and_never_lengthens_it() {
        let wait = Wait::new(at(100), Duration::from_secs(10));
        for back in [98, 0, -1_000_000, i64::MIN / 1000] {
            assert!(wait.is_over(at(back)) && wait.left(at(back)).is_zero(), "{back}");
        }
        assert!(!wait.is_over(UnixTime::from_millis(99_200)), "two readings of one moment");
        for now in -200..400 {
            assert!(wait.left(at(now)) <= Duration::from_secs(11), "{now}");
        }
    }

    #[test]
    fn none_is_over_at_any_time() {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            assert!(Wait::NONE.is_over(UnixTime::from_millis(now)), "{now}");
        }
        assert!(Wait::between(at(5), at(4)).is_over(at(5)));
    }
}
