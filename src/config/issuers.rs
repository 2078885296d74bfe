//! `issuers`: who may issue tokens.

use std::collections::HashMap;

use super::introspection::introspection;
use super::jwt::jwt;
use super::names::quoted;
use super::reader::{Members, Node};
use super::secret::Environment;
use super::values::{check_name, strings, uri};
use crate::http::uri::Uri;
use crate::policy::Issuer;
use crate::token::expect::{Audiences, Expect, IssuerId};

/// The issuers of a policy, and their numbers by name.
pub(super) struct Issuers<'d> {
    pub(super) issuers: Vec<Issuer>,
    pub(super) ids: HashMap<&'d str, IssuerId>,
}

/// The issuers of `policy`. Every name has a number, even where its issuer could not be read.
pub(super) fn issuers<'d>(policy: &Members<'d>, environment: Environment<'_>) -> Issuers<'d> {
    const WHAT: &str = "an object of names and issuers";
    let node = policy.get("issuers");
    let entries = node.as_ref().and_then(|node| node.entries(WHAT)).unwrap_or_default();
    if let Some(node) = node.filter(|node| entries.is_empty() && node.value().is_object()) {
        node.refuse("is empty", "name at least one issuer, or leave the key out");
    }
    let mut issuers = Vec::new();
    let mut by_issuer = HashMap::new();
    for (name, node) in &entries {
        check_name(node, name);
        issuers.extend(issuer(name, node, environment, &mut by_issuer));
    }
    let ids = entries.iter().zip(0..).map(|((name, _), number)| (*name, IssuerId(number))).collect();
    Issuers { issuers, ids }
}

fn issuer<'d>(
    name: &'d str,
    node: &Node<'d>,
    environment: Environment<'_>,
    by_issuer: &mut HashMap<&'d str, &'d str>,
) -> Option<Issuer> {
    const AUDIENCES: &str = "a list of audiences, or `any` to switch the check off";
    let keys = &["issuer", "audiences", "jwt", "introspection", "scope_claims", "client_claims"];
    let members = node.members(keys)?;
    let issuer = identifier(name, &members, by_issuer);
    let audiences = members.need("audiences", AUDIENCES).and_then(|node| match node.value().as_str() {
        Some("any") => Some(Audiences::Any),
        Some(_) => node.wrong_type(AUDIENCES),
        None if node.value().as_array().is_some_and(Vec::is_empty) => {
            node.refuse("is an empty list", format!("write {AUDIENCES}"));
            None
        }
        None => strings(&node).map(Audiences::OneOf),
    });
    let jwt = members.get("jwt").and_then(|node| jwt(&node, issuer.as_ref().map(|(uri, _)| uri)));
    let introspection = members
        .get("introspection")
        .and_then(|node| introspection(&node, environment, issuer.as_ref().map(|(_, text)| *text)));
    if members.get("jwt").is_none() && members.get("introspection").is_none() {
        node.refuse("has no way to check a token", "write `jwt`, `introspection`, or both");
    }
    let claims = |name, default: &[&str]| match members.get(name) {
        Some(node) => strings(&node).unwrap_or_default(),
        None => default.iter().map(|claim| (*claim).to_owned()).collect(),
    };
    let jwt = jwt.unwrap_or_default();
    let expect = Expect {
        issuer: issuer.map(|(_, text)| text.to_owned()),
        audiences: audiences?,
        required_claims: jwt.required_claims,
        scope_claims: claims("scope_claims", &["scope", "scp"]),
        client_claims: claims("client_claims", &["client_id", "azp"]),
        clock_skew: jwt.clock_skew,
        max_lifetime: jwt.max_lifetime,
        allow_missing_exp: jwt.allow_missing_exp,
        types: jwt.types,
        algorithms: jwt.algorithms,
    };
    Some(Issuer { name: name.into(), expect, keys: jwt.keys, introspection })
}

/// `issuer`: as a URI, and the text that `iss` is compared with. Where tokens are verified here it leads from a token
/// to its issuer, so it must be there and be nobody else's.
fn identifier<'d>(
    name: &'d str,
    members: &Members<'d>,
    by_issuer: &mut HashMap<&'d str, &'d str>,
) -> Option<(Uri, &'d str)> {
    const EXAMPLE: &str = "the `iss` of its tokens, like https://idp.example.com";
    let has_jwt = members.get("jwt").is_some();
    let node = if has_jwt { members.need("issuer", EXAMPLE) } else { members.get("issuer") }?;
    let identifier = uri(&node, EXAMPLE).zip(node.value().as_str())?;
    if has_jwt && let Some(other) = by_issuer.insert(identifier.1, name) {
        let problem = format!("is the same as that of the issuer {}", quoted(other, '`'));
        node.refuse(problem, "join the two: a token's `iss` must lead to one of them");
    }
    Some(identifier)
}
