//! What is dangerous or missing around a filter, in words. None of it is wrong in the policy itself.

use serde_json::Value;

use super::find::{Filter, Host, member};
use super::forwarded;
use super::surroundings::Surroundings;
use super::{access_log, hosts, issuers, order, routes};
use crate::base::json::Object;

/// What the module calls and is called by.
const CAPABILITIES: &str = include_str!("../../../envoy/capabilities.txt");

/// Advice about `filter`: its host's settings, the clusters that its policy names, and the variables that it reads.
pub fn advise(
    filter: &Filter<'_>,
    policy: &Value,
    variables: &[String],
    surroundings: &Surroundings,
) -> Vec<String> {
    let mut advice = Vec::new();
    if is_behind_the_router(&filter.place) {
        advice.push(
            "ERROR: the filter stands behind the router: a request that is mirrored goes there as it came, with its token \
             and with identity headers that its sender wrote, and a retry finds the token gone and is refused: put it into \
             the http_filters of the connection manager"
                .to_owned(),
        );
    }
    match filter.host {
        Host::Envoy { plugin, manager } => {
            envoy(plugin, variables, surroundings, &mut advice);
            if let Some(manager) = manager {
                connection_manager(manager, &mut advice);
                routes::advise(manager, plugin, policy, &mut advice);
                order::advise(manager, plugin, policy, &mut advice);
                access_log::advise(manager, policy, &mut advice);
            }
        }
        Host::Istio(spec) => {
            match spec.get("failStrategy").and_then(Value::as_str) {
                Some("FAIL_OPEN") => {
                    advice.push(fails_open("failStrategy: FAIL_OPEN", "FAIL_CLOSE or FAIL_RELOAD"))
                }
                Some(_) => {}
                None => advice.push(unsaid("failStrategy", "FAIL_RELOAD or FAIL_CLOSE")),
            }
            let env = spec.get("vmConfig").and_then(|vm| vm.get("env")).and_then(Value::as_array);
            let given = env.into_iter().flatten().filter_map(|entry| entry.get("name")?.as_str());
            missing_variables(variables, given.collect(), "vmConfig.env", &mut advice);
        }
        Host::Gateway(entry) => {
            if entry.get("failOpen") == Some(&Value::Bool(true)) {
                advice.push(fails_open("failOpen: true", "failOpen: false"));
            }
            let keys = entry.get("env").and_then(|env| env.get("hostKeys"));
            missing_variables(variables, texts(keys), "env.hostKeys", &mut advice);
        }
    }
    advice.extend(forwarded::advise(policy, filter.host));
    advice.extend(hosts::advise(policy, filter.host));
    issuers::advise(policy, surroundings, &mut advice);
    advice
}

/// Whether `place` is among the filters of a cluster, or those that the router has for all of them.
fn is_behind_the_router(place: &str) -> bool {
    let place = place.replace('_', "").to_ascii_lowercase();
    ["typedextensionprotocoloptions", "upstreamhttpfilters"].iter().any(|part| place.contains(part))
}

fn envoy(plugin: &Object, variables: &[String], surroundings: &Surroundings, advice: &mut Vec<String>) {
    let vm = member(plugin, "vm_config").and_then(Value::as_object);
    let of_vm = |name: &str| vm.and_then(|vm| member(vm, name));
    if member(plugin, "fail_open") == Some(&Value::Bool(true)) {
        advice.push(fails_open("fail_open: true", "failure_policy: FAIL_RELOAD"));
    } else {
        match member(plugin, "failure_policy").map(ToString::to_string).as_deref() {
            Some("\"FAIL_OPEN\"" | "3") => {
                advice.push(fails_open("failure_policy: FAIL_OPEN", "FAIL_RELOAD or FAIL_CLOSED"))
            }
            None | Some("\"UNSPECIFIED\"" | "0") => {
                advice.push(unsaid("failure_policy", "FAIL_RELOAD or FAIL_CLOSED"))
            }
            Some(_) => {}
        }
    }
    match of_vm("vm_id").and_then(Value::as_str) {
        None | Some("") => advice.push(
            "vm_config.vm_id is empty: other Wasm filters with the empty id could read and change what this one \
             shares between workers: give it an id of its own"
                .to_owned(),
        ),
        Some(id) if surroundings.shares(id) => advice.push(format!(
            "another Wasm filter has the vm_id {id:?} too, and could read and change what this one shares between \
             workers: give it an id of its own"
        )),
        Some(_) => {}
    }
    if member(plugin, "allow_on_headers_stop_iteration") == Some(&Value::Bool(true)) {
        advice.push(
            "allow_on_headers_stop_iteration is set: of a body that comes while an issuer is asked, Envoy keeps no more \
             than its buffer holds and answers 413 to the rest: leave it out"
                .to_owned(),
        );
    }
    let restriction =
        of_vm("capability_restriction_config").or_else(|| member(plugin, "capability_restriction_config"));
    if let Some(restriction) = restriction.and_then(Value::as_object) {
        capabilities(restriction, advice);
    }
    let environment = of_vm("environment_variables").and_then(Value::as_object);
    let mut given = texts(environment.and_then(|environment| member(environment, "host_env_keys")));
    let values =
        environment.and_then(|environment| member(environment, "key_values")).and_then(Value::as_object);
    let written: Vec<&str> = values.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    for name in variables.iter().filter(|name| written.contains(&name.as_str())) {
        advice.push(format!(
            "the secret {name} is written under key_values, and so in every config dump: name it under host_env_keys, \
             and give it to Envoy's own environment"
        ));
    }
    given.extend(written);
    missing_variables(variables, given, "vm_config.environment_variables", advice);
}

