//! Envoy's configuration for a ring of listeners, one for each policy.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::places;

/// What scopegate calls and is called by, and nothing more (`envoy/README.md` says why each is there).
pub const CAPABILITIES: &str = include_str!("../../../envoy/capabilities.txt");

/// A listener: a policy, or none, in front of an upstream.
#[derive(Clone)]
pub struct Listener {
    /// What its clusters, its access log and its policy are found by.
    pub name: String,
    /// The loopback port of the application behind it.
    pub upstream: u16,
    /// scopegate in front of the application; `None`: nothing is.
    pub filter: Option<Filter>,
    /// Clusters of its own, by name; a policy's `cluster` is one of these names.
    pub clusters: BTreeMap<String, Lead>,
    /// Routes in front of the one that takes everything.
    pub routes: Vec<Value>,
    /// Filters in front of scopegate.
    pub in_front: Vec<Value>,
    /// Filters between scopegate and the router.
    pub behind: Vec<Value>,
    /// What ends TLS in front of all of it.
    pub tls: Option<Value>,
    /// More members of the HTTP connection manager.
    pub manager: Map<String, Value>,
}

/// Where a cluster leads.
#[derive(Clone, Copy)]
pub enum Lead {
    /// To a loopback port.
    Port(u16),
    /// To no host at all.
    NoHost,
    /// There is no such cluster.
    Nowhere,
}

/// The filter on a listener.
#[derive(Clone, Default)]
pub struct Filter {
    /// The policy as JSON.
    pub policy: Value,
    /// Environment of the VM: where secrets come from.
    pub environment: BTreeMap<String, String>,
    /// `allow_on_headers_stop_iteration`: bodies reach the filter while it waits.
    pub stop_iteration: bool,
    /// Inside of Envoy's composite filter, which chooses it for every request.
    pub composite: bool,
    /// A callback or a call that is not on the capability list.
    pub withheld: &'static str,
    /// How it is handed over.
    pub form: Form,
}

/// How the policy is handed to the filter.
#[derive(Clone, Copy, Default)]
pub enum Form {
    /// As JSON text, which the filter gets as it is; a policy that is a string is taken for that text.
    #[default]
    Text,
    /// As a part of Envoy's own configuration, which the filter gets as a serialized protobuf message.
    Struct,
}

impl Form {
    fn wrap(self, policy: Value) -> Value {
        let (message, value) = match self {
            Self::Text => {
                ("StringValue", json!(policy.as_str().map_or_else(|| policy.to_string(), str::to_owned)))
            }
            Self::Struct => ("Struct", policy),
        };
        json!({"@type": format!("type.googleapis.com/google.protobuf.{message}"), "value": value})
    }
}

impl Listener {
    /// A listener without a filter.
    pub fn open(name: &str, upstream: u16) -> Self {
        Self {
            name: name.to_owned(),
            upstream,
            filter: None,
            clusters: BTreeMap::new(),
            routes: Vec::new(),
            in_front: Vec::new(),
            behind: Vec::new(),
            tls: None,
            manager: Map::new(),
        }
    }

    /// A listener that `policy` guards; every cluster that the policy names leads to `issuer`.
    pub fn guarded(name: &str, upstream: u16, policy: Value, issuer: u16) -> Self {
        let mut clusters = BTreeMap::new();
        each_cluster(&policy, &mut |cluster| {
            clusters.insert(cluster.to_owned(), Lead::Port(issuer));
        });
        let filter = Filter { policy, ..Filter::default() };
        Self { filter: Some(filter), clusters, ..Self::open(name, upstream) }
    }

    /// The listener as Envoy's API has it. `module` is the filter's code, `folder` where its access log goes.
    pub fn to_json(&self, module: &Path, folder: &Path) -> Value {
        let mut filters = self.in_front.clone();
        filters.extend(self.filter.iter().map(|filter| self.wasm(filter, module)));
        filters.extend(self.behind.iter().cloned());
        filters.push(extension("envoy.filters.http.router", "http.router.v3.Router", json!({})));
        let mut manager = json!({
            "stat_prefix": self.name,
            "stream_idle_timeout": "8s",
            "http_protocol_options": {"enable_trailers": true},
            "access_log": [access_log(&access_log_file(folder, &self.name))],
            "http_filters": filters,
            "route_config": {"name": self.name, "virtual_hosts": [
                {"name": self.name, "domains": ["*"], "routes": self.all_routes()},
            ]},
        });
        if let Some(members) = manager.as_object_mut() {
            members.extend(self.manager.clone());
        }
        let mut chain = json!({"filters": [extension(
            "envoy.filters.network.http_connection_manager",
            "network.http_connection_manager.v3.HttpConnectionManager",
            manager,
        )]});
        if let Some(tls) = &self.tls {
            chain["transport_socket"] = tls.clone();
        }
        json!({"name": self.name, "address": loopback(0), "filter_chains": [chain]})
    }

    /// The clusters behind this listener.
    pub fn clusters_json(&self) -> Vec<Value> {
        let own = self.clusters.iter().filter_map(|(name, lead)| cluster(&self.scoped(name), *lead));
        own.chain(cluster(&self.scoped(APPLICATION), Lead::Port(self.upstream))).collect()
    }

    fn all_routes(&self) -> Vec<Value> {
        let forward = json!({"cluster": self.scoped(APPLICATION), "timeout": "15s"});
        let mut routes: Vec<_> = self.routes.clone();
        for route in &mut routes {
            let own = route["route"]["cluster"].as_str().map(|cluster| self.scoped(cluster));
            route["route"] = forward.clone();
            if let Some(cluster) = own {
                route["route"]["cluster"] = json!(cluster);
            }
        }
        // The one matcher that takes `OPTIONS *` and every odd path as well.
        let rest = json!({"name": "rest", "match": {"safe_regex": {"regex": "(?s).*"}}, "route": forward});
        routes.push(rest);
        routes
    }

