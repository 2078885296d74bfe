//! The policy, the tokens and the paths that every run has.

use std::rc::Rc;

use scopegate::config;
use scopegate::policy::Policy;
use serde_json::{Value, json};

use crate::keys;

/// Seconds since the epoch when a run begins.
pub(super) const START: i64 = 1_800_000_000;
/// How many requests may wait.
pub(super) const WAITING: usize = 4;
/// How long an answer is news, how long it serves an outage, and how long a refusal is remembered, in milliseconds.
pub(super) const TTL: i64 = 10_000;
pub(super) const STALE: i64 = 60_000;
pub(super) const NEGATIVE_TTL: i64 = 5_000;
/// How long a callout may take, and the engine's grace, in milliseconds.
pub(super) const TIMEOUT: i64 = 2_000;
pub(super) const GRACE: i64 = 200;

/// The issuers that are asked about tokens, in the policy's order, and whether they serve stale answers.
pub(super) const ASKED: [(&str, bool); 2] = [("both", true), ("idp", false)];

/// A path, what its rule requires, and of whom.
pub(super) struct Rule {
    pub(super) path: &'static str,
    pub(super) access: Access,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    /// A good token with this scope, of this issuer where one is named.
    Scope(&'static str, Option<&'static str>),
    /// Any good token, or none.
    Optional,
    Anonymous,
    Denied,
    /// As `Scope("read", None)`, and whoever is refused goes on all the same.
    Observed,
}

pub(super) const RULES: &[Rule] = &[
    Rule { path: "/read", access: Access::Scope("read", None) },
    Rule { path: "/write", access: Access::Scope("write", None) },
    Rule { path: "/idp", access: Access::Scope("read", Some("idp")) },
    Rule { path: "/any", access: Access::Scope("", None) },
    Rule { path: "/optional", access: Access::Optional },
    Rule { path: "/anonymous", access: Access::Anonymous },
    Rule { path: "/denied", access: Access::Denied },
    Rule { path: "/watched", access: Access::Observed },
    Rule { path: "/nowhere", access: Access::Denied },
];

/// What is true of a token, whoever knows it.
pub(super) struct Token {
    pub(super) text: String,
    /// The issuer whose key has signed it, and that key; `None` for an opaque token.
    pub(super) signed: Option<(&'static str, &'static str)>,
    /// What is wrong with it as far as signature, audience and issuer go.
    pub(super) fault: Option<&'static str>,
    pub(super) scope: &'static str,
    /// From when until when, in seconds after the start, the allowance for clocks left out.
    pub(super) window: (i64, i64),
}

/// The world before anything happens.
pub(super) struct Place {
    pub(super) policy: Rc<Policy>,
    pub(super) tokens: Vec<Token>,
}

impl Place {
    pub(super) fn new() -> Self {
        let policy = config::compile(&policy(), &|_| None);
        let policy = policy.unwrap_or_else(|problems| panic!("{problems:?}"));
        Self { policy: Rc::new(policy), tokens: tokens() }
    }
}