/// A callback that is not on the list is not called, and the request passes unseen.
fn capabilities(restriction: &Object, advice: &mut Vec<String>) {
    const NEEDED: &[&str] =
        &["proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers"];
    let Some(allowed) = member(restriction, "allowed_capabilities").and_then(Value::as_object) else {
        return;
    };
    if allowed.is_empty() {
        return;
    }
    for needed in NEEDED.iter().filter(|needed| !allowed.contains_key(**needed)) {
        advice.push(format!(
            "ERROR: allowed_capabilities lacks {needed}: Envoy then never calls the filter there, and requests pass \
             without a check: add it"
        ));
    }
    let rest = CAPABILITIES.lines().filter(|name| !NEEDED.contains(name) && !allowed.contains_key(*name));
    let rest: Vec<&str> = rest.collect();
    if !rest.is_empty() {
        advice.push(format!(
            "allowed_capabilities lacks {}: what the filter does with these then fails, answers of issuers and time among \
             it: add them",
            rest.join(", ")
        ));
    }
}

fn connection_manager(manager: &Object, advice: &mut Vec<String>) {
    /// What leaves a path as it came, or leaves that to Envoy's runtime.
    const UNCHANGED: &[&str] =
        &["false", "\"KEEP_UNCHANGED\"", "1", "\"IMPLEMENTATION_SPECIFIC_DEFAULT\"", "0"];
    for (name, value) in [
        ("normalize_path", "true"),
        ("merge_slashes", "true"),
        ("path_with_escaped_slashes_action", "REJECT_REQUEST"),
    ] {
        let problem = match member(manager, name).map(ToString::to_string) {
            None => format!("has no {name}"),
            Some(set) if UNCHANGED.contains(&set.as_str()) => {
                format!("has `{name}: {}`", set.trim_matches('"'))
            }
            Some(_) => continue,
        };
        advice.push(format!(
            "the connection manager {problem}: write `{name}: {value}`, so that filters after this one and the upstream \
             read the same path"
        ));
    }
    timeouts(manager, advice);
}

/// What ends a request that waits in a worker whose filter died, and ends nothing else.
fn timeouts(manager: &Object, advice: &mut Vec<String>) {
    /// An answer or a WebSocket may well be silent for so long, in seconds.
    const SHORT: f64 = 60.0;
    let seconds = |name| -> Option<f64> {
        member(manager, name).and_then(Value::as_str)?.trim_end_matches('s').parse().ok()
    };
    let idle = seconds("stream_idle_timeout");
    let bounded = seconds("request_timeout").is_some_and(|time| time > 0.0);
    let hangs = match idle {
        _ if bounded => None,
        None => Some("for five minutes"),
        Some(0.0) => Some("for ever"),
        Some(_) => None,
    };
    if let Some(hangs) = hangs {
        advice.push(format!(
            "the connection manager has no request_timeout: a request that waits while the filter fails would hang {hangs}: \
             write `request_timeout: 60s`, or longer where an upload takes longer"
        ));
    }
    if let Some(idle) = idle.filter(|idle| *idle > 0.0 && *idle < SHORT) {
        advice.push(format!(
            "the connection manager has `stream_idle_timeout: {idle}s`: an answer that takes longer and a WebSocket that is \
             silent for longer are cut: leave it out, and write `request_timeout: 60s` against requests that hang"
        ));
    }
}

