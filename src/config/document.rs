//! The whole document.

use serde_json::Value;

use super::authority::ignored_ports;
use super::cors::cors;
use super::dpop::dpop;
use super::issuers::{Issuers, issuers};
use super::requirements::Requirements;
use super::resources::resources;
use super::responses::{limits, responses};
use super::rules::{MODES, rules};
use super::scopes::implications;
use super::secret::{Environment, seal};
use super::token::{certificate_source, token};
use super::upstream::upstream;
use crate::base::json;
use crate::document::values::choice;
use crate::document::{self, Diagnostic, Members};
use crate::policy::{Access, CorsPreflight, Issuer, Policy, Resources, Rules, Unmatched};
use crate::token::expect::IssuerId;

const KEYS: &[&str] = &[
    "issuers",
    "token",
    "dpop",
    "client_certificate",
    "scope_implies",
    "requirements",
    "rules",
    "unmatched",
    "authority",
    "upstream",
    "responses",
    "protected_resource",
    "cors",
    "cors_preflight",
    "route_metadata",
    "mode",
    "limits",
    "seal",
];

/// Whether `value` is meant to be a policy: an object with a key that only policies have.
pub fn is_policy(value: &Value) -> bool {
    KEYS.iter().any(|key| value.get(key).is_some())
}

/// The document in `text`, JSON.
///
/// # Errors
/// When it is not JSON, has a member twice or is nested too deeply.
pub fn read_json(text: &[u8]) -> Result<Value, Diagnostic> {
    json::value(text).map_err(|fault| Diagnostic {
        at: "policy".to_owned(),
        problem: fault.to_string(),
        remedy: "write one JSON object in which no key stands twice".to_owned(),
    })
}

/// The policy that `document` describes. `environment` gives the value of an environment variable.
///
/// # Errors
/// Every problem of the document, in its order.
pub fn compile(
    document: &Value,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Policy, Vec<Diagnostic>> {
    document::read("policy", document, |node| node.members(KEYS).map(|members| policy(&members, environment)))
}

/// The policy in `members`. Where something is wrong with them, which then has been said, it is not to be used.
fn policy(members: &Members<'_>, environment: Environment<'_>) -> Policy {
    let Issuers { issuers, ids } = issuers(members, environment);
    let (mut places, forward_token) = token(members);
    let implications = implications(members);
    let requirements = Requirements::new(members, ids);
    let rules = rules(members, &requirements);
    let mut vocabulary = requirements.into_vocabulary();
    vocabulary.imply(&implications);
    let dpop = dpop(members, &rules, &mut places);
    let unmatched = members.get("unmatched").and_then(|node| choice(&node, UNMATCHED)).unwrap_or_default();
    if issuers.is_empty() && members.get("issuers").is_none() && needs_issuer(&rules, unmatched) {
        members.missing::<()>("issuers", "at least one issuer: a rule needs tokens");
    }
    check_asked(members, &issuers, &rules, unmatched);
    let mut policy = Policy {
        issuers,
        rules,
        unmatched,
        ignored_ports: ignored_ports(members),
        upstream: upstream(members, &places),
        places,
        dpop,
        forward_token,
        certificate_source: certificate_source(members),
        responses: responses(members),
        resources: Resources::default(),
        cors: cors(members),
        cors_preflight: members
            .get("cors_preflight")
            .and_then(|node| choice(&node, PREFLIGHT))
            .unwrap_or_default(),
        route_metadata: members.get("route_metadata").and_then(|node| node.flag()).unwrap_or_default(),
        mode: members.get("mode").and_then(|node| choice(&node, MODES)).unwrap_or_default(),
        limits: limits(members),
        seal: members.get("seal").and_then(|node| seal(&node, environment)),
        vocabulary,
    };
    policy.resources = Resources::new(resources(members), &policy);
    policy
}

const UNMATCHED: &[(&str, Unmatched)] = &[
    ("deny", Unmatched::Deny),
    ("authenticated", Unmatched::Authenticated),
    ("anonymous", Unmatched::Anonymous),
];

const PREFLIGHT: &[(&str, CorsPreflight)] =
    &[("check", CorsPreflight::Check), ("allow", CorsPreflight::Allow)];

/// How many issuers may be asked about one token: what one garbage token costs at most.
const MOST_ASKED: usize = 8;

/// Says where a token that nobody knows would be asked about at too many issuers.
fn check_asked(members: &Members<'_>, issuers: &[Issuer], rules: &Rules, unmatched: Unmatched) {
    let asked = |wanted: Option<Vec<IssuerId>>| {
        let issuers = (0..).map(IssuerId).zip(issuers);
        let counts = |id: &IssuerId| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
        issuers.filter(|(id, issuer)| issuer.introspection.is_some() && counts(id)).count()
    };
    let of_rules = rules.iter().filter(|rule| looks_at_tokens(&rule.access));
    let mut each = of_rules.map(|rule| (rule.name.to_string(), asked(rule.access.issuers())));
    let worst = each.find(|(_, count)| *count > MOST_ASKED);
    let rest = (unmatched == Unmatched::Authenticated).then(|| ("unmatched".to_owned(), asked(None)));
    let worst = worst.or(rest.filter(|(_, count)| *count > MOST_ASKED));
    if let (Some((name, count)), Some(node)) = (worst, members.get("issuers")) {
        node.refuse(
            format!("has {count} issuers that would be asked about one unknown token, one after the other ({name})"),
            format!("name those that count in the rule's require.issuers, {MOST_ASKED} at most"),
        );
    }
}

fn needs_issuer(rules: &Rules, unmatched: Unmatched) -> bool {
    unmatched == Unmatched::Authenticated || rules.iter().any(|rule| looks_at_tokens(&rule.access))
}

const fn looks_at_tokens(access: &Access) -> bool {
    match access {
        Access::Require(_) | Access::Optional => true,
        Access::Anonymous | Access::Deny => false,
    }
}
