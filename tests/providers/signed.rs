//! Tokens that oidc-provider signed (RFC 9068), and its keys: found by URI and by discovery, and rotated.

use std::sync::Arc;
use std::time::Duration;

use kit::deadline::timed;
use kit::oidc_provider::{OidcProvider, WEBSITE, Wanted};
use serde_json::{Value, json};

use crate::policies::{guarded_by, order, refused_in};
use crate::ring::{Plan, Ring, Site};

const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// How soon the keys are fetched anew where they rotate, and how often at most for the sake of an unknown key.
const REFRESH: Duration = Duration::from_secs(2);

/// A token signed with a new key passes within this of first sight.
const FIRST_SIGHT: Duration = Duration::from_secs(2);

pub(crate) fn add(
    ring: &mut Ring,
    calm: &Arc<OidcProvider>,
    overlap: Arc<OidcProvider>,
    at_once: Arc<OidcProvider>,
) {
    let uri = json!({"uri": format!("{}/jwks", calm.issuer()), "cluster": "idp"});
    let discover = json!({"discover": true, "cluster": "idp"});
    for algorithm in ALGORITHMS {
        let (by_uri, by_discovery) = (Arc::clone(calm), Arc::clone(calm));
        ring.test(&format!("signed::{algorithm}_by_uri"), trusting(calm, uri.clone()), move |site| {
            admitted(site, &by_uri, algorithm);
        });
        ring.test(
            &format!("signed::{algorithm}_by_discovery"),
            trusting(calm, discover.clone()),
            move |site| {
                admitted(site, &by_discovery, algorithm);
            },
        );
    }
    let mut test = |name: &str, run: fn(&Site, &OidcProvider)| {
        let provider = Arc::clone(calm);
        ring.test(&format!("signed::{name}"), trusting(calm, uri.clone()), move |site| run(site, &provider));
    };
    test("for_another_audience_is_refused", other_audience);
    test("for_another_scope_is_refused", other_scope);
    test("that_expires_is_refused_from_then_on", expires);
    test("with_a_changed_signature_is_refused", changed);

    for (name, id_tokens, run) in [
        ("an_id_token_is_no_access_token", "refuse", id_token_refused as fn(&Site, &OidcProvider)),
        ("an_id_token_is_taken_where_the_policy_says_so", "accept", id_token_accepted),
    ] {
        let provider = Arc::clone(calm);
        let plan = for_a_website(calm, &uri, id_tokens);
        ring.test(&format!("signed::{name}"), plan, move |site| run(site, &provider));
    }

    let plan = rotating(&overlap);
    ring.test("signed::keys_rotate_with_overlap", plan, move |site| rotates_with_overlap(site, &overlap));
    let plan = rotating(&at_once);
    ring.test("signed::keys_rotate_at_once", plan, move |site| rotates_at_once(site, &at_once));
}

fn trusting(provider: &OidcProvider, jwks: Value) -> Plan {
    let issuer = json!({
        "issuer": provider.issuer(),
        "audiences": ["orders-api"],
        "jwt": {"jwks": jwks, "types": ["at+jwt"], "clock_skew": "0s"},
    });
    guarded_by(provider.port(), issuer)
}

/// A policy that takes whatever is signed for the website.
fn for_a_website(provider: &OidcProvider, jwks: &Value, id_tokens: &str) -> Plan {
    let issuer = json!({
        "issuer": provider.issuer(),
        "audiences": [WEBSITE.0],
        "jwt": {"jwks": jwks, "id_tokens": id_tokens},
    });
    guarded_by(provider.port(), issuer)
}

fn rotating(provider: &OidcProvider) -> Plan {
    provider.publish(&[("a", "ES256")]).unwrap();
    let uri = format!("{}/jwks", provider.issuer());
    trusting(provider, json!({"uri": uri, "cluster": "idp", "refresh": "2s", "min_refresh": "1s"}))
}

