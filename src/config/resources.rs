//! `protected_resource`: what the policy protects, and what clients can read about it (RFC 9728).

use std::collections::HashSet;

use super::values::uri;
use crate::document::{Members, Node};
use crate::http::host;
use crate::http::path::Path;
use crate::policy::{ProtectedResource, Terms};

/// The most resources that a policy may have: each is held against every rule.
const MOST: usize = 1_000;

const RESOURCE: &str = "the resource's URI, like https://api.example.com";

/// The protected resources of `policy`: one, or a list.
pub(super) fn resources(policy: &Members<'_>) -> Vec<ProtectedResource> {
    let Some(node) = policy.get("protected_resource") else { return Vec::new() };
    if !node.value().is_array() {
        return resource(&node).into_iter().collect();
    }
    let items = node.some_items("a list of resources").unwrap_or_default();
    if items.len() > MOST {
        node.refuse(format!("has more than {MOST} entries"), "use several filters");
        return Vec::new();
    }
    let (mut places, mut paths) = (HashSet::new(), HashSet::new());
    let mut resources = Vec::new();
    for item in items {
        let Some(resource) = resource(&item) else { continue };
        if !places.insert((resource.host.clone(), resource.prefix.clone())) {
            item.refuse("has the host and path of an earlier one", "join the two; ports do not count");
        } else if !paths.insert((resource.host.clone(), resource.path.clone())) {
            item.refuse("has its metadata where an earlier one has it", "write another `path`");
        }
        resources.push(resource);
    }
    resources
}

fn resource(node: &Node<'_>) -> Option<ProtectedResource> {
    const KEYS: &[&str] =
        &["resource", "path", "resource_name", "resource_documentation", "resource_policy_uri"];
    let members = node.members(KEYS)?;
    let identifier = members.need("resource", RESOURCE).and_then(|node| {
        let uri = uri(&node, RESOURCE)?;
        let Ok(path) = Path::normalize(uri.path().as_bytes()) else {
            node.refuse("has a path with more than one reading", format!("write {RESOURCE}"));
            return None;
        };
        let prefix = path.as_str().trim_end_matches('/').to_owned();
        let host = host::of_authority(uri.authority().as_bytes())?.into_owned();
        Some((node.value().as_str()?.to_owned(), uri, host, prefix))
    });
    let path = members.get("path").map(|node| path(&node));
    let name = members.get("resource_name").and_then(|node| node.text("a name for people"));
    let page = |name| {
        const PAGE: &str = "the page's URI, like https://docs.example.com/orders";
        let node = members.get(name)?;
        uri(&node, PAGE).and_then(|_| node.value().as_str())
    };
    let texts = [
        ("resource_name", name),
        ("resource_documentation", page("resource_documentation")),
        ("resource_policy_uri", page("resource_policy_uri")),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned()))).collect();
    let (resource, uri, host, prefix) = identifier?;
    let path = path.unwrap_or_else(|| well_known(&prefix));
    let metadata = uri.with_path(path.clone()).to_string();
    Some(ProtectedResource { resource, host, prefix, path, metadata, texts, terms: Terms::default() })
}

fn path(node: &Node<'_>) -> String {
    let path = node.text("a path").unwrap_or_default();
    let is_normal = Path::normalize(path.as_bytes()).is_ok_and(|normal| normal.as_str() == path);
    if !path.is_empty() && !is_normal {
        node.refuse(
            "is not a path in its normal form",
            "write a path like /.well-known/oauth-protected-resource",
        );
    }
    path.to_owned()
}

/// Where the metadata of a resource with this path belongs (RFC 9728 section 3.1).
fn well_known(prefix: &str) -> String {
    format!("/.well-known/oauth-protected-resource{prefix}")
}
