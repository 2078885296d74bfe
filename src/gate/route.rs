//! What is to be done with a request before its credential is looked at.

use super::case::{Client, Decider};
use super::metadata;
use super::step::Facts;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::host;
use crate::http::message::Response;
use crate::http::path::{Ambiguous, Path};
use crate::http::readings::Readings;
use crate::policy::{self, Access, Denial, Permit, Policy, ProtectedResource, RuleId, Target, Unmatched};

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

/// Chooses the way of `head`, whose path is read as `paths`, under `policy`. However its authority and path are read, it
/// has to be the same.
pub(super) fn route(
    policy: &Policy,
    head: &RequestHead<'_>,
    paths: Result<Readings<Path<'_>>, Ambiguous>,
    facts: &Facts<'_>,
    client: &Client<'_>,
    now: UnixTime,
) -> Route {
    let paths = match paths {
        Ok(paths) => Some(paths),
        Err(_) if has_no_path(head) => None,
        Err(ambiguous) => return Route::Denied(Denial::PathAmbiguous(ambiguous), None),
    };
    let hosts = if policy.names_hosts() {
        let hosts = host::readings(&client.host, head.authority, &policy.ignored_ports);
        let Some(hosts) = hosts else { return Route::Denied(Denial::AuthorityAmbiguous, None) };
        Some(hosts)
    } else {
        None
    };
    let aims = Aims { policy, head, facts };
    let path = paths.as_ref().map(Readings::first);
    let aim = aims.of(hosts.as_ref().map(|hosts| &**hosts.first()), path);
    let is_other = |host: Option<&str>, path| {
        aims.of(host, path) != aim
            || policy.resources.of(host.unwrap_or_default(), path) != client.resource.as_ref()
    };
    let of_hosts = |path| match &hosts {
        Some(hosts) => hosts.iter().any(|host| is_other(Some(host), path)),
        None => is_other(None, path),
    };
    if hosts.as_ref().is_some_and(Readings::are_several) && of_hosts(path) {
        return Route::Denied(Denial::AuthorityReadings, None);
    }
    if paths.as_ref().is_some_and(|paths| paths.others().iter().any(|path| of_hosts(Some(path)))) {
        return Route::Denied(Denial::PathReadings, None);
    }
    if !matches!(aim, Aim::Metadata(_))
        && let Some(permit) = policy::preflight(policy, head)
    {
        return Route::Anonymous(permit, None);
    }
    let rule = match aim {
        Aim::Metadata(resource) => return Route::Metadata(metadata::answer(policy, resource, head, client)),
        Aim::UnknownRule => return Route::Denied(Denial::RuleUnknown, None),
        Aim::Rule(rule) => rule,
    };
    match rule.and_then(|id| policy.rules.get(id).map(|rule| (id, rule))) {
        Some((id, rule)) => by_rule(id, &rule.access),
        None => without_rule(policy, head, now),
    }
}

/// What one reading of a request is aimed at.
#[derive(PartialEq)]
enum Aim<'p> {
    /// The metadata of this resource, which are ours to serve.
    Metadata(&'p ProtectedResource),
    /// What this rule is about, or none.
    Rule(Option<RuleId>),
    /// The proxy's route names a rule that does not exist.
    UnknownRule,
}

/// Where the readings of a request lead.
struct Aims<'p> {
    policy: &'p Policy,
    head: &'p RequestHead<'p>,
    facts: &'p Facts<'p>,
}

impl<'p> Aims<'p> {
    fn of(&self, host: Option<&str>, path: Option<&Path<'_>>) -> Aim<'p> {
        let Self { policy, head, facts } = *self;
        if metadata::answers(policy, head)
            && let Some(resource) =
                path.and_then(|path| policy.resources.described_at(host.unwrap_or_default(), path))
        {
            return Aim::Metadata(resource);
        }
        match facts.rule.filter(|_| policy.route_metadata) {
            Some(named) => {
                let named = core::str::from_utf8(named).ok().and_then(|named| policy.rules.named_id(named));
                named.map_or(Aim::UnknownRule, |rule| Aim::Rule(Some(rule)))
            }
            None => Aim::Rule(policy.rules.find_id(&Target {
                host,
                method: head.method,
                path,
                route: facts.route,
            })),
        }
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
