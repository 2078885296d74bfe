//! What a policy says about a request without a token, read from its text.

use serde_json::Value;

use crate::naive;

/// Where every request goes.
pub(super) const HOST: &str = "api.example.com";

/// A request without a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    /// Its target, with nothing in it that can be read in two ways.
    pub(super) path: &'static str,
    /// It is a browser's question whether a page may ask.
    pub(super) is_preflight: bool,
}

/// What becomes of it.
#[derive(PartialEq, Debug)]
pub(super) enum Outcome {
    Admitted,
    Refused,
    /// It is told about the resource.
    Described,
}

/// What `policy`, which was taken, makes of `asked`.
pub(super) fn outcome(policy: &Value, asked: Asked) -> Outcome {
    if describes(policy, asked) {
        return Outcome::Described;
    }
    if asked.is_preflight && policy["cors_preflight"] == "allow" {
        return Outcome::Admitted;
    }
    let rules = policy["rules"].as_array().expect("a policy has rules");
    let rule = rules.iter().find(|rule| matches(&rule["match"], asked));
    let is_open = match rule {
        Some(rule) => rule["access"] == "anonymous" || rule["access"] == "optional",
        None => policy["unmatched"] == "anonymous" && asked.method != "CONNECT",
    };
    let is_observed = policy["mode"] == "observe" || rule.is_some_and(|rule| rule["mode"] == "observe");
    if is_open || is_observed { Outcome::Admitted } else { Outcome::Refused }
}

/// Whether each list that a rule has holds something that this request is.
fn matches(matcher: &Value, asked: Asked) -> bool {
    let any = |name: &str, is: &dyn Fn(&str) -> bool| {
        let list = matcher[name].as_array();
        list.map(|list| list.iter().filter_map(Value::as_str).any(is))
    };
    let method = any("methods", &|method| method == asked.method);
    // The proxy has named no route.
    method.unwrap_or(asked.method != "CONNECT")
        && any("hosts", &is_host).unwrap_or(true)
        && any("paths", &|pattern| asked.path.starts_with('/') && is_path(pattern, asked.path))
            .unwrap_or(true)
        && any("routes", &|_| false).unwrap_or(true)
}

fn is_host(pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some(parent) => HOST.len() > parent.len() && HOST.ends_with(parent),
        None => pattern == HOST,
    }
}

fn is_path(pattern: &str, path: &str) -> bool {
    let patterns: Vec<&str> = pattern.split('/').skip(1).collect();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (patterns, is_open) = match patterns.as_slice() {
        [patterns @ .., "**"] => (patterns, true),
        patterns => (patterns, false),
    };
    // Of `/` alone nothing is left for `/**`.
    let segments = if is_open && segments == [""] { &[][..] } else { &segments[..] };
    let long_enough =
        if is_open { segments.len() >= patterns.len() } else { segments.len() == patterns.len() };
    long_enough
        && patterns.iter().zip(segments).all(|(pattern, segment)| match pattern.strip_prefix('{') {
            Some(_) => !segment.is_empty(),
            None => naive::percent(pattern.as_bytes()).as_deref() == Some(segment.as_bytes()),
        })
}

/// Whether it asks for the metadata of a protected resource.
fn describes(policy: &Value, asked: Asked) -> bool {
    let one = core::slice::from_ref(&policy["protected_resource"]);
    let resources = policy["protected_resource"].as_array().map_or(one, Vec::as_slice);
    let may_ask =
        ["GET", "HEAD"].contains(&asked.method) || (asked.is_preflight && policy["cors"].is_object());
    let is_here = |resource: &Value| {
        let (_, rest) =
            resource["resource"].as_str().unwrap_or_default().split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        resources.len() == 1 || authority.split(':').next() == Some(HOST)
    };
    may_ask && resources.iter().any(|resource| resource["path"] == asked.path && is_here(resource))
}
