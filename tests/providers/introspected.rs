//! Opaque tokens that oidc-provider is asked about (RFC 7662).

use std::sync::Arc;
use std::time::Duration;

use kit::deadline::{PATIENCE, poll};
use kit::oidc_provider::{GATEWAY, OidcProvider, SIGNING_GATEWAY, Wanted};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use crate::policies::{guarded_by, order, refused_in};
use crate::ring::{Plan, Ring, Site};

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The keys with which we show who asks, one for each way to sign: in the module, and by the proxy.
pub(crate) fn keys() -> Vec<PrivateKey> {
    let key = |algorithm: Algorithm| PrivateKey::generate(algorithm, Some(algorithm.name())).unwrap();
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256].map(key).into()
}

pub(crate) fn add(ring: &mut Ring, provider: &Arc<OidcProvider>, keys: &[PrivateKey]) {
    let mut test = |name: &str, secret: &str, run: fn(&Site, &OidcProvider)| {
        let shared = Arc::clone(provider);
        let plan = asking(provider, basic()).environment("IDP_SECRET", secret);
        ring.test(&format!("introspected::{name}"), plan, move |site| run(site, &shared));
    };
    test("a_good_token_is_admitted", GATEWAY.1, admitted);
    test("a_token_of_nobody_is_refused", GATEWAY.1, unknown);
    test("a_token_for_another_audience_is_refused", GATEWAY.1, other_audience);
    test("a_token_for_another_scope_is_refused", GATEWAY.1, other_scope);
    test("a_token_that_expires_is_refused_from_then_on", GATEWAY.1, expires);
    test("a_revoked_token_is_refused_within_the_life_of_the_memory", GATEWAY.1, revoked);
    test("wrong_credentials_of_our_own_are_an_outage_that_says_what_to_do", "not the secret", wrong_secret);
    for key in keys {
        let shared = Arc::clone(provider);
        let client = json!({
            "id": SIGNING_GATEWAY, "method": "private_key_jwt", "key": {"env": "IDP_SECRET"},
            "alg": key.algorithm().name(),
        });
        let plan = asking(provider, client).environment("IDP_SECRET", &key.jwk().to_string());
        let name = format!("introspected::we_ask_with_an_assertion_signed_with_{}", key.algorithm().name());
        ring.test(&name, plan, move |site| admitted(site, &shared));
    }
    let shared = Arc::clone(provider);
    let mut plan = asking(provider, basic()).environment("IDP_SECRET", GATEWAY.1);
    plan.filter.policy["issuers"]["corp"]["jwt"] =
        json!({"jwks": {"uri": format!("{}/jwks", provider.issuer()), "cluster": "idp"}});
    ring.test("introspected::an_answer_that_the_issuer_signed_is_verified", plan, move |site| {
        signed_answers(site, &shared);
    });
}

fn basic() -> Value {
    json!({"id": GATEWAY.0, "secret": {"env": "IDP_SECRET"}, "method": "basic"})
}

fn asking(provider: &OidcProvider, client: Value) -> Plan {
    let issuer = json!({
        "issuer": provider.issuer(),
        "audiences": ["orders-api"],
        "introspection": {
            "protocol": "rfc7662",
            "uri": format!("{}/token/introspection", provider.issuer()),
            "cluster": "idp",
            "client": client,
            "cache": {"ttl": "1s", "negative_ttl": "1s"},
        },
    });
    guarded_by(provider.port(), issuer)
}

fn admitted(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted::default()).unwrap();
    for _ in ["asked about", "remembered"] {
        let seen = site.admits(&order(&token)).head;
        assert_eq!(seen.get("x-auth-client").as_deref(), Some("app"));
        assert_eq!(seen.get("x-auth-scopes").as_deref(), Some("orders"));
        assert_eq!(seen.get("authorization"), None, "the token went on");
    }
}

fn signed_answers(site: &Site, provider: &OidcProvider) {
    admitted(site, provider);
    site.refuses(&order("never-issued"), 401, "token_inactive");
    other_audience(site, provider);
    assert_eq!(provider.signed_answers(), 3);
}

fn unknown(site: &Site, _: &OidcProvider) {
    site.refuses(&order("never-issued"), 401, "token_inactive");
}

fn other_audience(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted { audience: "invoices-api", ..Wanted::default() }).unwrap();
    site.refuses(&order(&token), 401, "audience_mismatch");
}

fn other_scope(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted { scope: "invoices", ..Wanted::default() }).unwrap();
    site.refuses(&order(&token), 403, "scope_insufficient");
}

fn expires(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted { seconds: 2, ..Wanted::default() }).unwrap();
    site.admits(&order(&token));
    let took = refused_in(site, &token);
    assert!(took <= Duration::from_secs(3), "it was good for {took:?}");
}

fn revoked(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted::default()).unwrap();
    site.admits(&order(&token));
    provider.revoke(&token).unwrap();
    let took = refused_in(site, &token);
    assert!(took <= REMEMBERED + Duration::from_millis(500), "refused after {took:?}");
    site.refuses(&order(&token), 401, "token_inactive");
}

/// It is not the client's token that is wrong, so the client is not told so; the operator is told what is.
fn wrong_secret(site: &Site, provider: &OidcProvider) {
    let good = provider.token(&Wanted::default()).unwrap();
    for token in [&*good, "never-issued", &*good] {
        let response = site.refuses(&order(token), 503, "issuer_misbehaved");
        assert!(
            response.head.get("retry-after").is_some() && response.head.get("www-authenticate").is_none()
        );
    }
    let log = site.envoy.log();
    let mut lines = log.lines().filter(|line| line.contains("refused our own credentials"));
    let line = lines.next().unwrap();
    assert!(line.contains("error") && line.contains("issuer corp"), "{line}");
    assert!(line.contains("check `client` in the issuer's `introspection`"), "{line}");
    let counter = "wasmcustom.scopegate.issuer.credentials_refused";
    let counted = || (site.envoy.stat(counter) >= 3).then_some(());
    assert!(poll(PATIENCE, counted).is_some(), "{counter} is {}", site.envoy.stat(counter));
}
