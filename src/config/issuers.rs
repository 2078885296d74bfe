//! `issuers`: who may issue tokens.

use std::collections::HashMap;

use super::identifier::{Identifier, identifier};
use super::introspection::{Asked, CLIENT_CLAIMS, SCOPE_CLAIMS, introspection};
use super::jwt::jwt;
use super::secret::Environment;
use super::values::{check_name, claim_names, owned};
use crate::document::values::texts;
use crate::document::{Members, Node};
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
        None => audiences(&node, "write `audiences: any` to switch the check off").map(Audiences::OneOf),
    });
    let jwt = members.get("jwt").and_then(|node| jwt(&node, issuer));
    let claims = |name| members.get(name).map(|node| claim_names(&node));
    let (scope_claims, client_claims) = (claims("scope_claims"), claims("client_claims"));
    let asked = Asked {
        // Whom an assertion is for is a URI (RFC 7523 section 3); where `issuer` is none, the endpoint's.
        uri: issuer.and_then(Identifier::name).filter(|name| Uri::parse(name).is_ok()),
        scope_claims: scope_claims.as_deref(),
        client_claims: client_claims.as_deref(),
    };
    let introspection =
        members.get("introspection").and_then(|node| introspection(&node, environment, &asked));
    if members.get("jwt").is_none() && members.get("introspection").is_none() {
        node.refuse("has no way to check a token", "write `jwt`, `introspection`, or both");
    }
    let jwt = jwt.unwrap_or_default();
    let expect = Expect {
        issuer: issuer.and_then(Identifier::name).map(str::to_owned),
        audiences: audiences?,
        required_claims: jwt.required_claims,
        scope_claims: scope_claims.unwrap_or_else(|| owned(SCOPE_CLAIMS)),
        client_claims: client_claims.unwrap_or_else(|| owned(CLIENT_CLAIMS)),
        clock_skew: jwt.clock_skew,
        max_lifetime: jwt.max_lifetime,
        allow_missing_exp: jwt.allow_missing_exp,
        types: jwt.types,
        accepts_id_tokens: jwt.accepts_id_tokens,
        algorithms: jwt.algorithms,
    };
    Some(Issuer { name: name.into(), expect, keys: jwt.keys, introspection })
}

/// A list of audiences, in which the word that stands for every audience has no place; `remedy` says where it has.
pub(super) fn audiences(node: &Node<'_>, remedy: &str) -> Option<Vec<String>> {
    let audiences = texts(node)?;
    for (node, _) in audiences.iter().filter(|(_, audience)| *audience == "any") {
        node.refuse("is `any` in a list, where it is the name of one audience", remedy);
    }
    Some(audiences.into_iter().map(|(_, audience)| audience.to_owned()).collect())
}
