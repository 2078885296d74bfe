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
        ("/blog/;jsessionid=1", "anonymous"),
        ("/;jsessionid=1", "anonymous"),
        ("/admin/;jsessionid=1", "token_missing"),
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

/// Tenants take a token, everything else is open.
fn tenants() -> Value {
    let mut policy = one_closed_folder();
    policy["rules"] = json!([
        {"name": "tenants", "match": {"hosts": ["*.example.com"]}, "require": {"scopes": ["tenant"]}},
        {"name": "open", "access": "anonymous"},
    ]);
    policy
}

/// One host is open, nothing else.
fn one_open_host() -> Value {
    json!({"rules": [{"name": "www", "match": {"hosts": ["www.example.com"]}, "access": "anonymous"}]})
}

#[test]
fn an_odd_host_is_judged_by_the_rule_that_its_virtual_host_has() {
    let long = format!("{}.example.com", "a".repeat(248));
    for host in [
        "acme.example.com",
        "ACME.Example.com",
        "acme!.example.com",
        "x@acme.example.com",
        "a%61.example.com",
        "a~b.example.com",
        "x..example.com",
        &long,
    ] {
        assert_eq!(outcome(&tenants(), host, "/"), "token_missing", "{host}");
    }
    for host in [
        "example.com",
        "www.example.org",
        "x@www.example.org",
        "10.0.0.1:8080",
        "[::1]:80",
        "www.example.org.",
    ] {
        assert_eq!(outcome(&tenants(), host, "/"), "anonymous", "{host}");
    }
}

#[test]
fn a_host_whose_readings_lead_to_different_rules_is_refused() {
    for host in ["acme.example.com:8080", "acme.example.com.", "acme.example.com:", "x@acme.example.com:1"] {
        assert_eq!(outcome(&tenants(), host, "/"), "authority_ambiguous", "{host}");
    }
    assert_eq!(outcome(&one_open_host(), "www.example.com", "/"), "anonymous");
    for host in [
        "www.example.com:1",
        "www.example.com:443",
        "www.example.com:",
        "www.example.com.",
        "x@www.example.com",
        "www.example.co%6d",
    ] {
        assert_eq!(outcome(&one_open_host(), host, "/"), "authority_ambiguous", "{host}");
    }
}

#[test]
fn a_host_that_nobody_can_read_is_refused_wherever_hosts_decide() {
    for host in [
        "",
        "a:1.example.com",
        "x@y@acme.example.com",
        "acme.example.com/",
        "[acme.example.com]",
        "a\u{e9}",
        "www.example.com,acme.example.com",
    ] {
        assert_eq!(outcome(&tenants(), host, "/"), "authority_ambiguous", "{host}");
        assert_eq!(outcome(&one_open_host(), host, "/"), "authority_ambiguous", "{host}");
        assert_eq!(outcome(&one_closed_folder(), host, "/"), "anonymous", "{host}: no rule names a host");
    }
}

#[test]
fn ports_that_the_policy_calls_ignored_do_not_count() {
    let mut policy = one_open_host();
    policy["authority"] = json!({"ports": "any"});
    for host in ["www.example.com:1", "www.example.com:443"] {
        assert_eq!(outcome(&policy, host, "/"), "anonymous", "{host}");
    }
    for host in ["www.example.com:", "www.example.com:x", "www.example.com.:443", "www.example.com:00443"] {
        assert_eq!(outcome(&policy, host, "/"), "authority_ambiguous", "{host}");
    }
    assert_eq!(outcome(&policy, "api.example.com:443", "/"), "unmatched");
    policy["authority"] = json!({"ports": [443]});
    assert_eq!(outcome(&policy, "www.example.com:443", "/"), "anonymous");
    assert_eq!(outcome(&policy, "www.example.com:8443", "/"), "authority_ambiguous");
}

#[test]
fn a_host_that_leads_to_two_resources_is_refused() {
    let mut policy = one_closed_folder();
    policy["protected_resource"] =
        json!([{"resource": "https://a.example.com"}, {"resource": "https://b.example.com"}]);
    for (host, path, expected) in [
        ("a.example.com", "/admin", "token_missing"),
        ("a.example.com:8443", "/admin", "authority_ambiguous"),
        ("c.example.com:8443", "/admin", "token_missing"),
        ("a.example.com.", "/public", "authority_ambiguous"),
        ("a.example.com:8443", "/.well-known/oauth-protected-resource", "authority_ambiguous"),
    ] {
        assert_eq!(outcome(&policy, host, path), expected, "{host}{path}");
    }
    policy["protected_resource"] = json!({"resource": "https://a.example.com"});
    assert_eq!(
        outcome(&policy, "a.example.com:8443", "/admin"),
        "token_missing",
        "the only one is for all hosts"
    );
}
