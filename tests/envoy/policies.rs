//! The few policies that most tests of the ring use.

use kit::deadline::Gate;
use kit::issuer::Answer;
use serde_json::{Value, json};

use crate::ring::{Plan, Site};
use crate::tokens::ISSUER;

/// Where the introspecting issuer is asked.
pub(crate) const ASKED: &str = "/introspect";

/// One issuer that is asked about opaque tokens; `/orders/**` needs the scope `orders`.
pub(crate) fn introspected() -> Plan {
    introspected_with(json!({}))
}

/// The same, with more members in `introspection`.
pub(crate) fn introspected_with(more: Value) -> Plan {
    let mut introspection = json!({
        "protocol": "rfc7662",
        "uri": "https://idp.example.com/introspect",
        "cluster": "idp",
        "client": {"id": "gateway", "secret": {"env": "IDP_SECRET"}, "method": "basic"},
    });
    merge(&mut introspection, more);
    guarded(json!({"audiences": "any", "introspection": introspection}))
        .environment("IDP_SECRET", "s3cret")
        .answer(ASKED, Answer::json(&opaque("alice")))
}

/// One issuer whose tokens are verified with the keys of `jwks`; `/orders/**` needs the scope `orders`.
pub(crate) fn verifying(jwks: Value) -> Plan {
    guarded(json!({"issuer": ISSUER, "audiences": "any", "jwt": {"jwks": jwks}}))
}

fn guarded(issuer: Value) -> Plan {
    Plan::new(json!({
        "issuers": {"corp": issuer},
        "rules": [{"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": ["orders"]}}],
        "upstream": {
            "headers": {"x-auth-subject": "sub"},
            "filter_state": ["subject", "client", "issuer", "rule", "reason"],
        },
    }))
}

/// A good answer about a token of `subject`.
pub(crate) fn opaque(subject: &str) -> Value {
    json!({
        "active": true, "iss": "https://idp.example.com", "aud": "orders-api", "sub": subject, "client_id": "app",
        "scope": "orders",
    })
}

/// The issuer's answer, kept back until the gate is opened.
pub(crate) fn held(site: &Site, answer: Answer) -> Gate {
    let gate = Gate::default();
    site.issuer.answers(ASKED, answer.held(&gate));
    gate
}

/// Puts the members of `more` into `object`, in place of what is there.
pub(crate) fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
