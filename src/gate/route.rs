//! What is to be done with a request before its credential is looked at.

use super::case::{Client, Decider};
use super::metadata;
use super::step::Facts;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::message::Response;
use crate::http::path::{Ambiguous, Path};
use crate::policy::{self, Access, Denial, Permit, Policy, RuleId, Target, Unmatched};

/// Where a request goes.
pub(super) enum Route {
    /// To the checks: its credential counts.
    Judge(Decider),
    /// Through, without an identity.
    Anonymous(Permit, Option<RuleId>),
    /// Nowhere.
    Denied(Denial, Option<RuleId>),
    /// It asks for our own metadata.
    Metadata(Response),
}

/// Chooses the way of `head`, whose path in normal form is `path`, under `policy`.
pub(super) fn route(
    policy: &Policy,
    head: &RequestHead<'_>,
    path: Result<Path<'_>, Ambiguous>,
    facts: &Facts<'_>,
    client: &Client<'_>,
    now: UnixTime,
) -> Route {
    let path = match path {
        Ok(path) => Some(path),
        Err(_) if has_no_path(head) => None,
        Err(ambiguous) => return Route::Denied(Denial::PathAmbiguous(ambiguous), None),
    };
    if let Some(response) = own_metadata(policy, head, client, path.as_ref()) {
        return Route::Metadata(response);
    }
    if let Some(permit) = policy::preflight(policy, head) {
        return Route::Anonymous(permit, None);
    }
    let rule = match facts.rule.filter(|_| policy.route_metadata) {
        Some(named) => {
            match core::str::from_utf8(named).ok().and_then(|named| policy.rules.named_id(named)) {
                Some(rule) => Some(rule),
                None => return Route::Denied(Denial::RuleUnknown, None),
            }
        }
        None => {
            let host = (!client.host.is_empty()).then_some(&*client.host);
            policy.rules.find_id(&Target {
                host,
                method: head.method,
                path: path.as_ref(),
                route: facts.route,
            })
        }
    };
    match rule.and_then(|id| policy.rules.get(id).map(|rule| (id, rule))) {
        Some((id, rule)) => by_rule(id, &rule.access),
        None => without_rule(policy, head, now),
    }
}

fn by_rule(id: RuleId, access: &Access) -> Route {
    match access {
        Access::Require(_) | Access::Optional => Route::Judge(Decider::Rule(id)),
        Access::Anonymous | Access::Deny => match policy::anonymous(access) {
            Ok(permit) => Route::Anonymous(permit, Some(id)),
            Err(denial) => Route::Denied(denial, Some(id)),
        },
    }
}

fn without_rule(policy: &Policy, head: &RequestHead<'_>, now: UnixTime) -> Route {
    // A tunnel is opened only by a rule that says so.
    if head.method == b"CONNECT" {
        return Route::Denied(Denial::Unmatched, None);
    }
    match (policy.unmatched, policy::unmatched(policy, None, now)) {
        (Unmatched::Authenticated, _) => Route::Judge(Decider::Unmatched),
        (Unmatched::Deny | Unmatched::Anonymous, Ok(permit)) => Route::Anonymous(permit, None),
        (Unmatched::Deny | Unmatched::Anonymous, Err(denial)) => Route::Denied(denial, None),
    }
}

/// `OPTIONS *` and `CONNECT host:port` (RFC 9112 sections 3.2.3 and 3.2.4).
fn has_no_path(head: &RequestHead<'_>) -> bool {
    match head.method {
        b"OPTIONS" => head.path == b"*",
        b"CONNECT" => head.path.is_empty() || head.path == head.authority,
        _ => false,
    }
}

fn own_metadata(
    policy: &Policy,
    head: &RequestHead<'_>,
    client: &Client<'_>,
    path: Option<&Path<'_>>,
) -> Option<Response> {
    let resource = policy.resources.described_at(&client.host, path?)?;
    matches!(head.method, b"GET" | b"HEAD").then(|| metadata::document(policy, resource))
}
