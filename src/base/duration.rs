//! Spans of time as people write them: a whole number and a unit.

use core::time::Duration;

/// Some, for whoever has to write one.
pub const EXAMPLES: &str = "500ms, 30s, 5m, 1h or 2d";

/// The span that `text` means: milliseconds (`ms`), seconds (`s`), minutes (`m`), hours (`h`) or days of 24 hours (`d`).
pub fn parse(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(end)?;
    let count: u64 = count.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(count)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("0s", 0),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        assert!(
            EXAMPLES
                .split([',', ' '])
                .filter(|word| !matches!(*word, "" | "or"))
                .all(|one| parse(one).is_some())
        );
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "+5s",
            "1.5s",
            "5 s",
            "5S",
            "1w",
            "1h30m",
            "99999999999999999999s",
            "18446744073709551615h",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