fn admitted(site: &Site, provider: &OidcProvider, algorithm: &str) {
    let token = provider.token(&Wanted::signed(algorithm, algorithm)).unwrap();
    for _ in ["verified", "remembered"] {
        let seen = site.admits(&order(&token)).head;
        assert_eq!(seen.get("x-auth-client").as_deref(), Some("app"));
        assert_eq!(seen.get("x-auth-scopes").as_deref(), Some("orders"));
        assert_eq!(seen.get("authorization"), None, "the token went on");
    }
}

fn other_audience(site: &Site, provider: &OidcProvider) {
    let wanted = Wanted { audience: "invoices-api", ..Wanted::signed("ES256", "ES256") };
    let token = provider.token(&wanted).unwrap();
    site.refuses(&order(&token), 401, "audience_mismatch");
}

fn other_scope(site: &Site, provider: &OidcProvider) {
    let wanted = Wanted { scope: "invoices", ..Wanted::signed("ES256", "ES256") };
    let token = provider.token(&wanted).unwrap();
    site.refuses(&order(&token), 403, "scope_insufficient");
}

fn id_token_refused(site: &Site, provider: &OidcProvider) {
    let token = provider.id_token(Some("n-0S6_WzA2Mj")).unwrap();
    site.refuses(&order(&token), 401, "type_not_allowed");
}

fn id_token_accepted(site: &Site, provider: &OidcProvider) {
    let token = provider.id_token(Some("n-0S6_WzA2Mj")).unwrap();
    // It is good, and says nothing of what may be done.
    site.refuses(&order(&token), 403, "scope_insufficient");
}

fn expires(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted { seconds: 2, ..Wanted::signed("ES256", "ES256") }).unwrap();
    site.admits(&order(&token));
    let took = refused_in(site, &token);
    assert!(took <= Duration::from_secs(3), "it was good for {took:?}");
    site.refuses(&order(&token), 401, "token_expired");
}

fn changed(site: &Site, provider: &OidcProvider) {
    let token = provider.token(&Wanted::signed("ES256", "ES256")).unwrap();
    let other = provider.token(&Wanted::signed("ES256", "ES256")).unwrap();
    let signature = other.rsplit('.').next().unwrap();
    let forged = format!("{}.{signature}", token.rsplit_once('.').unwrap().0);
    site.refuses(&order(&forged), 401, "signature_invalid");
    site.admits(&order(&token));
}

/// As it should be done: the new key is published before it is used, the old one withdrawn after its last token.
fn rotates_with_overlap(site: &Site, provider: &OidcProvider) {
    let of_a = provider.token(&Wanted::signed("ES256", "a")).unwrap();
    site.admits(&order(&of_a));
    provider.publish(&[("a", "ES256"), ("b", "PS256")]).unwrap();
    let of_b = provider.token(&Wanted::signed("PS256", "b")).unwrap();
    let (took, _) = timed(|| site.admits(&order(&of_b)));
    assert!(took <= FIRST_SIGHT, "a new key took {took:?}");
    site.admits(&order(&of_a));
    provider.publish(&[("b", "PS256")]).unwrap();
    withdrawn(site, &of_a);
    site.admits(&order(&of_b));
}

/// As it is done after a theft: the old key is gone the moment the new one is there.
fn rotates_at_once(site: &Site, provider: &OidcProvider) {
    let of_a = provider.token(&Wanted::signed("ES256", "a")).unwrap();
    site.admits(&order(&of_a));
    provider.publish(&[("b", "ES256")]).unwrap();
    let of_b = provider.token(&Wanted::signed("ES256", "b")).unwrap();
    let (took, _) = timed(|| site.admits(&order(&of_b)));
    assert!(took <= FIRST_SIGHT, "a new key took {took:?}");
    // The set that has the new key has the old one no longer, whatever was remembered.
    site.refuses(&order(&of_a), 401, "key_unknown");
    site.admits(&order(&of_b));
}

/// Tokens of a key that is published no more are refused as soon as the keys have been fetched anew.
fn withdrawn(site: &Site, token: &str) {
    let took = refused_in(site, token);
    assert!(took <= REFRESH + Duration::from_secs(1), "still good after {took:?}");
    site.refuses(&order(token), 401, "key_unknown");
}
