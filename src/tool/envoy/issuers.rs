//! Whom a policy asks, and whether the file around it leads there.

use serde_json::Value;

use super::surroundings::Surroundings;

/// Advice about the clusters that `policy` names.
pub(super) fn advise(policy: &Value, surroundings: &Surroundings, advice: &mut Vec<String>) {
    let asked = asked(policy);
    let mut told = Vec::new();
    for (cluster, uri) in &asked {
        if told.contains(cluster) {
            continue;
        }
        if surroundings.lacks(cluster) {
            told.push(cluster);
            advice.push(format!(
                "the policy asks cluster {cluster:?}, which this file does not define: define it, or no issuer can be reached"
            ));
        } else if uri.starts_with("https:") && surroundings.is_plain(cluster) {
            told.push(cluster);
            advice.push(format!(
                "cluster {cluster:?} has no transport_socket: it sends tokens and secrets in the clear, and takes anybody's \
                 answer, although the policy says https: give it one of TLS, with a trusted_ca and a SAN to match"
            ));
        }
    }
}

/// The clusters that the issuers of a policy are asked through, each with what is asked there.
fn asked(policy: &Value) -> Vec<(&str, &str)> {
    let issuers = policy.get("issuers").and_then(Value::as_object);
    let mut asked = Vec::new();
    for issuer in issuers.into_iter().flat_map(|issuers| issuers.values()) {
        let name = issuer.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let jwks = issuer.get("jwt").and_then(|jwt| jwt.get("jwks"));
        let sets = jwks.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for question in sets.iter().chain(jwks).chain(issuer.get("introspection")) {
            let cluster = question.get("cluster").and_then(Value::as_str);
            let uri = question.get("uri").and_then(Value::as_str).unwrap_or(name);
            asked.extend(cluster.map(|cluster| (cluster, uri)));
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(policy: &Value, clusters: &Value) -> Vec<String> {
        let mut advice = Vec::new();
        let document = json!({"static_resources": {"clusters": clusters}});
        super::advise(policy, &Surroundings::of(&[document]), &mut advice);
        advice
    }

    fn cluster(address: &str) -> Value {
        let address = json!({"socket_address": {"address": address, "port_value": 443}});
        json!({"name": "idp", "load_assignment": {"endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}})
    }

    #[test]
    fn a_cluster_that_is_not_there_is_told_once() {
        let of = |jwks: Value| json!({"issuers": {"a": {"jwt": {"jwks": jwks}, "introspection": {"cluster": "idp"}}}});
        for jwks in [json!({"cluster": "idp"}), json!([{"inline": {}}, {"cluster": "idp"}])] {
            let advice = told(&of(jwks), &json!([{"name": "other"}]));
            assert!(advice.len() == 1 && advice[0].contains("cluster \"idp\", which"), "{advice:?}");
        }
        let list = json!({"issuers": {"a": {"jwt": {"jwks": [{"cluster": "one"}, {"cluster": "two"}]}}}});
        assert_eq!(told(&list, &json!([{"name": "other"}])).len(), 2);
    }

    #[test]
    fn https_without_tls_is_told_unless_it_stays_on_this_machine() {
        let policy = json!({"issuers": {"a": {"introspection": {"uri": "https://idp.example.com/i", "cluster": "idp"}}}});
        let discovering = json!({"issuers": {"a": {"issuer": "https://idp.example.com", "jwt": {"jwks": {"discover": true, "cluster": "idp"}}}}});
        for policy in [&policy, &discovering] {
            let advice = told(policy, &json!([cluster("idp.example.com")]));
            assert!(advice.len() == 1 && advice[0].contains("in the clear"), "{advice:?}");
        }
        let mut secured = cluster("idp.example.com");
        secured["transport_socket"] = json!({"name": "tls"});
        for good in [secured, cluster("127.0.0.1"), cluster("::1"), json!({"name": "idp", "type": "EDS"})] {
            assert_eq!(told(&policy, &json!([good])), [] as [&str; 0]);
        }
        let plain = json!({"issuers": {"a": {"introspection": {"uri": "http://idp.example.com/i", "cluster": "idp"}}}});
        assert_eq!(told(&plain, &json!([cluster("idp.example.com")])), [] as [&str; 0]);
    }
}
