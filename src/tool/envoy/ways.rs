//! The ways through a file to its clusters, and those among them that lead past the filter.

use std::collections::BTreeSet;

use serde_json::Value;

use super::find::{MANAGER, find, member};
use crate::base::json::Object;

const TCP_PROXY: &str = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

/// Where listeners lead, with the filter and without it.
#[derive(Default)]
pub struct Ways {
    /// What is reached through a filter of ours.
    guarded: BTreeSet<Target>,
    /// What is reached without one, and from where.
    open: Vec<(String, BTreeSet<Target>)>,
}

/// What a listener leads to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// A cluster.
    Cluster(String),
    /// Routes that are had from elsewhere.
    Routes(String),
    /// The cluster that this header of a request names.
    Named(String),
}

impl Ways {
    /// Looks through `documents`, which belong together.
    pub fn of(documents: &[Value]) -> Self {
        let mut ways = Self::default();
        documents.iter().for_each(|document| ways.walk(document));
        ways
    }

    /// A sentence for each way to something that the filter guards elsewhere.
    pub fn past_the_filter(&self) -> Vec<String> {
        let guards = |target: &&Target| match target {
            Target::Cluster(_) | Target::Routes(_) => self.guarded.contains(*target),
            Target::Named(_) => !self.guarded.is_empty(),
        };
        let told = |(place, targets): &(String, BTreeSet<Target>)| {
            let target = match targets.iter().find(guards)? {
                Target::Cluster(name) => format!("the cluster {name:?}"),
                Target::Routes(name) => format!("the routes {name:?}"),
                Target::Named(header) => format!("any cluster that the header {header:?} names"),
            };
            Some(format!(
                "{place} leads to {target} without this filter, which guards it elsewhere: requests there pass without a \
                 check: add the filter there too, or let nobody but trusted callers reach it"
            ))
        };
        self.open.iter().filter_map(told).collect()
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                let chains = member(object, "filter_chains").and_then(Value::as_array);
                let last = member(object, "default_filter_chain");
                for (index, chain) in chains.into_iter().flatten().chain(last).enumerate() {
                    self.chain(object, index, chain);
                }
                object.values().for_each(|value| self.walk(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn chain(&mut self, listener: &Object, index: usize, chain: &Value) {
        for filter in chain.get("filters").and_then(Value::as_array).into_iter().flatten() {
            let config = filter.as_object().and_then(|filter| member(filter, "typed_config"));
            let Some(config) = config.and_then(Value::as_object) else { continue };
            let kind = config.get("@type").and_then(Value::as_str).unwrap_or_default();
            let mut targets = BTreeSet::new();
            if kind.ends_with(MANAGER) {
                if let Some(routes) = member(config, "route_config") {
                    routed(routes, &mut targets);
                }
                let routes = member(config, "rds").and_then(Value::as_object);
                let routes = routes.and_then(|rds| member(rds, "route_config_name")).and_then(Value::as_str);
                targets.extend(routes.map(|name| Target::Routes(name.to_owned())));
            } else if kind.ends_with(TCP_PROXY) {
                clusters(config, &mut targets);
            }
            if !find(filter).is_empty() {
                self.guarded.append(&mut targets);
            } else if !has_filters_from_elsewhere(config) {
                let name = member(listener, "name").and_then(Value::as_str).unwrap_or("without a name");
                self.open.push((format!("filter chain {index} of the listener {name:?}"), targets));
            }
        }
    }
}

/// A filter whose configuration comes by ECDS may be ours.
fn has_filters_from_elsewhere(manager: &Object) -> bool {
    let filters = member(manager, "http_filters").and_then(Value::as_array);
    let mut filters = filters.into_iter().flatten().filter_map(Value::as_object);
    filters.any(|filter| member(filter, "config_discovery").is_some())
}

/// The clusters to which the routes in `value` lead.
fn routed(value: &Value, targets: &mut BTreeSet<Target>) {
    match value {
        Value::Object(object) => {
            if let Some(action) = member(object, "route").and_then(Value::as_object) {
                clusters(action, targets);
            }
            object.values().for_each(|value| routed(value, targets));
        }
        Value::Array(items) => items.iter().for_each(|item| routed(item, targets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The clusters that `action` leads to: one, or several with weights, and those that get copies.
fn clusters(action: &Object, targets: &mut BTreeSet<Target>) {
    let weighted = member(action, "weighted_clusters").and_then(|weighted| weighted.get("clusters"));
    let mirrors = member(action, "request_mirror_policies");
    let several = [weighted, mirrors].into_iter().flatten().filter_map(Value::as_array).flatten();
    for entry in several.filter_map(Value::as_object).chain([action]) {
        let names = ["name", "cluster"].into_iter().filter_map(|name| member(entry, name)?.as_str());
        targets.extend(names.map(|name| Target::Cluster(name.to_owned())));
        let header = member(entry, "cluster_header").and_then(Value::as_str);
        targets.extend(header.map(|header| Target::Named(header.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manager(routes: &Value, filters: &Value) -> Value {
        let mut config = json!({"@type": format!("type.googleapis.com/{MANAGER}"), "http_filters": filters});
        config.as_object_mut().unwrap().extend(routes.as_object().cloned().unwrap_or_default());
        json!({"name": "http", "typed_config": config})
    }

    fn to(action: &Value) -> Value {
        json!({"route_config": {"virtual_hosts": [{"routes": [{"match": {"prefix": "/"}, "route": action}]}]}})
    }

    fn listener(name: &str, filters: &[Value]) -> Value {
        json!({"name": name, "filter_chains": [{"filters": filters}]})
    }

    fn ours() -> Value {
        json!([{"name": "scopegate", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {"name": "scopegate"},
        }}])
    }

    #[test]
    fn another_way_to_a_guarded_cluster_is_told() {
        let app = to(&json!({"cluster": "app"}));
        let guarded = listener("guarded", &[manager(&app, &ours())]);
        let weighted = to(&json!({"weightedClusters": {"clusters": [{"name": "app", "weight": 1}]}}));
        let tcp = json!({"typed_config": {"@type": format!("x/{TCP_PROXY}"), "cluster": "app"}});
        let told =
            |other: Value| Ways::of(&[json!({"listeners": [guarded, other]})]).past_the_filter().join("\n");
        for open in [manager(&app, &json!([])), manager(&weighted, &json!([])), tcp] {
            let told = told(listener("plain", &[open]));
            assert!(
                told.starts_with(
                    "filter chain 0 of the listener \"plain\" leads to the cluster \"app\" without"
                ),
                "{told}"
            );
        }
        let second = json!({"name": "one", "filter_chains": [
            {"filters": [manager(&app, &ours())]}, {"filters": [manager(&app, &json!([]))]},
        ]});
        assert!(told(second).starts_with("filter chain 1 of the listener \"one\""));
        let last = json!({"name": "one", "default_filter_chain": {"filters": [manager(&app, &json!([]))]}});
        assert!(told(last).contains("\"app\""));
        let elsewhere = to(&json!({"cluster": "health"}));
        let discovered = json!([{"name": "x", "config_discovery": {}}]);
        for harmless in [manager(&app, &ours()), manager(&elsewhere, &json!([])), manager(&app, &discovered)]
        {
            assert_eq!(told(listener("other", &[harmless])), "");
        }
    }

    #[test]
    fn copies_and_clusters_that_a_header_names_are_ways_too() {
        let guarded = listener("guarded", &[manager(&to(&json!({"cluster": "app"})), &ours())]);
        let told = |action: Value| {
            let other = listener("plain", &[manager(&to(&action), &json!([]))]);
            Ways::of(&[json!({"listeners": [guarded, other]})]).past_the_filter().join("\n")
        };
        let mirror = |cluster: Value| json!({"cluster": "health", "request_mirror_policies": [cluster]});
        assert!(told(mirror(json!({"cluster": "app"}))).contains("leads to the cluster \"app\" without"));
        assert_eq!(told(mirror(json!({"cluster": "shadow"}))), "");
        let named = "leads to any cluster that the header \"x-to\" names without";
        for action in [
            json!({"cluster_header": "x-to"}),
            json!({"weighted_clusters": {"clusters": [{"clusterHeader": "x-to", "weight": 1}]}}),
            mirror(json!({"cluster_header": "x-to"})),
        ] {
            assert!(told(action.clone()).contains(named), "{action}");
        }
        let alone = listener("plain", &[manager(&to(&json!({"cluster_header": "x-to"})), &json!([]))]);
        assert!(Ways::of(&[alone]).past_the_filter().is_empty(), "nothing is guarded");
    }

    #[test]
    fn two_listeners_with_the_same_discovered_routes_are_told() {
        let routes = |name: &str| json!({"rds": {"route_config_name": name}});
        let told = |name: &str| {
            let listeners = [
                listener("a", &[manager(&routes("main"), &ours())]),
                listener("b", &[manager(&routes(name), &json!([]))]),
            ];
            Ways::of(&listeners).past_the_filter().join("\n")
        };
        assert!(told("main").contains("\"b\" leads to the routes \"main\" without"));
        assert_eq!(told("other"), "");
    }

    #[test]
    fn where_no_filter_guards_anything_nothing_is_told() {
        let app = to(&json!({"cluster": "app"}));
        assert!(Ways::of(&[listener("a", &[manager(&app, &json!([]))])]).past_the_filter().is_empty());
    }
}
