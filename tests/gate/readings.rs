//! Requests that routers and upstreams read in several ways: judged where all readings lead to one rule, else refused.

use serde_json::{Value, json};

use super::{at, gate, open_with, reason, settled};

/// What becomes of a request for `authority` and `path` under `policy`.
fn outcome(policy: &Value, authority: &str, path: &str) -> &'static str {
    let fields = [(":authority", authority), (":path", path)];
    reason(&settled(open_with(&mut gate(policy), 1, &fields, at(0))))
}

/// `/admin` takes a token, everything else is open.
fn one_closed_folder() -> Value {
    json!({
        "issuers": {"idp": {"audiences": "any", "introspection": {
            "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}}}},
        "rules": [
            {"name": "admin", "match": {"paths": ["/admin/**"]}, "require": {"scopes": ["admin"]}},
            {"name": "export", "match": {"paths": ["/orders:export"]}, "require": {"scopes": ["export"]}},
            {"name": "brackets", "match": {"paths": ["/a%5Bb/**"]}, "require": {"scopes": ["brackets"]}},
            {"name": "open", "match": {"paths": ["/**"]}, "access": "anonymous"},
        ],
    })
}

#[test]
fn a_path_whose_readings_lead_to_different_rules_is_refused() {
    for path in [
        "/admin;x=1/users",
        "/admin;/users",
        "/%61dmin;v=2",
        "/admin%3Bx/users",
        "/admin%3bx;y/users",
        "/admin;x/%40",
        "/public/#/../admin/users",
        "/admin/#/../public",
        "/#/admin/;x/",
        "/orders%3Aexport",
        "/orders%3aexport;x",
        "/orders:export;x",
    ] {
        assert_eq!(outcome(&one_closed_folder(), "api.example.com", path), "path_ambiguous", "{path}");
    }
}

#[test]
fn a_path_whose_readings_lead_to_one_rule_is_judged_by_it() {
    for (path, expected) in [
        ("/admin/users", "token_missing"),
        ("/admin/users;x=1", "token_missing"),
        ("/admin/a;b/c%3Bd", "token_missing"),
        ("/admin/#/x", "token_missing"),
        ("/a[b/x", "token_missing"),
        ("/a%5bb/x", "token_missing"),
        ("/orders:export", "token_missing"),
        ("/blog;x=1/post", "anonymous"),
        ("/blog/post;jsessionid=1", "anonymous"),
        ("/blog%3Bx%3D1/post", "anonymous"),
        ("/blog/a%40b%3Ac", "anonymous"),
    ] {
        assert_eq!(outcome(&one_closed_folder(), "api.example.com", path), expected, "{path}");
    }
}

#[test]
fn a_path_that_leads_to_two_resources_is_refused() {
    let mut policy = one_closed_folder();
    policy["protected_resource"] =
        json!([{"resource": "https://api.example.com"}, {"resource": "https://api.example.com/admin/a"}]);
    for (path, expected) in [
        ("/admin/b;x/c", "token_missing"),
        ("/admin/a;x/c", "path_ambiguous"),
        ("/.well-known/oauth-protected-resource", "metadata"),
        ("/.well-known/oauth-protected-resource;x", "path_ambiguous"),
    ] {
        assert_eq!(outcome(&policy, "api.example.com", path), expected, "{path}");
    }
}

#[test]
fn a_rule_that_the_route_names_decides_whatever_the_path_is_read_as() {
    let mut policy = one_closed_folder();
    policy["route_metadata"] = json!(true);
    let mut gate = gate(&policy);
    let path = [(&b":method"[..], &b"GET"[..]), (b":authority", b"a"), (b":path", b"/admin;x/users")];
    let head = scopegate::http::head::RequestHead::from_pairs(path);
    let facts = scopegate::gate::Facts { rule: Some(b"open"), ..Default::default() };
    let step = gate.open(scopegate::gate::RequestId(1), &head, &facts, at(0));
    assert_eq!(reason(&settled(step)), "anonymous");
}
