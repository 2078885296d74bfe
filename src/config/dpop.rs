//! `dpop`: what proofs of possession must be like.

use core::time::Duration;

use super::jwt;
use super::values::uri;
use crate::document::values::{choice, duration};
use crate::document::{Members, Node};
use crate::http::host;
use crate::http::uri::Uri;
use crate::jose::algorithm::{Algorithm, Algorithms};
use crate::policy::{Dpop, Rules};
use crate::token::credential::{DPOP, Place, Scheme};
use crate::token::dpop::Terms;

const KEYS: &[&str] = &["algorithms", "proof_lifetime", "clock_skew", "nonce", "scheme", "origins"];

/// Those that are common, and checked in well under a millisecond each: a proof is checked on every request.
const ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];

/// What `policy` says of proofs, where it takes any: there is a `dpop`, or a rule or a place that is about them. A
/// token with a proof is then looked for where RFC 9449 section 7.1 has it, unless a place says otherwise.
pub(super) fn dpop(policy: &Members<'_>, rules: &Rules, places: &mut Vec<Place>) -> Option<Dpop> {
    let node = policy.get("dpop");
    let has_place = places.iter().any(|place| place.scheme() == Scheme::Dpop);
    if node.is_none() && !has_place && !rules.iter().any(|rule| rule.access.mentions_key()) {
        return None;
    }
    if !has_place {
        places.push(Place::Header { name: "authorization".into(), scheme: Some(DPOP.to_owned()) });
    }
    Some(node.and_then(|node| node.members(KEYS)).map_or_else(usual, |members| section(&members)))
}

fn usual() -> Dpop {
    let terms = Terms {
        algorithms: Algorithms::of(ALGORITHMS.iter().copied()),
        lifetime: Duration::from_secs(60),
        clock_skew: Duration::from_secs(5),
    };
    Dpop { terms, nonce: false, scheme: None, origins: Vec::new() }
}

fn section(members: &Members<'_>) -> Dpop {
    let mut dpop = usual();
    let terms = &mut dpop.terms;
    if let Some(node) = members.get("algorithms") {
        terms.algorithms = algorithms(&node);
    }
    if let Some(lifetime) = members.get("proof_lifetime").and_then(|node| lifetime(&node)) {
        terms.lifetime = lifetime;
    }
    if let Some(skew) = members.get("clock_skew").and_then(|node| jwt::clock_skew(&node)) {
        terms.clock_skew = skew;
    }
    const NONCE: &[(&str, bool)] = &[("off", false), ("required", true)];
    if let Some(nonce) = members.get("nonce").and_then(|node| choice(&node, NONCE)) {
        dpop.nonce = nonce;
    }
    const SCHEMES: &[(&str, &str)] = &[("http", "http"), ("https", "https")];
    dpop.scheme = members.get("scheme").and_then(|node| choice(&node, SCHEMES));
    dpop.origins = members.get("origins").map(|node| origins(&node)).unwrap_or_default();
    dpop
}

fn algorithms(node: &Node<'_>) -> Algorithms {
    let named = jwt::algorithms(node);
    for (node, _) in named.iter().filter(|(_, algorithm)| algorithm.is_symmetric()) {
        node.refuse(
            "is symmetric: whoever checks a proof could make one",
            "write asymmetric algorithms only",
        );
    }
    Algorithms::of(named.into_iter().map(|(_, algorithm)| algorithm))
}

fn lifetime(node: &Node<'_>) -> Option<Duration> {
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(600));
    let lifetime = duration(node)?;
    if !(least..=most).contains(&lifetime) {
        node.refuse("is not from 1s to 10m", "write a span in which a client makes a proof and sends it");
        return None;
    }
    Some(lifetime)
}

fn origins(node: &Node<'_>) -> Vec<(String, Uri)> {
    const EXAMPLE: &str = "scheme and host that clients use, like https://api.example.com";
    let mut origins: Vec<(String, Uri)> = Vec::new();
    for (name, node) in
        node.entries("an object of hosts and the origins that clients know").unwrap_or_default()
    {
        let host = host::of_authority(name.as_bytes()).filter(|host| *host == name.to_ascii_lowercase());
        if host.as_ref().is_none_or(|host| origins.iter().any(|(known, _)| known == host)) {
            node.refuse("does not stand under a host of its own", "write each host once, without a port");
        }
        let Some(origin) = uri(&node, EXAMPLE) else { continue };
        if origin.path() != "/" {
            node.refuse("has a path", format!("write {EXAMPLE}"));
        }
        origins.extend(host.map(|host| (host.into_owned(), origin)));
    }
    origins
}
