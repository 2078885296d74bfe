//! The listeners, which differ only in their HTTP filters.

use std::path::{Path, PathBuf};

use kit::bootstrap::{Filter, Lead, Listener, admin, cluster, extension, loopback};
use serde_json::{Value, json};

use crate::cast::{AUDIENCE, ISSUER, SCOPE};
use crate::guard::Guard;
use crate::policy::{IDENTITY, policy, ruled_path};

/// A request with this header is told in [`SEEN`] what an upstream would have been told in [`IDENTITY`].
pub(crate) const PROBE: &str = "x-bench-probe";
pub(crate) const SEEN: &str = "x-bench-seen";

/// How many tokens scopegate remembers, unless it is the one that forgets.
pub(crate) const CACHED_TOKENS: usize = 10_000;

/// Where the modules are, and the servers beside the proxy.
pub(crate) struct Surroundings {
    pub(crate) module: PathBuf,
    pub(crate) empty_module: PathBuf,
    pub(crate) key_set: Value,
    pub(crate) issuer: u16,
    pub(crate) authorizer: u16,
    /// How many tokens come once the tables are full, to see whether memory stays flat.
    pub(crate) more_tokens: usize,
}

/// A listener.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) name: String,
    filters: Vec<Value>,
    clusters: Vec<Value>,
    upstream: Option<&'static str>,
}

impl Guard {
    /// The listener.
    pub(crate) fn side(self, around: &Surroundings) -> Side {
        let name = self.name();
        let ours = |policy: Value| scopegate(&name, policy, around);
        let theirs = |cache: usize, rules: usize| (native(&around.key_set, cache, rules), Vec::new());
        let service = |name: &str| cluster(name, Lead::Port(around.authorizer)).into_iter().collect();
        let (filters, clusters) = match self {
            Self::Open => (Vec::new(), Vec::new()),
            Self::Forwarding => (Vec::new(), service(SERVICE)),
            Self::Empty => (vec![empty(&around.empty_module)], Vec::new()),
            Self::Scopegate => ours(policy(&around.key_set, CACHED_TOKENS, 1)),
            Self::Forgetful => ours(policy(&around.key_set, 100, 1)),
            Self::Asking => ours(asking_policy()),
            Self::Ruled(rules) => ours(policy(&around.key_set, CACHED_TOKENS, rules)),
            Self::Native => theirs(CACHED_TOKENS, 1),
            Self::NativeUncached => theirs(0, 1),
            Self::NativeRuled(rules) => theirs(CACHED_TOKENS, rules),
            Self::ExtAuthz => (ext_authz(), service(ASKED)),
        };
        let upstream = (self == Self::Forwarding).then_some(SERVICE);
        Side { name, filters, clusters, upstream }
    }
}

const SERVICE: &str = "service";
const ASKED: &str = "authorizer";

/// The whole configuration of a proxy with these listeners.
pub(crate) fn bootstrap(sides: &[Side]) -> Value {
    let listeners: Vec<_> = sides.iter().map(Side::to_json).collect();
    let clusters: Vec<_> = sides.iter().flat_map(|side| side.clusters.clone()).collect();
    json!({"admin": admin(), "static_resources": {"listeners": listeners, "clusters": clusters}})
}

impl Side {
    fn to_json(&self) -> Value {
        let mut filters = self.filters.clone();
        filters.push(extension("envoy.filters.http.router", "http.router.v3.Router", json!({})));
        let told = json!({"header": {"key": SEEN, "value": format!("%REQ({IDENTITY})%")}});
        let answer = json!({"status": 200, "body": {"inline_string": "good"}});
        let rest = match self.upstream {
            None => json!({"match": {"prefix": "/"}, "direct_response": answer}),
            Some(upstream) => json!({"match": {"prefix": "/"}, "route": {"cluster": upstream}}),
        };
        let routes = json!([
            {
                "match": {"prefix": "/", "headers": [{"name": PROBE, "present_match": true}]},
                "direct_response": answer,
                "response_headers_to_add": [told],
            },
            rest,
        ]);
        let manager = json!({
            "stat_prefix": "bench",
            "common_http_protocol_options": {"max_headers_count": 200},
            "http_filters": filters,
            "route_config": {"virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": routes}]},
        });
        json!({
            "name": self.name,
            "address": loopback(0),
            // Every worker gets as many connections as any other, and not as many as the kernel happens to give it.
            "connection_balance_config": {"exact_balance": {}},
            "filter_chains": [{"filters": [extension(
                "envoy.filters.network.http_connection_manager",
                "network.http_connection_manager.v3.HttpConnectionManager",
                manager,
            )]}],
        })
    }
}

