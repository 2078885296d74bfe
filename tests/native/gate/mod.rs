//! The engine driven by hand. A file for each subject; here is what they share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use scopegate::base::base64url;
use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{AskId, Facts, Gate, RequestId, Step, Verdict, Woken};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Callout, Reply};
use scopegate::jose::backend::NoAccelerator;
use serde_json::{Value, json};

mod candidates;
mod certificates;
mod clock;
mod fetches;
mod handover;
mod keys;
mod memory;
mod news;
mod outages;
mod readings;
mod refusals;
mod resource;
mod rotation;
mod rules;
mod scopes;
mod storm;
mod tokens;
mod upstream;
mod verified;
mod waiting;
mod workers;

const START: i64 = 1_760_000_000;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(START + seconds)
}

fn gate(policy: &Value) -> Gate {
    let policy = config::compile(policy, &|_| None).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
    });
    Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator))
}

fn asking() -> Value {
    json!({
        "issuers": {"idp": {
            "audiences": "any",
            "introspection": {"uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"}},
        }},
        "rules": [{"name": "all", "require": {"scopes": ["read"]}}],
        "limits": {"waiting_requests": 50},
    })
}

fn open_with(gate: &mut Gate, id: u32, fields: &[(&str, &str)], now: UnixTime) -> Step {
    let base = [(":method", "GET"), (":authority", "api.example.com"), (":path", "/")];
    let fields = base.iter().chain(fields).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    // The last one of a pseudo field counts, so that `fields` may name another path or method.
    gate.open(RequestId(id), &RequestHead::from_pairs(fields), &Facts::default(), now)
}

fn open(gate: &mut Gate, id: u32, token: &str, now: UnixTime) -> Step {
    open_with(gate, id, &[("authorization", &format!("Bearer {token}"))], now)
}

/// This many milliseconds after the start.
fn after(milliseconds: i64) -> UnixTime {
    UnixTime::from_millis(START * 1000 + milliseconds)
}

fn ask(gate: &mut Gate, now: UnixTime) -> Vec<(AskId, Callout)> {
    gate.asks(now).into_iter().map(|ask| (ask.id, ask.callout)).collect()
}

fn answer(gate: &mut Gate, ask: AskId, body: &Value, now: UnixTime) -> Vec<Woken> {
    let fields = [("content-type".to_owned(), b"application/json".to_vec())];
    let body = body.to_string();
    gate.answer(ask, &Reply::Answered(Answer { status: 200, fields: &fields, body: body.as_bytes() }), now)
}

fn reason(verdict: &Verdict) -> &'static str {
    verdict.note().reason
}

fn settled(step: Step) -> Verdict {
    match step {
        Step::Settle(verdict) => verdict,
        Step::Park => panic!("parked"),
    }
}

fn parked(step: &Step) -> bool {
    matches!(step, Step::Park)
}

fn active() -> Value {
    json!({"active": true, "scope": "read", "sub": "alice"})
}

/// What becomes of a request that has to be asked about, where the issuer replies so; `None`: a server error.
fn judged(gate: &mut Gate, id: u32, token: &str, reply: Option<&Value>, now: UnixTime) -> &'static str {
    assert!(parked(&open(gate, id, token, now)), "{token}: the issuer is asked first");
    let asks = ask(gate, now);
    let woken = match reply {
        Some(reply) => answer(gate, asks[0].0, reply, now),
        None => answer_status(gate, asks[0].0, 500, &[], now),
    };
    reason(&woken[0].verdict)
}

fn answer_status(
    gate: &mut Gate,
    ask: AskId,
    status: u16,
    fields: &[(&str, &str)],
    now: UnixTime,
) -> Vec<Woken> {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    gate.answer(ask, &Reply::Answered(Answer { status, fields: &fields, body: b"" }), now)
}

/// A token that is bound to the certificate of thumbprint 7, 7, …, or to none.
fn certificate_bound(is_bound: bool) -> Value {
    let cnf = if is_bound { json!({"x5t#S256": base64url::encode([7; 32])}) } else { json!({}) };
    json!({"active": true, "scope": "read", "cnf": cnf})
}

/// Shared data as a proxy has it: versions grow, and a write with the wrong one fails. Counts how often it is read.
#[derive(Default)]
struct Slots(RefCell<BTreeMap<u32, (Vec<u8>, u32)>>, Cell<usize>);

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.1.set(self.1.get() + 1);
        self.0.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut slots = self.0.borrow_mut();
        let found = slots.get(&slot).map(|(_, version)| *version);
        let good = found == version;
        if good {
            slots.insert(slot, (bytes.to_vec(), found.unwrap_or(0) + 1));
        }
        good
    }
}

fn worker(policy: &Value, slots: &Rc<Slots>) -> Gate {
    gate(policy).sharing(Rc::clone(slots) as Rc<dyn SharedSlots>, [9; 16])
}
