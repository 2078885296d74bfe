//! Two workers, their time, and everything that is on its way between them and the issuers.

use std::collections::BTreeMap;
use std::rc::Rc;

use scopegate::base::time::UnixTime;
use scopegate::gate::shared::SharedSlots;
use scopegate::gate::{Ask, AskId, Event, Facts, Gate, RequestId, Step, Verdict, Woken};
use scopegate::http::head::RequestHead;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::backend::NoAccelerator;
use serde_json::json;

use super::ledger::{Asked, Entry, KeyWord, Ledger, Moment, Stale, Word};
use super::place::{ASKED, Access, GRACE, Place, RULES, START, TIMEOUT, WAITING};
use super::slots::Slots;
use crate::keys;

const STEPS: [i64; 10] = [100, 500, 1000, 2000, 2200, 5000, 10_000, 30_000, 61_000, 601_000];
const KEY_SETS: [&[&str]; 3] = [&["two"], &["three"], &["two", "three"]];

thread_local! {
    static PLACE: Rc<Place> = Rc::new(Place::new());
    static SETS: [String; 3] = KEY_SETS.map(|kids| keys::key_set(kids).to_string());
}

/// A request that waits.
struct Waiting {
    worker: usize,
    token: usize,
    access: Access,
    /// How many answers there were when it came.
    came: usize,
    /// When that was.
    opened: i64,
    /// When its last wait may have begun.
    since: i64,
    /// Which issuers' circuit breakers were open since it came.
    rested: [bool; 2],
}

/// A question that was sent, answered or not.
struct Sent {
    worker: usize,
    id: AskId,
    /// Cluster, path and body.
    what: [String; 3],
    at: i64,
    /// How much time had passed by then.
    passed: i64,
    open: bool,
}

pub(super) struct World {
    place: Rc<Place>,
    slots: Rc<Slots>,
    workers: [Gate; 2],
    now: i64,
    latest: i64,
    /// How much time has passed in all, whatever the clock shows.
    passed: i64,
    went_back: bool,
    /// Which issuers' circuit breakers are open in which worker.
    circuit: [[bool; 2]; 2],
    last_reply: i64,
    waiting: BTreeMap<u32, Waiting>,
    requests: u32,
    sent: Vec<Sent>,
    ledger: Ledger,
}

