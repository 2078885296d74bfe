//! What a refused client is told, whatever the reason: the fields that every answer has, and those that only some have.

use scopegate::gate::{Gate, Verdict};
use scopegate::http::message::{Reply, Response};
use serde_json::{Value, json};

use super::{active, answer, ask, asking, at, gate, open_with, parked, settled};

/// Every status that scopegate answers with, by a request for each reason there is without a signature.
fn refusals(policy: &Value) -> Vec<(&'static str, Response)> {
    let mut policy = policy.clone();
    policy["limits"] = json!({"token_bytes": 256, "waiting_requests": 1});
    policy["rules"] = json!([
        {"name": "shut", "match": {"paths": ["/shut"]}, "access": "deny"},
        {"name": "bound", "match": {"paths": ["/bound"]}, "require": {"proof": "mtls"}},
        {"name": "login", "match": {"paths": ["/login"]}, "require": {"acr": ["gold"]}},
        {"name": "claims", "match": {"paths": ["/claims"]}, "require": {"claims": {"a": 1}}},
        {"name": "clients", "match": {"paths": ["/clients"]}, "require": {"clients": ["web"]}},
        {"name": "host", "match": {"paths": ["/host"], "hosts": ["www.example.com"]}, "access": "anonymous"},
        {"name": "read", "match": {"paths": ["/read"]}, "require": {"scopes": ["read"]}},
        {"name": "write", "match": {"paths": ["/write"]}, "require": {"scopes": ["write"]}},
    ]);
    let long = format!("Bearer {}", "a".repeat(257));
    let mut found = Vec::new();
    for grpc in [false, true] {
        let mut gate = gate(&policy);
        let send = |gate: &mut Gate, more: &[(&str, &str)]| {
            let media_type = if grpc { "application/grpc" } else { "text/plain" };
            open_with(gate, 1, &[more, &[("content-type", media_type)]].concat(), at(0))
        };
        let mut keep = |verdict: Verdict, expected: &'static str| {
            let Verdict::Refuse { response, note } = verdict else { panic!("{expected}: admitted") };
            assert_eq!((note.reason, response.grpc_status.is_some()), (expected, grpc));
            found.push((expected, response));
        };
        for (path, fields, expected) in [
            ("/read", &[][..], "token_missing"),
            ("/read", &[("authorization", "Bearer")][..], "credential_malformed"),
            (
                "/read",
                &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
                "credential_ambiguous",
            ),
            ("/read", &[("authorization", &long)], "token_too_long"),
            ("/shut", &[], "rule_denied"),
            ("/nowhere", &[], "unmatched"),
            ("/a//b", &[], "path_ambiguous"),
            ("/host", &[(":authority", "www.example.com:1")], "authority_ambiguous"),
        ] {
            keep(settled(send(&mut gate, &[&[(":path", path)], fields].concat())), expected);
        }
        let good = |path: &'static str| [(":path", path), ("authorization", "Bearer good")];
        assert!(parked(&send(&mut gate, &good("/read"))));
        let other = [(":path", "/read"), ("authorization", "Bearer other")];
        keep(settled(send(&mut gate, &other)), "overloaded");
        let asks = ask(&mut gate, at(0));
        assert_eq!(answer(&mut gate, asks[0].0, &active(), at(0)).len(), 1);
        for (path, expected) in [
            ("/write", "scope_insufficient"),
            ("/bound", "binding_unproven"),
            ("/login", "authentication_too_weak"),
            ("/claims", "claim_mismatch"),
            ("/clients", "client_not_allowed"),
        ] {
            keep(settled(send(&mut gate, &good(path))), expected);
        }
        for (reply, expected) in [
            (Some(json!({"active": false})), "token_inactive"),
            (Some(json!({})), "issuer_misbehaved"),
            (None, "issuer_unavailable"),
        ] {
            let bearer = format!("Bearer {expected}");
            assert!(parked(&send(&mut gate, &[(":path", "/read"), ("authorization", &bearer)])));
            let asks = ask(&mut gate, at(0));
            let mut woken = match &reply {
                Some(reply) => answer(&mut gate, asks[0].0, reply, at(0)),
                None => gate.answer(asks[0].0, &Reply::Failed, at(0)),
            };
            keep(woken.remove(0).verdict, expected);
        }
    }
    found
}

