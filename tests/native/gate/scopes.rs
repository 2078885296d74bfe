//! One token that its issuer is asked about for several lists of scopes: it is one token.

use scopegate::base::time::UnixTime;
use scopegate::gate::{Event, Gate, Step};
use serde_json::{Value, json};

use super::{START, answer, answer_status, ask, at, gate, open_with, parked, reason, settled};

/// A policy whose issuer is asked for the scopes of each rule, and whose good answers of ten seconds serve for a minute
/// more.
fn scoped() -> Value {
    let rule = |name: &str| {
        let path = format!("/{name}");
        json!({"name": name, "match": {"paths": [path]}, "require": {"scopes": [name]}})
    };
    json!({
        "issuers": {"idp": {
            "audiences": "any",
            "introspection": {
                "uri": "https://idp.example.com/validate", "cluster": "idp",
                "protocol": "mule", "send_scopes": true,
                "cache": {"ttl": "10s"}, "on_outage": {"serve_stale": "60s"},
            },
        }},
        "rules": [rule("a"), rule("b"), rule("c")],
        "limits": {"waiting_requests": 300},
    })
}

fn open(gate: &mut Gate, id: u32, token: &str, scope: &str, now: UnixTime) -> Step {
    let (path, token) = (format!("/{scope}"), format!("Bearer {token}"));
    open_with(gate, id, &[(":path", &path), ("authorization", &token)], now)
}

/// What becomes of a request with the token for `scope`, where the issuer answers with `status`.
fn judged(gate: &mut Gate, token: &str, scope: &str, status: u16, now: UnixTime) -> &'static str {
    assert!(parked(&open(gate, 1, token, scope, now)), "{token} {scope}: the issuer is asked first");
    let asks = ask(gate, now);
    let woken = match status {
        200 => answer(gate, asks[0].0, &json!({"scope": scope, "expires_in": 3600}), now),
        _ => answer_status(gate, asks[0].0, status, &[], now),
    };
    reason(&woken[0].verdict)
}

/// A gate that knows these tokens as good for all scopes.
fn knowing(tokens: &[&str]) -> Gate {
    let mut gate = gate(&scoped());
    for token in tokens {
        for scope in ["a", "b", "c"] {
            assert_eq!(judged(&mut gate, token, scope, 200, at(0)), "admitted");
        }
    }
    gate
}

#[test]
fn one_token_opens_no_breaker_whatever_it_is_asked_about_for() {
    let mut gate = knowing(&["mallory", "user"]);
    for number in 0..100u32 {
        let now = UnixTime::from_millis((START + 20) * 1000 + i64::from(number) * 250);
        let scope = if number % 2 == 0 { "b" } else { "c" };
        assert_eq!(judged(&mut gate, "mallory", scope, 500, now), "issuer_unavailable", "{number}");
    }
    assert!(!gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })));
    // Another one that fails too opens it.
    judged(&mut gate, "user", "a", 500, at(60));
    assert!(gate.take_events().iter().any(|event| matches!(event, Event::CircuitOpened { .. })));
}

#[test]
fn a_token_is_not_the_other_one_that_an_old_answer_takes() {
    let mut gate = knowing(&["one", "two"]);
    for scope in ["a", "b", "c"] {
        assert_eq!(judged(&mut gate, "one", scope, 500, at(12)), "issuer_unavailable", "{scope}");
    }
    assert_eq!(judged(&mut gate, "two", "a", 500, at(12)), "admitted", "one has failed too");
    assert_eq!(judged(&mut gate, "one", "b", 500, at(13)), "admitted", "and now another has for it");
}

#[test]
fn a_refusal_for_some_scopes_ends_the_old_answers_for_others() {
    let mut gate = knowing(&["revoked", "user"]);
    assert_eq!(judged(&mut gate, "revoked", "a", 401, at(12)), "token_inactive");
    let outage = |gate: &mut Gate, scope: &str, now| {
        judged(gate, "user", "a", 500, now);
        judged(gate, "revoked", scope, 500, now)
    };
    for scope in ["b", "c"] {
        assert_eq!(outage(&mut gate, scope, at(20)), "issuer_unavailable", "{scope}");
    }
    // Good for one list of scopes again, it is good for that.
    assert_eq!(judged(&mut gate, "revoked", "c", 200, at(22)), "admitted");
    assert_eq!(outage(&mut gate, "c", at(33)), "admitted");
    assert_eq!(outage(&mut gate, "b", at(33)), "issuer_unavailable");
    assert_eq!(outage(&mut gate, "a", at(33)), "issuer_unavailable");
}

#[test]
fn one_token_takes_its_part_of_the_waiting_room_once() {
    let mut gate = gate(&scoped());
    for id in 0..30 {
        assert!(parked(&open(&mut gate, id, "slow", ["a", "b", "c"][id as usize % 3], at(0))), "{id}");
    }
    for scope in ["a", "b", "c"] {
        assert_eq!(reason(&settled(open(&mut gate, 30, "slow", scope, at(0)))), "overloaded", "{scope}");
    }
    assert!(parked(&open(&mut gate, 31, "other", "a", at(0))));
    for id in 0..3 {
        gate.close(scopegate::gate::RequestId(id));
        assert!(parked(&open(&mut gate, 40 + id, "slow", "a", at(0))), "{id}: who is gone makes room");
    }
}