impl World {
    pub(super) fn new() -> Self {
        let place = PLACE.with(Rc::clone);
        let slots = Rc::new(Slots::default());
        let worker = |number| new_gate(&place, &slots, number, None);
        Self {
            workers: [worker(0), worker(1)],
            place,
            slots,
            now: START * 1000,
            latest: START * 1000,
            passed: 0,
            went_back: false,
            circuit: [[false; 2]; 2],
            last_reply: 0,
            waiting: BTreeMap::new(),
            requests: 0,
            sent: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    fn at(&self) -> UnixTime {
        UnixTime::from_millis(self.now)
    }

    pub(super) fn open(&mut self, worker: usize, token: usize, rule: usize) {
        let (worker, token, rule) =
            (worker % 2, token % (self.place.tokens.len() + 1), &RULES[rule % RULES.len()]);
        let field = self.place.tokens.get(token).map(|token| format!("Bearer {}", token.text));
        let pairs = [(":method", "GET"), (":authority", "api.test"), (":path", rule.path)];
        let forged = [("x.auth_subject", "root")];
        let pairs =
            pairs.into_iter().chain(forged).chain(field.as_deref().map(|field| ("authorization", field)));
        let head = RequestHead::from_pairs(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        self.requests += 1;
        let id = self.requests;
        let full = self.workers[worker].waiting() == WAITING;
        let waiting = Waiting {
            worker,
            token,
            access: rule.access,
            came: self.ledger.words.len(),
            opened: self.now,
            since: self.now,
            rested: self.circuit[worker],
        };
        match self.workers[worker].open(RequestId(id), &head, &Facts::default(), self.at()) {
            Step::Park => {
                assert!(!full && self.place.tokens.len() > token);
                self.waiting.insert(id, waiting);
            }
            Step::Settle(verdict) => {
                let stale = self.stale_served(worker);
                self.check(&waiting, &verdict, Moment { stale, full, expired: false });
            }
        }
        self.hold();
    }

    pub(super) fn ask(&mut self, worker: usize) {
        let worker = worker % 2;
        for Ask { id, callout } in self.workers[worker].asks(self.at()) {
            let what =
                [callout.cluster.clone(), callout.path.expose().clone(), callout.body.expose().clone()];
            assert_eq!(callout.timeout.as_millis(), TIMEOUT as u128);
            let twice = |sent: &Sent| {
                let leased = !self.went_back
                    && !self.ledger.garbled
                    && self.now < sent.at + TIMEOUT
                    && !what[2].is_empty();
                // A worker gives a question up when so much time has passed, whatever the clock shows.
                let given_up = self.went_back && self.passed >= sent.passed + TIMEOUT + GRACE;
                sent.open && sent.what == what && ((sent.worker == worker && !given_up) || leased)
            };
            assert!(!self.sent.iter().any(twice), "asked twice: {what:?}");
            if let Some(token) = self.token_in(&what[2]) {
                let waits = |waiting: &Waiting| waiting.worker == worker && waiting.token == token;
                assert!(self.waiting.values().any(waits), "nobody waits for the answer");
            }
            self.sent.push(Sent { worker, id, what, at: self.now, passed: self.passed, open: true });
        }
        self.hold();
    }

    /// The token that a question is about; `None` for one about keys.
    fn token_in(&self, body: &str) -> Option<usize> {
        let token = body.strip_prefix("token=")?.split('&').next()?;
        self.place.tokens.iter().position(|known| known.text == token)
    }

    pub(super) fn reply(&mut self, question: usize, kind: usize) {
        if self.sent.is_empty() {
            return;
        }
        let number = self.sent.len() - 1 - question % self.sent.len();
        let sent = &mut self.sent[number];
        let (worker, id, what) = (sent.worker, sent.id, sent.what.clone());
        let open = core::mem::take(&mut sent.open);
        let (status, cached, body) = match self.token_in(&what[2]) {
            Some(token) => {
                let issuer = ASKED.iter().position(|(name, _)| *name == what[0]).expect("one that is asked");
                let verified = self.place.tokens[token].signed.is_some();
                let (status, word, body) = self.word(kind, ASKED[issuer].0, verified);
                if open {
                    self.ledger.words.push(Entry { worker, issuer, token, at: self.now, word });
                }
                (status, false, body)
            }
            None => self.keys(worker, kind, open),
        };
        let mut fields = vec![("content-type".to_owned(), b"application/json".to_vec())];
        fields.extend(cached.then(|| ("cache-control".to_owned(), b"max-age=1".to_vec())));
        let reply = match status {
            0 => Reply::Failed,
            status => Reply::Answered(Answer { status, fields: &fields, body: body.as_bytes() }),
        };
        if open {
            self.last_reply = self.now;
        }
        let woken = self.workers[worker].answer(id, &reply, self.at());
        assert!(open || woken.is_empty(), "a reply that comes twice or too late wakes nobody");
        self.settle(worker, woken, false);
        for waiting in self.waiting.values_mut().filter(|waiting| open && waiting.worker == worker) {
            waiting.since = self.now;
        }
        self.hold();
    }

    /// Status, meaning and text of a reply of `issuer` about a token, which may have been `verified` before.
    fn word(&self, kind: usize, issuer: &str, verified: bool) -> (u16, Word, String) {
        const ENDLESS: i64 = i64::MAX;
        let iss = format!("https://{issuer}.test");
        let active = |scope: &'static str, until: i64| {
            let exp = (until != ENDLESS).then_some(until as f64 / 1000.0);
            let mut members =
                json!({"active": true, "scope": scope, "sub": "alice", "iss": iss, "aud": "ours"});
            if let Some(exp) = exp {
                members["exp"] = json!(exp);
            }
            (200, Word::Active(scope, until), members.to_string())
        };
        let silent = |status: u16, body: &str| (status, Word::Silent, body.to_owned());
        let odd = |status: u16, body: &str| (status, Word::Odd, body.to_owned());
        match kind % 14 {
            0 => active("read", ENDLESS),
            1 => active("read write", ENDLESS),
            2 => active("write", ENDLESS),
            3 => active("read", self.now + 5000),
            4 => (200, Word::Inactive, json!({"active": false}).to_string()),
            5 => {
                let members = json!({"active": true, "scope": "read", "iss": iss, "aud": "theirs"});
                (200, Word::Elsewhere, members.to_string())
            }
            // What the answer does not say, a verified token says itself.
            12 => {
                let word = if verified { Word::Active("read", ENDLESS) } else { Word::OfNobody };
                (200, word, json!({"active": true, "scope": "read"}).to_string())
            }
            // Nobody but the token's own claims can be contradicted.
            13 => {
                let word = if verified { Word::Inactive } else { Word::Active("read", ENDLESS) };
                let members =
                    json!({"active": true, "scope": "read", "iss": iss, "aud": "ours", "sub": "bob"});
                (200, word, members.to_string())
            }
            6 => silent(0, ""),
            7 => silent(503, r#"{"active":true,"scope":"read"}"#),
            8 => odd(200, r#"{"active":"true","scope":"read"}"#),
            9 => odd(200, r#"{"active":true,"scope":"re"#),
            10 => odd(401, r#"{"active":true,"scope":"read"}"#),
            _ => active("read", self.now - 1000),
        }
    }

    /// Status, whether it is short-lived, and text of a reply about keys.
    fn keys(&mut self, worker: usize, kind: usize, open: bool) -> (u16, bool, String) {
        let set = |number: usize| SETS.with(|sets| sets[number].clone());
        let mut kids = None;
        let mut given = |number: usize| {
            kids = Some(KEY_SETS[number]);
            set(number)
        };
        let reply = match kind % 8 {
            0 => (200, false, given(0)),
            1 => (200, false, given(1)),
            2 => (200, false, given(2)),
            3 => (200, true, given(0)),
            4 => (200, false, r#"{"keys":[]}"#.to_owned()),
            5 => (0, false, String::new()),
            6 => (503, false, set(2)),
            _ => (200, false, r#"{"keys":"#.to_owned()),
        };
        if open {
            self.ledger.key_words.push(KeyWord { worker, kids });
        }
        reply
    }

    pub(super) fn reply_unasked(&mut self, worker: usize) {
        let woken = self.workers[worker % 2].answer(AskId(u64::MAX), &Reply::Failed, self.at());
        assert!(woken.is_empty());
        self.hold();
    }

    pub(super) fn refresh(&mut self, worker: usize) {
        let at = self.at();
        self.workers[worker % 2].refresh(at);
        self.hold();
    }

    pub(super) fn expire(&mut self, worker: usize) {
        let worker = worker % 2;
        let late = |sent: &&mut Sent| sent.worker == worker && self.now >= sent.at + TIMEOUT + GRACE;
        let mut lost = Vec::new();
        for sent in self.sent.iter_mut().filter(late).filter(|sent| sent.open) {
            sent.open = false;
            lost.push(sent.what.clone());
        }
        for [cluster, _, body] in lost {
            let issuer = ASKED.iter().position(|(name, _)| *name == cluster);
            if let (Some(issuer), Some(token)) = (issuer, self.token_in(&body)) {
                let word = Word::Silent;
                self.ledger.words.push(Entry { worker, issuer, token, at: self.now, word });
            } else {
                self.ledger.key_words.push(KeyWord { worker, kids: None });
            }
        }
        let woken = self.workers[worker].expire(self.at());
        self.settle(worker, woken, true);
        for waiting in self.waiting.values().filter(|waiting| waiting.worker == worker && !self.went_back) {
            let opaque = self.place.tokens[waiting.token].signed.is_none();
            let longest = GRACE + TIMEOUT * if opaque { 1 } else { 3 };
            assert!(self.now < waiting.since + longest, "waits past its deadline");
        }
        self.hold();
    }

    pub(super) fn follow(&mut self, worker: usize) {
        let worker = worker % 2;
        let woken = self.workers[worker].follow(self.at());
        self.settle(worker, woken, false);
        // Only news are the beginning of another wait.
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.worker == worker) {
            if self.last_reply >= waiting.since {
                waiting.since = self.now;
            }
        }
        self.hold();
    }

    pub(super) fn close(&mut self, request: usize) {
        let id = u32::try_from(request).unwrap_or(0) % (self.requests + 2);
        let id = self.waiting.keys().nth(request % (self.waiting.len() + 1)).copied().unwrap_or(id);
        self.workers.iter_mut().for_each(|worker| worker.close(RequestId(id)));
        self.waiting.remove(&id);
        self.hold();
    }

    pub(super) fn pass(&mut self, step: usize) {
        self.now += STEPS[step % STEPS.len()];
        self.passed += STEPS[step % STEPS.len()];
        self.latest = self.latest.max(self.now);
    }

    pub(super) fn go_back(&mut self, step: usize) {
        self.now -= STEPS[step % STEPS.len()];
        self.went_back = true;
        self.ledger.went_back = true;
    }

    pub(super) fn garble(&mut self, slot: usize, how: usize) {
        self.ledger.garbled |= self.slots.garble(slot, how);
    }

    /// The policy is loaded anew: in the same VM, which takes over what holds still, or in another one. Whoever waits
    /// leaves.
    pub(super) fn reload(&mut self, worker: usize, vm: usize) {
        let worker = worker % 2;
        let ids: Vec<u32> =
            self.waiting.iter().filter(|(_, waiting)| waiting.worker == worker).map(|(id, _)| *id).collect();
        for id in ids {
            self.workers[worker].close(RequestId(id));
            self.waiting.remove(&id);
        }
        self.sent.retain(|sent| sent.worker != worker);
        let former = vm.is_multiple_of(2).then_some(&self.workers[worker]);
        let gate = new_gate(&self.place, &self.slots, worker, former);
        self.workers[worker] = gate;
        if vm % 2 == 1 {
            self.circuit[worker] = [false; 2];
        }
        let at = self.at();
        self.workers[worker].adopt(at);
        self.ledger.reloaded(worker, vm % 2 == 1);
        self.hold();
    }

    /// Whatever happened, nobody waits for ever, and who waited till the end is told that we could not know.
    pub(super) fn end(&mut self) {
        self.now = self.latest + 100_000;
        for worker in 0..2 {
            let woken = self.workers[worker].expire(self.at());
            assert!(woken.iter().all(|woken| woken.verdict.note().outage));
            self.settle(worker, woken, true);
            assert_eq!(self.workers[worker].waiting(), 0, "somebody waits for ever");
        }
        assert!(self.waiting.is_empty());
    }

    fn settle(&mut self, worker: usize, woken: Vec<Woken>, expired: bool) {
        let stale = self.stale_served(worker);
        for Woken { id, verdict } in woken {
            let waiting = self.waiting.remove(&id.0).expect("a verdict for one that waits, and one only");
            assert_eq!(waiting.worker, worker);
            assert!(!expired || verdict.note().outage);
            self.check(&waiting, &verdict, Moment { stale, full: false, expired });
        }
    }

    /// Whether an old answer was served in this moment, and with what right.
    fn stale_served(&mut self, worker: usize) -> Stale {
        let (mut open, mut served) = (self.circuit[worker], false);
        for event in self.workers[worker].take_events() {
            let place = |issuer: &str| ASKED.iter().position(|(name, _)| *name == issuer);
            match event {
                Event::StaleServed { .. } => served = true,
                Event::CircuitOpened { issuer } => {
                    let issuer = place(&issuer).expect("one that is asked");
                    (open[issuer], self.circuit[worker][issuer]) = (true, true);
                }
                Event::CircuitClosed { issuer } => {
                    self.circuit[worker][place(&issuer).expect("one that is asked")] = false;
                }
                _ => {}
            }
        }
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.worker == worker) {
            waiting.rested = [0, 1].map(|issuer| waiting.rested[issuer] || open[issuer]);
        }
        match (served, open[0] || self.went_back) {
            (false, _) => Stale::No,
            (true, false) => Stale::OthersFail,
            (true, true) => Stale::Open,
        }
    }

    /// Both workers and this world agree on who waits.
    fn hold(&self) {
        for (number, worker) in self.workers.iter().enumerate() {
            let here = self.waiting.iter().filter(|(_, waiting)| waiting.worker == number);
            assert_eq!(worker.waiting(), here.clone().count());
            assert!(here.clone().all(|(id, _)| worker.is_parked(RequestId(*id))));
            assert!(worker.waiting() <= WAITING);
        }
    }

    fn check(&self, waiting: &Waiting, verdict: &Verdict, moment: Moment) {
        let note = verdict.note();
        let access = waiting.access;
        let asked = self.place.tokens.get(waiting.token).map(|token| Asked {
            worker: waiting.worker,
            number: waiting.token,
            token,
            access,
            now: self.now,
            came: waiting.came,
            opened: waiting.opened,
            rested: [0, 1].map(|issuer| waiting.rested[issuer] || self.circuit[waiting.worker][issuer]),
            moment,
        });
        let about = || {
            format!(
                "{} for {:?} {:?}",
                note.reason,
                asked.as_ref().map(|asked| asked.number),
                self.ledger.words
            )
        };
        if let Verdict::Admit { edits, .. } = verdict {
            let taken = |field: &str| edits.remove.iter().any(|name| &**name == field);
            assert!(taken("authorization") || asked.is_none(), "the token goes on: {}", about());
            assert!(taken("x.auth_subject"), "an identity is believed: {}", about());
            assert!(edits.set.is_empty() || note.reason == "admitted" && !note.observed, "{}", about());
        }
        match verdict {
            Verdict::Admit { edits, .. } if !note.observed => {
                match (&asked, note.reason) {
                    (Some(asked), "admitted") => {
                        assert!(self.ledger.permits(asked), "let through: {}", about());
                        assert!(edits.set.iter().any(|(name, value)| &**name == "x-auth-subject"
                            && ["alice", "bob"].contains(&&**value)));
                    }
                    (_, "anonymous") => {
                        assert!(
                            access == Access::Anonymous || (access == Access::Optional && asked.is_none()),
                            "{}",
                            about()
                        );
                    }
                    _ => panic!("let through: {}", about()),
                }
            }
            Verdict::Admit { .. } => {
                assert!(access == Access::Observed);
                self.refusal(asked.as_ref(), note.reason, note.outage, &about);
            }
            Verdict::Refuse { response, .. } => {
                assert!(access != Access::Anonymous && access != Access::Observed);
                self.refusal(asked.as_ref(), note.reason, note.outage, &about);
                assert_eq!(response.status == 503, note.outage, "{}", about());
                let said =
                    response.fields.iter().map(|(_, value)| value.as_str()).chain([response.body.as_str()]);
                if let Some(asked) = &asked {
                    assert!(
                        !said.into_iter().any(|text| text.contains(&asked.token.text)),
                        "the token is told"
                    );
                }
            }
        }
    }

    fn refusal(&self, asked: Option<&Asked<'_>>, reason: &str, outage: bool, about: &dyn Fn() -> String) {
        match (asked, reason) {
            (_, "rule_denied" | "unmatched") | (None, "token_missing") => assert!(!outage),
            (None, _) => panic!("nothing was sent: {}", about()),
            (Some(asked), reason) if outage => {
                assert!(self.ledger.fails(reason, asked), "nobody was silent: {}", about());
            }
            (Some(asked), reason) => assert!(self.ledger.explains(reason, asked), "{}", about()),
        }
    }
}

/// The gate of a worker, which goes on from where `former` is.
fn new_gate(place: &Place, slots: &Rc<Slots>, number: usize, former: Option<&Gate>) -> Gate {
    let seed = if number == 0 { 1 } else { 200 };
    let gate = Gate::new(Rc::clone(&place.policy), [seed; 16], Rc::new(NoAccelerator));
    let gate = gate.sharing(Rc::clone(slots) as Rc<dyn SharedSlots>, [9; 16]);
    match former {
        Some(former) => gate.taking_over([former]),
        None => gate,
    }
}
