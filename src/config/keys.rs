//! `jwks`: the keys of an issuer, written out or fetched.

use core::time::Duration;
use std::rc::Rc;

use serde_json::Value;

use super::identifier::Identifier;
use super::values::{timeout, uri};
use crate::base::json::Object;
use crate::document::values::span;
use crate::document::{Members, Node};
use crate::http::uri::Uri;
use crate::jose::algorithm::{Algorithm, Algorithms};
use crate::jose::fault::KeyFault;
use crate::jose::key_set::{KeySet, Origin, Skipped};
use crate::policy::{Fetch, KeySource, Keys};

/// Algorithms as the author named them, with their places.
type Named<'n, 'd> = Option<&'n [(Node<'d>, Algorithm)]>;

/// The most key sets that an issuer may have.
const MOST: usize = 16;

/// The key set at `node`, or the sets in the list there, of the issuer that is called `issuer`, for the algorithms in
/// `named`.
pub(super) fn key_sets(node: &Node<'_>, named: Named<'_, '_>, issuer: Option<Identifier<'_>>) -> Vec<Keys> {
    if !node.value().is_array() {
        return keys(node, named, issuer, true).into_iter().collect();
    }
    let items = node.some_items("key sets").unwrap_or_default();
    if items.len() > MOST {
        node.refuse("has too many key sets", format!("write at most {MOST}"));
    }
    items.iter().filter_map(|item| keys(item, named, issuer, items.len() == 1)).collect()
}

/// `alone`: there is no other set in which an algorithm could find its key.
fn keys(node: &Node<'_>, named: Named<'_, '_>, issuer: Option<Identifier<'_>>, alone: bool) -> Option<Keys> {
    const FETCH: &[&str] = &["cluster", "timeout", "refresh", "min_refresh"];
    const ONE: &str =
        "write one of: {uri: .., cluster: ..}, {inline: {keys: [..]}}, {discover: true, cluster: ..}";
    let members =
        node.members(&["uri", "cluster", "timeout", "refresh", "min_refresh", "inline", "discover"])?;
    let discover = members.get("discover").filter(|node| node.flag().unwrap_or(true));
    match (members.get("uri"), members.get("inline"), discover) {
        (None, Some(node), None) => {
            members.forbid(FETCH, "has no meaning beside `inline`", "leave it out");
            inline(&node, named, alone).map(|set| Keys::Inline(Rc::new(set)))
        }
        (Some(node), None, None) => {
            refuse_symmetric(named.filter(|_| alone));
            let uri = uri(&node, "the key set's URI, like https://idp.example.com/jwks");
            fetch(&members, uri.map(KeySource::Uri)).map(Keys::Fetched)
        }
        (None, None, Some(node)) => {
            refuse_symmetric(named.filter(|_| alone));
            // Without a good `issuer` there is no base; that has been said there.
            let base = issuer.and_then(|issuer| base(&node, issuer));
            fetch(&members, base.map(KeySource::Discover)).map(Keys::Fetched)
        }
        (None, None, None) => {
            node.refuse("names no keys", ONE);
            None
        }
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            node.refuse("names keys in more than one way", ONE);
            None
        }
    }
}

/// Where the metadata of `issuer` is to be found (RFC 8414 section 3), for the `discover` at `node`.
fn base(node: &Node<'_>, issuer: Identifier<'_>) -> Option<Uri> {
    let base = issuer.name().and_then(|name| Uri::parse(name).ok());
    if base.is_none() {
        node.refuse(
            "needs an `issuer` that is an http or https URI",
            "write the key set's own `uri`, or its keys `inline`",
        );
    }
    base
}

fn fetch(members: &Members<'_>, source: Option<KeySource>) -> Option<Fetch> {
    const REFRESH: Duration = Duration::from_secs(600);
    const MIN_REFRESH: Duration = Duration::from_secs(30);
    const TIMEOUT: Duration = Duration::from_secs(2);
    let cluster = cluster(members);
    let time = |name| members.get(name).and_then(|node| span(&node));
    let (refresh, min_refresh) = (time("refresh").unwrap_or(REFRESH), time("min_refresh"));
    if let Some(node) =
        members.get("min_refresh").filter(|_| min_refresh.is_some_and(|least| least > refresh))
    {
        node.refuse("is longer than `refresh`", "write at most the same");
    }
    Some(Fetch {
        source: source?,
        cluster: cluster?,
        timeout: members.get("timeout").and_then(|node| timeout(&node)).unwrap_or(TIMEOUT),
        refresh,
        min_refresh: min_refresh.unwrap_or(MIN_REFRESH).min(refresh),
    })
}

/// The cluster that callouts go through.
pub(super) fn cluster(members: &Members<'_>) -> Option<String> {
    const WHAT: &str = "the name of the Envoy cluster that leads there";
    members.need("cluster", WHAT)?.text(WHAT).map(str::to_owned)
}

