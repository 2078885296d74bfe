//! What was expected against what was seen, the same whoever saw it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expect::{Expectation, Outcome};

/// What became of a request. `None` stands for what the observer cannot see; it is not compared.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Whether it reached the upstream.
    pub outcome: Outcome,
    /// The refusal's status code.
    pub status: Option<u16>,
    /// The reason code.
    pub reason: Option<String>,
    /// The rule that decided.
    pub rule: Option<Option<String>>,
    /// The issuer of the token.
    pub issuer: Option<Option<String>>,
    /// The refusal's fields; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The refusal's body.
    pub body: Vec<u8>,
    /// The fields that the upstream saw, `:path` among them; names in lower case.
    pub upstream: Vec<(String, Vec<u8>)>,
    /// How often each path of an issuer was asked for.
    pub asked: Option<BTreeMap<String, u64>>,
}

/// Every difference, in words: what was expected and what was found. Shows no value of an upstream's field that was
/// not expected by value, since it may be a credential.
pub fn mismatches(expected: &Expectation, observed: &Observed) -> Vec<String> {
    if expected.outcome != observed.outcome {
        let found = match (&observed.reason, observed.status) {
            (Some(reason), _) => format!("{} ({reason})", observed.outcome.name()),
            (None, Some(status)) => format!("{} ({status})", observed.outcome.name()),
            (None, None) => observed.outcome.name().to_owned(),
        };
        return vec![differs("outcome", expected.outcome.name(), &found)];
    }
    let mut found = Vec::new();
    decision(expected, observed, &mut found);
    match expected.outcome {
        Outcome::Admit => upstream(expected, observed, &mut found),
        Outcome::Refuse => refusal(expected, observed, &mut found),
    }
    asked(expected, observed, &mut found);
    found
}

fn decision(expected: &Expectation, observed: &Observed, found: &mut Vec<String>) {
    if let (Some(expected), Some(seen)) = (expected.status, observed.status)
        && expected != seen
    {
        found.push(differs("status", &expected.to_string(), &seen.to_string()));
    }
    if let (Some(expected), Some(seen)) = (&expected.reason, &observed.reason)
        && expected != seen
    {
        found.push(differs("reason", expected, seen));
    }
    for (name, expected, seen) in
        [("rule", &expected.rule, &observed.rule), ("issuer", &expected.issuer, &observed.issuer)]
    {
        if let (Some(expected), Some(seen)) = (expected, seen)
            && expected != seen
        {
            found.push(differs(name, or_none(expected.as_deref()), or_none(seen.as_deref())));
        }
    }
}

fn refusal(expected: &Expectation, observed: &Observed, found: &mut Vec<String>) {
    let challenge = expected.challenge.iter().map(|challenge| ("www-authenticate", challenge));
    let headers = expected.headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, expected) in challenge.chain(headers) {
        let values: Vec<&str> = observed
            .headers
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .collect();
        let seen = if values.is_empty() { None } else { Some(values.join(", ")) };
        if *expected != seen {
            found.push(differs(name, or_none(expected.as_deref()), or_none(seen.as_deref())));
        }
    }
    if let Some(expected) = &expected.body {
        let text = core::str::from_utf8(&observed.body).unwrap_or("bytes that are no text");
        let same = match expected {
            Value::String(expected) => expected == text,
            Value::Null => text.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                serde_json::from_str(text).is_ok_and(|seen| is_part(expected, &seen))
            }
        };
        if !same {
            found.push(differs("body", &expected.to_string(), text));
        }
    }
}

fn upstream(expected: &Expectation, observed: &Observed, found: &mut Vec<String>) {
    let values = |name: &str| -> Vec<&[u8]> {
        observed.upstream.iter().filter(|(seen, _)| seen == name).map(|(_, value)| value.as_slice()).collect()
    };
    for (name, expected) in &expected.upstream.set {
        let seen = values(name);
        if seen.as_slice() != [expected.as_bytes()] {
            let seen = match seen.as_slice() {
                [] => "none",
                [_] => "another value",
                [_, _, ..] => "several",
            };
            found.push(differs(&format!("upstream {name}"), expected, seen));
        }
    }
    for name in expected.upstream.absent.iter().filter(|name| !values(name).is_empty()) {
        found.push(differs(&format!("upstream {name}"), "none", "one"));
    }
    for name in expected.upstream.present.iter().filter(|name| values(name).is_empty()) {
        found.push(differs(&format!("upstream {name}"), "one", "none"));
    }
}

