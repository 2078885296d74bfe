//! What others learn of a decision through filter state: access logs, and filters behind this one, which believe it.

use super::host::Host;
use crate::gate::Note;
use crate::http::message::FieldValue;
use crate::policy::FilterState;

/// Publishes those of `entries` that `note` has something for. Of a request that goes on although its token did not
/// admit it (`mode: observe`) nobody is the subject: only rule and reason are told. A text that could not stand in a
/// header field could not stand in the line of a log either, and is left out.
pub(super) fn publish(host: &impl Host, entries: &[FilterState], note: &Note) {
    let grant = note.grant().filter(|_| !note.observed);
    for entry in entries {
        let value = match entry {
            FilterState::Subject => grant.and_then(|grant| grant.subject()),
            FilterState::Client => grant.and_then(|grant| grant.client()),
            FilterState::Issuer => note.issuer.as_deref().filter(|_| !note.observed),
            FilterState::Rule => note.rule.as_deref(),
            FilterState::Reason => Some(note.reason),
        };
        if let Some(value) = value.filter(|value| FieldValue::holds(value)) {
            host.publish(&format!("scopegate.{}", entry.name()), value);
        }
    }
}