fn missing_variables(variables: &[String], given: Vec<&str>, place: &str, advice: &mut Vec<String>) {
    for name in variables.iter().filter(|name| !given.contains(&name.as_str())) {
        advice.push(format!(
            "the policy reads the variable {name}, which {place} does not provide: add it there"
        ));
    }
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn fails_open(what: &str, instead: &str) -> String {
    format!("ERROR: {what}: when the filter fails, every request passes without a check: write {instead}")
}

fn unsaid(what: &str, instead: &str) -> String {
    format!(
        "ERROR: {what} is not said: what happens when the filter fails is left to defaults: write {instead}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;
    use serde_json::json;

    fn advice(document: &Value, variables: &[&str]) -> String {
        let filters = find(document);
        let policy = json!({"issuers": {"a": {"jwt": {"jwks": {"cluster": "idp"}}, "introspection": {"cluster": "idp"}}}});
        let variables: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
        let surroundings = Surroundings::of(core::slice::from_ref(document));
        filters
            .iter()
            .flat_map(|filter| advise(filter, &policy, &variables, &surroundings))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn envoy(plugin: Value, manager: Value) -> Value {
        let mut plugin = plugin;
        plugin["name"] = json!("scopegate");
        let mut manager = manager;
        manager["@type"] =
            json!("x/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager");
        manager["http_filters"] = json!([{"typed_config": {"@type": "x/envoy.extensions.filters.http.wasm.v3.Wasm", "config": plugin}}]);
        manager
    }

    fn capabilities() -> Value {
        CAPABILITIES.lines().map(|name| (name.to_owned(), json!({}))).collect::<Object>().into()
    }

    fn careful(manager: Value) -> Value {
        let mut careful = json!({"normalize_path": true, "merge_slashes": true, "request_timeout": "60s",
            "path_with_escaped_slashes_action": "REJECT_REQUEST"});
        careful.as_object_mut().unwrap().extend(manager.as_object().cloned().unwrap_or_default());
        careful
    }

    #[test]
    fn a_careful_file_needs_no_advice() {
        let plugin = json!({"failure_policy": "FAIL_RELOAD", "vm_config": {
            "vm_id": "scopegate", "environment_variables": {"host_env_keys": ["A"], "key_values": {"C": "x"}},
            "capability_restriction_config": {"allowed_capabilities": capabilities()},
        }});
        assert_eq!(advice(&envoy(plugin, careful(json!({}))), &["A"]), "");
    }

    #[test]
    fn what_a_careless_file_lacks_is_told() {
        let advice = advice(&envoy(json!({}), json!({"clusters": [{"name": "other"}]})), &["A"]);
        for words in [
            "ERROR: failure_policy",
            "vm_id is empty",
            "normalize_path",
            "merge_slashes",
            "path_with_escaped_slashes_action",
            "request_timeout: 60s",
            "variable A",
            "cluster \"idp\"",
        ] {
            assert_eq!(advice.matches(words).count().min(1), 1, "{words}: {advice}");
        }
        assert_eq!(advice.matches("cluster \"idp\"").count(), 1);
    }

    #[test]
    fn settings_that_do_the_opposite_are_told_too() {
        let plugin = |more: Value| {
            let mut plugin = json!({"failure_policy": "FAIL_RELOAD", "vm_config": {"vm_id": "scopegate"}});
            plugin.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
            plugin
        };
        for (manager, words) in [
            (json!({"normalize_path": false}), "has `normalize_path: false`"),
            (json!({"merge_slashes": false}), "has `merge_slashes: false`"),
            (json!({"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}), "action: KEEP_UNCHANGED`"),
            (json!({"request_timeout": "0s"}), "would hang for five minutes"),
            (json!({"request_timeout": null, "stream_idle_timeout": "0s"}), "would hang for ever"),
            (
                json!({"stream_idle_timeout": "15s"}),
                "`stream_idle_timeout: 15s`: an answer that takes longer",
            ),
            (json!({"request_timeout": null, "stream_idle_timeout": "15s"}), "silent for longer are cut"),
        ] {
            let advice = advice(&envoy(plugin(json!({})), careful(manager)), &[]);
            assert!(advice.contains(words) && advice.lines().count() == 1, "{words}: {advice}");
        }
        let stopping = plugin(json!({"allow_on_headers_stop_iteration": true}));
        assert!(advice(&envoy(stopping, careful(json!({}))), &[]).contains("answers 413"));
        let written = plugin(
            json!({"vm_config": {"vm_id": "x", "environment_variables": {"key_values": {"A": "s3cret"}}}}),
        );
        let told = advice(&envoy(written, careful(json!({}))), &["A"]);
        assert!(told.contains("secret A is written under key_values") && !told.contains("s3cret"), "{told}");
    }

    #[test]
    fn a_filter_behind_the_router_is_told() {
        let plugin = json!({"name": "scopegate", "failure_policy": "FAIL_RELOAD", "vm_config": {"vm_id": "scopegate"}});
        let filters = json!([{"typed_config": {"@type": "x/envoy.extensions.filters.http.wasm.v3.Wasm", "config": plugin}}]);
        let options =
            json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"http_filters": filters}});
        for document in [
            json!({"clusters": [{"name": "idp", "typed_extension_protocol_options": options}]}),
            json!({"clusters": [{"name": "idp", "typedExtensionProtocolOptions": options}]}),
            json!({"typed_config": {"upstream_http_filters": filters}}),
        ] {
            let told = advice(&document, &[]);
            assert!(
                told.starts_with("ERROR: the filter stands behind the router") && told.lines().count() == 1,
                "{told}"
            );
        }
    }

    #[test]
    fn an_end_of_idle_streams_that_is_long_will_do() {
        let plugin = json!({"failure_policy": "FAIL_RELOAD", "vm_config": {"vm_id": "scopegate"}});
        for manager in [
            json!({"request_timeout": null, "stream_idle_timeout": "300s"}),
            json!({"stream_idle_timeout": "0s"}),
            json!({"stream_idle_timeout": "3600s"}),
        ] {
            assert_eq!(advice(&envoy(plugin.clone(), careful(manager.clone())), &[]), "", "{manager}");
        }
    }

    #[test]
    fn a_vm_id_that_another_authors_filter_has_is_told() {
        let plugin = |name: &str| json!({"name": name, "failure_policy": "FAIL_RELOAD", "vm_config": {"vm_id": "common"}});
        let ours = envoy(plugin("scopegate"), careful(json!({})));
        let others = |kind: &str| json!([ours, {"typed_config": {"@type": kind, "config": plugin("other")}}]);
        let told = advice(&others("x/envoy.extensions.filters.http.wasm.v3.Wasm"), &[]);
        assert!(told.contains("another Wasm filter has the vm_id \"common\""), "{told}");
        assert_eq!(advice(&json!([ours, ours]), &[]), "", "two of ours may share");
    }

    #[test]
    fn failing_open_is_an_error_everywhere() {
        let istio = json!({"kind": "WasmPlugin", "metadata": {"name": "scopegate"}, "spec": {"failStrategy": "FAIL_OPEN"}});
        let gateway = json!({"kind": "EnvoyExtensionPolicy", "spec": {"wasm": [{"name": "scopegate", "failOpen": true}]}});
        for document in [
            istio,
            gateway,
            envoy(json!({"failure_policy": "FAIL_OPEN"}), json!({})),
            envoy(json!({"failurePolicy": 3}), json!({})),
            envoy(json!({"fail_open": true}), json!({})),
        ] {
            assert!(advice(&document, &[]).contains("passes without a check"), "{document}");
        }
    }

    #[test]
    fn a_capability_list_without_the_callbacks_is_an_error() {
        let plugin = json!({"vm_config": {"capability_restriction_config": {"allowed_capabilities": {"proxy_log": {}}}}});
        let told = advice(&envoy(plugin, json!({})), &[]);
        assert_eq!(told.matches("ERROR: allowed_capabilities").count(), 3);
        assert!(told.contains("lacks clock_time_get, ") && !told.contains("lacks proxy_log, "), "{told}");
        let mut some = capabilities();
        some.as_object_mut().unwrap().remove("proxy_http_call");
        let plugin = json!({"vm_config": {"capability_restriction_config": {"allowed_capabilities": some}}});
        assert!(
            advice(&envoy(plugin, json!({})), &[]).contains("allowed_capabilities lacks proxy_http_call: ")
        );
    }

    #[test]
    fn variables_are_looked_for_where_each_host_has_them() {
        let istio = json!({"kind": "WasmPlugin", "metadata": {"name": "scopegate"},
            "spec": {"failStrategy": "FAIL_CLOSE", "vmConfig": {"env": [{"name": "A"}]}}});
        let gateway = json!({"kind": "EnvoyExtensionPolicy", "spec": {"wasm": [{"name": "scopegate", "env": {"hostKeys": ["A"]}}]}});
        for document in [istio, gateway] {
            assert_eq!(advice(&document, &["A"]), "");
            assert!(advice(&document, &["B"]).contains("variable B"));
        }
    }
}
