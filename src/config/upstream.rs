//! `upstream`: what an admitted request tells the application.

use super::values::check_claim;
use crate::document::values::choice;
use crate::document::{Members, Node};
use crate::http::characters::is_token;
use crate::http::spelling;
use crate::policy::{FilterState, Upstream};
use crate::token::credential::Place;

/// What the upstream of `policy` is told; `places` are where tokens stand.
pub(super) fn upstream(policy: &Members<'_>, places: &[Place]) -> Upstream {
    let members =
        policy.get("upstream").and_then(|node| node.members(&["headers", "claims_header", "filter_state"]));
    let Some(members) = members else { return Upstream::new(Vec::new(), None, Vec::new(), places) };
    let mut taken: Vec<String> = places.iter().filter_map(Place::header).map(str::to_owned).collect();
    let mut headers = Vec::new();
    if let Some(node) = members.get("headers") {
        for (name, node) in
            node.entries("an object of headers and the claims that they hold").unwrap_or_default()
        {
            let Some(name) = header(&node, name, &mut taken) else { continue };
            let Some(claim) = node.text("the claim that the header holds") else { continue };
            check_claim(&node, claim);
            headers.push((name, claim.to_owned()));
        }
    }
    let claims_header = members.get("claims_header").and_then(|node| {
        let name = node.text("the name of a header")?;
        header(&node, name, &mut taken)
    });
    let filter_state = members.get("filter_state").map(|node| {
        let choices: Vec<(&str, FilterState)> =
            FilterState::ALL.iter().map(|entry| (entry.name(), *entry)).collect();
        let items = node.items("a list of entries").unwrap_or_default();
        items.iter().filter_map(|item| choice(item, &choices)).collect()
    });
    Upstream::new(headers, claims_header, filter_state.unwrap_or_default(), places)
}

/// Whether `name` (lower case) may be a header that the filter reads a token from or sets: a name, and not one that
/// the proxy or the protocol needs.
pub(super) fn check_header(node: &Node<'_>, name: &str) -> Option<()> {
    const NEEDED: &[&str] = &[
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "origin",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-client-cert",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    ];
    if !is_token(name) {
        node.refuse("is not the name of a header", "write letters, digits and `-`, like x-auth-subject");
        return None;
    }
    let needed = |needed: &&str| spelling::same(needed.as_bytes(), name.as_bytes());
    if NEEDED.iter().any(needed) || name.starts_with("x-envoy-") {
        node.refuse("is a header that has another meaning", "choose a name like x-auth-subject");
        return None;
    }
    Some(())
}

/// The header's name in lower case, when it is a good one that is not taken yet.
fn header(node: &Node<'_>, name: &str, taken: &mut Vec<String>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    check_header(node, &name)?;
    // Two names that a server takes for one are one.
    if taken.iter().any(|taken| spelling::same(taken.as_bytes(), name.as_bytes())) {
        node.refuse("is a header that is set, or holds a token, already", "choose another name");
        return None;
    }
    taken.push(name.clone());
    Some(name)
}