    /// Clusters are Envoy-wide: each listener has its own, under its name.
    fn scoped(&self, cluster: &str) -> String {
        format!("{}/{cluster}", self.name)
    }

    /// The filter as one of Envoy's HTTP filters.
    pub fn wasm(&self, filter: &Filter, module: &Path) -> Value {
        let mut policy = filter.policy.clone();
        rename_clusters(&mut policy, &|cluster| {
            if self.clusters.contains_key(cluster) { self.scoped(cluster) } else { cluster.to_owned() }
        });
        let mut plugin = json!({
            "name": self.name,
            "root_id": "scopegate",
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": filter.stop_iteration,
            "configuration": filter.form.wrap(policy),
            "vm_config": {
                "vm_id": format!("scopegate.{}", self.name),
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module}},
                "environment_variables": {"key_values": filter.environment},
            },
        });
        // Envoy before 1.40 has them in the plugin, and knows no such member of the VM.
        let is_older = places::envoy_version().is_some_and(|version| version < (1, 40));
        let holder = if is_older { &mut plugin } else { &mut plugin["vm_config"] };
        holder["capability_restriction_config"] =
            json!({"allowed_capabilities": capabilities(filter.withheld)});
        let wasm = extension("scopegate", "http.wasm.v3.Wasm", json!({"config": plugin}));
        if filter.composite { composite(&wasm) } else { wasm }
    }
}

/// `filter`, as the composite filter's choice for every request.
fn composite(filter: &Value) -> Value {
    let action =
        extension("own", "http.composite.v3.ExecuteFilterAction", json!({"filter_chain_name": "own"}));
    let composite = json!({
        "named_filter_chains": {"own": {"typed_config": [filter]}},
        "matcher": {"on_no_match": {"action": action}},
    });
    extension("composite", "http.composite.v3.Composite", composite)
}

const APPLICATION: &str = "application";

/// Where the access log of the listener `name` is.
pub fn access_log_file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{}.access.log", name.replace('/', "_")))
}

/// A whole configuration: these listeners, an admin interface, nothing else.
pub fn bootstrap(listeners: &[Listener], module: &Path, folder: &Path) -> Value {
    let all: Vec<_> = listeners.iter().map(|listener| listener.to_json(module, folder)).collect();
    let clusters: Vec<_> = listeners.iter().flat_map(Listener::clusters_json).collect();
    json!({"admin": admin(), "static_resources": {"listeners": all, "clusters": clusters}})
}

/// A configuration whose listeners are read from the file `lds`, again whenever another file takes its place.
pub fn dynamic_bootstrap(lds: &Path, clusters: Vec<Value>) -> Value {
    json!({
        "node": {"id": "ring", "cluster": "ring"},
        "admin": admin(),
        "dynamic_resources": {"lds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": lds, "watched_directory": {"path": lds.parent()}},
        }},
        "static_resources": {"clusters": clusters},
    })
}

/// The content of such a file.
pub fn discovery_response(version: usize, listeners: &[Value]) -> Value {
    let resources: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let mut resource = listener.clone();
            resource["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            resource
        })
        .collect();
    json!({"version_info": version.to_string(), "resources": resources})
}

/// An admin interface on a free port.
pub fn admin() -> Value {
    json!({"address": loopback(0)})
}

/// A loopback address.
pub fn loopback(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

/// A filter of Envoy, by a name and its type below `envoy.extensions.filters`.
pub fn extension(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.{kind}"));
    json!({"name": name, "typed_config": config})
}

/// A cluster with one host on loopback.
pub fn cluster(name: &str, lead: Lead) -> Option<Value> {
    let endpoints = match lead {
        Lead::Port(port) => json!([{"lb_endpoints": [{"endpoint": {"address": loopback(port)}}]}]),
        Lead::NoHost => json!([]),
        Lead::Nowhere => return None,
    };
    Some(json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }},
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }))
}

fn access_log(file: &Path) -> Value {
    let state = |key: &str| format!("%FILTER_STATE(wasm.scopegate.{key}:PLAIN)%");
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {"json_format": {
                "client_port": "%DOWNSTREAM_REMOTE_PORT%",
                "started": "%START_TIME(%s%3f)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "upstream": "%UPSTREAM_HOST%",
                "subject": state("subject"),
                "client": state("client"),
                "issuer": state("issuer"),
                "rule": state("rule"),
                "reason": state("reason"),
            }},
        },
    })
}

fn capabilities(withheld: &str) -> Value {
    let allowed = CAPABILITIES.lines().filter(|line| *line != withheld);
    allowed.map(|line| (line.to_owned(), json!({}))).collect::<serde_json::Map<_, _>>().into()
}

fn each_cluster(policy: &Value, visit: &mut dyn FnMut(&str)) {
    rename_clusters_with(&mut policy.clone(), &mut |cluster| visit(cluster));
}

fn rename_clusters(policy: &mut Value, rename: &dyn Fn(&str) -> String) {
    rename_clusters_with(policy, &mut |cluster| *cluster = rename(cluster));
}

/// Visits every member `cluster` of the policy that is a string.
fn rename_clusters_with(policy: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match policy {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(cluster) if name == "cluster" => visit(cluster),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => {
                        rename_clusters_with(value, visit);
                    }
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename_clusters_with(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
