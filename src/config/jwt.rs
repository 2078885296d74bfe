//! `jwt`: what tokens must be like that are verified here.

use core::time::Duration;

use super::identifier::Identifier;
use super::keys::key_sets;
use super::values::claim_names;
use crate::document::values::{choice, duration, span, texts};
use crate::document::{Node, nearest, quoted};
use crate::jose::algorithm::{Algorithm, Algorithms};
use crate::policy::Keys;
use crate::token::expect::media_type;
use crate::token::kind;

/// What `jwt` says; by default what holds where there is none.
pub(super) struct Jwt {
    pub(super) keys: Vec<Keys>,
    pub(super) algorithms: Algorithms,
    pub(super) types: Option<Vec<String>>,
    pub(super) accepts_id_tokens: bool,
    pub(super) clock_skew: Duration,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) required_claims: Vec<String>,
    pub(super) allow_missing_exp: bool,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            algorithms: Algorithms::NONE,
            types: None,
            accepts_id_tokens: false,
            clock_skew: Duration::from_secs(60),
            max_lifetime: None,
            required_claims: Vec::new(),
            allow_missing_exp: false,
        }
    }
}

/// `jwt` of the issuer whose tokens name `issuer`.
pub(super) fn jwt(node: &Node<'_>, issuer: Option<Identifier<'_>>) -> Option<Jwt> {
    const KEYS: &[&str] = &[
        "jwks",
        "algorithms",
        "types",
        "id_tokens",
        "clock_skew",
        "max_lifetime",
        "required_claims",
        "allow_missing_exp",
    ];
    let members = node.members(KEYS)?;
    let named = members.get("algorithms").map(|node| algorithms(&node));
    let jwks = members.need(
        "jwks",
        "where the keys are: {uri: .., cluster: ..}, {inline: {keys: [..]}} or {discover: true, cluster: ..}",
    );
    let keys = jwks.map(|node| key_sets(&node, named.as_deref(), issuer)).unwrap_or_default();
    let default = Jwt::default();
    Some(Jwt {
        keys,
        algorithms: named
            .map_or(Algorithms::ASYMMETRIC, |named| Algorithms::of(named.into_iter().map(|(_, name)| name))),
        types: members.get("types").map(|node| types(&node)),
        accepts_id_tokens: members
            .get("id_tokens")
            .and_then(|node| choice(&node, &[("refuse", false), ("accept", true)]))
            .unwrap_or(default.accepts_id_tokens),
        clock_skew: members
            .get("clock_skew")
            .and_then(|node| clock_skew(&node))
            .unwrap_or(default.clock_skew),
        max_lifetime: members.get("max_lifetime").and_then(|node| span(&node)),
        required_claims: members.get("required_claims").map(|node| claim_names(&node)).unwrap_or_default(),
        allow_missing_exp: members.get("allow_missing_exp").and_then(|node| node.flag()).unwrap_or_default(),
    })
}

/// Names of algorithms, each with its place.
pub(super) fn algorithms<'d>(node: &Node<'d>) -> Vec<(Node<'d>, Algorithm)> {
    let mut named = Vec::new();
    for (node, name) in texts(node).unwrap_or_default() {
        match Algorithm::from_name(name) {
            Some(algorithm) => named.push((node, algorithm)),
            None => {
                let known: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
                let hint =
                    nearest(name, &known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                let problem = format!("{} is not a known signature algorithm", quoted(name, '`'));
                node.refuse(problem, format!("{hint}known are {}", known.join(", ")));
            }
        }
    }
    named
}

fn types(node: &Node<'_>) -> Vec<String> {
    let types = texts(node).unwrap_or_default();
    for (node, typ) in &types {
        if kind::other_type(typ).is_some() {
            node.refuse(
                "is the type of something that is no access token",
                "leave it out: it is always refused",
            );
        }
    }
    types.into_iter().map(|(_, typ)| media_type(typ)).collect()
}

/// How far a clock may be off.
pub(super) fn clock_skew(node: &Node<'_>) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(300);
    let skew = duration(node)?;
    if skew > MOST {
        node.refuse("is more than 300s", "write at most 300s, a larger skew keeps ended tokens alive");
        return None;
    }
    Some(skew)
}
