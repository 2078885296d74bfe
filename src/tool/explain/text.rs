//! The text that an explanation grows into: steps with a label, dates in words, and no secret at the end.

use core::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::time::UnixTime;
use crate::tool::request::Request;

/// An explanation in the making.
pub(super) struct Text {
    now: UnixTime,
    text: String,
    hidden: Vec<String>,
}

impl Text {
    pub(super) const fn new(now: UnixTime) -> Self {
        Self { now, text: String::new(), hidden: Vec::new() }
    }

    /// A step under its label; with an empty label one more line of the step before.
    pub(super) fn line(&mut self, label: &str, text: &str) {
        const WIDTH: usize = 10;
        self.text.push_str(&format!("{label:WIDTH$}{}\n", visible(text)));
    }

    /// Makes sure that `secret` is not in the finished text, wherever it may come from.
    pub(super) fn hide(&mut self, secret: &[u8]) {
        /// What is shorter than this stands in any text.
        const SHORTEST: usize = 6;
        if let Ok(secret) = core::str::from_utf8(secret)
            && secret.len() >= SHORTEST
        {
            self.hidden.push(secret.to_owned());
        }
    }

    /// The request, without its query and without the values of its fields.
    pub(super) fn request(&mut self, request: &Request) {
        let path = request.path.split('?').next().unwrap_or_default();
        let query = if path.len() < request.path.len() { " (and a query, not shown)" } else { "" };
        let target = format!("{} {}://{}{path}{query}", request.method, request.scheme, request.authority);
        self.line("request", &target);
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            self.line("", &format!("with the fields {}", names.join(", ")));
        }
        if let Some(route) = &request.route.name {
            self.line("", &format!("on Envoy's route {route}"));
        }
        self.line("clock", &self.date(self.now));
    }

    /// A date in words.
    pub(super) fn date(&self, at: UnixTime) -> String {
        format!("{at} ({}, {})", calendar(at.as_secs()), self.relative(at))
    }

    /// A claim's value; a date among the registered ones in words.
    pub(super) fn claim(&self, name: &str, value: &Value) -> String {
        const LONGEST: usize = 200;
        const DATES: &[&str] = &["exp", "nbf", "iat", "auth_time"];
        let date = value.as_f64().filter(|_| DATES.contains(&name)).and_then(UnixTime::from_numeric_date);
        let text = date.map_or_else(|| value.to_string(), |at| self.date(at));
        match text.char_indices().nth(LONGEST).and_then(|(end, _)| text.get(..end)) {
            Some(start) => format!("{start}…"),
            None => text,
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.hidden.iter().fold(self.text, |text, secret| text.replace(secret, "[token]"))
    }

    fn relative(&self, at: UnixTime) -> String {
        if at == self.now {
            "now".to_owned()
        } else if at > self.now {
            format!("in {}", span(at.since(self.now)))
        } else {
            format!("{} ago", span(self.now.since(at)))
        }
    }
}

/// Control characters as their escapes, so that nothing moves the cursor of whoever reads it.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { visible.extend(c.escape_default()) } else { visible.push(c) }
    }
    visible
}

/// The two largest units of a span.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds == 0 {
        return format!("{}ms", span.as_millis());
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in units {
        if rest >= length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

/// A date and time in UTC (RFC 3339), or the seconds since 1970 where that has no year of four digits.
fn calendar(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok();
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| format!("second {seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_760_000_000, "2025-10-09T08:53:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "second 253402300800"),
            (i64::MIN, "second -9223372036854775808"),
        ] {
            assert_eq!(calendar(seconds), date);
        }
    }

    #[test]
    fn dates_are_told_relative_to_now() {
        let text = Text::new(UnixTime::from_secs(1000));
        assert!(text.claim("exp", &json!(4661)).ends_with("in 1h 1m)"));
        assert!(text.claim("iat", &json!(999.5)).ends_with("500ms ago)"));
        assert_eq!(text.claim("other", &json!(999)), "999");
        assert!(text.claim("x", &json!("\u{e9}".repeat(1000))).chars().count() < 250);
    }

    #[test]
    fn a_secret_and_control_characters_do_not_get_through() {
        let mut text = Text::new(UnixTime::from_secs(0));
        text.hide(b"hunter2");
        text.line("a", "x hunter2\u{1b}[2J");
        assert_eq!(text.finish(), "a         x [token]\\u{1b}[2J\n");
    }
}
