//! What a test expects.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::Node;
use crate::document::values::{choice, number};
use crate::tool::values::{field_name, owned, status};

/// What has to become of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It goes on.
    Admit,
    /// It is answered in the upstream's place.
    Refuse,
}

impl Outcome {
    /// The outcome's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Refuse => "refuse",
        }
    }
}

/// What is expected of one request. Of what is `None` or empty, nothing is expected.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// Whether it goes on.
    pub outcome: Outcome,
    /// The refusal's status code.
    pub status: Option<u16>,
    /// The reason code.
    pub reason: Option<String>,
    /// The rule that decided; the inner `None` = no rule did.
    pub rule: Option<Option<String>>,
    /// The issuer of the token; the inner `None` = there is none.
    pub issuer: Option<Option<String>>,
    /// The whole `www-authenticate`; the inner `None` = there is none.
    pub challenge: Option<Option<String>>,
    /// Fields of the refusal; `None` = not there.
    pub headers: Vec<(String, Option<String>)>,
    /// What the refusal's body has to contain: a subset of its JSON, or its whole text.
    pub body: Option<Value>,
    /// What the upstream has to see.
    pub upstream: Upstream,
    /// How often each path of an issuer has to be asked for.
    pub asked: BTreeMap<String, u64>,
}

/// What the upstream has to see of a request that goes on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upstream {
    /// Fields with exactly these values.
    pub set: Vec<(String, String)>,
    /// Fields that must not be there.
    pub absent: Vec<String>,
    /// Fields that must be there.
    pub present: Vec<String>,
}

const OF_REFUSALS: &[&str] = &["status", "challenge", "headers", "body"];
const KNOWN: &[&str] =
    &["outcome", "status", "reason", "rule", "issuer", "challenge", "headers", "body", "upstream", "asked"];

const OUTCOMES: &[(&str, Outcome)] = &[("admit", Outcome::Admit), ("refuse", Outcome::Refuse)];

pub(super) fn read(node: &Node<'_>) -> Option<Expectation> {
    let members = node.members(KNOWN)?;
    let outcome = members.need("outcome", "admit or refuse").and_then(|node| choice(&node, OUTCOMES));
    if let Some(outcome) = outcome {
        let elsewhere = match outcome {
            Outcome::Admit => OF_REFUSALS,
            Outcome::Refuse => &["upstream"],
        };
        let problem = format!("means nothing when the outcome is {}", outcome.name());
        members.forbid(elsewhere, &problem, "take it out");
    }
    // Null says that there is none.
    let text = |name| members.get(name).map(|node| if node.value().is_null() { None } else { owned(&node) });
    Some(Expectation {
        status: members.read("status", status),
        reason: members.read("reason", owned),
        rule: text("rule"),
        issuer: text("issuer"),
        challenge: text("challenge"),
        headers: members.read("headers", headers).unwrap_or_default(),
        body: members.get("body").map(|node| node.value().clone()),
        upstream: members.read("upstream", upstream).unwrap_or_default(),
        asked: members.read("asked", asked).unwrap_or_default(),
        outcome: outcome?,
    })
}

fn upstream(node: &Node<'_>) -> Option<Upstream> {
    let members = node.members(&["set", "absent", "present"])?;
    let names = |node: &Node<'_>| {
        let names = node.items("a list of names of fields")?;
        Some(names.iter().filter_map(Node::string).map(lower).collect())
    };
    Some(Upstream {
        set: members
            .read("set", |node| each(node, |name, node| Some((lower(name), owned(node)?))))
            .unwrap_or_default(),
        absent: members.read("absent", names).unwrap_or_default(),
        present: members.read("present", names).unwrap_or_default(),
    })
}

fn headers(node: &Node<'_>) -> Option<Vec<(String, Option<String>)>> {
    each(node, |name, node| {
        let value = if node.value().is_null() { None } else { Some(owned(node)?) };
        Some((field_name(node, name)?, value))
    })
}

fn asked(node: &Node<'_>) -> Option<BTreeMap<String, u64>> {
    let times = |path: &str, node: &Node<'_>| Some((path.to_owned(), number(node, 0..=u32::MAX)?.into()));
    each(node, times).map(|asked| asked.into_iter().collect())
}

/// What `read` makes of each name and what stands under it.
fn each<T>(node: &Node<'_>, read: impl Fn(&str, &Node<'_>) -> Option<T>) -> Option<Vec<T>> {
    let entries = node.entries("an object")?;
    Some(entries.iter().filter_map(|(name, node)| read(name, node)).collect())
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use serde_json::json;

    fn read(value: &Value) -> Result<Expectation, String> {
        document::read("expect", value, super::read).map_err(|found| found[0].to_string())
    }

    #[test]
    fn null_means_that_there_is_none() {
        let read =
            read(&json!({"outcome": "refuse", "rule": null, "challenge": null, "headers": {"A": null}}));
        let read = read.unwrap();
        assert_eq!((read.rule, read.challenge, read.issuer), (Some(None), Some(None), None));
        assert_eq!(read.headers, [("a".to_owned(), None)]);
    }

    #[test]
    fn what_cannot_be_expected_is_refused() {
        for (value, place) in [
            (json!({}), "outcome: is missing"),
            (json!({"outcome": "maybe"}), "outcome: is not one of the choices"),
            (json!({"outcome": "admit", "status": 200}), "status: means nothing"),
            (json!({"outcome": "refuse", "upstream": {}}), "upstream: means nothing"),
            (json!({"outcome": "refuse", "statuz": 1}), "statuz: is not a known key: did you mean `status`?"),
            (json!({"outcome": "refuse", "asked": {"/a": -1}}), "asked[\"/a\"]: "),
        ] {
            let problem = read(&value).unwrap_err();
            assert!(problem.starts_with(place), "{problem}");
        }
    }
}
