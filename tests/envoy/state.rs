//! What others learn of a decision: the access log, a filter behind ours, the counters.

use kit::bootstrap::extension;
use kit::client::Request;
use kit::deadline::{PATIENCE, poll};
use kit::envoy::Launch;
use kit::issuer::Answer;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::policies::{ASKED, introspected, opaque};
use crate::ring::{Plan, Ring, Site, alone};

pub(crate) fn add(ring: &mut Ring) {
    ring.test("state::the_access_log_names_who_and_why", introspected(), access_log);
    ring.test("state::a_filter_behind_ours_decides_by_it", introspected().behind(only_alice()), read_behind);
    ring.test("state::a_client_cannot_set_it", introspected().behind(only_alice()), not_forged);
    let watched = all_observing().behind(only_alice());
    ring.test("state::a_token_that_is_not_its_senders_makes_them_nobody", watched, not_believed);
    ring.test("state::a_subject_cannot_break_out_of_its_line", introspected(), one_line);
}

pub(crate) fn trials() -> Vec<Trial> {
    let observing = "state::what_is_only_observed_is_counted_for_each_rule";
    let nothing_enforced = "state::so_it_is_where_nothing_is_enforced";
    vec![
        alone(
            "state::decisions_are_counted_under_their_reasons",
            introspected(),
            Launch::workers(2),
            counters,
        ),
        alone(observing, rule_observing(), Launch::workers(2), rule_observed),
        alone(nothing_enforced, all_observing(), Launch::workers(1), all_observed),
    ]
}

fn access_log(site: &Site) {
    let order = || Request::get("/orders/1");
    let of = |request: Request| {
        let response = site.send(&request);
        let logged = site.logged(&response);
        ["subject", "client", "issuer", "rule", "reason"].map(|name| logged.get(name).to_owned())
    };
    assert_eq!(of(order().bearer("opaque")), ["alice", "app", "corp", "orders", "admitted"]);
    assert_eq!(of(order()), ["", "", "", "orders", "token_missing"]);
    assert_eq!(of(Request::get("/alive")), ["", "", "", "alive", "anonymous"]);
    assert_eq!(of(Request::get("/nowhere")), ["", "", "", "", "unmatched"]);
    site.issuer.answers(
        ASKED,
        Answer::json(&json!({"active": true, "sub": "bob", "client_id": "app", "scope": "x"})),
    );
    assert_eq!(of(order().bearer("poor")), ["bob", "app", "corp", "orders", "scope_insufficient"]);
    site.issuer.answers(ASKED, Answer::json(&json!({"active": false})));
    assert_eq!(of(order().bearer("inactive"))[3..], ["orders", "token_inactive"]);
    site.issuer.answers(ASKED, Answer::Reset);
    assert_eq!(of(order().bearer("unlucky"))[3..], ["orders", "issuer_unavailable"]);
}

/// Envoy's RBAC filter: what is not about Alice goes no further, but for the heartbeat of the tests.
fn only_alice() -> Value {
    let alice =
        json!({"filter_state": {"key": "wasm.scopegate.subject", "string_match": {"exact": "alice"}}});
    let heartbeat = json!({"url_path": {"path": {"exact": "/alive"}}});
    let policy = json!({"permissions": [{"any": true}], "principals": [alice, heartbeat]});
    extension(
        "envoy.filters.http.rbac",
        "http.rbac.v3.RBAC",
        json!({"rules": {"action": "ALLOW", "policies": {"alice": policy}}}),
    )
}

fn read_behind(site: &Site) {
    site.admits(&Request::get("/orders/1").bearer("opaque-of-alice"));
    site.issuer.answers(ASKED, Answer::json(&opaque("bob")));
    let response = site.keeps_out(&Request::get("/orders/1").bearer("opaque-of-bob"));
    let logged = site.logged(&response);
    assert!(logged.get("details").starts_with("rbac_access_denied"), "{logged:?}");
    assert_eq!((response.status, logged.get("subject"), logged.get("reason")), (403, "bob", "admitted"));
}

fn not_forged(site: &Site) {
    site.issuer.answers(ASKED, Answer::json(&opaque("bob")));
    for name in ["wasm.scopegate.subject", "x-envoy-filter-state", "scopegate.subject", "x-auth-subject"] {
        let request = Request::get("/orders/1").bearer("opaque-of-bob").field(name, "alice");
        let response = site.keeps_out(&request);
        assert_eq!(response.status, 403);
    }
}

