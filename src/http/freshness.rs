//! How long a reply may be used (RFC 9111 section 4.2).

use core::time::Duration;

use super::message::Reply;

/// What `Cache-Control` and `Age` leave of a reply's freshness: `max-age` less `Age`, zero for `no-store` and
/// `no-cache`, `None` when the reply does not say.
pub fn lifetime(reply: &Reply<'_>) -> Option<Duration> {
    let text = reply.text("cache-control")?.to_ascii_lowercase();
    let mut max_age = None;
    for directive in text.split(',').map(str::trim) {
        if matches!(directive, "no-store" | "no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            max_age = seconds.trim_matches('"').parse::<u64>().ok();
        }
    }
    let age = reply.text("age").and_then(|age| age.trim().parse::<u64>().ok()).unwrap_or(0);
    max_age.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::Answer;

    fn of(fields: &[(&str, &str)]) -> Option<u64> {
        let fields: Vec<(String, Vec<u8>)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        lifetime(&Reply::Answered(Answer { status: 200, fields: &fields, body: b"" }))
            .map(|span| span.as_secs())
    }

    #[test]
    fn max_age_less_age() {
        assert_eq!(of(&[("cache-control", "public, max-age=60")]), Some(60));
        assert_eq!(of(&[("cache-control", "Max-Age=\"60\""), ("age", "20")]), Some(40));
        assert_eq!(of(&[("cache-control", "max-age=60"), ("age", "99")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=60, no-store")]), Some(0));
        assert_eq!(of(&[("cache-control", "max-age=-1")]), None);
        assert_eq!(of(&[]), None);
    }
}