fn refuse_symmetric(named: Named<'_, '_>) {
    for (node, algorithm) in named.unwrap_or_default().iter().filter(|(_, name)| name.is_symmetric()) {
        let problem = format!("{algorithm} needs a shared key, and those are never fetched");
        node.refuse(problem, "leave it out, or write the key into jwks.inline");
    }
}

fn inline(node: &Node<'_>, named: Named<'_, '_>, alone: bool) -> Option<KeySet> {
    const WHAT: &str = "a key set like {keys: [..]}";
    let Some(object) = node.value().as_object() else { return node.wrong_type(WHAT) };
    let (set, skipped) = KeySet::parse(object, Origin::Inline)
        .map_err(|fault| node.refuse(fault.to_string(), format!("write {WHAT}")))
        .ok()?;
    refuse_weak(node, &skipped);
    let each = each_algorithms(object);
    let allowed =
        named.map_or(Algorithms::ASYMMETRIC, |named| Algorithms::of(named.iter().map(|(_, name)| *name)));
    if set.algorithms().intersection(allowed).is_empty() {
        refuse_unusable(node, &skipped, &each);
        return None;
    }
    for (node, algorithm) in named.filter(|_| alone).unwrap_or_default() {
        if !set.algorithms().contains(*algorithm) {
            refuse_unfitting(node, *algorithm, &each);
        }
    }
    Some(set)
}

/// For each member of the set what it alone could verify.
fn each_algorithms(set: &Object) -> Vec<Algorithms> {
    let members = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let alone = |member: &Value| {
        let set = Object::from_iter([("keys".to_owned(), Value::Array(vec![member.clone()]))]);
        KeySet::parse(&set, Origin::Inline).map_or(Algorithms::NONE, |(set, _)| set.algorithms())
    };
    members.iter().map(alone).collect()
}

/// A weak key is skipped in a fetched set; who writes it into a policy is told.
fn refuse_weak(node: &Node<'_>, skipped: &[Skipped]) {
    let entries = node.entries("a key set").unwrap_or_default();
    let keys = entries
        .into_iter()
        .find(|(name, _)| *name == "keys")
        .and_then(|(_, node)| node.items("a list of keys"));
    let keys = keys.unwrap_or_default();
    for skipped in skipped.iter().filter(|skipped| is_weak(skipped.why)) {
        if let Some(key) = keys.get(skipped.index) {
            key.refuse(skipped.why.to_string(), "write another key");
        }
    }
}

const fn is_weak(fault: KeyFault) -> bool {
    match fault {
        KeyFault::PrivateKey
        | KeyFault::SecretTooShort(_)
        | KeyFault::ModulusTooSmall(_)
        | KeyFault::ModulusEven
        | KeyFault::Exponent => true,
        KeyFault::NotAnObject
        | KeyFault::Member(_)
        | KeyFault::UnknownType
        | KeyFault::UnknownCurve
        | KeyFault::SymmetricFetched
        | KeyFault::ModulusTooLarge(_)
        | KeyFault::CoordinateLength
        | KeyFault::Point
        | KeyFault::Halves
        | KeyFault::Unfit
        | KeyFault::TooMany => false,
    }
}

fn refuse_unusable(node: &Node<'_>, skipped: &[Skipped], each: &[Algorithms]) {
    let reason = |(index, algorithms): (usize, &Algorithms)| {
        if let Some(skipped) = skipped.iter().find(|skipped| skipped.index == index) {
            return skipped.to_string();
        }
        let names: Vec<&str> = algorithms.iter().map(Algorithm::name).collect();
        if names.is_empty() {
            return format!("keys[{index}] is not for signatures");
        }
        format!("keys[{index}] is for {}, which `algorithms` does not allow", names.join(", "))
    };
    let reasons: Vec<String> = each.iter().enumerate().map(reason).collect();
    let problem = if reasons.is_empty() {
        "has no key".to_owned()
    } else {
        format!("has no usable key ({})", reasons.join("; "))
    };
    node.refuse(problem, "write at least one key that the issuer signs with, and HS algorithms by name");
}

fn refuse_unfitting(node: &Node<'_>, algorithm: Algorithm, each: &[Algorithms]) {
    let is_short =
        |algorithms: &Algorithms| algorithm.is_symmetric() && algorithms.iter().any(Algorithm::is_symmetric);
    let short: Vec<String> = each
        .iter()
        .enumerate()
        .filter(|(_, algorithms)| is_short(algorithms))
        .map(|(index, _)| format!("keys[{index}] is shorter than its hash, or for another algorithm"))
        .collect();
    let why = if short.is_empty() { String::new() } else { format!(" ({})", short.join("; ")) };
    node.refuse(
        format!("no inline key fits {algorithm}{why}"),
        "leave the algorithm out, or write a key for it",
    );
}
