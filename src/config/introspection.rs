//! `introspection`: how an issuer is asked about tokens.

use core::time::Duration;

use super::client::{client, no_client};
use super::keys::cluster;
use super::secret::Environment;
use super::values::{owned, timeout, uri};
use crate::document::values::{choice, duration, span};
use crate::document::{Members, Node};
use crate::policy::{Introspection, OnOutage, UseFor};
use crate::token::introspection::{Answers, ClientAuthentication, Endpoint, Protocol, TokenIn};

/// A protocol, as it is named.
#[derive(Clone, Copy)]
enum Name {
    Rfc7662,
    PingFederate,
    OpenAm,
    Mule,
    GoogleTokenInfo,
    UserInfo,
}

const PROTOCOLS: &[(&str, Name)] = &[
    ("rfc7662", Name::Rfc7662),
    ("pingfederate", Name::PingFederate),
    ("openam", Name::OpenAm),
    ("mule", Name::Mule),
    ("google_tokeninfo", Name::GoogleTokenInfo),
    ("userinfo", Name::UserInfo),
];

/// What holds scopes, where neither the policy nor the protocol says it.
pub(super) const SCOPE_CLAIMS: &[&str] = &["scope", "scp"];

/// What holds the client, where neither the policy nor the protocol says it.
pub(super) const CLIENT_CLAIMS: &[&str] = &["client_id", "azp"];

/// What the issuer says of itself besides: `issuer` where that is a URI, and its lists of claims where they are written.
pub(super) struct Asked<'i> {
    pub(super) uri: Option<&'i str>,
    pub(super) scope_claims: Option<&'i [String]>,
    pub(super) client_claims: Option<&'i [String]>,
}

/// `introspection` of the issuer `asked`.
pub(super) fn introspection(
    node: &Node<'_>,
    environment: Environment<'_>,
    asked: &Asked<'_>,
) -> Option<Introspection> {
    const TIMEOUT: Duration = Duration::from_secs(2);
    const KEYS: &[&str] = &[
        "protocol",
        "uri",
        "cluster",
        "client",
        "timeout",
        "use_for",
        "cache",
        "on_outage",
        "aud",
        "iss",
        "send",
        "send_scopes",
    ];
    let members = node.members(KEYS)?;
    let uri = members.need("uri", "the endpoint's URI").and_then(|node| uri(&node, "the endpoint's URI"));
    // RFC 7523bis section 3: an assertion is for the issuer, whichever endpoint it is shown to.
    let audience = asked.uri.map(str::to_owned).or_else(|| uri.as_ref().map(ToString::to_string));
    let client = || client(&members, environment, audience.as_deref());
    let name = members.get("protocol").map_or(Some(Name::Rfc7662), |node| choice(&node, PROTOCOLS));
    let protocol = name.and_then(|name| protocol(name, &members, &client));
    let answers = answers(name, &members, asked);
    let cluster = cluster(&members);
    let timeout = members.get("timeout").and_then(|node| timeout(&node)).unwrap_or(TIMEOUT);
    let (ttl, negative_ttl) = cache(&members);
    let (use_for, on_outage) = (use_for(&members), on_outage(&members));
    let endpoint = Endpoint { protocol: protocol?, uri: uri?, cluster: cluster?, timeout };
    Some(Introspection { endpoint, answers, use_for, ttl, negative_ttl, on_outage })
}

