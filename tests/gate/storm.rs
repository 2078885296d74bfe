//! Events in any order, against what must hold whatever happens.

use std::collections::BTreeMap;

use scopegate::gate::{AskId, Event, RequestId, Step, Verdict, Woken};
use scopegate::http::message::Reply;
use serde_json::{Value, json};

use super::{active, answer, ask, asking, at, gate, open, reason};

/// Events in any order, with stale ids and late replies, against the invariants: a request settles at most once, an
/// admission has a token that its issuer called good for that rule, nothing waits past its deadline, and the waiting
/// room keeps its bound.
#[test]
fn whatever_happens_in_whatever_order() {
    for seed in 0..200u64 {
        storm(seed);
    }
}

fn storm(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut gate = gate(&asking());
    let mut now = 0;
    let mut waiting: BTreeMap<u32, (u64, i64)> = BTreeMap::new();
    let mut out: Vec<(AskId, String)> = Vec::new();
    let mut next = 0;
    // Whether the issuer may have been left alone since the last look.
    let mut open_circuit = false;
    for _ in 0..300 {
        match random.below(8) {
            0..=2 => {
                next += 1;
                let token = random.below(12);
                match open(&mut gate, next, &format!("t{token}"), at(now)) {
                    Step::Park => assert!(waiting.insert(next, (token, now)).is_none()),
                    Step::Settle(verdict) => check(&verdict, token, seed),
                }
            }
            3 => out.extend(
                ask(&mut gate, at(now)).into_iter().map(|(id, callout)| (id, callout.body.expose().clone())),
            ),
            4..=5 if !out.is_empty() => {
                let pick = random.below(out.len() as u64) as usize;
                let (id, body) = out[pick].clone();
                // Now and then a reply is kept, to come a second time.
                if random.below(4) > 0 {
                    out.remove(pick);
                }
                let token: u64 =
                    body.trim_start_matches("token=t").split('&').next().unwrap().parse().unwrap();
                let woken = match random.below(3) {
                    0 => gate.answer(id, &Reply::Failed, at(now)),
                    _ => answer(&mut gate, id, &word(token), at(now)),
                };
                for Woken { id, verdict } in woken {
                    let (waited_for, _) = waiting.remove(&id.0).expect("woken once, and only while it waits");
                    assert_eq!(waited_for, token);
                    check(&verdict, token, seed);
                }
            }
            6 => {
                let gone = random.below(u64::from(next) + 2) as u32;
                gate.close(RequestId(gone));
                waiting.remove(&gone);
            }
            _ => {
                now += random.below(3) as i64;
                for Woken { id, verdict } in gate.expire(at(now)) {
                    let (token, since) =
                        waiting.remove(&id.0).expect("expired once, and only while it waits");
                    assert!(now - since >= 2 || open_circuit, "seed {seed}: not before its time");
                    check(&verdict, token, seed);
                }
                assert!(
                    waiting.values().all(|(_, since)| now - since <= 3),
                    "seed {seed}: waits past its deadline"
                );
            }
        }
        for event in gate.take_events() {
            open_circuit |= matches!(event, Event::CircuitOpened { .. });
        }
        assert_eq!(gate.waiting(), waiting.len(), "seed {seed}");
        assert!(gate.waiting() <= 50);
    }
}

/// Tokens by number: a third of them is good for the rule, a third good for another, a third not good at all.
fn word(token: u64) -> Value {
    match token % 3 {
        0 => active(),
        1 => json!({"active": true, "scope": "write"}),
        _ => json!({"active": false}),
    }
}

fn check(verdict: &Verdict, token: u64, seed: u64) {
    let known = match token % 3 {
        0 => "admitted",
        1 => "scope_insufficient",
        _ => "token_inactive",
    };
    let reason = reason(verdict);
    assert!(
        [known, "issuer_unavailable", "overloaded"].contains(&reason),
        "seed {seed}: {reason} for token {token}"
    );
    assert_eq!(matches!(verdict, Verdict::Admit { .. }), reason == "admitted", "seed {seed}");
}

/// xorshift64: the same storm for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
