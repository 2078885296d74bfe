//! glewlwyd, an authorization server in C with its own JOSE library: signed tokens, and questions about them.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::policies::{guarded_by, order, refused_in};
use crate::ring::{Plan, Ring, Site};

mod program;

use program::{Glewlwyd, MAY_ASK};

/// Adds the tests; where glewlwyd cannot be had, or does not start, one that says so.
pub(crate) fn add(ring: &mut Ring) -> Option<Trial> {
    if let Some(reason) = Glewlwyd::missing() {
        eprintln!("skipped: {reason}");
        return Some(Trial::test(format!("glewlwyd ({reason})"), || Ok(())).with_ignored_flag(true));
    }
    let started = Glewlwyd::start().and_then(|glewlwyd| Ok((glewlwyd.token(MAY_ASK)?, Arc::new(glewlwyd))));
    let (may_ask, glewlwyd) = match started {
        Ok(started) => started,
        Err(problem) => return Some(Trial::test("glewlwyd::starts", move || Err(Failed::from(problem)))),
    };
    let mut test = |name: &str, plan: Plan, run: fn(&Site, &Glewlwyd)| {
        let shared = Arc::clone(&glewlwyd);
        ring.test(&format!("glewlwyd::{name}"), plan, move |site| run(site, &shared));
    };
    let uri = json!({"uri": format!("{}/jwks", glewlwyd.issuer()), "cluster": "idp"});
    let discover = json!({"discover": true, "cluster": "idp"});
    test("a_signed_token_is_admitted", trusting(&glewlwyd, &uri, &Value::Null), admitted);
    test("its_keys_are_found_by_discovery", trusting(&glewlwyd, &discover, &Value::Null), admitted);
    // It lets a resource server ask about any token only with a token of its own.
    let asking = json!({
        "uri": format!("{}/introspect", glewlwyd.issuer()),
        "cluster": "idp",
        "client": {"secret": {"env": "IDP_SECRET"}, "method": "bearer"},
        "use_for": "all",
        "cache": {"ttl": "1s", "negative_ttl": "1s"},
    });
    let plan = trusting(&glewlwyd, &uri, &asking).environment("IDP_SECRET", &may_ask);
    test("a_signed_token_that_was_revoked_is_refused_where_the_issuer_is_asked", plan, revoked);
    let plan = trusting(&glewlwyd, &uri, &asking).environment("IDP_SECRET", "not-a-token");
    test("a_refused_token_of_our_own_is_an_outage", plan, not_allowed_to_ask);
    None
}

fn trusting(glewlwyd: &Glewlwyd, jwks: &Value, introspection: &Value) -> Plan {
    let mut issuer = json!({
        "issuer": glewlwyd.issuer(),
        "audiences": ["orders"],
        "jwt": {"jwks": jwks, "types": ["at+jwt"]},
    });
    if !introspection.is_null() {
        issuer["introspection"] = introspection.clone();
    }
    guarded_by(glewlwyd.port(), issuer)
}

fn admitted(site: &Site, glewlwyd: &Glewlwyd) {
    let seen = site.admits(&order(&glewlwyd.token("orders").unwrap())).head;
    assert_eq!(seen.get("x-auth-client").as_deref(), Some("app"));
    site.refuses(&order(&glewlwyd.token(MAY_ASK).unwrap()), 401, "audience_mismatch");
}

fn revoked(site: &Site, glewlwyd: &Glewlwyd) {
    let token = glewlwyd.token("orders").unwrap();
    site.admits(&order(&token));
    glewlwyd.revoke(&token).unwrap();
    let took = refused_in(site, &token);
    assert!(took <= Duration::from_millis(1500), "refused after {took:?}");
    site.refuses(&order(&token), 401, "token_inactive");
}

fn not_allowed_to_ask(site: &Site, glewlwyd: &Glewlwyd) {
    site.refuses(&order(&glewlwyd.token("orders").unwrap()), 503, "issuer_misbehaved");
}