fn scopegate(name: &str, policy: Value, around: &Surroundings) -> (Vec<Value>, Vec<Value>) {
    let listener = Listener::guarded(&name.replace([' ', ','], "-"), 0, policy.clone(), around.issuer);
    let filter = Filter { policy, ..Filter::default() };
    let clusters = if listener.clusters.is_empty() { Vec::new() } else { listener.clusters_json() };
    (vec![listener.wasm(&filter, &around.module)], clusters)
}

/// The issuer's answers are good for longer than the benchmark takes.
fn asking_policy() -> Value {
    json!({
        "issuers": {"corp": {"audiences": "any", "introspection": {
            "protocol": "rfc7662",
            "uri": format!("{ISSUER}/introspect"),
            "cluster": "idp",
            "client": {"id": "gateway", "method": "none"},
            "cache": {"ttl": "6h"},
        }}},
        "rules": [{"name": "orders", "match": {"paths": ["/orders/**"]}, "require": {"scopes": [SCOPE]}}],
        "upstream": {"headers": {IDENTITY: "sub"}},
    })
}

fn empty(module: &Path) -> Value {
    let plugin = json!({
        "name": "empty",
        "vm_config": {
            "vm_id": "empty",
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module}},
        },
    });
    extension("empty", "http.wasm.v3.Wasm", json!({"config": plugin}))
}

/// What Envoy has for the same work, and no more: `claim_to_headers` by itself takes away what a client sent under the
/// header's name.
fn native(key_set: &Value, cache: usize, rules: usize) -> Vec<Value> {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": key_set.to_string()},
        "claim_to_headers": [{"header_name": IDENTITY, "claim_name": "sub"}],
        "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
    });
    if cache > 0 {
        provider["jwt_cache_config"] = json!({"jwt_cache_size": cache});
    }
    let requires = json!({"provider_name": "corp"});
    let ruled = |number: usize| json!({"match": {"path": ruled_path(number)}, "requires": requires});
    let rules: Vec<_> = match rules {
        1 => vec![json!({"match": {"prefix": "/orders/"}, "requires": requires})],
        _ => (1..=rules).map(ruled).collect(),
    };
    let holds_scope = json!({"metadata": {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "payload"}, {"key": "scope"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": SCOPE}}}},
    }});
    let allowed = json!({"permissions": [{"any": true}], "principals": [holds_scope]});
    vec![
        extension(
            "envoy.filters.http.jwt_authn",
            "http.jwt_authn.v3.JwtAuthentication",
            json!({"providers": {"corp": provider}, "rules": rules}),
        ),
        extension(
            "envoy.filters.http.rbac",
            "http.rbac.v3.RBAC",
            json!({"rules": {"action": "ALLOW", "policies": {"scope": allowed}}}),
        ),
    ]
}

fn ext_authz() -> Vec<Value> {
    let asked = json!({"uri": "http://authorizer.example.com", "cluster": ASKED, "timeout": "2s"});
    let identity = json!({"patterns": [{"exact": IDENTITY}]});
    vec![extension(
        "envoy.filters.http.ext_authz",
        "http.ext_authz.v3.ExtAuthz",
        json!({
            "transport_api_version": "V3",
            "http_service": {
                "server_uri": asked,
                "authorization_response": {"allowed_upstream_headers": identity},
            },
        }),
    )]
}