fn asked(expected: &Expectation, observed: &Observed, found: &mut Vec<String>) {
    let Some(asked) = &observed.asked else { return };
    for (path, expected) in &expected.asked {
        let seen = asked.get(path).copied().unwrap_or_default();
        if *expected != seen {
            found.push(differs(&format!("asked {path}"), &expected.to_string(), &seen.to_string()));
        }
    }
}

/// Whether every member of `expected` is in `seen` with the same value, at any depth.
fn is_part(expected: &Value, seen: &Value) -> bool {
    match (expected, seen) {
        (Value::Object(expected), Value::Object(seen)) => expected.iter().all(|(name, expected)| {
            seen.get(name).map_or(expected.is_null(), |seen| is_part(expected, seen))
        }),
        (Value::Array(expected), Value::Array(seen)) => {
            expected.len() == seen.len()
                && expected.iter().zip(seen).all(|(expected, seen)| is_part(expected, seen))
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            seen,
        ) => expected == seen,
    }
}

fn differs(what: &str, expected: &str, seen: &str) -> String {
    format!("{what}: expected {expected}, found {seen}")
}

fn or_none(value: Option<&str>) -> &str {
    value.unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use super::super::expect;
    use super::*;
    use crate::document;
    use serde_json::json;

    fn refused() -> Observed {
        Observed {
            outcome: Outcome::Refuse,
            status: Some(401),
            reason: Some("token_expired".to_owned()),
            rule: Some(Some("r".to_owned())),
            issuer: Some(None),
            headers: vec![("www-authenticate".to_owned(), "Bearer".to_owned())],
            body: b"{\"error\":\"invalid_token\",\"x\":{\"y\":1}}".to_vec(),
            upstream: Vec::new(),
            asked: Some([("/jwks".to_owned(), 1)].into()),
        }
    }

    fn admitted() -> Observed {
        let upstream =
            vec![("x-a".to_owned(), b"alice".to_vec()), ("authorization".to_owned(), b"hunter2".to_vec())];
        Observed { outcome: Outcome::Admit, upstream, ..refused() }
    }

    fn compare(expected: Value, observed: &Observed) -> Vec<String> {
        mismatches(&document::read("expect", &expected, expect::read).unwrap(), observed)
    }

    #[test]
    fn what_is_as_expected_is_no_mismatch() {
        let expected = json!({
            "outcome": "refuse", "status": 401, "reason": "token_expired", "rule": "r", "issuer": null,
            "challenge": "Bearer", "headers": {"retry-after": null}, "body": {"x": {"y": 1}, "z": null},
            "asked": {"/jwks": 1, "/other": 0},
        });
        assert_eq!(compare(expected, &refused()), [] as [String; 0]);
        let expected = json!({"outcome": "admit", "upstream": {"set": {"X-A": "alice"}, "absent": ["b"], "present": ["authorization"]}});
        assert_eq!(compare(expected, &admitted()), [] as [String; 0]);
    }

    #[test]
    fn every_difference_is_told() {
        let expected = json!({
            "outcome": "refuse", "status": 403, "reason": "x", "rule": null, "issuer": "corp", "challenge": null,
            "headers": {"retry-after": "5"}, "body": {"error": "other"}, "asked": {"/jwks": 0},
        });
        let found = compare(expected, &refused());
        assert_eq!(found.len(), 8, "{found:?}");
        assert_eq!(found[0], "status: expected 403, found 401");
        assert_eq!(found[2], "rule: expected none, found r");
    }

    #[test]
    fn another_outcome_is_the_only_difference_and_says_why() {
        let found = compare(json!({"outcome": "admit", "reason": "admitted"}), &refused());
        assert_eq!(found, ["outcome: expected admit, found refuse (token_expired)"]);
    }

    #[test]
    fn the_upstreams_values_are_not_shown() {
        let expected = json!({"outcome": "admit", "upstream": {"set": {"authorization": "x", "c": "d"}, "absent": ["authorization"]}});
        let found = compare(expected, &admitted());
        assert!(found.len() == 3 && !found.concat().contains("hunter2"), "{found:?}");
    }
}
