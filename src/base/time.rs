//! Points in time and spans, in milliseconds; all arithmetic saturates.
//!
//! Nobody below the skins can read a clock: `now` is always an argument.

use core::fmt;
use core::time::Duration;

/// Seconds beyond this magnitude are not a time: the range in which a JSON number is exact (RFC 7493 section 2.2).
const MAX_SECONDS: f64 = 9_007_199_254_740_992.0;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (RFC 7519 `NumericDate`, finer).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The time `milliseconds` after the epoch.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The time `seconds` after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// A `NumericDate` (RFC 7519 section 2) as it stands in JSON. `None` when it is no time: not finite, or beyond
    /// ±2^53 seconds.
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        // The fraction apart: a late time in milliseconds is beyond what a float holds exactly.
        let (whole, rest) = (seconds.floor(), seconds - seconds.floor());
        (seconds.abs() <= MAX_SECONDS).then(|| Self(whole as i64 * 1000 + (rest * 1000.0) as i64))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time and `span` later.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This time and `span` earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.div_euclid(1000), self.0.rem_euclid(1000))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_second_count() {
        assert_eq!(UnixTime::from_numeric_date(1.5), Some(UnixTime::from_millis(1500)));
        assert_eq!(UnixTime::from_numeric_date(-0.0005), Some(UnixTime::from_millis(-1)));
    }

    #[test]
    fn a_late_time_is_exact() {
        for seconds in [180_011_799_999_990, 1 << 53, -(1 << 53)] {
            assert_eq!(UnixTime::from_numeric_date(seconds as f64), Some(UnixTime::from_secs(seconds)));
        }
    }

    #[test]
    fn numbers_that_are_no_time_are_refused() {
        for seconds in [1e300, -1e300, f64::INFINITY, f64::NAN, 2f64.powi(54)] {
            assert_eq!(UnixTime::from_numeric_date(seconds), None, "{seconds}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let far = Duration::from_secs(u64::MAX);
        assert_eq!(UnixTime::from_secs(1).plus(far).as_millis(), i64::MAX);
        assert!(UnixTime::from_secs(1).minus(far) < UnixTime::from_secs(-1_000_000));
        assert_eq!(UnixTime::from_secs(1).since(UnixTime::from_secs(2)), Duration::ZERO);
    }
}
