//! What the rest of a file says: its clusters, other authors' Wasm filters, and the filter chains that routes choose
//! from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::find::{Host, find, member};
use crate::base::json::Object;

/// What all documents of a file define together.
#[derive(Default)]
pub struct Surroundings {
    clusters: BTreeSet<String>,
    /// Those among them that reach other machines without TLS.
    plain: BTreeSet<String>,
    /// The ids of VMs that run somebody else's code.
    others: BTreeSet<String>,
    /// Clusters come from elsewhere too, so a name that is not here may still exist.
    more_clusters: bool,
    /// The named chains of composite filters.
    chains: BTreeSet<String>,
    /// The names by which chains are chosen.
    chosen: BTreeSet<String>,
}

impl Surroundings {
    /// Looks through `documents`.
    pub fn of(documents: &[Value]) -> Self {
        let mut surroundings = Self::default();
        for document in documents {
            let ours: Vec<_> = find(document)
                .into_iter()
                .filter_map(|filter| match filter.host {
                    Host::Envoy { plugin, .. } => Some(plugin),
                    Host::Istio(_) | Host::Gateway(_) => None,
                })
                .collect();
            surroundings.walk(document, &ours);
        }
        surroundings
    }

    /// Whether the file defines clusters, all of them, and `cluster` is none of them.
    pub fn lacks(&self, cluster: &str) -> bool {
        !self.more_clusters && !self.clusters.is_empty() && !self.clusters.contains(cluster)
    }

    /// Whether the file shows that `cluster` reaches another machine, and without TLS.
    pub fn is_plain(&self, cluster: &str) -> bool {
        self.plain.contains(cluster)
    }

    /// Whether another author's Wasm filter has this `vm_id`.
    pub fn shares(&self, vm_id: &str) -> bool {
        self.others.contains(vm_id)
    }

    /// The names by which routes choose chains of a composite filter, and which none of the file's has.
    pub fn missing_chains(&self) -> Vec<&str> {
        let missing = self.chosen.difference(&self.chains).map(String::as_str);
        missing.filter(|_| !self.chains.is_empty()).collect()
    }

    fn walk(&mut self, value: &Value, ours: &[&Object]) {
        match value {
            Value::Object(object) => {
                let clusters = object.get("clusters").and_then(Value::as_array);
                clusters.into_iter().flatten().for_each(|cluster| self.cluster(cluster));
                let kind = object.get("@type").and_then(Value::as_str);
                if kind.is_some_and(|kind| kind.ends_with("envoy.config.cluster.v3.Cluster")) {
                    self.cluster(value);
                }
                self.more_clusters |= member(object, "cds_config").is_some();
                let vm = member(object, "vm_config").and_then(Value::as_object);
                if let Some(vm_id) = vm.and_then(|vm| member(vm, "vm_id")?.as_str())
                    && !ours.iter().any(|plugin| core::ptr::eq(*plugin, object))
                {
                    self.others.insert(vm_id.to_owned());
                }
                let chains = member(object, "named_filter_chains").and_then(Value::as_object);
                self.chains.extend(chains.into_iter().flatten().map(|(name, _)| name.clone()));
                let chosen = member(object, "filter_chain_name").and_then(Value::as_str);
                self.chosen.extend(chosen.map(str::to_owned));
                object.values().for_each(|value| self.walk(value, ours));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, ours)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn cluster(&mut self, cluster: &Value) {
        let Some((object, name)) = cluster.as_object().zip(name(cluster)) else { return };
        let secured = ["transport_socket", "transport_socket_matches"]
            .iter()
            .any(|name| member(object, name).is_some());
        let mut addresses = Vec::new();
        if let Some(assignment) = member(object, "load_assignment") {
            each_address(assignment, &mut addresses);
        }
        if !secured && addresses.iter().any(|address| !is_loopback(address)) {
            self.plain.insert(name.clone());
        }
        self.clusters.insert(name);
    }
}

fn each_address<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
    match value {
        Value::Object(object) => {
            let socket = member(object, "socket_address");
            found.extend(socket.and_then(|socket| socket.get("address")?.as_str()));
            object.values().for_each(|value| each_address(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| each_address(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_loopback(address: &str) -> bool {
    address == "localhost" || address.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn name(cluster: &Value) -> Option<String> {
    cluster.get("name")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::slice;
    use serde_json::json;

    #[test]
    fn a_cluster_is_missed_only_where_the_file_has_them_all() {
        let clusters = json!({"static_resources": {"clusters": [{"name": "idp"}]}});
        let dynamic = json!({"dynamic_resources": {"cds_config": {}}});
        let lacks = |documents: &[Value]| Surroundings::of(documents).lacks("other");
        assert!(lacks(slice::from_ref(&clusters)));
        assert!(!Surroundings::of(slice::from_ref(&clusters)).lacks("idp"));
        assert!(!lacks(&[json!({})]) && !lacks(&[clusters, dynamic]));
    }

    #[test]
    fn a_chain_is_missed_where_the_file_has_some() {
        let filter = json!({"namedFilterChains": {"orders": {"filter_chain_name": "nested"}}});
        let route = |chain: &str| json!([{"typed_config": {"filter_chain_name": chain}}]);
        let missing = |documents: &[Value]| {
            let surroundings = Surroundings::of(documents);
            surroundings.missing_chains().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(missing(&[filter, route("orders"), route("order")]), ["nested", "order"]);
        assert!(missing(&[route("order")]).is_empty());
    }
}
