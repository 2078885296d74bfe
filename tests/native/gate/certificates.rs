//! Certificate-bound tokens (RFC 8705): whose certificate, and when it is looked at.

use std::cell::Cell;

use scopegate::gate::{Facts, RequestId, Step};
use scopegate::http::head::RequestHead;
use serde_json::{Value, json};

use super::{answer, ask, asking, at, certificate_bound, gate, parked, reason};

#[test]
fn a_certificate_is_looked_up_when_it_matters_and_then_once() {
    let looked_up = Cell::new(0);
    let certificate = || {
        looked_up.set(looked_up.get() + 1);
        Some([7; 32])
    };
    let facts = Facts { certificate: Some(&certificate), ..Facts::default() };
    let fields = |token: &'static str| {
        let base = [(":method", "GET"), (":path", "/"), ("authorization", token)];
        base.map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    };
    let mut gate = gate(&asking());
    let mut step = |id: u32, token: &'static str, answered: Option<Value>| {
        let before = looked_up.get();
        let step = gate.open(RequestId(id), &RequestHead::from_pairs(fields(token)), &facts, at(0));
        let verdict = match (step, answered) {
            (Step::Settle(verdict), None) => verdict,
            (Step::Park, Some(body)) => {
                let asks = ask(&mut gate, at(0));
                answer(&mut gate, asks[0].0, &body, at(0)).remove(0).verdict
            }
            _ => panic!("{token}: parked or settled, and the other was due"),
        };
        (reason(&verdict), looked_up.get() - before)
    };
    // Its issuer may say that it is bound, and then the head is gone.
    assert_eq!(step(1, "Bearer bound", Some(certificate_bound(true))), ("admitted", 1));
    assert_eq!(step(2, "Bearer bound", None), ("admitted", 1));
    assert_eq!(step(3, "Bearer free", Some(certificate_bound(false))), ("admitted", 1));
    assert_eq!(step(4, "Bearer free", None), ("admitted", 0), "no call of the proxy for a plain token");
    assert_eq!(step(5, "Bearer gone", Some(json!({"active": false}))), ("token_inactive", 1));
    assert_eq!(step(6, "Bearer gone", None), ("token_inactive", 0));
    assert_eq!(step(7, "Basic bound", None), ("token_missing", 0));
}

#[test]
fn whoever_waits_is_held_to_a_certificate_of_their_own() {
    let mut gate = gate(&asking());
    let holders = [Some([7; 32]), None, Some([8; 32]), Some([7; 32])];
    for (id, certificate) in (0..).zip(holders) {
        let certificate = || certificate;
        let facts = Facts { certificate: Some(&certificate), ..Facts::default() };
        let fields = [(&b":method"[..], &b"GET"[..]), (b":path", b"/"), (b"authorization", b"Bearer token")];
        assert!(parked(&gate.open(RequestId(id), &RequestHead::from_pairs(fields), &facts, at(0))));
    }
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &certificate_bound(true), at(0));
    let reasons: Vec<_> = woken.iter().map(|woken| reason(&woken.verdict)).collect();
    assert_eq!(reasons, ["admitted", "binding_unproven", "binding_unproven", "admitted"]);
}
