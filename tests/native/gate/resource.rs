//! What a protected resource says of itself (RFC 9728).

use scopegate::gate::Verdict;
use serde_json::{Value, json};

use super::{asking, at, gate, open_with, reason, settled};

#[test]
fn the_protected_resource_describes_itself_and_is_linked() {
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["protected_resource"] =
        json!({"resource": "https://api.example.com/v1", "path": "/.well-known/oauth-protected-resource"});
    let mut gate = gate(&policy);
    let Verdict::Refuse { response, .. } =
        settled(open_with(&mut gate, 1, &[(":path", "/.well-known/oauth-protected-resource")], at(0)))
    else {
        panic!("not answered")
    };
    assert_eq!(response.status, 200);
    let document: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(document["resource"], "https://api.example.com/v1");
    assert_eq!(document["authorization_servers"], json!(["https://idp.example.com"]));
    assert_eq!(document["scopes_supported"], json!(["read"]));
    let Verdict::Refuse { response, .. } = settled(open_with(&mut gate, 2, &[], at(0))) else {
        panic!("admitted")
    };
    let challenge = response.fields.iter().find(|(name, _)| *name == "www-authenticate").unwrap().1.as_str();
    assert!(
        challenge
            .ends_with(r#"resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#),
        "{challenge}"
    );
}

#[test]
fn what_tokens_have_to_be_bound_to_is_advertised() {
    let mut policy = asking();
    policy["dpop"] = json!({"algorithms": ["ES256", "EdDSA"]});
    policy["protected_resource"] = json!([
        {"resource": "https://api.example.com/keys"},
        {"resource": "https://api.example.com/certificates"},
        {"resource": "https://api.example.com/else"},
    ]);
    policy["rules"] = json!([
        {"name": "keys", "match": {"paths": ["/keys/**"]}, "require": {"proof": "dpop"}},
        {"name": "certificates", "match": {"paths": ["/certificates/**"]}, "require": {"any_of": [{"proof": "mtls"}, {"scopes": ["a"]}]}},
        {"name": "else", "match": {"paths": ["/else/**"]}, "require": {}},
    ]);
    let mut gate = gate(&policy);
    let mut advertised = |id, name: &str| {
        let path = format!("/.well-known/oauth-protected-resource/{name}");
        let Verdict::Refuse { response, .. } = settled(open_with(&mut gate, id, &[(":path", &path)], at(0)))
        else {
            panic!("not answered")
        };
        let document: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
        ["dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens"]
            .map(|name| document[name].clone())
    };
    assert_eq!(advertised(1, "keys"), [json!(true), json!(null)]);
    assert_eq!(advertised(2, "certificates"), [json!(null), json!(true)]);
    assert_eq!(advertised(3, "else"), [json!(null), json!(null)]);
}

#[test]
fn what_is_not_enforced_is_not_advertised() {
    let mut policy = asking();
    policy["mode"] = json!("observe");
    policy["token"] = json!({"from": [{"cookie": "session"}]});
    policy["protected_resource"] = json!({"resource": "https://api.example.com/"});
    let Verdict::Refuse { response, .. } = settled(open_with(
        &mut gate(&policy),
        1,
        &[(":path", "/.well-known/oauth-protected-resource")],
        at(0),
    )) else {
        panic!("not answered")
    };
    let document: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(document, json!({"resource": "https://api.example.com/"}));
}

#[test]
fn a_document_is_for_who_reads_it_and_for_pages_that_ask_whether_they_may() {
    let preflight = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
    for has_cors in [false, true] {
        let mut policy = asking();
        policy["protected_resource"] = json!({"resource": "https://api.example.com"});
        if has_cors {
            policy["cors"] = json!({"origins": ["https://app.example.com"]});
        }
        let mut gate = gate(&policy);
        let mut told = |method: &str, more: &[(&str, &str)]| {
            let path = (":path", "/.well-known/oauth-protected-resource");
            let fields = [&[(":method", method), path], more].concat();
            reason(&settled(open_with(&mut gate, 1, &fields, at(0))))
        };
        assert_eq!(["GET", "HEAD"].map(|method| told(method, &[])), ["metadata"; 2]);
        assert_eq!(["POST", "OPTIONS", "get"].map(|method| told(method, &[])), ["token_missing"; 3]);
        let expected = if has_cors { "metadata" } else { "token_missing" };
        assert_eq!(told("OPTIONS", &preflight), expected, "{has_cors}");
        assert_eq!(told("POST", &preflight), "token_missing", "{has_cors}");
    }
}

#[test]
fn the_ways_of_rfc_6750_in_which_a_token_may_come_are_advertised_once_each() {
    for (from, methods) in [
        (
            json!([{"query": "b"}, {"query": "a"}, {"header": "authorization", "scheme": "BEARER"}]),
            json!(["header", "query"]),
        ),
        (json!([{"query": "a"}, {"query": "b"}]), json!(["query"])),
        (
            json!([{"header": "x-token", "scheme": "Bearer"}, {"header": "authorization", "scheme": "Token"}]),
            json!(null),
        ),
        (json!([{"header": "x-token"}, {"cookie": "session"}]), json!(null)),
    ] {
        let mut policy = asking();
        policy["token"] = json!({"from": from});
        policy["protected_resource"] = json!({"resource": "https://api.example.com"});
        let fields = [(":path", "/.well-known/oauth-protected-resource")];
        let Verdict::Refuse { response, .. } = settled(open_with(&mut gate(&policy), 1, &fields, at(0)))
        else {
            panic!("not answered")
        };
        let document: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["bearer_methods_supported"], methods, "{from}");
        let fields = response.fields.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(
            fields.collect::<Vec<_>>(),
            [("content-type", "application/json"), ("cache-control", "max-age=3600")]
        );
    }
}
