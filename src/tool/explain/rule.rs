//! Which rule decided, and why no other.

use serde_json::Value;

use super::text::Text;
use crate::http::host;
use crate::http::path::Path;
use crate::http::readings::Readings;
use crate::policy::{self, Matcher, Policy, Rule, Rules, Target};
use crate::tool::driver::Judged;
use crate::tool::policy_file::PolicyDocument;
use crate::tool::request::Request;

/// Of more rules that did not match it is not told why.
const TOLD: usize = 20;

/// Tells what the path is read as, and the rule.
pub(super) fn tell(
    text: &mut Text,
    document: &PolicyDocument,
    policy: &Policy,
    request: &Request,
    judged: &Judged,
) {
    let head = request.head();
    let paths = Path::readings(head.path);
    match &paths {
        Ok(paths) => text.line("path", &format!("{}, in its normal form", paths.first().as_str())),
        Err(why) if head.path.starts_with(b"/") => {
            text.line("path", &format!("is refused before any rule is tried: {why}"));
        }
        Err(_) => text.line("path", "there is none"),
    }
    let path = paths.as_ref().ok().map(Readings::first);
    let usual = host::of_authority(head.authority).unwrap_or_default();
    let hosts = policy.names_hosts().then(|| host::readings(&usual, head.authority, &policy.ignored_ports));
    let is_unclear = matches!(hosts, Some(None));
    let hosts = hosts.flatten();
    let host = hosts.as_ref().map(|hosts| &**hosts.first());
    let route = request.route.name.as_deref().map(str::as_bytes);
    let target = Target { host, method: head.method, path, route };
    let decides = |target: &Target<'_>| policy.rules.find(target).map_or("no rule", |rule| &rule.name);
    if paths.as_ref().is_ok_and(Readings::are_several) {
        text.line("", &format!("where {} decides", decides(&target)));
    }
    for path in paths.iter().flat_map(Readings::others) {
        let rule = decides(&Target { path: Some(path), ..target });
        text.line("", &format!("other servers read {}, where {rule} decides", path.as_str()));
    }
    if let Some(hosts) = hosts.as_ref().filter(|hosts| hosts.are_several()) {
        text.line("host", &format!("{}, as it stands, where {} decides", hosts.first(), decides(&target)));
        for host in hosts.others() {
            let rule = decides(&Target { host: Some(host), ..target });
            text.line("", &format!("others read {host}, where {rule} decides"));
        }
    } else if is_unclear {
        text.line("host", "nobody can say which it is, and rules go by host");
    }
    let note = judged.verdict.note();
    let place =
        note.rule.as_deref().and_then(|name| policy.rules.iter().position(|rule| *rule.name == *name));
    let (Some(place), Some(name)) = (place, &note.rule) else {
        return text.line("rule", without(policy, request, note.reason));
    };
    if policy.route_metadata && request.route.rule.is_some() {
        text.line("rule", &format!("{name}, because the route's metadata names it"));
    } else {
        text.line(
            "rule",
            &format!("{name}, number {} of {}: the first that matches", place + 1, policy.rules.len()),
        );
        for rule in policy.rules.iter().take(place.min(TOLD)) {
            text.line("", &format!("not {}, since its {} differ", rule.name, differing(rule, &target)));
        }
        if place > TOLD {
            text.line("", &format!("nor {} more before it", place - TOLD));
        }
    }
    for (name, value) in written(&document.document, place) {
        text.line("", &format!("{name}: {value}"));
    }
}

fn without(policy: &Policy, request: &Request, reason: &str) -> &'static str {
    match reason {
        "authority_ambiguous" => "none: not all readings of the host lead to the same one",
        "path_ambiguous" => "none: not all readings of the path lead to the same one",
        "metadata" => "none: the filter itself serves the protected resource metadata",
        "rule_unknown" => "the route's metadata names one that the policy does not have",
        _ if policy::preflight(policy, &request.head()).is_some() => {
            "none: a CORS preflight passes (cors_preflight: allow)"
        }
        _ => match policy.unmatched {
            policy::Unmatched::Deny => "none matches (unmatched: deny)",
            policy::Unmatched::Authenticated => {
                "none matches (unmatched: authenticated: any good token will do)"
            }
            policy::Unmatched::Anonymous => "none matches (unmatched: anonymous: a token is not looked at)",
        },
    }
}

/// What of a rule's match keeps it from matching: each part is tried alone, by the same index that finds rules.
fn differing(rule: &Rule, target: &Target<'_>) -> String {
    let Matcher { hosts, methods, paths, routes } = rule.matcher.clone();
    let parts = [
        ("hosts", Matcher { hosts, ..Matcher::default() }),
        ("methods", Matcher { methods, ..Matcher::default() }),
        ("paths", Matcher { paths, ..Matcher::default() }),
        ("routes", Matcher { routes, ..Matcher::default() }),
    ];
    let fails = |matcher: Matcher| {
        let alone = Rules::new(vec![Rule { matcher, ..rule.clone() }]);
        alone.is_ok_and(|alone| alone.find(target).is_none())
    };
    let names: Vec<&str> = parts.into_iter().filter_map(|(name, part)| fails(part).then_some(name)).collect();
    names.join(" and ")
}

/// The rule as the author wrote it, its requirement looked up where it has a name.
fn written(document: &Value, place: usize) -> Vec<(&'static str, Value)> {
    let rule = document.get("rules").and_then(|rules| rules.get(place));
    let member = |name: &'static str| Some((name, rule?.get(name)?.clone()));
    let require = member("require").map(|(name, value)| {
        let named = value.as_str().and_then(|name| document.get("requirements")?.get(name).cloned());
        (name, named.unwrap_or(value))
    });
    [member("match"), member("access"), require, member("mode")].into_iter().flatten().collect()
}
