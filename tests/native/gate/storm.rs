//! Events in any order, against what must hold whatever happens.

use std::collections::BTreeMap;

use scopegate::base::time::UnixTime;
use scopegate::gate::{AskId, Event, Gate, RequestId, Step, Verdict, Woken};
use scopegate::http::message::Reply;
use serde_json::{Value, json};

use super::{active, answer, ask, asking, at, gate, open, reason};

/// How long answers are remembered here, and how long one is waited for, in seconds.
const GOOD_FOR: i64 = 60;
const BAD_FOR: i64 = 5;
const PATIENCE: i64 = 2;

/// Events in any order, with stale ids and late replies and a clock that is set, against the invariants: a request
/// settles at most once, its verdict is what the issuer said of its token not too long ago, nothing waits past its
/// deadline, and the waiting room keeps its bound.
#[test]
fn whatever_happens_in_whatever_order() {
    for seed in 0..120u64 {
        Storm::new(seed).rage();
    }
}

struct Storm {
    seed: u64,
    random: Random,
    gate: Gate,
    /// What the clock shows. It may be set.
    shown: i64,
    /// What has passed: time that the clock was set ahead counts, what it was set back does not.
    passed: i64,
    /// Requests that wait: for what is said of which token, and since when.
    waiting: BTreeMap<u32, (u64, i64)>,
    /// Questions that are out, some of them answered before.
    out: Vec<(AskId, u64, bool)>,
    /// What was said last of each token, in each of its kinds, and when.
    said: BTreeMap<(u64, &'static str), i64>,
    next: u32,
    /// Whether the issuer may have been left alone since the last look.
    open_circuit: bool,
}

impl Storm {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            gate: gate(&asking()),
            shown: 0,
            passed: 0,
            waiting: BTreeMap::new(),
            out: Vec::new(),
            said: BTreeMap::new(),
            next: 0,
            open_circuit: false,
        }
    }

    fn rage(mut self) {
        for _ in 0..400 {
            match self.random.below(9) {
                0..=2 => self.arrive(),
                3 => self.put_questions(),
                4..=5 if !self.out.is_empty() => self.reply(),
                6 => {
                    let gone = self.random.below(u64::from(self.next) + 2) as u32;
                    self.gate.close(RequestId(gone));
                    self.waiting.remove(&gone);
                }
                7 => self.pass(),
                _ => self.set_the_clock(),
            }
            for event in self.gate.take_events() {
                self.open_circuit |= matches!(event, Event::CircuitOpened { .. });
            }
            assert_eq!(self.gate.waiting(), self.waiting.len(), "seed {}", self.seed);
            assert!(self.gate.waiting() <= 50);
        }
    }

    fn now(&self) -> UnixTime {
        at(self.shown)
    }

    fn arrive(&mut self) {
        self.next += 1;
        let (token, now) = (self.random.below(12), self.now());
        match open(&mut self.gate, self.next, &format!("t{token}"), now) {
            Step::Park => assert!(self.waiting.insert(self.next, (token, self.passed)).is_none()),
            Step::Settle(verdict) => self.check(&verdict, token),
        }
    }

    fn put_questions(&mut self) {
        let now = self.now();
        for (id, callout) in ask(&mut self.gate, now) {
            let body = callout.body.expose();
            let token = body.trim_start_matches("token=t").split('&').next().unwrap().parse().unwrap();
            self.out.push((id, token, false));
        }
    }

    fn reply(&mut self) {
        let pick = self.random.below(self.out.len() as u64) as usize;
        let (id, token, answered) = self.out[pick];
        // Now and then a reply is kept, to come a second time.
        if self.random.below(4) > 0 {
            self.out.remove(pick);
        } else {
            self.out[pick].2 = true;
        }
        let now = self.now();
        let woken = match self.random.below(7) {
            0..=1 => self.gate.answer(id, &Reply::Failed, now),
            kind => {
                // Tokens are of three kinds, and each may be revoked or become good.
                let (said, becomes) = if kind == 2 { word(token + 1) } else { word(token) };
                if !answered {
                    self.said.insert((token, becomes), self.passed);
                }
                answer(&mut self.gate, id, &said, now)
            }
        };
        assert!(woken.is_empty() || !answered, "seed {}: the second reply counts", self.seed);
        for Woken { id, verdict } in woken {
            let (waited_for, _) = self.waiting.remove(&id.0).expect("woken once, and only while it waits");
            assert_eq!(waited_for, token);
            self.check(&verdict, token);
        }
    }

    fn pass(&mut self) {
        let seconds = self.random.below(4) as i64;
        self.shown += seconds;
        self.passed += seconds;
        self.expire();
    }

    /// By seconds or by years, in either direction.
    fn set_the_clock(&mut self) {
        let step = [1, 7, 70, 86_400, 100_000_000][self.random.below(5) as usize];
        if self.random.below(2) == 0 {
            self.shown += step;
            self.passed += step;
        } else {
            self.shown -= step;
        }
        self.expire();
    }

    fn expire(&mut self) {
        let now = self.now();
        for Woken { id, verdict } in self.gate.expire(now) {
            let (token, since) = self.waiting.remove(&id.0).expect("expired once, and only while it waits");
            let is_time = self.passed - since >= PATIENCE || self.open_circuit;
            assert!(is_time, "seed {}: not before its time", self.seed);
            self.check(&verdict, token);
        }
        let waits = |(_, since): &(u64, i64)| self.passed - since <= PATIENCE + 1;
        assert!(self.waiting.values().all(waits), "seed {}: waits past its deadline", self.seed);
    }

    fn check(&self, verdict: &Verdict, token: u64) {
        let (reason, seed) = (reason(verdict), self.seed);
        assert_eq!(matches!(verdict, Verdict::Admit { .. }), reason == "admitted", "seed {seed}");
        let lasts = match reason {
            "issuer_unavailable" | "overloaded" => return,
            "token_inactive" => BAD_FOR,
            _ => GOOD_FOR,
        };
        let said = self.said.get(&(token, reason));
        assert!(
            said.is_some_and(|said| self.passed < said + lasts),
            "seed {seed}: {reason} for token {token} at {}, and that was said at {said:?}",
            self.passed
        );
    }
}

/// Tokens by number: a third of them is good for the rule, a third good for another, a third not good at all. Says what
/// becomes of a request with it too.
fn word(token: u64) -> (Value, &'static str) {
    match token % 3 {
        0 => (active(), "admitted"),
        1 => (json!({"active": true, "scope": "write"}), "scope_insufficient"),
        _ => (json!({"active": false}), "token_inactive"),
    }
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
