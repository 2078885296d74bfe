//! What an operator is told about issuers, in words and counts.

use core::time::Duration;
use std::collections::HashMap;

use super::host::Level;
use crate::base::time::UnixTime;
use crate::gate::Event;
use crate::token::introspection::Silence;

/// The same line is not repeated for this long.
const QUIET: Duration = Duration::from_secs(10);

/// The most lines that are kept apart; what they are about comes from the policy and a few fixed texts.
const MOST: usize = 1000;

/// When which line was written last.
#[derive(Default)]
pub(super) struct Warnings(HashMap<(String, &'static str), UnixTime>);

impl Warnings {
    /// Whether a line of this `kind` about the same thing was not written for a while.
    pub(super) fn is_due(&mut self, about: &str, kind: &'static str, now: UnixTime) -> bool {
        let key = (about.to_owned(), kind);
        if self.0.get(&key).is_some_and(|last| *last <= now && now < last.plus(QUIET)) {
            return false;
        }
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.insert(key, now);
        true
    }

    /// The counter for `event`.
    pub(super) const fn counter(event: &Event) -> (&'static str, &'static str) {
        match event {
            Event::KeysChanged { .. } => ("keys", "changed"),
            Event::KeysFailed { .. } => ("keys", "failed"),
            Event::StaleServed { .. } => ("issuer", "stale_served"),
            Event::CircuitOpened { .. } => ("issuer", "circuit_opened"),
            Event::CircuitClosed { .. } => ("issuer", "circuit_closed"),
            Event::IssuerSilent { why: Silence::Unavailable(_) | Silence::Unreached { .. }, .. } => {
                ("issuer", "unavailable")
            }
            Event::IssuerSilent {
                why: Silence::Misbehaved(_) | Silence::Status(_) | Silence::Malformed(_),
                ..
            } => ("issuer", "misbehaved"),
            Event::IssuerSilent { why: Silence::CredentialsRefused(_), .. } => {
                ("issuer", "credentials_refused")
            }
            Event::IssuerSilent { why: Silence::Unsigned, .. } => ("issuer", "unsigned"),
            Event::IssuerSilent { why: Silence::KeysMissing, .. } => ("issuer", "keys_missing"),
            Event::AnswerIncomplete { .. } | Event::AnswerNearly { .. } => ("issuer", "answer_incomplete"),
        }
    }

    /// How much an operator wants to know about `event`.
    pub(super) const fn level(event: &Event) -> Level {
        match event {
            Event::KeysChanged { skipped, .. } if skipped.is_empty() => Level::Info,
            Event::CircuitClosed { .. } => Level::Info,
            Event::IssuerSilent { why: Silence::CredentialsRefused(_) | Silence::Unsigned, .. } => {
                Level::Error
            }
            Event::KeysChanged { .. }
            | Event::KeysFailed { .. }
            | Event::StaleServed { .. }
            | Event::CircuitOpened { .. }
            | Event::AnswerIncomplete { .. }
            | Event::AnswerNearly { .. }
            | Event::IssuerSilent {
                why:
                    Silence::Unavailable(_)
                    | Silence::Unreached { .. }
                    | Silence::Misbehaved(_)
                    | Silence::Status(_)
                    | Silence::Malformed(_)
                    | Silence::KeysMissing,
                ..
            } => Level::Warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_counter_that_the_manual_explains() {
        let issuer = std::rc::Rc::<str>::from("idp");
        let silent = |why| Event::IssuerSilent { issuer: issuer.clone(), why };
        for (event, counter, level) in [
            (
                Event::KeysChanged { issuer: issuer.clone(), keys: 1, skipped: Vec::new() },
                ("keys", "changed"),
                Level::Info,
            ),
            (
                Event::KeysChanged { issuer: issuer.clone(), keys: 1, skipped: vec!["odd".into()] },
                ("keys", "changed"),
                Level::Warn,
            ),
            (Event::KeysFailed { issuer: issuer.clone(), why: "".into() }, ("keys", "failed"), Level::Warn),
            (Event::StaleServed { issuer: issuer.clone() }, ("issuer", "stale_served"), Level::Warn),
            (Event::CircuitOpened { issuer: issuer.clone() }, ("issuer", "circuit_opened"), Level::Warn),
            (Event::CircuitClosed { issuer: issuer.clone() }, ("issuer", "circuit_closed"), Level::Info),
            (
                Event::AnswerIncomplete { issuer: issuer.clone(), member: "aud" },
                ("issuer", "answer_incomplete"),
                Level::Warn,
            ),
            (
                Event::AnswerNearly { issuer: issuer.clone(), wanted: String::new() },
                ("issuer", "answer_incomplete"),
                Level::Warn,
            ),
            (silent(Silence::Unavailable(503)), ("issuer", "unavailable"), Level::Warn),
            (
                silent(Silence::Unreached { cluster: String::new(), why: "" }),
                ("issuer", "unavailable"),
                Level::Warn,
            ),
            (silent(Silence::Misbehaved("")), ("issuer", "misbehaved"), Level::Warn),
            (silent(Silence::Status(404)), ("issuer", "misbehaved"), Level::Warn),
            (silent(Silence::Malformed(String::new())), ("issuer", "misbehaved"), Level::Warn),
            (silent(Silence::CredentialsRefused(401)), ("issuer", "credentials_refused"), Level::Error),
            (silent(Silence::Unsigned), ("issuer", "unsigned"), Level::Error),
            (silent(Silence::KeysMissing), ("issuer", "keys_missing"), Level::Warn),
        ] {
            assert_eq!((Warnings::counter(&event), Warnings::level(&event)), (counter, level));
            let page = include_str!("../manual/operations.md");
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{}.", counter.0)) && line.contains(counter.1));
            assert!(row.is_some(), "{counter:?}");
        }
    }

    #[test]
    fn the_same_line_is_written_once_in_a_while() {
        let mut warnings = Warnings::default();
        let at = UnixTime::from_secs;
        assert!(warnings.is_due("a", "x", at(0)));
        assert!(!warnings.is_due("a", "x", at(9)));
        assert!(warnings.is_due("b", "x", at(9)) && warnings.is_due("a", "y", at(9)));
        assert!(warnings.is_due("a", "x", at(10)));
        assert!(warnings.is_due("a", "x", at(5)), "a clock that is set back silences nobody");
    }

    #[test]
    fn so_many_lines_are_kept_apart_and_no_more() {
        let mut warnings = Warnings::default();
        let at = UnixTime::from_secs;
        let about = |number: usize| number.to_string();
        assert!((0..MOST).all(|number| warnings.is_due(&about(number), "x", at(0))));
        assert!(!(0..MOST).any(|number| warnings.is_due(&about(number), "x", at(9))));
        // One of them again displaces none of the others.
        assert!(warnings.is_due("0", "x", at(10)));
        assert_eq!(warnings.0.len(), 1000);
        // A further one does: better a line twice than a memory that grows.
        assert!(warnings.is_due("a", "x", at(10)));
        assert_eq!(warnings.0.len(), 1);
        assert!(!warnings.is_due("a", "x", at(19)) && warnings.is_due("0", "x", at(10)));
    }
}