/// What answers in the protocol `name` are like. Where they are somebody's profile, only the members that the protocol
/// itself has say scopes and client, unless the policy names others: users may choose what stands in their profile.
fn answers(name: Option<Name>, members: &Members<'_>, asked: &Asked<'_>) -> Answers {
    let is_optional = |key| {
        let choices = &[("required", false), ("optional", true)];
        members.get(key).and_then(|node| choice(&node, choices)).unwrap_or(false)
    };
    let (scopes, client): (&[&str], &[&str]) = match name {
        None | Some(Name::Rfc7662 | Name::Mule) => (SCOPE_CLAIMS, CLIENT_CLAIMS),
        Some(Name::GoogleTokenInfo) => (&["scope"], &["azp"]),
        Some(Name::OpenAm) => (&["scope"], &["client_id"]),
        Some(Name::UserInfo) => (&[], &["client_id"]),
        // It says both in places of their own.
        Some(Name::PingFederate) => (&[], &[]),
    };
    Answers {
        aud_optional: is_optional("aud"),
        iss_optional: is_optional("iss"),
        scope_claims: asked.scope_claims.map_or_else(|| owned(scopes), <[String]>::to_vec),
        client_claims: asked.client_claims.map_or_else(|| owned(client), <[String]>::to_vec),
    }
}

fn protocol(
    name: Name,
    members: &Members<'_>,
    client: &dyn Fn() -> Option<ClientAuthentication>,
) -> Option<Protocol> {
    let meaningless = |keys: &[&str], remedy| members.forbid(keys, "has no meaning in this protocol", remedy);
    match name {
        Name::Rfc7662 | Name::PingFederate | Name::GoogleTokenInfo | Name::UserInfo => {
            meaningless(&["send"], "leave it out, it is for openam and mule");
            meaningless(&["send_scopes"], "leave it out, it is for mule");
        }
        Name::OpenAm => meaningless(&["send_scopes"], "leave it out, it is for mule"),
        Name::Mule => {}
    }
    match name {
        Name::Rfc7662 => client().map(|client| Protocol::Rfc7662 { client }),
        Name::PingFederate => client().map(|client| Protocol::PingFederate { client }),
        Name::OpenAm => {
            no_client(members);
            token_in(members).map(|token_in| Protocol::OpenAm { token_in })
        }
        Name::Mule => {
            no_client(members);
            let send_scopes = members.get("send_scopes").map_or(Some(false), |node| node.flag());
            let (token_in, send_scopes) = token_in(members).zip(send_scopes)?;
            Some(Protocol::Mule { token_in, send_scopes })
        }
        Name::GoogleTokenInfo => {
            no_client(members);
            Some(Protocol::GoogleTokenInfo)
        }
        Name::UserInfo => {
            no_client(members);
            Some(Protocol::UserInfo)
        }
    }
}

fn token_in(members: &Members<'_>) -> Option<TokenIn> {
    const PLACES: &[(&str, TokenIn)] = &[("query", TokenIn::Query), ("header", TokenIn::Header)];
    members.get("send").map_or(Some(TokenIn::Query), |node| choice(&node, PLACES))
}

fn cache(members: &Members<'_>) -> (Duration, Duration) {
    const TTL: Duration = Duration::from_secs(60);
    const NEGATIVE_TTL: Duration = Duration::from_secs(5);
    let cache = members.get("cache").and_then(|node| node.members(&["ttl", "negative_ttl"]));
    let time = |name| cache.as_ref().and_then(|cache| cache.get(name)).and_then(|node| duration(&node));
    (time("ttl").unwrap_or(TTL), time("negative_ttl").unwrap_or(NEGATIVE_TTL))
}

fn use_for(members: &Members<'_>) -> UseFor {
    let Some(node) = members.get("use_for") else { return UseFor::Opaque };
    choice(&node, &[("opaque", UseFor::Opaque), ("all", UseFor::All)]).unwrap_or(UseFor::Opaque)
}

fn on_outage(members: &Members<'_>) -> OnOutage {
    const OUTAGE: &str = "deny, or {serve_stale: 5m}";
    let Some(node) = members.get("on_outage") else { return OnOutage::Deny };
    if !node.value().is_object() {
        if node.text(OUTAGE).is_some_and(|text| text != "deny") {
            node.refuse("is neither deny nor an object", format!("write {OUTAGE}"));
        }
        return OnOutage::Deny;
    }
    let stale = node.members(&["serve_stale"]).and_then(|members| members.need("serve_stale", "a duration"));
    stale.and_then(|node| span(&node)).map_or(OnOutage::Deny, OnOutage::ServeStale)
}
