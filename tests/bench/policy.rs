//! The policy that is measured.
#![allow(dead_code, reason = "both benchmarks use their own part")]

use serde_json::{Value, json};

use crate::cast::{AUDIENCE, ISSUER, SCOPE};

/// The header that tells an upstream who asks.
pub(crate) const IDENTITY: &str = "x-auth-subject";

/// How many rules stand before and with the one that matches.
pub(crate) const RULES: [usize; 3] = [10, 1_000, 10_000];

/// The path that only the rule `number` matches.
pub(crate) fn ruled_path(number: usize) -> String {
    format!("/service-{number}/orders")
}

/// A policy for the tokens of [`Cast`](crate::cast::Cast).
pub(crate) fn policy(key_set: &Value, cached_tokens: usize, rules: usize) -> Value {
    json!({
        "issuers": {"corp": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwt": {
                "jwks": {"inline": key_set},
                "algorithms": ["RS256", "PS256", "ES256", "EdDSA", "HS256"],
            },
        }},
        "rules": match rules {
            1 => vec![json!({"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": [SCOPE]}})],
            _ => (1..=rules).map(rule).collect(),
        },
        "upstream": {"headers": {IDENTITY: "sub"}},
        "limits": {"cached_tokens": cached_tokens},
    })
}

fn rule(number: usize) -> Value {
    json!({"match": {"paths": [ruled_path(number)]}, "require": {"scopes": [SCOPE]}})
}
