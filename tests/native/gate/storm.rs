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

/// So many may wait with one token, however small the room is.
const ONE_TOKENS: usize = 16;

/// Events in any order, with stale ids and late replies and a clock that is set, against the invariants: a request
/// settles at most once, its verdict is what the issuer said of its token not too long ago, or an outage that has a
/// cause; nothing waits past its deadline, and the waiting room keeps its bound.
#[test]
fn whatever_happens_in_whatever_order() {
    let mut seen = BTreeMap::new();
    for seed in 0..120u64 {
        for (what, count) in Storm::new(seed).rage() {
            *seen.entry(what).or_insert(0) += count;
        }
    }
    // Each kind comes often enough to be held to something.
    for (what, least) in [
        ("admitted", 500),
        ("scope_insufficient", 500),
        ("token_inactive", 500),
        ("issuer_unavailable", 1000),
        ("overloaded", 1000),
        ("breaker opened", 100),
        ("breaker closed", 100),
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= least), "{what}: {seen:?}");
    }
}

struct Storm {
    seed: u64,
    random: Random,
    gate: Gate,
    /// How many may wait.
    room: usize,
    /// What the clock shows. It may be set.
    shown: i64,
    /// What has passed: time that the clock was set ahead counts, what it was set back does not.
    passed: i64,
    /// Requests that wait.
    waiting: BTreeMap<u32, Waiting>,
    /// Questions that are out, some of them answered before.
    out: Vec<(AskId, u64, bool)>,
    /// What was said last of each token, in each of its kinds, and when.
    said: BTreeMap<(u64, &'static str), i64>,
    next: u32,
    /// Whether the issuer's circuit breaker is open.
    is_open: bool,
    /// How often each reason came, and how often the breaker opened and closed.
    seen: BTreeMap<&'static str, u32>,
}

/// A request that waits.
struct Waiting {
    /// For what is said of this token.
    token: u64,
    since: i64,
    /// Questions were put since then while the breaker was open: its own may have been kept back.
    kept_back: bool,
}

/// What may keep a request from a verdict.
#[derive(Default)]
struct Causes {
    /// The issuer did not say, was left alone, or is late.
    silent: bool,
    /// Too many wait.
    full: bool,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let room = if seed.is_multiple_of(2) { 50 } else { 3 };
        let mut policy = asking();
        policy["limits"]["waiting_requests"] = json!(room);
        Self {
            seed,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            gate: gate(&policy),
            room,
            shown: 0,
            passed: 0,
            waiting: BTreeMap::new(),
            out: Vec::new(),
            said: BTreeMap::new(),
            next: 0,
            is_open: false,
            seen: BTreeMap::new(),
        }
    }

    fn rage(mut self) -> BTreeMap<&'static str, u32> {
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
                if matches!(event, Event::CircuitOpened { .. }) {
                    self.breaker(true, "breaker opened");
                } else if matches!(event, Event::CircuitClosed { .. }) {
                    self.breaker(false, "breaker closed");
                }
            }
            assert_eq!(self.gate.waiting(), self.waiting.len(), "seed {}", self.seed);
            assert!(self.gate.waiting() <= self.room);
        }
        self.seen
    }

    fn breaker(&mut self, is_open: bool, what: &'static str) {
        assert_ne!(self.is_open, is_open, "seed {}: {what}", self.seed);
        self.is_open = is_open;
        *self.seen.entry(what).or_default() += 1;
    }

    fn now(&self) -> UnixTime {
        at(self.shown)
    }

    fn arrive(&mut self) {
        self.next += 1;
        let (token, now) = (self.random.below(12), self.now());
        match open(&mut self.gate, self.next, &format!("t{token}"), now) {
            Step::Park => {
                let waiting = Waiting { token, since: self.passed, kept_back: false };
                assert!(self.waiting.insert(self.next, waiting).is_none());
            }
            Step::Settle(verdict) => {
                let crowd = self.waiting.values().filter(|waiting| waiting.token == token).count();
                let full = self.waiting.len() >= self.room || crowd >= ONE_TOKENS;
                self.check(&verdict, token, &Causes { silent: self.is_open, full });
            }
        }
    }

    fn put_questions(&mut self) {
        let now = self.now();
        for (id, callout) in ask(&mut self.gate, now) {
            let body = callout.body.expose();
            let token = body.trim_start_matches("token=t").split('&').next().unwrap().parse().unwrap();
            self.out.push((id, token, false));
        }
        if self.is_open {
            self.waiting.values_mut().for_each(|waiting| waiting.kept_back = true);
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
        let kind = self.random.below(7);
        let silent = kind < 2;
        let woken = match kind {
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
            let waited = self.waiting.remove(&id.0).expect("woken once, and only while it waits");
            assert_eq!(waited.token, token);
            self.check(&verdict, token, &Causes { silent, full: false });
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
            let waited = self.waiting.remove(&id.0).expect("expired once, and only while it waits");
            let is_time = self.passed - waited.since >= PATIENCE || waited.kept_back;
            assert!(is_time, "seed {}: not before its time", self.seed);
            self.check(&verdict, waited.token, &Causes { silent: true, full: false });
        }
        let waits = |waiting: &Waiting| self.passed - waiting.since <= PATIENCE + 1;
        assert!(self.waiting.values().all(waits), "seed {}: waits past its deadline", self.seed);
    }

    /// Holds a verdict to what the issuer said, and an outage to its cause.
    fn check(&mut self, verdict: &Verdict, token: u64, causes: &Causes) {
        let (reason, seed) = (reason(verdict), self.seed);
        *self.seen.entry(reason).or_default() += 1;
        assert_eq!(matches!(verdict, Verdict::Admit { .. }), reason == "admitted", "seed {seed}");
        let lasts = match reason {
            "issuer_unavailable" => return assert!(causes.silent, "seed {seed}: the issuer is well"),
            "overloaded" => return assert!(causes.full, "seed {seed}: there is room"),
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
