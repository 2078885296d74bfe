//! `introspection`: how an issuer is asked about tokens.

use core::time::Duration;

use super::keys::cluster;
use super::reader::{Members, Node};
use super::secret::{Environment, secret};
use super::values::{choice, duration, span, timeout, uri};
use crate::base::secret::Secret;
use crate::policy::{Introspection, OnOutage, UseFor};
use crate::token::introspection::{ClientAuthentication, Endpoint, Protocol};

/// The protocols of the policy language; `None` where asking that way is still to come.
const PROTOCOLS: &[(&str, Option<()>)] =
    &[("rfc7662", Some(())), ("pingfederate", None), ("openam", None), ("mule", None), ("userinfo", None)];

/// Protocols in which the client does not have to say who it is.
const OPEN_PROTOCOLS: &[&str] = &["openam", "mule", "userinfo"];

/// `introspection` of an issuer.
pub(super) fn introspection(node: &Node<'_>, environment: Environment<'_>) -> Option<Introspection> {
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
        "send",
        "send_scopes",
    ];
    let members = node.members(KEYS)?;
    let protocol = protocol(&members);
    let uri = members.need("uri", "the endpoint's URI").and_then(|node| uri(&node, "the endpoint's URI"));
    let cluster = cluster(&members);
    let client = client(&members, environment);
    let timeout = members.get("timeout").and_then(|node| timeout(&node)).unwrap_or(TIMEOUT);
    let (ttl, negative_ttl) = cache(&members);
    let (use_for, on_outage) = (use_for(&members), on_outage(&members));
    let protocol = protocol.zip(client).map(|((), client)| Protocol::Rfc7662 { client });
    let endpoint = Endpoint { protocol: protocol?, uri: uri?, cluster: cluster?, timeout };
    Some(Introspection { endpoint, use_for, ttl, negative_ttl, on_outage })
}

fn protocol(members: &Members<'_>) -> Option<()> {
    let node = members.get("protocol");
    let protocol = node.as_ref().map_or(Some(Some(())), |node| choice(node, PROTOCOLS))?;
    let name = node.as_ref().and_then(|node| node.value().as_str()).unwrap_or("rfc7662");
    if let Some(send) = members.get("send") {
        choice(&send, &[("query", ()), ("header", ())]);
    }
    if let Some(scopes) = members.get("send_scopes") {
        scopes.flag();
    }
    let forbid = |key, protocols: &[&str], remedy: &str| {
        if !protocols.contains(&name) {
            members.forbid(&[key], "has no meaning in this protocol", remedy);
        }
    };
    forbid("send", &["openam", "mule"], "leave it out, it is for openam and mule");
    forbid("send_scopes", &["mule"], "leave it out, it is for mule");
    if let (None, Some(node)) = (protocol, node) {
        let available: Vec<&str> =
            PROTOCOLS.iter().filter(|(_, protocol)| protocol.is_some()).map(|(name, _)| *name).collect();
        node.refuse("is not available yet", format!("write {}", available.join(" or ")));
    }
    protocol
}

/// How the client shows who it is, as it is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    PrivateKeyJwt,
    Bearer,
    None,
}

fn client(members: &Members<'_>, environment: Environment<'_>) -> Option<ClientAuthentication> {
    const WHAT: &str = "{id: .., secret: ..}, or {method: none} where the endpoint needs neither";
    const METHODS: &[(&str, Method)] = &[
        ("basic", Method::Basic),
        ("post", Method::Post),
        ("private_key_jwt", Method::PrivateKeyJwt),
        ("bearer", Method::Bearer),
        ("none", Method::None),
    ];
    let protocol = members.get("protocol").and_then(|node| node.value().as_str());
    if members.get("client").is_none() && protocol.is_some_and(|name| OPEN_PROTOCOLS.contains(&name)) {
        return Some(ClientAuthentication::None);
    }
    let client = members.need("client", WHAT)?.members(&["id", "secret", "method"])?;
    let method = client.get("method").map_or(Some(Method::Basic), |node| choice(&node, METHODS));
    let needs_id = matches!(method?, Method::Basic | Method::Post | Method::PrivateKeyJwt);
    let id = match client.get("id") {
        Some(node) => node.text("the client id").map(str::to_owned),
        None if needs_id => client.missing("id", "the client id"),
        None => None,
    };
    let secret =
        || client.need("secret", "the secret, or {env: NAME}").and_then(|node| secret(&node, environment));
    match method? {
        Method::Basic => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Basic { id, secret }),
        Method::Post => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Post { id, secret }),
        Method::Bearer => bearer(&client, secret()?),
        Method::None => {
            client.forbid(&["secret"], "has no meaning beside `method: none`", "leave it out");
            Some(ClientAuthentication::None)
        }
        Method::PrivateKeyJwt => {
            client.get("method")?.refuse("is not available yet", "write basic or post");
            None
        }
    }
}

fn bearer(client: &Members<'_>, token: Secret<String>) -> Option<ClientAuthentication> {
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        client.get("secret")?.refuse("cannot stand in a header", "write a token of visible ASCII");
        return None;
    }
    Some(ClientAuthentication::Bearer { token })
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
