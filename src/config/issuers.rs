//! `issuers`: who may issue tokens.

use std::collections::HashMap;

use super::introspection::{Asked, CLIENT_CLAIMS, SCOPE_CLAIMS, introspection};
use super::jwt::jwt;
use super::names::quoted;
use super::reader::{Members, Node};
use super::secret::Environment;
use super::values::{check_name, claim_names, owned, texts};
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

/// Whom the `iss` of an issuer's tokens names.
#[derive(Clone, Copy)]
pub(super) enum Identifier<'d> {
    /// This name, compared byte for byte.
    Name(&'d str),
    /// Nobody: its tokens have no `iss`.
    Nobody,
}

impl<'d> Identifier<'d> {
    /// The name, where there is one.
    pub(super) const fn name(self) -> Option<&'d str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Nobody => None,
        }
    }
}

/// `issuer`, a StringOrURI (RFC 7519 section 4.1.1). Where tokens are verified here it leads from a token to its issuer,
/// so it must be there and be nobody else's.
fn identifier<'d>(
    name: &'d str,
    members: &Members<'d>,
    by_issuer: &mut HashMap<&'d str, &'d str>,
) -> Option<Identifier<'d>> {
    const EXAMPLE: &str =
        "the `iss` of its tokens, like https://idp.example.com, or `none` for tokens without";
    /// For tokens without `iss`.
    const NONE: &str = "none";
    let has_jwt = members.get("jwt").is_some();
    let node = if has_jwt { members.need("issuer", EXAMPLE) } else { members.get("issuer") }?;
    let text = node.text(EXAMPLE)?;
    if let Some((origin, rest)) = text.split_once("/.well-known/") {
        // RFC 8414 puts its own part between the host and the issuer's path, OpenID Connect behind both.
        let path = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        let likely = quoted(&format!("{origin}{path}"), '`');
        let remedy = format!("write the `issuer` that stands in that metadata, most likely {likely}");
        node.refuse("is where an issuer's metadata is, and no token's `iss`", remedy);
        return None;
    }
    if let Some(problem) = unusable(text) {
        node.refuse(problem, format!("write {EXAMPLE}"));
        return None;
    }
    if has_jwt && let Some(other) = by_issuer.insert(text, name) {
        let problem = format!("is the same as that of the issuer {}", quoted(other, '`'));
        node.refuse(problem, "join the two: a token's `iss` must lead to one of them");
    }
    if text != NONE {
        return Some(Identifier::Name(text));
    }
    if !has_jwt {
        node.refuse(
            "has a meaning only beside `jwt`",
            "leave it out: the `iss` of answers is not compared then",
        );
    }
    Some(Identifier::Nobody)
}

/// What is wrong with a text that is to be compared with `iss`. What looks like a URL has to be one.
fn unusable(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) || text.trim() != text {
        return Some("has a control character, or a space at its beginning or end");
    }
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    Uri::parse(text).err().filter(|_| is_url)
}
