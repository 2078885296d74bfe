//! What was asked, what was decided, who gets to see what.

use super::text::Text;
use crate::gate::Verdict;
use crate::http::message::HeaderEdits;
use crate::policy::Policy;
use crate::tool::driver::Judged;
use crate::tool::line;
use crate::tool::request::{Failure, Reply};

/// Tells the end of the story.
pub(super) fn tell(text: &mut Text, policy: &Policy, judged: &Judged) {
    for (callout, reply) in &judged.questions {
        let path = callout.path.expose().split('?').next().unwrap_or_default();
        let uri = format!("{}://{}{path}", callout.scheme, callout.authority);
        text.line(
            "asked",
            &format!("{} {uri} through cluster {}: {}", callout.method, callout.cluster, said(reply)),
        );
    }
    for event in &judged.events {
        text.line("", &event.to_string());
    }
    let note = judged.verdict.note();
    let outcome = match (&judged.verdict, note.observed) {
        (Verdict::Admit { .. }, false) => "admit",
        (Verdict::Admit { .. }, true) => "admit, only because the mode is to observe",
        (Verdict::Refuse { .. }, _) => "refuse",
    };
    let detail = if note.detail.is_empty() { String::new() } else { format!(": {}", note.detail) };
    text.line("decision", &format!("{outcome}, {}{detail}", note.reason));
    match &judged.verdict {
        Verdict::Admit { edits, .. } => upstream(text, policy, edits),
        Verdict::Refuse { response, .. } => {
            text.line("client", &format!("gets status {}", response.status));
            for (name, value) in line::fields(response) {
                text.line("", &format!("{name}: {value}"));
            }
            if !response.body.is_empty() {
                text.line("", &response.body);
            }
            text.line("upstream", "sees nothing");
        }
    }
}

fn said(reply: &Reply) -> String {
    match reply {
        Reply::Answered { status, body, .. } => format!("status {status}, {} bytes", body.len()),
        Reply::Failed(Failure::Timeout) => "no answer in time".to_owned(),
        Reply::Failed(Failure::Reset) => "the connection broke off".to_owned(),
        Reply::Failed(Failure::Refused) => "nobody there".to_owned(),
    }
}

/// Of fields that the policy does not set from claims only the names: they are the client's, or held the token.
fn upstream(text: &mut Text, policy: &Policy, edits: &HeaderEdits) {
    if edits.remove.is_empty() && edits.set.is_empty() {
        return text.line("upstream", "sees the request as it is");
    }
    if !edits.remove.is_empty() {
        text.line("upstream", &format!("does not see {}", edits.remove.join(", ")));
    }
    for (name, value) in &edits.set {
        let label = if edits.remove.is_empty() { "upstream" } else { "" };
        let from_claim = policy.upstream.headers.iter().any(|(ours, _)| **ours == **name);
        let value = match (from_claim, policy.upstream.claims_header.as_deref() == Some(&**name)) {
            (true, _) => &**value,
            (false, true) => "(all claims, base64url of JSON)",
            (false, false) => "(what is left without the token)",
        };
        text.line(label, &format!("sees {name}: {value}"));
    }
}
