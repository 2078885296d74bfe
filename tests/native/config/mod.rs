//! Documents that become a policy, and documents that are refused, with their exact messages.

use core::time::Duration;

use scopegate::config;
use scopegate::document::Diagnostic;
use scopegate::http::path::Path;
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::policy::{
    Access, BodyForm, CertificateSource, CorsPreflight, KeySource, Keys, Limits, Mode, OnOutage, Policy,
    ProtectedResource, Target, Unmatched, UseFor,
};
use scopegate::token::binding::Proof;
use scopegate::token::credential::Place;
use scopegate::token::expect::{Audiences, IssuerId};
use scopegate::token::introspection::{ClientAuthentication, Protocol};
use serde_json::{Value, json};

fn environment(name: &str) -> Option<String> {
    match name {
        "IDP_SECRET" => Some("s3cret".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn compile(document: &Value) -> Result<Policy, Vec<Diagnostic>> {
    config::compile(document, &environment)
}

fn accepted(document: &Value) -> Policy {
    compile(document).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn refused(document: &Value) -> Vec<String> {
    let problems = compile(document).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// A small policy that has one of everything that is changed below.
fn base() -> Value {
    json!({
        "issuers": {
            "corp": {
                "issuer": "https://idp.example.com",
                "audiences": ["orders-api"],
                "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}},
            },
            "asked": {
                "audiences": "any",
                "introspection": {
                    "protocol": "rfc7662",
                    "uri": "https://asked.example.com/introspect",
                    "cluster": "asked",
                    "client": {"id": "gateway", "secret": {"env": "IDP_SECRET"}},
                },
            },
        },
        "rules": [
            {"name": "read", "match": {"paths": ["/orders"]}, "require": {"scopes": ["read:orders"]}},
            {"name": "rest", "access": "deny"},
        ],
    })
}

/// `base` with `value` at the JSON pointer `place`; `null` takes out what is there.
fn with(place: &str, value: Value) -> Value {
    let mut document = base();
    put(&mut document, place, value);
    document
}

fn put(document: &mut Value, place: &str, value: Value) {
    let mut at = document;
    let mut parts: Vec<&str> = place.split('/').skip(1).collect();
    let last = parts.pop().unwrap();
    for part in parts {
        at = match part.parse::<usize>() {
            Ok(index) if at.is_array() => &mut at[index],
            _ => &mut at[part],
        };
    }
    match (at, value) {
        (Value::Object(object), Value::Null) => drop(object.shift_remove(last)),
        (Value::Array(items), value) if last == "-" => items.push(value),
        (Value::Array(items), value) => items[last.parse::<usize>().unwrap()] = value,
        (other, value) => other[last] = value,
    }
}

/// The example of the policy page, with all that is available.
fn example() -> Value {
    json!({
        "issuers": {"corp": {
            "issuer": "https://idp.example.com",
            "audiences": ["orders-api"],
            "jwt": {
                "jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp", "timeout": "2s", "refresh": "10m", "min_refresh": "30s"},
                "algorithms": ["RS256", "ES256"],
                "types": ["at+jwt", "JWT"],
                "clock_skew": "60s",
                "max_lifetime": "24h",
                "required_claims": ["sub"],
            },
            "introspection": {
                "protocol": "rfc7662",
                "uri": "https://idp.example.com/introspect",
                "cluster": "idp",
                "client": {"id": "gateway", "secret": {"env": "IDP_SECRET"}, "method": "basic"},
                "timeout": "2s",
                "use_for": "opaque",
                "cache": {"ttl": "60s", "negative_ttl": "5s"},
                "on_outage": "deny",
            },
            "scope_claims": ["scope", "scp"],
            "client_claims": ["client_id", "azp"],
        }},
        "token": {
            "from": [
                {"header": "authorization", "scheme": "Bearer"},
                {"header": "x-access-token"},
                {"query": "access_token"},
                {"cookie": "session"},
            ],
            "forward": false,
        },
        "scope_implies": {"full": ["*"], "write:orders": ["read:orders"]},
        "requirements": {"orders-writer": {"scopes": ["write:orders"]}},
        "rules": [
            {"name": "health", "match": {"paths": ["/healthz"]}, "access": "anonymous"},
            {
                "name": "read-orders",
                "match": {
                    "hosts": ["api.example.com", "*.api.example.com"],
                    "methods": ["GET", "HEAD"],
                    "paths": ["/orders", "/orders/{id}"],
                },
                "require": {"scopes": ["read:orders"]},
            },
            {"name": "write-orders", "match": {"paths": ["/orders/**"]}, "require": "orders-writer"},
        ],
        "unmatched": "deny",
        "upstream": {
            "headers": {"x-auth-subject": "sub", "x-auth-client": "client_id", "x-auth-scopes": "scope"},
            "claims_header": "x-auth-claims",
            "filter_state": ["subject", "client", "issuer", "rule", "reason"],
        },
        "responses": {"realm": "orders", "body": "json", "describe": true},
        "protected_resource": {"resource": "https://api.example.com", "path": "/.well-known/oauth-protected-resource"},
        "cors_preflight": "check",
        "route_metadata": false,
        "mode": "enforce",
        "limits": {"token_bytes": 16384, "cached_tokens": 10000, "waiting_requests": 1000},
    })
}

#[test]
fn the_example_of_the_policy_page_is_accepted() {
    let policy = accepted(&example());
    let issuer = policy.issuer(IssuerId(0)).unwrap();
    assert_eq!(&*issuer.name, "corp");
    assert_eq!(issuer.expect.audiences, Audiences::OneOf(vec!["orders-api".into()]));
    assert_eq!(issuer.expect.algorithms, Algorithms::of([Algorithm::Rs256, Algorithm::Es256]));
    assert_eq!(issuer.expect.types, Some(vec!["at+jwt".into(), "jwt".into()]));
    assert_eq!(issuer.expect.max_lifetime, Some(Duration::from_secs(86_400)));
    assert_eq!(policy.places.len(), 4);
    assert_eq!(policy.upstream.headers[2], ("x-auth-scopes".to_owned(), "scope".to_owned()));
    assert_eq!(policy.upstream.filter_state.len(), 5);
    assert_eq!(resource(&policy, "api.example.com", "/").resource, "https://api.example.com");
    let decided_by = |method: &str, path: &str| {
        let path = Path::normalize(path.as_bytes()).unwrap();
        let host = Some("a.api.example.com");
        let rule =
            policy.rules.find(&Target { host, method: method.as_bytes(), path: Some(&path), route: None })?;
        Some(rule.name.to_string())
    };
    assert_eq!(decided_by("GET", "/healthz").as_deref(), Some("health"));
    assert_eq!(decided_by("GET", "/orders/7").as_deref(), Some("read-orders"));
    assert_eq!(decided_by("PUT", "/orders/7").as_deref(), Some("write-orders"));
    assert_eq!(decided_by("GET", "/"), None);
}

#[test]
fn the_defaults_are_those_of_the_policy_page() {
    let policy = accepted(&base());
    let corp = policy.issuer(IssuerId(0)).unwrap();
    assert_eq!(corp.expect.clock_skew, Duration::from_secs(60));
    assert_eq!(corp.expect.algorithms, Algorithms::ASYMMETRIC);
    assert_eq!(
        (corp.expect.types.as_ref(), corp.expect.max_lifetime, corp.expect.allow_missing_exp),
        (None, None, false)
    );
    assert_eq!(corp.expect.scope_claims, ["scope", "scp"]);
    assert_eq!(corp.expect.client_claims, ["client_id", "azp"]);
    let [Keys::Fetched(fetch)] = corp.keys.as_slice() else { panic!("keys are fetched") };
    let seconds = [fetch.timeout, fetch.refresh, fetch.min_refresh].map(|time| time.as_secs());
    assert_eq!(seconds, [2, 600, 30]);
    let asked = policy.issuer(IssuerId(1)).unwrap().introspection.as_ref().unwrap();
    let seconds = [asked.endpoint.timeout, asked.ttl, asked.negative_ttl].map(|time| time.as_secs());
    assert_eq!(seconds, [2, 60, 5]);
    assert_eq!((asked.use_for, asked.on_outage), (UseFor::Opaque, OnOutage::Deny));
    assert!(
        matches!(&asked.endpoint.protocol, Protocol::Rfc7662 { client: ClientAuthentication::Basic { id, secret } }
        if id == "gateway" && secret.expose() == "s3cret")
    );
    assert_eq!(
        policy.places,
        [Place::Header { name: "authorization".into(), scheme: Some("Bearer".into()) }]
    );
    let limits = Limits {
        token_bytes: 16_384,
        cached_tokens: 10_000,
        waiting_requests: 1_000,
        remembered_proofs: 100_000,
    };
    assert_eq!(policy.limits, limits);
    assert!(policy.dpop.is_none());
    assert_eq!((policy.unmatched, policy.mode), (Unmatched::Deny, Mode::Enforce));
    assert_eq!((policy.cors_preflight, policy.route_metadata), (CorsPreflight::Check, false));
    assert!(policy.cors.is_none());
    assert_eq!((policy.responses.realm.as_ref(), policy.responses.body), (None, BodyForm::Json));
    assert!(policy.responses.describe && !policy.forward_token && policy.resources.is_empty());
    assert!(policy.upstream.headers.is_empty() && policy.upstream.claims_header.is_none());
    assert!(!policy.is_closed());
}

fn resource<'p>(policy: &'p Policy, host: &str, path: &str) -> &'p ProtectedResource {
    let path = Path::normalize(path.as_bytes()).unwrap();
    policy.resources.of(host, Some(&path)).unwrap()
}

const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn p256() -> Value {
    serde_json::from_str(P256).unwrap()
}

fn oct(bytes: usize) -> Value {
    use base64::Engine as _;
    json!({"kty": "oct", "k": base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![7; bytes])})
}

const JWKS: &str = "/issuers/corp/jwt/jwks";

#[test]
fn each_of_these_is_accepted() {
    for (place, value) in [
        (JWKS, json!({"inline": {"keys": [p256()]}})),
        (JWKS, json!({"inline": {"keys": [p256(), {"kty": "new"}, {"kty": "EC", "crv": "P-256"}]}})),
        (JWKS, json!({"discover": true, "cluster": "idp"})),
        (JWKS, json!({"uri": "http://idp/", "cluster": "idp", "refresh": "10s"})),
        (JWKS, json!({"uri": "http://idp/", "cluster": "idp", "discover": false})),
        ("/issuers/corp/jwt", json!({"jwks": {"inline": {"keys": [oct(32)]}}, "algorithms": ["HS256"]})),
        ("/issuers/corp/issuer", json!("accounts.google.com")),
        ("/issuers/corp/issuer", json!("testing@secure.istio.io")),
        ("/issuers/corp/issuer", json!("IBM APIC")),
        ("/issuers/corp/issuer", json!("spiffe://example.org")),
        ("/issuers/corp/issuer", json!("none")),
        ("/issuers/asked/issuer", json!("P2abcDEF")),
        ("/issuers/corp/jwt/id_tokens", json!("accept")),
        ("/issuers/corp/jwt/id_tokens", json!("refuse")),
        ("/issuers/corp/jwt/clock_skew", json!("0s")),
        ("/issuers/corp/jwt/clock_skew", json!("300s")),
        ("/issuers/corp/jwt/allow_missing_exp", json!(true)),
        ("/issuers/asked/introspection/client", json!({"method": "none"})),
        ("/issuers/asked/introspection/client", json!({"method": "bearer", "secret": "abc"})),
        ("/issuers/asked/introspection/client", json!({"id": "x", "secret": "abc", "method": "post"})),
        ("/issuers/asked/introspection/use_for", json!("all")),
        ("/issuers/asked/introspection/aud", json!("optional")),
        ("/issuers/asked/introspection/iss", json!("required")),
        ("/issuers/asked/introspection/client", json!({"id": "x", "method": "tls"})),
        ("/issuers/asked/introspection/client", json!({"id": "x", "method": "none"})),
        ("/issuers/asked/introspection/on_outage", json!({"serve_stale": "5m"})),
        ("/issuers/asked/introspection/protocol", Value::Null),
        ("/issuers/asked/introspection/cache", json!({"ttl": "0s", "negative_ttl": "0s"})),
        (
            "/token",
            json!({"from": [{"header": "Authorization", "scheme": "Bearer"}, {"header": "authorization", "scheme": "DPoP"}]}),
        ),
        ("/token", json!({"forward": true})),
        ("/dpop", json!({})),
        (
            "/dpop",
            json!({"algorithms": ["ES256", "PS512"], "proof_lifetime": "10m", "clock_skew": "0s", "nonce": "required",
                         "scheme": "https", "origins": {"api.internal": "https://API.example.com/", "[::1]": "http://a:81"}}),
        ),
        ("/dpop", json!({"nonce": "off", "scheme": "http"})),
        ("/scope_implies", json!({"a": ["b", "c"], "b": ["d"], "c": ["d"], "*": ["a"]})),
        ("/requirements", json!({"b": {"any_of": ["a", {"clients": ["x"]}]}, "a": {}})),
        ("/rules/0/require", json!({})),
        (
            "/rules/0/require",
            json!({"issuers": ["asked"], "any_scope": ["a"], "clients": ["c"], "audiences": ["x"]}),
        ),
        ("/rules/0/require", json!({"acr": ["gold"], "max_age": "10m"})),
        ("/rules/0/require", json!({"claims": {"/a/b~1c": 1, "d": ["x", true], "e": {"contains": "f"}}})),
        (
            "/rules/0/require",
            json!({"authorization_details": [
                {"type": "payment_initiation", "actions": ["initiate"], "locations": ["https://api.example.com"]},
                {"type": "account", "datatypes": ["iban"], "identifier": "7", "privileges": ["admin"]},
            ]}),
        ),
        ("/rules/0/mode", json!("observe")),
        ("/rules/0/name", Value::Null),
        ("/rules/0/match", json!({})),
        (
            "/rules/0/match",
            json!({"hosts": ["API.example.com"], "methods": ["CONNECT", "M-SEARCH"], "routes": ["a b"]}),
        ),
        ("/rules/1/access", json!("optional")),
        ("/unmatched", json!("authenticated")),
        ("/authority", json!({"ports": "any"})),
        ("/authority", json!({"ports": [443, 8443.0]})),
        ("/upstream", json!({"headers": {"X-Auth": "/realm/roles/0"}, "filter_state": []})),
        ("/responses", json!({"realm": "my orders", "body": "problem", "describe": false})),
        ("/protected_resource", json!({"resource": "https://api.example.com/v1"})),
        (
            "/protected_resource",
            json!([
                {"resource": "https://a.example.com/", "resource_name": "A", "resource_documentation": "https://a.example.com/docs"},
                {"resource": "https://a.example.com/mcp", "resource_policy_uri": "https://a.example.com/terms"},
                {"resource": "https://b.example.com/mcp", "path": "/here"},
            ]),
        ),
        ("/client_certificate", json!({"from": "connection"})),
        ("/cors", json!({"origins": ["*"]})),
        (
            "/cors",
            json!({"origins": ["https://app.example.com", "http://localhost:3000"], "allow_credentials": true,
                   "expose": [], "max_age": "0s"}),
        ),
        ("/cors_preflight", json!("allow")),
        ("/route_metadata", json!(true)),
        ("/mode", json!("observe")),
        ("/limits", json!({"token_bytes": 256.0, "cached_tokens": 0, "waiting_requests": 1e5})),
    ] {
        let mut document = with(place, value.clone());
        if place == "/rules/0/match" && value == json!({}) {
            put(&mut document, "/rules", json!([{"match": {}, "access": "deny"}]));
        }
        assert_eq!(refused(&document), [""; 0], "{place} {value}");
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let policy = accepted(&with("/upstream", json!({"headers": {"X-Auth": "sub"}})));
    assert_eq!(policy.upstream.headers, [("x-auth".to_owned(), "sub".to_owned())]);
    let policy = accepted(&with("/protected_resource", json!({"resource": "https://api.example.com/v1/"})));
    assert_eq!(resource(&policy, "", "/").path, "/.well-known/oauth-protected-resource/v1");
    let policy = accepted(&with(JWKS, json!({"discover": true, "cluster": "idp", "refresh": "10s"})));
    let [Keys::Fetched(fetch)] = policy.issuers[0].keys.as_slice() else { panic!("keys are fetched") };
    assert!(matches!(&fetch.source, KeySource::Discover(uri) if uri.authority() == "idp.example.com"));
    assert_eq!(fetch.min_refresh, Duration::from_secs(10));
    let policy = accepted(&with("/rules/0/name", Value::Null));
    assert!(policy.rules.named("rules[0]").is_some());
    for (name, proof) in [("dpop", Proof::Dpop), ("mtls", Proof::MutualTls), ("any", Proof::Any)] {
        let policy = accepted(&with("/rules/0/require", json!({"proof": name})));
        let Access::Require(requirement) = &policy.rules.named("read").unwrap().access else {
            panic!("the rule needs a token")
        };
        assert_eq!(requirement.proof(), Some(proof));
    }
    assert_eq!(accepted(&base()).certificate_source, CertificateSource::Connection);
    let policy = accepted(&with("/client_certificate", json!({"from": "x-forwarded-client-cert"})));
    assert_eq!(policy.certificate_source, CertificateSource::ForwardedField);
}

#[test]
fn proofs_are_taken_where_the_policy_is_about_them() {
    let place = |scheme: &str| Place::Header { name: "authorization".into(), scheme: Some(scheme.into()) };
    for (at, value) in [
        ("/dpop", json!({})),
        ("/rules/0/require", json!({"proof": "dpop"})),
        ("/rules/0/require", json!({"any_of": [{}, {"any_of": [{"proof": "any"}]}]})),
    ] {
        let policy = accepted(&with(at, value));
        assert_eq!(policy.places, [place("Bearer"), place("DPoP")]);
        let dpop = policy.dpop.unwrap();
        assert_eq!(format!("{:?}", dpop.terms.algorithms), r#"{"RS256", "PS256", "ES256", "EdDSA"}"#);
        let terms = (dpop.terms.lifetime, dpop.terms.clock_skew);
        assert_eq!(terms, (Duration::from_secs(60), Duration::from_secs(5)));
        assert_eq!((dpop.nonce, dpop.scheme, dpop.origins.len()), (false, None, 0));
    }
    let policy = accepted(&with("/token", json!({"from": [{"header": "authorization", "scheme": "dpop"}]})));
    assert!(policy.dpop.is_some() && policy.places == [place("dpop")], "nothing else is taken then");
    let policy = accepted(&with("/rules/0/require", json!({"proof": "mtls"})));
    assert!(policy.dpop.is_none() && policy.places == [place("Bearer")]);
    let mut document = with("/dpop", json!({}));
    put(&mut document, "/token", json!({"from": [{"header": "x-access-token"}]}));
    let policy = accepted(&document);
    assert_eq!(policy.places, [Place::Header { name: "x-access-token".into(), scheme: None }, place("DPoP")]);
}

/// Changes of the base document, each followed by the messages that it leads to.
const REFUSED: &str = include_str!("refused.txt");

#[test]
fn each_of_these_changes_is_refused_with_these_messages() {
    let mut count = 0;
    for block in REFUSED.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut lines = block.lines().filter(|line| !line.starts_with('#'));
        let (place, value) = lines.next().unwrap().split_once(' ').unwrap();
        let messages: Vec<&str> = lines.map(|line| line.strip_prefix("    ").unwrap()).collect();
        assert!(!messages.is_empty(), "{place}");
        assert_eq!(refused(&with(place, serde_json::from_str(value).unwrap())), messages, "{place} {value}");
        count += 1;
    }
    assert!(count > 70, "{count}");
}

/// Requirements by name, each of which names the one before it twice in `any_of`.
fn doubled(steps: usize) -> Value {
    let mut document = with("/rules/0/require", json!(format!("r{steps}")));
    document["requirements"] = json!({"r0": {"scopes": ["a"]}});
    for step in 1..=steps {
        let before = format!("r{}", step - 1);
        let ways = json!([{"scopes": ["x"], "any_of": [before]}, {"scopes": ["y"], "any_of": [before]}]);
        document["requirements"][format!("r{step}")] = json!({"any_of": ways});
    }
    document
}

#[test]
fn a_requirement_that_names_stand_for_is_bounded() {
    accepted(&doubled(10));
    let refused_for = |place: &str| {
        format!(
            "{place}: stands for more than 1024 requirements, once names are put in: name fewer requirements that \
             have an `any_of` themselves"
        )
    };
    assert_eq!(refused(&doubled(11)), [refused_for("requirements.r11.any_of")]);
    let twice = (1..=25).map(|step| {
        let before = format!("r{}", step - 1);
        (format!("r{step}"), json!({"any_of": [before, before]}))
    });
    let mut document = with("/rules/0/require", json!("r25"));
    document["requirements"] =
        twice.chain([("r0".to_owned(), json!({}))]).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(
        refused(&document),
        [refused_for("requirements.r11.any_of"), refused_for("requirements.r22.any_of")]
    );
    let wide = |entries: usize| with("/rules/0/require", json!({"any_of": vec![json!({}); entries]}));
    accepted(&wide(1024));
    assert_eq!(refused(&wide(1025)), [refused_for("rules[0].require.any_of")]);
}

#[test]
fn a_name_may_be_used_in_any_number_of_places() {
    let mut document = base();
    document["requirements"] = json!({"wide": {"any_of": vec![json!({"scopes": ["a"]}); 1000]}});
    document["rules"] =
        (0..5000).map(|rule| json!({"match": {"paths": [format!("/{rule}")]}, "require": "wide"})).collect();
    let policy = accepted(&document);
    let requirements: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| {
            let Access::Require(requirement) = &rule.access else { panic!("{:?}", rule.access) };
            requirement
        })
        .collect();
    assert!(
        requirements.iter().all(|one| std::rc::Rc::ptr_eq(one, requirements[0]))
            && requirements.len() == 5000
    );
}

#[test]
fn a_chain_of_names_is_bounded_in_either_order() {
    let chain = |length: usize, forwards: bool| {
        let mut links: Vec<(String, Value)> = (1..length)
            .map(|link| (format!("r{link}"), json!({"any_of": [format!("r{}", link - 1)]})))
            .chain([("r0".to_owned(), json!({"scopes": ["a"]}))])
            .collect();
        if forwards {
            links.reverse();
        }
        let mut document = with("/rules/0/require", json!(format!("r{}", length - 1)));
        document["requirements"] = links.into_iter().collect::<serde_json::Map<_, _>>().into();
        document
    };
    for forwards in [true, false] {
        accepted(&chain(32, forwards));
        for length in [33, 10_000] {
            let problems = refused(&chain(length, forwards));
            assert!(problems[0].contains("more than 32 requirements, one in the other"), "{:?}", problems[0]);
        }
    }
}

#[test]
fn no_message_shows_a_secret() {
    assert!(REFUSED.lines().filter(|line| line.starts_with("    ")).all(|line| !line.contains("hunter2")));
}

#[test]
fn every_problem_is_told_in_the_order_of_the_document() {
    let mut document = base();
    put(&mut document, "/mode", json!("off"));
    put(&mut document, "/rules/1/acces", json!("deny"));
    put(&mut document, "/rules/0/require/scopes/0", json!("a b"));
    put(&mut document, "/rules/0/match/hosts", json!(["*"]));
    put(&mut document, "/issuers/asked/audiences", Value::Null);
    put(&mut document, "/issuers/corp/jwt/clock_skew", json!("1h"));
    put(&mut document, "/issuers/corp/audience", json!("x"));
    let places: Vec<String> =
        compile(&document).err().unwrap_or_default().into_iter().map(|problem| problem.at).collect();
    assert_eq!(
        places,
        [
            "issuers.corp.jwt.clock_skew",
            "issuers.corp.audience",
            "issuers.asked.audiences",
            "rules[0].match.hosts[0]",
            "rules[0].require.scopes[0]",
            "rules[1].acces",
            "mode",
        ]
    );
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (text, message) in [
        ("", "policy: ends too early (line 1, column 0): write one JSON object in which no key stands twice"),
        (
            "[]",
            "policy: is a list: write an object with the keys issuers, token, dpop, client_certificate, scope_implies, requirements, rules, unmatched, authority, upstream, responses, protected_resource, cors, cors_preflight, route_metadata, mode, limits, seal",
        ),
        (
            r#"{"mode":"enforce","mode":"observe"}"#,
            "policy: a member stands twice (line 1, column 35): write one JSON object in which no key stands twice",
        ),
        (
            r#"{"rules":[{"name":"a","name":"b"}]}"#,
            "policy: a member stands twice (line 1, column 33): write one JSON object in which no key stands twice",
        ),
    ] {
        let document = config::read_json(text.as_bytes()).map_err(|problem| vec![problem]);
        let problems = document.and_then(|document| compile(&document)).err().unwrap_or_default();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn thousands_of_rules_are_compiled_and_a_circle_of_scopes_is_found_among_thousands() {
    let rule = |number: usize| json!({"match": {"paths": [format!("/r{number}/**"), "/shared"], "methods": ["GET"]}, "require": {}});
    let document = with("/rules", (0..10_000).map(rule).collect());
    assert_eq!(accepted(&document).rules.len(), 10_000);
    let implied = |number: usize| (format!("s{number}"), json!([format!("s{}", (number + 1) % 10_000)]));
    let messages =
        refused(&with("/scope_implies", (0..10_000).map(implied).collect::<serde_json::Map<_, _>>().into()));
    assert!(messages[0].starts_with("scope_implies: has a circle: `s0` implies `s1` implies"));
}

const UNKNOWN: &str = "no_such_key";

/// For every object of the schema that is closed: a document with an unknown key there, and the keys that the schema
/// knows. `wrap` makes a document out of what stands at the present place.
fn probes(
    schema: &Value,
    at: &Value,
    seen: &[&str],
    wrap: &dyn Fn(Value) -> Value,
    found: &mut Vec<(Value, Vec<String>)>,
) {
    if let Some(name) = at["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        if !seen.contains(&name) {
            probes(schema, &schema["$defs"][name], &[seen, &[name]].concat(), wrap, found);
        }
    }
    for choice in at["oneOf"].as_array().into_iter().flatten() {
        probes(schema, choice, seen, wrap, found);
    }
    if at["items"].is_object() {
        probes(schema, &at["items"], seen, &|inner| wrap(json!([inner])), found);
    }
    if at["additionalProperties"].is_object() {
        probes(schema, &at["additionalProperties"], seen, &|inner| wrap(json!({"x": inner})), found);
    }
    let Some(properties) = at["properties"].as_object() else { return };
    if at["additionalProperties"] == false {
        found.push((wrap(json!({UNKNOWN: 1})), properties.keys().cloned().collect()));
    }
    for (name, property) in properties {
        probes(schema, property, seen, &|inner| wrap(json!({name.as_str(): inner})), found);
    }
}

#[test]
fn the_schema_knows_the_same_keys() {
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let mut found = Vec::new();
    probes(&schema, &schema, &[], &|document| document, &mut found);
    for (document, keys) in &found {
        let problems = compile(document).err().unwrap();
        let problem = problems
            .iter()
            .find(|problem| problem.at.ends_with(UNKNOWN))
            .unwrap_or_else(|| panic!("{document}"));
        let (_, known) = problem.remedy.split_once("known here are ").unwrap();
        assert_eq!(known, keys.join(", "), "{document}");
    }
    assert!(found.len() >= 20, "{}", found.len());
}

#[test]
fn the_schema_knows_the_same_defaults() {
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let default = |place: &str| &schema.pointer(place).unwrap_or_else(|| panic!("{place}"))["default"];
    let limits = Limits::default();
    for (name, limit) in [
        ("token_bytes", limits.token_bytes),
        ("cached_tokens", limits.cached_tokens),
        ("waiting_requests", limits.waiting_requests),
        ("remembered_proofs", limits.remembered_proofs),
    ] {
        assert_eq!(*default(&format!("/properties/limits/properties/{name}")), json!(limit), "{name}");
    }
    // What the schema gives as a default, written out, makes the same policy.
    let mut written = with("/cors", json!({"origins": ["*"]}));
    let unwritten = {
        let mut document = written.clone();
        put(&mut document, "/dpop", json!({}));
        document
    };
    for (place, definition) in [
        ("/issuers/corp", "/$defs/issuer"),
        ("/issuers/corp/jwt", "/$defs/jwt"),
        (JWKS, "/$defs/key_set"),
        ("/issuers/asked/introspection", "/$defs/introspection"),
        ("/issuers/asked/introspection/client", "/$defs/introspection/properties/client"),
        ("/token", "/properties/token"),
        ("/dpop", "/properties/dpop"),
        ("/client_certificate", "/properties/client_certificate"),
        ("/responses", "/properties/responses"),
        ("/cors", "/properties/cors"),
        ("", ""),
    ] {
        for (name, property) in
            schema.pointer(&format!("{definition}/properties")).unwrap().as_object().unwrap()
        {
            let is_for_others = matches!(name.as_str(), "send" | "send_scopes");
            if let Some(default) = property.get("default").filter(|_| !is_for_others) {
                put(&mut written, &format!("{place}/{name}"), default.clone());
            }
        }
    }
    let shown = |policy: Policy| {
        format!(
            "{:?}",
            (
                policy.issuers,
                policy.places,
                policy.dpop,
                policy.forward_token,
                policy.certificate_source,
                policy.unmatched,
                policy.responses,
                policy.cors,
                policy.cors_preflight,
                policy.route_metadata,
                policy.limits
            )
        )
    };
    assert_eq!(shown(accepted(&written)), shown(accepted(&unwritten)));
    assert_ne!(written, unwritten);
}

#[test]
fn a_token_that_nobody_knows_is_asked_about_at_eight_issuers_at_most() {
    let with_issuers = |count: usize, require: Value| {
        let mut document = base();
        for number in 1..count {
            let one = document["issuers"]["asked"].clone();
            document["issuers"][format!("asked{number}")] = one;
        }
        document["rules"][0]["require"] = require;
        document
    };
    accepted(&with_issuers(8, json!({})));
    accepted(&with_issuers(9, json!({"issuers": ["corp", "asked", "asked1"]})));
    assert_eq!(
        refused(&with_issuers(9, json!({}))),
        [
            "issuers: has 9 issuers that would be asked about one unknown token, one after the other (read): name those \
          that count in the rule's require.issuers, 8 at most"
        ]
    );
    let mut document = with_issuers(9, json!({"issuers": ["corp"]}));
    accepted(&document);
    document["unmatched"] = json!("authenticated");
    document["rules"].as_array_mut().unwrap().pop();
    assert_eq!(refused(&document).len(), 1);
}
