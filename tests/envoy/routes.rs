//! What Envoy knows of a route: its name in a rule's `match`, the rule's name in its metadata.

use kit::client::Request;
use serde_json::{Value, json};

use crate::policies::introspected;
use crate::ring::{Plan, Ring, Site};

pub(crate) fn add(ring: &mut Ring) {
    ring.test("routes::a_rule_matches_the_name_of_a_route", by_name(), names);
    ring.test("routes::the_metadata_of_a_route_names_its_rule", by_metadata(), metadata);
    ring.test("routes::metadata_counts_only_where_the_policy_says_so", metadata_unread(), unread);
}

fn rules(plan: Plan, rules: Value) -> Plan {
    let mut plan = plan;
    if let (Some(all), Value::Array(more)) = (plan.filter.policy["rules"].as_array_mut(), rules) {
        all.extend(more);
    }
    plan
}

fn by_name() -> Plan {
    let plan = introspected()
        .route(json!({"name": "open", "match": {"prefix": "/open"}}))
        .route(json!({"name": "shut", "match": {"prefix": "/shut"}}))
        .route(json!({"match": {"prefix": "/nameless"}}));
    rules(
        plan,
        json!([
            {"name": "open-route", "match": {"routes": ["open"]}, "access": "anonymous"},
            {"name": "shut-route", "match": {"routes": ["shut", "other"]}, "access": "deny"},
        ]),
    )
}

fn names(site: &Site) {
    site.admits(&Request::get("/open/1"));
    site.refuses(&Request::get("/shut/1"), 403, "rule_denied");
    site.refuses(&Request::get("/nameless"), 403, "unmatched");
    site.refuses(&Request::get("/other"), 403, "unmatched");
    // An earlier rule still decides first.
    site.refuses(&Request::get("/orders/1"), 401, "token_missing");
}

fn with_metadata() -> Plan {
    let route = |path: &str, rule: Value| json!({"match": {"prefix": path}, "metadata": {"filter_metadata": {"scopegate": {"rule": rule}}}});
    let plan = introspected()
        .route(route("/orders/status", json!("public")))
        .route(route("/unknown", json!("nobody-knows")))
        .route(route("/number", json!(7)))
        .route(route("/empty", json!("")))
        .route(json!({"match": {"prefix": "/other"}, "metadata": {"filter_metadata": {"else": {"rule": "public"}}}}));
    rules(plan, json!([{"name": "public", "match": {"paths": ["/public"]}, "access": "anonymous"}]))
}

fn by_metadata() -> Plan {
    let mut plan = with_metadata();
    plan.filter.policy["route_metadata"] = json!(true);
    plan
}

fn metadata_unread() -> Plan {
    with_metadata()
}

fn metadata(site: &Site) {
    // The rule for its path would want a token.
    site.admits(&Request::get("/orders/status"));
    site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    for path in ["/unknown", "/number", "/empty"] {
        site.refuses(&Request::get(path), 403, "rule_unknown");
    }
    site.refuses(&Request::get("/other"), 403, "unmatched");
}

fn unread(site: &Site) {
    site.refuses(&Request::get("/orders/status"), 401, "token_missing");
    site.refuses(&Request::get("/unknown"), 403, "unmatched");
}