fn values<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
    let fields = response.fields.iter().filter(|(found, _)| *found == name);
    fields.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn no_cache_keeps_a_refusal_whatever_its_reason_and_form() {
    for body in ["json", "problem", "none"] {
        for describe in [true, false] {
            let mut policy = asking();
            policy["responses"] = json!({"body": body, "describe": describe});
            for (reason, response) in refusals(&policy) {
                assert_eq!(values(&response, "cache-control"), ["no-store"], "{reason} {body}");
            }
        }
    }
}

#[test]
fn a_nonce_comes_with_401_and_with_no_other_status() {
    let mut policy = asking();
    policy["dpop"] = json!({"nonce": "required"});
    let mut seen = [0; 4];
    for (reason, response) in refusals(&policy) {
        let due = usize::from(response.status == 401);
        assert_eq!(values(&response, "dpop-nonce").len(), due, "{reason} {}", response.status);
        let place = [400, 401, 403, 503].iter().position(|status| *status == response.status).unwrap();
        seen[place] += 1;
    }
    assert!(seen.iter().all(|count| *count > 3), "{seen:?}");
    policy["dpop"] = json!({});
    for (reason, response) in refusals(&policy) {
        assert_eq!(values(&response, "dpop-nonce"), [""; 0], "{reason}");
    }
}

#[test]
fn an_outage_says_when_to_come_again_and_nothing_else_does() {
    for (reason, response) in refusals(&asking()) {
        let after = values(&response, "retry-after");
        if response.status == 503 {
            assert!(after[0].parse::<u32>().is_ok_and(|seconds| (1..=5).contains(&seconds)), "{reason}");
        } else {
            assert_eq!(after, [""; 0], "{reason}");
        }
    }
}

/// Reason, rule, issuer, details, whether it was an outage, and whose token it was.
type Noted<'n> = (&'static str, Option<&'n str>, Option<&'n str>, &'n str, bool, Option<&'n str>);

fn noted(verdict: &Verdict) -> Noted<'_> {
    let note = verdict.note();
    assert!(!note.observed);
    let subject = note.grant().and_then(|grant| grant.subject());
    (note.reason, note.rule.as_deref(), note.issuer.as_deref(), &note.detail, note.outage, subject)
}

#[test]
fn a_verdict_is_noted_with_its_rule_its_issuer_why_and_whose_token_it_was() {
    let mut policy = asking();
    policy["rules"] = json!([
        {"name": "open", "match": {"paths": ["/open"]}, "access": "anonymous"},
        {"name": "write", "match": {"paths": ["/write"]}, "require": {"scopes": ["write"]}},
        {"name": "read", "match": {"paths": ["/read"]}, "require": {"scopes": ["read"]}},
    ]);
    let mut gate = gate(&policy);
    let (idp, alice) = (Some("idp"), Some("alice"));
    let told = |gate: &mut Gate, path| settled(open_with(gate, 1, &[(":path", path)], at(0)));
    assert_eq!(noted(&told(&mut gate, "/open")), ("anonymous", Some("open"), None, "", false, None));
    let why = "the request carries no token";
    assert_eq!(noted(&told(&mut gate, "/read")), ("token_missing", Some("read"), None, why, false, None));
    let why = "no rule matches the request";
    assert_eq!(noted(&told(&mut gate, "/else")), ("unmatched", None, None, why, false, None));

    let send = |gate: &mut Gate, path: &str, token: &str| {
        let token = format!("Bearer {token}");
        open_with(gate, 1, &[(":path", path), ("authorization", &token)], at(0))
    };
    for (token, reply, expected) in [
        ("good", Some(active()), ("admitted", Some("read"), idp, "", false, alice)),
        (
            "bad",
            Some(json!({"active": false})),
            (
                "token_inactive",
                Some("read"),
                idp,
                "the issuer says that the token is not active",
                false,
                None,
            ),
        ),
        (
            "asked",
            None,
            (
                "issuer_unavailable",
                Some("read"),
                idp,
                "the issuer was asked about the token: it could not be reached in time",
                true,
                None,
            ),
        ),
    ] {
        assert!(parked(&send(&mut gate, "/read", token)));
        let asks = ask(&mut gate, at(0));
        let woken = match &reply {
            Some(reply) => answer(&mut gate, asks[0].0, reply, at(0)),
            None => gate.answer(asks[0].0, &Reply::Failed, at(0)),
        };
        assert_eq!(noted(&woken[0].verdict), expected);
    }
    let lacking = settled(send(&mut gate, "/write", "good"));
    let why = "the rule needs the scopes write";
    assert_eq!(noted(&lacking), ("scope_insufficient", Some("write"), idp, why, false, alice));
}
