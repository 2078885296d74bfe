//! What decides which rule holds, and what does not.

use std::rc::Rc;

use scopegate::gate::{Gate, Verdict};
use scopegate::jose::backend::NoAccelerator;
use scopegate::policy::Policy;
use serde_json::{Value, json};

use super::{asking, at, gate, open_with, reason, settled};

#[test]
fn a_preflight_passes_only_where_the_policy_lets_it() {
    let preflight = [
        (":method", "OPTIONS"),
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ];
    let mut checked = gate(&asking());
    assert_eq!(reason(&settled(open_with(&mut checked, 1, &preflight, at(0)))), "token_missing");
    let mut policy = asking();
    policy["cors_preflight"] = json!("allow");
    let mut allowed = gate(&policy);
    assert_eq!(reason(&settled(open_with(&mut allowed, 1, &preflight, at(0)))), "anonymous");
    for without in 0..3 {
        let mut fields = preflight.to_vec();
        fields.remove(without);
        assert_eq!(reason(&settled(open_with(&mut allowed, 2, &fields, at(0)))), "token_missing");
    }
    let empty = [preflight[0], preflight[1], ("access-control-request-method", "")];
    assert_eq!(reason(&settled(open_with(&mut allowed, 3, &empty, at(0)))), "token_missing");
    // What is asked about our own metadata is answered here, whatever happens to others.
    policy["protected_resource"] = json!({"resource": "https://api.example.com"});
    policy["cors"] = json!({"origins": ["*"]});
    let mut ours = gate(&policy);
    let about = [&preflight[..], &[(":path", "/.well-known/oauth-protected-resource")]].concat();
    assert_eq!(reason(&settled(open_with(&mut ours, 4, &about, at(0)))), "metadata");
    assert_eq!(reason(&settled(open_with(&mut ours, 5, &preflight, at(0)))), "anonymous");
}

#[test]
fn a_tunnel_is_opened_only_by_a_rule_that_names_it() {
    let mut policy = asking();
    policy["unmatched"] = json!("anonymous");
    policy["rules"] = json!([{"name": "closed", "match": {"paths": ["/closed"]}, "access": "deny"}]);
    let mut gate = gate(&policy);
    assert_eq!(reason(&settled(open_with(&mut gate, 1, &[(":path", "/open")], at(0)))), "anonymous");
    let connect = [(":method", "CONNECT"), (":path", "")];
    assert_eq!(reason(&settled(open_with(&mut gate, 2, &connect, at(0)))), "unmatched");
}

/// Envoy answers it itself; another proxy may not.
#[test]
fn the_target_of_all_is_in_no_path_and_for_one_method() {
    let policy = json!({"rules": [
        {"name": "paths", "match": {"paths": ["/**"]}, "access": "anonymous"},
        {"name": "method", "match": {"methods": ["OPTIONS"]}, "access": "deny"},
    ]});
    let mut gate = gate(&policy);
    let mut asked = |method: &str| {
        reason(&settled(open_with(&mut gate, 1, &[(":method", method), (":path", "*")], at(0))))
    };
    assert_eq!((asked("OPTIONS"), asked("GET")), ("rule_denied", "path_ambiguous"));
}

#[test]
fn only_options_and_connect_come_without_a_path_and_then_go_by_rules_without_paths() {
    let mut policy = asking();
    policy["rules"] = json!([
        {"name": "home", "match": {"paths": ["/**"]}, "access": "deny"},
        {"name": "else", "match": {"methods": ["OPTIONS", "CONNECT", "GET"]}, "access": "anonymous"},
    ]);
    let mut gate = gate(&policy);
    for (method, path, expected) in [
        ("OPTIONS", "*", "anonymous"),
        ("OPTIONS", "", "path_ambiguous"),
        ("OPTIONS", "api.example.com", "path_ambiguous"),
        ("CONNECT", "", "anonymous"),
        ("CONNECT", "api.example.com", "anonymous"),
        ("CONNECT", "other.example.com", "path_ambiguous"),
        ("CONNECT", "*", "path_ambiguous"),
        ("GET", "*", "path_ambiguous"),
        ("GET", "", "path_ambiguous"),
        ("GET", "api.example.com", "path_ambiguous"),
        ("OPTIONS", "/", "rule_denied"),
    ] {
        let verdict = settled(open_with(&mut gate, 1, &[(":method", method), (":path", path)], at(0)));
        assert_eq!(reason(&verdict), expected, "{method} {path:?}");
    }
}

/// `GET /open` on `open.example.com` is open, everything else is shut.
fn one_door() -> Value {
    let door = json!({"hosts": ["open.example.com"], "methods": ["GET"], "paths": ["/open"]});
    json!({"rules": [{"name": "door", "match": door, "access": "anonymous"}]})
}

#[test]
fn what_a_client_says_besides_its_target_decides_nothing() {
    let mut gate = gate(&one_door());
    let open = [(":method", "GET"), (":authority", "open.example.com"), (":path", "/open")];
    assert_eq!(reason(&settled(open_with(&mut gate, 1, &open, at(0)))), "anonymous");
    let claims = [
        ("host", "open.example.com"),
        ("x-forwarded-host", "open.example.com"),
        ("forwarded", "host=open.example.com"),
        ("x-original-host", "open.example.com"),
        ("x-original-url", "/open"),
        ("x-rewrite-url", "/open"),
        ("x-forwarded-uri", "/open"),
        ("x-forwarded-prefix", "/open"),
        ("x-envoy-original-path", "/open"),
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
        ("x-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-envoy-internal", "true"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("user-agent", "kube-probe/1.30"),
        ("user-agent", "GoogleHC/1.0"),
        ("upgrade", "websocket"),
    ];
    for (place, value) in [(0, "POST"), (1, "shut.example.com"), (2, "/shut")] {
        let mut shut = open.to_vec();
        shut[place].1 = value;
        let all: Vec<_> = shut.iter().chain(&claims).copied().collect();
        assert_eq!(reason(&settled(open_with(&mut gate, 2, &all, at(0)))), "unmatched", "{value}");
        for claim in claims {
            let one = [&shut[..], &[claim]].concat();
            let verdict = settled(open_with(&mut gate, 3, &one, at(0)));
            assert_eq!(reason(&verdict), "unmatched", "{value}: {claim:?}");
        }
    }
}

#[test]
fn a_method_is_compared_as_it_stands() {
    let mut gate = gate(&one_door());
    for method in ["get", "Get", "GET ", " GET", "GETS", "HEAD", "OPTIONS", "TRACE", "", "G\u{0}ET"] {
        let fields = [(":method", method), (":authority", "open.example.com"), (":path", "/open")];
        assert_eq!(reason(&settled(open_with(&mut gate, 1, &fields, at(0)))), "unmatched", "{method:?}");
    }
}

#[test]
fn before_there_is_a_policy_nobody_is_let_through_and_nobody_is_blamed() {
    let mut gate = Gate::new(Rc::new(Policy::closed()), [7; 16], Rc::new(NoAccelerator));
    let preflight = [(":method", "OPTIONS"), ("origin", "a"), ("access-control-request-method", "GET")];
    let requests: [&[(&str, &str)]; 4] =
        [&[], &[("authorization", "Bearer a")], &[(":path", "/healthz")], &preflight];
    for fields in requests {
        let verdict = settled(open_with(&mut gate, 1, fields, at(0)));
        assert!(
            matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 503),
            "{fields:?}: {}",
            reason(&verdict)
        );
    }
}
