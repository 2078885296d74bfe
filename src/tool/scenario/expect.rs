//! What a test expects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tool::members::{self, Members, Wrong};

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

pub(super) fn read(value: &Value) -> Result<Expectation, Wrong> {
    let members = Members::of(value, KNOWN)?;
    let outcome = members.need("outcome", outcome)?;
    let elsewhere = match outcome {
        Outcome::Admit => OF_REFUSALS,
        Outcome::Refuse => &["upstream"],
    };
    if let Some(name) = elsewhere.iter().find(|name| members.get(name).is_some()) {
        let problem = format!("means nothing when the outcome is {}: take it out", outcome.name());
        return Err(Wrong::new(problem).inside(name));
    }
    Ok(Expectation {
        outcome,
        status: members.read("status", members::status)?,
        reason: members.read("reason", members::owned)?,
        rule: members.read_or_null("rule", members::owned)?,
        issuer: members.read_or_null("issuer", members::owned)?,
        challenge: members.read_or_null("challenge", members::owned)?,
        headers: members.read("headers", headers)?.unwrap_or_default(),
        body: members.get("body").cloned(),
        upstream: members.read("upstream", upstream)?.unwrap_or_default(),
        asked: members.read("asked", asked)?.unwrap_or_default(),
    })
}

fn outcome(value: &Value) -> Result<Outcome, Wrong> {
    match members::text(value)? {
        "admit" => Ok(Outcome::Admit),
        "refuse" => Ok(Outcome::Refuse),
        _ => Err(Wrong::new("is no outcome: write admit or refuse")),
    }
}

fn upstream(value: &Value) -> Result<Upstream, Wrong> {
    let members = Members::of(value, &["set", "absent", "present"])?;
    let set = |value| members::table(value, |name, value| Ok((lower(name), members::owned(value)?)));
    let names = |value| members::list(value, |name| members::text(name).map(lower));
    Ok(Upstream {
        set: members.read("set", set)?.unwrap_or_default(),
        absent: members.read("absent", names)?.unwrap_or_default(),
        present: members.read("present", names)?.unwrap_or_default(),
    })
}

fn headers(value: &Value) -> Result<Vec<(String, Option<String>)>, Wrong> {
    members::table(value, |name, value| {
        let value = if value.is_null() { None } else { Some(members::owned(value)?) };
        Ok((members::field_name(&json!(name))?, value))
    })
}

fn asked(value: &Value) -> Result<BTreeMap<String, u64>, Wrong> {
    let asked = members::table(value, |path, times| Ok((path.to_owned(), members::whole(times)?)))?;
    Ok(asked.into_iter().collect())
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (json!({"outcome": "maybe"}), "outcome: is no outcome"),
            (json!({"outcome": "admit", "status": 200}), "status: means nothing"),
            (json!({"outcome": "refuse", "upstream": {}}), "upstream: means nothing"),
            (json!({"outcome": "refuse", "statuz": 1}), "statuz: unknown"),
            (json!({"outcome": "refuse", "asked": {"/a": -1}}), "asked[\"/a\"]: "),
        ] {
            let problem = read(&value).unwrap_err().to_string();
            assert!(problem.starts_with(place), "{problem}");
        }
    }
}
