//! `responses`, `protected_resource`, `limits`: what clients are told, and how much is kept.

use super::reader::Members;
use super::values::{choice, number, uri};
use crate::http::path::Path;
use crate::http::uri::Uri;
use crate::policy::{BodyForm, Limits, ProtectedResource, Responses};

/// What refused clients of `policy` are told.
pub(super) fn responses(policy: &Members<'_>) -> Responses {
    let mut responses = Responses::default();
    let members = policy.get("responses").and_then(|node| node.members(&["realm", "body", "describe"]));
    let Some(members) = members else { return responses };
    if let Some(node) = members.get("realm") {
        let realm = node.text("a realm").unwrap_or_default();
        if !realm.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || realm.trim() != realm {
            node.refuse("cannot stand in a header", "write visible ASCII");
        }
        responses.realm = Some(realm.to_owned());
    }
    const FORMS: &[(&str, BodyForm)] =
        &[("json", BodyForm::Json), ("problem", BodyForm::Problem), ("none", BodyForm::None)];
    if let Some(form) = members.get("body").and_then(|node| choice(&node, FORMS)) {
        responses.body = form;
    }
    if let Some(describe) = members.get("describe").and_then(|node| node.flag()) {
        responses.describe = describe;
    }
    responses
}

/// The protected resource of `policy`.
pub(super) fn protected_resource(policy: &Members<'_>) -> Option<ProtectedResource> {
    let members = policy.get("protected_resource")?.members(&["resource", "path"])?;
    let example = "the resource's URI, like https://api.example.com";
    let resource =
        members.need("resource", example).and_then(|node| uri(&node, example).zip(node.value().as_str()));
    let path = members.get("path").map(|node| {
        let path = node.text("a path").unwrap_or_default();
        let is_normal = Path::normalize(path.as_bytes()).is_ok_and(|normal| normal.as_str() == path);
        if !path.is_empty() && !is_normal {
            node.refuse(
                "is not a path in its normal form",
                "write a path like /.well-known/oauth-protected-resource",
            );
        }
        path.to_owned()
    });
    let (uri, resource) = resource?;
    Some(ProtectedResource { resource: resource.to_owned(), path: path.unwrap_or_else(|| well_known(&uri)) })
}

/// Where the metadata of the resource at `uri` belongs (RFC 9728 section 3.1).
fn well_known(uri: &Uri) -> String {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let path = uri.path().split('?').next().unwrap_or_default().trim_end_matches('/');
    format!("{WELL_KNOWN}{path}")
}

/// The limits of `policy`.
pub(super) fn limits(policy: &Members<'_>) -> Limits {
    let mut limits = Limits::default();
    let known = &["token_bytes", "cached_tokens", "waiting_requests", "remembered_proofs"];
    let Some(members) = policy.get("limits").and_then(|node| node.members(known)) else { return limits };
    let read = |name, range, limit: &mut usize| {
        let given = members.get(name).and_then(|node| number(&node, range));
        *limit = given.and_then(|given| usize::try_from(given).ok()).unwrap_or(*limit);
    };
    read("token_bytes", 256..=65_536, &mut limits.token_bytes);
    read("cached_tokens", 0..=1_000_000, &mut limits.cached_tokens);
    read("waiting_requests", 1..=100_000, &mut limits.waiting_requests);
    read("remembered_proofs", 1_000..=1_000_000, &mut limits.remembered_proofs);
    limits
}