/// A token that is bound to a key, sent without a proof, is refused, and here that is only observed.
fn not_believed(site: &Site) {
    let bound = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    for (cnf, scope, reason) in
        [(bound, "orders", "binding_unproven"), (Value::Null, "poor", "scope_insufficient")]
    {
        let mut alice = opaque("alice");
        alice["scope"] = json!(scope);
        if !cnf.is_null() {
            alice["cnf"] = cnf;
        }
        site.issuer.answers(ASKED, Answer::json(&alice));
        let response = site.keeps_out(&Request::get("/orders/1").bearer(format!("stolen-{scope}")));
        let logged = site.logged(&response);
        let seen = ["subject", "client", "issuer", "rule", "reason"].map(|name| logged.get(name));
        assert_eq!((response.status, seen), (403, ["", "", "", "orders", reason]), "{logged:?}");
        assert!(logged.get("details").starts_with("rbac_access_denied"), "{logged:?}");
    }
}

fn one_line(site: &Site) {
    for (number, odd) in ["a\n{\"subject\": \"root\"}", "a\r", "a\u{0}b", "\u{9b}2J"].into_iter().enumerate()
    {
        let mut answer = opaque(odd);
        answer["client_id"] = json!(odd);
        site.issuer.answers(ASKED, Answer::json(&answer));
        let response = site.send(&Request::get("/orders/1").bearer(format!("opaque-{number}")));
        let logged = site.logged(&response);
        let seen = ["subject", "client", "issuer", "reason"].map(|name| logged.get(name));
        assert_eq!((response.status, seen), (200, ["", "", "corp", "admitted"]), "{odd:?}");
    }
}

fn counters(site: &Site) {
    let (admitted, missing) = (7, 5);
    for _ in 0..admitted {
        site.admits(&Request::get("/orders/1").bearer("opaque"));
    }
    for _ in 0..missing {
        site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    }
    site.issuer.answers(ASKED, Answer::Reset);
    site.refuses(&Request::get("/orders/1").bearer("unlucky"), 503, "issuer_unavailable");
    counted(site, "decision.admitted", admitted);
    counted(site, "decision.token_missing", missing);
    counted(site, "decision.issuer_unavailable", 1);
    counted(site, "issuer.unavailable", 1);
    let prometheus = site.envoy.admin("/stats/prometheus");
    assert!(prometheus.contains("\nscopegate_decision_admitted{} 7"), "{prometheus}");
}

/// Waits until `name` has this value.
fn counted(site: &Site, name: &str, expected: u64) {
    let stat = format!("wasmcustom.scopegate.{name}");
    let counted = poll(PATIENCE, || (site.envoy.stat(&stat) == expected).then_some(()));
    assert!(counted.is_some(), "{name} is {}, not {expected}", site.envoy.stat(&stat));
}

/// The names of all counters of observed requests.
fn names(site: &Site) -> Vec<String> {
    let stats = site.envoy.admin("/stats?filter=wasmcustom.scopegate.observed&usedonly");
    let names = stats.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name));
    let mut names: Vec<_> =
        names.map(|name| name.trim_start_matches("wasmcustom.scopegate.observed.").to_owned()).collect();
    names.sort();
    names
}

fn rule_observing() -> Plan {
    let mut plan = introspected();
    if let Some(rules) = plan.filter.policy["rules"].as_array_mut() {
        let planned = |name: &str, path: &str| json!({"name": name, "match": {"paths": [path]}, "mode": "observe", "require": {"scopes": ["planned"]}});
        rules.splice(1..1, [planned("v2.0 orders/{id}", "/v2/{id}"), planned("v3", "/v3")]);
    }
    plan
}

fn rule_observed(site: &Site) {
    for _ in 0..3 {
        site.admits(&Request::get("/v2/7").bearer("opaque"));
    }
    site.admits(&Request::get("/v2/7"));
    site.admits(&Request::get("/v3"));
    // What a rule that enforces refuses is a decision.
    site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    counted(site, "observed.v2_0_orders__id_.scope_insufficient", 3);
    counted(site, "observed.v2_0_orders__id_.token_missing", 1);
    counted(site, "observed.v3.token_missing", 1);
    counted(site, "observed.scope_insufficient", 3);
    counted(site, "observed.token_missing", 2);
    counted(site, "decision.token_missing", 1);
    let expected = [
        "scope_insufficient",
        "token_missing",
        "v2_0_orders__id_.scope_insufficient",
        "v2_0_orders__id_.token_missing",
        "v3.token_missing",
    ];
    assert_eq!(names(site), expected);
}

fn all_observing() -> Plan {
    let mut plan = introspected();
    plan.filter.policy["mode"] = json!("observe");
    plan
}

fn all_observed(site: &Site) {
    site.admits(&Request::get("/orders/1"));
    site.admits(&Request::get("/orders/1").bearer("opaque"));
    site.admits(&Request::get("/nowhere"));
    counted(site, "observed.orders.token_missing", 1);
    counted(site, "observed.token_missing", 1);
    counted(site, "observed.unmatched", 1);
    assert_eq!(names(site), ["orders.token_missing", "token_missing", "unmatched"]);
}
