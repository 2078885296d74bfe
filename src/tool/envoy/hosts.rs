//! Ports in authorities: whether the policy and the proxy mean the same hosts.

use serde_json::Value;

use super::find::{Host, member};
use crate::base::json::Object;

/// Advice where rules of `policy` go by host, for the filter in `host`.
pub(super) fn advise(policy: &Value, host: Host<'_>) -> Option<String> {
    if !goes_by_host(policy) {
        return None;
    }
    let ports = policy.get("authority").and_then(|authority| authority.get("ports"));
    let manager = match host {
        Host::Envoy { manager, .. } => manager?,
        Host::Istio(_) | Host::Gateway(_) => {
            return ports.is_none().then(|| format!("{UNSAID}, as it does here, write {REMEDY}"));
        }
    };
    let routes = member(manager, "route_config").and_then(Value::as_object);
    if let Some(field) = routes.and_then(|routes| member(routes, "vhost_header")) {
        return Some(format!(
            "the route_config chooses virtual hosts by the field {field}, which a client writes, and rules go by the \
             authority: leave vhost_header out, or let rules go by `routes`"
        ));
    }
    let is_set = |object: &Object, name: &str| member(object, name) == Some(&Value::Bool(true));
    if ["strip_any_host_port", "strip_matching_host_port"].iter().any(|name| is_set(manager, name)) {
        return None;
    }
    let ignores = routes.map(|routes| is_set(routes, "ignore_port_in_host_matching"));
    match (ports, ignores) {
        (None, Some(true)) => Some(format!("{UNSAID}, as the route_config says, write {REMEDY}")),
        (None, Some(false) | None) => Some(format!(
            "{UNSAID} (`ignore_port_in_host_matching: true` in the route configuration), write {REMEDY}; else write \
             `strip_any_host_port: true` in the connection manager"
        )),
        (Some(Value::String(_)), Some(false)) if routes.is_some_and(chooses_by_host) => Some(
            "the policy ignores ports, and the route_config does not: a host with a port may get to another virtual \
             host than that of its rule: write `ignore_port_in_host_matching: true` there"
                .to_owned(),
        ),
        (Some(_), _) => None,
    }
}

const UNSAID: &str = "rules go by host, and nothing is said of ports: a request with a port is refused where another rule would \
                      decide without it: where the proxy ignores ports";

const REMEDY: &str = "`authority: {ports: any}` in the policy";

/// Whether what is asked of a request depends on its host.
fn goes_by_host(policy: &Value) -> bool {
    let mut rules = policy.get("rules").and_then(Value::as_array).into_iter().flatten();
    let resources = policy.get("protected_resource").and_then(Value::as_array);
    rules.any(|rule| rule.get("match").is_some_and(|matched| matched.get("hosts").is_some()))
        || resources.is_some_and(|resources| resources.len() > 1)
}

/// Whether these routes have more than one virtual host for all hosts.
fn chooses_by_host(routes: &Object) -> bool {
    let hosts = member(routes, "virtual_hosts").and_then(Value::as_array).into_iter().flatten();
    let mut domains = hosts.filter_map(|host| host.get("domains")?.as_array()).flatten();
    domains.any(|domain| domain != "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(policy: Value, manager: Value) -> String {
        let empty = Object::new();
        let manager = manager.as_object().unwrap();
        advise(&policy, Host::Envoy { plugin: &empty, manager: Some(manager) }).unwrap_or_default()
    }

    fn by_host(authority: Value) -> Value {
        json!({"rules": [{"match": {"hosts": ["a.test"]}, "access": "deny"}], "authority": authority})
    }

    #[test]
    fn ports_are_spoken_of_only_where_hosts_decide() {
        assert_eq!(told(json!({"rules": [{"access": "deny"}], "protected_resource": [{}]}), json!({})), "");
        assert!(told(by_host(json!(null)), json!({})).contains("strip_any_host_port"));
        let resources = json!({"rules": [], "protected_resource": [{}, {}]});
        assert!(told(resources, json!({})).contains("strip_any_host_port"));
    }

    #[test]
    fn ports_that_nobody_counts_need_no_advice() {
        for name in ["strip_any_host_port", "stripMatchingHostPort"] {
            assert_eq!(told(by_host(json!(null)), json!({name: true})), "", "{name}");
        }
        let ignoring = json!({"route_config": {"ignore_port_in_host_matching": true}});
        assert_eq!(told(by_host(json!({"ports": "any"})), ignoring.clone()), "");
        assert_eq!(told(by_host(json!({"ports": [443]})), json!({"route_config": {}})), "");
        assert_eq!(told(by_host(json!({"ports": "any"})), json!({"rds": {}})), "");
        let told = told(by_host(json!(null)), ignoring);
        assert!(
            told.contains("as the route_config says") && told.contains("authority: {ports: any}"),
            "{told}"
        );
    }

    #[test]
    fn a_policy_that_ignores_what_its_proxy_counts_is_told() {
        let routes = |domain: &str| json!({"route_config": {"virtual_hosts": [{"domains": ["*"]}, {"domains": [domain]}]}});
        assert!(told(by_host(json!({"ports": "any"})), routes("a.test")).contains("another virtual host"));
        assert_eq!(told(by_host(json!({"ports": "any"})), routes("*")), "");
    }

    #[test]
    fn a_field_that_chooses_virtual_hosts_past_the_rules_is_told() {
        let routes = json!({"strip_any_host_port": true, "route_config": {"vhost_header": "x-host"}});
        assert!(told(by_host(json!(null)), routes.clone()).contains("by the field \"x-host\""));
        assert_eq!(told(json!({"rules": [{"access": "deny"}]}), routes), "");
    }

    #[test]
    fn control_planes_ignore_ports() {
        let spec = Object::new();
        assert!(
            advise(&by_host(json!(null)), Host::Istio(&spec)).unwrap().contains("authority: {ports: any}")
        );
        assert_eq!(advise(&by_host(json!({"ports": "any"})), Host::Istio(&spec)), None);
    }
}
