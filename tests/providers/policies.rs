//! Policies that trust a real issuer.

use std::time::Duration;

use kit::bootstrap::Lead;
use kit::client::Request;
use kit::deadline::{PATIENCE, poll, timed};
use kit::oidc_provider::{GATEWAY, OidcProvider, Wanted};
use serde_json::{Value, json};

use crate::ring::{Plan, Site};

/// `/orders/**` needs the scope `orders` from this issuer, whose clusters lead to `port`.
pub(crate) fn guarded_by(port: u16, issuer: Value) -> Plan {
    Plan::new(json!({
        "issuers": {"corp": issuer},
        "rules": [{"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": ["orders"]}}],
        "upstream": {"headers": {"x-auth-client": "client_id", "x-auth-scopes": "scope"}},
    }))
    .leads("idp", Lead::Port(port))
}

/// The two ways to trust `provider`: by its keys, and by its word. Each with the name of its tokens in a test, and how
/// to want one.
pub(crate) fn both_ways(provider: &OidcProvider) -> [(&'static str, Value, Wanted<'static>); 2] {
    let trusting = |way: &str, how: Value| {
        let mut issuer = json!({"issuer": provider.issuer(), "audiences": ["orders-api"]});
        issuer[way] = how;
        issuer
    };
    let keys = json!({"jwks": {"uri": format!("{}/jwks", provider.issuer()), "cluster": "idp"}});
    let asked = json!({
        "protocol": "rfc7662",
        "uri": format!("{}/token/introspection", provider.issuer()),
        "cluster": "idp",
        "client": {"id": GATEWAY.0, "secret": {"env": "IDP_SECRET"}, "method": "basic"},
    });
    [
        ("a_signed_token", trusting("jwt", keys), Wanted::signed("ES256", "ES256")),
        ("an_opaque_token", trusting("introspection", asked), Wanted::default()),
    ]
}

/// A request that needs a token, with this one.
pub(crate) fn order(token: &str) -> Request {
    Request::get("/orders/1").bearer(token)
}

/// How long it takes until a token that was admitted is refused with 401; nothing else may happen to it.
pub(crate) fn refused_in(site: &Site, token: &str) -> Duration {
    let refused = || {
        let reached = site.upstream.count();
        let status = site.send(&order(token)).status;
        assert!(status == 200 || status == 401, "{status}");
        (status == 401).then(|| assert_eq!(site.upstream.count(), reached, "the upstream was reached"))
    };
    let (took, found) = timed(|| poll(PATIENCE, refused));
    assert!(found.is_some(), "still good after {took:?}");
    took
}
