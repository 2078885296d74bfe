//! `token`, `client_certificate`: where a request carries its token, and whether it stays there; where the certificate
//! is told that the token may be bound to.

use super::upstream::check_header;
use crate::document::values::{choice, one_of};
use crate::document::{Members, Node};
use crate::http::characters::is_token;
use crate::http::spelling;
use crate::policy::CertificateSource;
use crate::policy::settings::default_places;
use crate::token::credential::Place;

/// The places of `policy`, and whether the token is forwarded.
pub(super) fn token(policy: &Members<'_>) -> (Vec<Place>, bool) {
    let members = policy.get("token").and_then(|node| node.members(&["from", "forward"]));
    let Some(members) = members else { return (default_places(), false) };
    let forward = members.get("forward").and_then(|node| node.flag()).unwrap_or_default();
    (members.get("from").map_or_else(default_places, |node| places(&node)), forward)
}

/// Where `policy` has the client certificate of a request from.
pub(super) fn certificate_source(policy: &Members<'_>) -> CertificateSource {
    const SOURCES: &[(&str, CertificateSource)] = &[
        ("connection", CertificateSource::Connection),
        ("x-forwarded-client-cert", CertificateSource::ForwardedField),
    ];
    let members = policy.get("client_certificate").and_then(|node| node.members(&["from"]));
    let from = members.and_then(|members| members.need("from", &one_of(SOURCES)));
    from.and_then(|node| choice(&node, SOURCES)).unwrap_or_default()
}

fn places(node: &Node<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for item in node.some_items("a list of places").unwrap_or_default() {
        let Some(place) = place(&item) else { continue };
        if places.iter().any(|known| is_same(known, &place)) {
            item.refuse("is the same place as an earlier one", "name each place once");
        }
        places.push(place);
    }
    places
}

fn place(node: &Node<'_>) -> Option<Place> {
    const KINDS: &[&str] = &["header", "query", "cookie"];
    let members = node.members(&["header", "scheme", "query", "cookie"])?;
    let mut kinds = KINDS.iter().filter_map(|kind| members.get(kind).map(|node| (*kind, node)));
    let (Some((kind, name)), None) = (kinds.next(), kinds.next()) else {
        node.refuse("is not one place", "write one of: {header: .., scheme: ..}, {query: ..}, {cookie: ..}");
        return None;
    };
    if kind != "header" {
        members.forbid(&["scheme"], "belongs to a header", "leave it out");
    }
    match kind {
        "header" => header(&members, &name),
        "query" => name.text("the name of a query parameter").map(|name| Place::Query(name.to_owned())),
        _ => {
            let cookie = name.text("the name of a cookie")?;
            check_token(&name, cookie, "the name of a cookie").then(|| Place::Cookie(cookie.to_owned()))
        }
    }
}

fn header(members: &Members<'_>, node: &Node<'_>) -> Option<Place> {
    const AUTHORIZATION: &str = "authorization";
    let name = node.text("the name of a header")?.to_ascii_lowercase();
    if name != AUTHORIZATION {
        check_header(node, &name)?;
    }
    let scheme = match members.get("scheme") {
        None if name == AUTHORIZATION => {
            members.missing("scheme", "the scheme before the token, like Bearer")?
        }
        None => None,
        Some(node) => {
            let scheme = node.text("the scheme before the token, like Bearer")?;
            Some(check_token(&node, scheme, "a scheme like Bearer").then(|| scheme.to_owned())?)
        }
    };
    Some(Place::Header { name: name.into(), scheme })
}

fn check_token(node: &Node<'_>, text: &str, what: &str) -> bool {
    let is_token = is_token(text);
    if !is_token {
        node.refuse("has a character that cannot stand there", format!("write {what}"));
    }
    is_token
}

/// Whether one value could be read as a token of both places.
fn is_same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Header { name, scheme }, Place::Header { name: other, scheme: other_scheme }) => {
            let schemes = scheme.as_ref().zip(other_scheme.as_ref());
            spelling::same(name.as_bytes(), other.as_bytes())
                && schemes.is_none_or(|(one, other)| one.eq_ignore_ascii_case(other))
        }
        (Place::Query(one), Place::Query(other)) | (Place::Cookie(one), Place::Cookie(other)) => one == other,
        (Place::Header { .. } | Place::Query(_) | Place::Cookie(_), _) => false,
    }
}