fn policy() -> Value {
    let issuer = |name: &str| json!({"issuer": format!("https://{name}.test"), "audiences": ["ours"]});
    let asked = |name: &str, more: Value| {
        let mut asked = json!({
            "uri": format!("https://{name}.test/ask"), "cluster": name, "client": {"id": "gw", "secret": "secret"},
            "cache": {"ttl": "10s", "negative_ttl": "5s"},
        });
        asked.as_object_mut().expect("an object").extend(keys::object(&more));
        asked
    };
    let mut issuers =
        json!({"corp": issuer("corp"), "far": issuer("far"), "both": issuer("both"), "idp": issuer("idp")});
    let skew = "0s";
    issuers["corp"]["jwt"] = json!({"jwks": {"inline": keys::key_set(&["one"])}, "clock_skew": skew});
    issuers["far"]["jwt"] =
        json!({"jwks": {"uri": "https://far.test/jwks", "cluster": "far"}, "clock_skew": skew});
    issuers["both"]["jwt"] = json!({"jwks": {"inline": keys::key_set(&["three"])}, "clock_skew": skew});
    issuers["both"]["introspection"] =
        asked("both", json!({"use_for": "all", "on_outage": {"serve_stale": "60s"}}));
    issuers["idp"]["introspection"] = asked("idp", json!({}));
    let rules: Vec<Value> = RULES
        .iter()
        .filter(|rule| rule.path != "/nowhere")
        .map(|rule| {
            let mut written = json!({"name": rule.path, "match": {"paths": [rule.path]}});
            match rule.access {
                Access::Scope("", None) => written["require"] = json!({}),
                Access::Scope(scope, None) => written["require"] = json!({"scopes": [scope]}),
                Access::Scope(scope, Some(issuer)) => {
                    written["require"] = json!({"scopes": [scope], "issuers": [issuer]})
                }
                Access::Optional => written["access"] = json!("optional"),
                Access::Anonymous => written["access"] = json!("anonymous"),
                Access::Denied => written["access"] = json!("deny"),
                Access::Observed => {
                    written["require"] = json!({"scopes": ["read"]});
                    written["mode"] = json!("observe");
                }
            }
            written
        })
        .collect();
    json!({
        "issuers": issuers,
        "rules": rules,
        "limits": {"waiting_requests": WAITING, "cached_tokens": 6, "token_bytes": 1024},
        "upstream": {"headers": {"x-auth-subject": "sub"}},
        "seal": "0123456789abcdef0123456789abcdef",
    })
}

fn tokens() -> Vec<Token> {
    let opaque = |text: &str| Token {
        text: text.to_owned(),
        signed: None,
        fault: None,
        scope: "",
        window: (i64::MIN, i64::MAX),
    };
    let signed = |issuer: &'static str, kid: &'static str, more: Value, scope, window: (i64, i64)| {
        let mut claims = json!({
            "iss": format!("https://{issuer}.test"), "aud": "ours", "sub": "alice", "scope": scope,
            "nbf": START + window.0, "exp": START + window.1,
        });
        claims.as_object_mut().expect("an object").extend(keys::object(&more));
        let fault = match &more["aud"] {
            Value::Null => more.get("iss").map(|_| "issuer_unknown"),
            _ => Some("audience_mismatch"),
        };
        Token {
            text: keys::token(kid, &json!({}), &claims),
            signed: Some((issuer, kid)),
            fault,
            scope,
            window,
        }
    };
    const ALWAYS: (i64, i64) = (0, 1_000_000);
    let mut tampered = signed("corp", "one", json!({}), "read", ALWAYS);
    let at = tampered.text.rfind('.').expect("a signature") + 1;
    let other = if tampered.text[at..].starts_with('A') { "B" } else { "A" };
    tampered.text.replace_range(at..=at, other);
    tampered.fault = Some("signature_invalid");
    let of_another = signed("corp", "two", json!({}), "read", ALWAYS);
    vec![
        opaque("opaque-0"),
        opaque("opaque-1"),
        opaque("opaque-2"),
        signed("corp", "one", json!({}), "read write", ALWAYS),
        signed("corp", "one", json!({}), "read", (5, 30)),
        signed("corp", "one", json!({}), "write", ALWAYS),
        signed("corp", "one", json!({"aud": "theirs"}), "read", ALWAYS),
        signed("corp", "one", json!({"iss": "https://nobody.test"}), "read", ALWAYS),
        tampered,
        Token { fault: Some("key_unknown"), ..of_another },
        signed("far", "two", json!({}), "read", ALWAYS),
        signed("far", "three", json!({}), "read write", ALWAYS),
        signed("far", "two", json!({}), "read", (0, 40)),
        signed("both", "three", json!({}), "read", ALWAYS),
        signed("both", "three", json!({}), "write", (0, 25)),
    ]
}
