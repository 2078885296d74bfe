//! Carries out what the gate decides.
//!
//! Three rules, each for a trap of the proxy: a refused request is answered and never resumed; fields are edited
//! before a request is resumed, in the same callback; and the gate is never borrowed while the proxy is told to do
//! something, since it may call back. Looking something up for the gate is no such thing.

use core::time::Duration;
use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::counters::Counters;
use super::filter_state;
use super::host::{CallToken, CalloutReply, ContextId, HeaderFields, Host, Level};
use super::trailers;
use super::warnings::Warnings;
use crate::base::time::UnixTime;
use crate::gate::{Ask, AskId, Facts, Gate, Note, RequestId, Step, Verdict, Woken};
use crate::http::head::RequestHead;
use crate::http::message::{Answer, FieldValue, Reply, Response};

/// What the proxy is to do with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Hold {
    /// Send it on.
    Release,
    /// Keep head, body and trailers back.
    Keep,
}

/// How often the root is called back while requests wait, in milliseconds.
const BUSY_TICK: u32 = 100;

/// How often the root is called back while another worker asks what requests here wait for, in milliseconds.
const FOLLOWING_TICK: u32 = 10;

/// How soon the root is called back for the first time, in milliseconds.
const FIRST_TICK: u32 = 5;

/// How often the root is called back otherwise, in milliseconds.
const IDLE_TICK: u32 = 1000;

/// How often counters are handed over.
const REPORT: Duration = Duration::from_millis(900);

/// The longest reply that is read from the proxy; longer ones are cut there, which whoever reads them notices.
const LONGEST_REPLY: usize = 512 * 1024 + 1;

/// One policy at work in one worker: its gate, and what is under way at the proxy.
pub struct Skin<H> {
    host: H,
    root: ContextId,
    gate: RefCell<Gate>,
    calls: RefCell<HashMap<CallToken, AskId>>,
    /// Requests that were answered here; nothing of them may go on.
    refused: RefCell<BTreeSet<ContextId>>,
    counters: RefCell<Counters>,
    warnings: RefCell<Warnings>,
    /// The root was asked for and has not been there yet.
    wake_pending: Cell<bool>,
    /// The period of ticks in force, in milliseconds.
    tick: Cell<u32>,
    /// When counters were handed over last.
    reported: Cell<UnixTime>,
    /// Whether lines about single requests are written; looked up as often.
    verbose: Cell<bool>,
}

impl<H: Host> Skin<H> {
    /// A skin for `gate`, whose root context is `root`.
    pub fn new(host: H, root: ContextId, gate: Gate) -> Self {
        let verbose = Cell::new(host.logs(Level::Debug));
        Self {
            host,
            root,
            gate: RefCell::new(gate),
            calls: RefCell::default(),
            refused: RefCell::default(),
            counters: RefCell::default(),
            warnings: RefCell::default(),
            wake_pending: Cell::new(false),
            tick: Cell::new(0),
            reported: Cell::new(UnixTime::from_secs(0)),
            verbose,
        }
    }

    /// The proxy.
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// What its gate knows, for another one; `None` while it is at work.
    pub fn gate(&self) -> Option<Ref<'_, Gate>> {
        self.gate.try_borrow().ok()
    }

    /// The policy is in force. Nothing is sent before the first tick: Envoy tries every configuration in a VM that it
    /// throws away, whatever that one has asked and promised to others.
    pub fn start(&self) {
        let now = self.host.now();
        self.borrow_mut(|gate| gate.adopt(now));
        self.tell();
        self.tick_every(FIRST_TICK);
    }

    /// The head of the request `stream` is there.
    pub fn request(&self, stream: ContextId) -> Hold {
        let fields = match self.host.request_fields() {
            Ok(fields) => fields,
            Err(fault) => return self.give_up(stream, "request_fields", &fault.to_string()),
        };
        let mut head = RequestHead::with_room();
        if let Err(fault) = fields.each(|name, value| head.push(name, value)) {
            return self.give_up(stream, "request_fields", &fault.to_string());
        }
        let Some(policy) = self.borrow(|gate| Rc::clone(gate.policy())) else {
            return self.reentered(stream);
        };
        let route = policy.rules.uses_routes().then(|| self.host.route()).flatten();
        let rule = policy.route_metadata.then(|| self.host.rule_of_route()).flatten();
        let tls = || self.host.is_tls();
        let certificate = || self.host.client_certificate();
        let facts = Facts {
            route: route.as_deref(),
            rule: rule.as_deref(),
            tls: Some(&tls),
            certificate: Some(&certificate),
        };
        let now = self.host.now();
        match self.borrow_mut(|gate| gate.open(RequestId(stream), &head, &facts, now)) {
            None => self.reentered(stream),
            Some(Step::Settle(verdict)) => self.carry_out(stream, verdict),
            Some(Step::Park) => {
                if !self.wake_pending.replace(true) {
                    self.host.wake_root();
                }
                Hold::Keep
            }
        }
    }

    /// Whether what follows the head of `stream` has to be kept back still.
    pub fn rest(&self, stream: ContextId) -> Hold {
        let refused = self.is_refused(stream);
        let parked = self.borrow(|gate| gate.is_parked(RequestId(stream))).unwrap_or(true);
        if refused || parked { Hold::Keep } else { Hold::Release }
    }

    fn is_refused(&self, stream: ContextId) -> bool {
        self.refused.try_borrow().map_or(true, |refused| refused.contains(&stream))
    }

    /// The trailers of `stream` are there.
    pub fn trailers(&self, stream: ContextId) -> Hold {
        let Some(policy) = self.borrow(|gate| Rc::clone(gate.policy())) else {
            return self.reentered(stream);
        };
        if self.is_refused(stream) {
            return Hold::Keep;
        }
        match trailers::strip(&self.host, &policy) {
            Ok(()) => self.rest(stream),
            Err(fault) => self.give_up(stream, "request_trailers", &fault.to_string()),
        }
    }

    /// The stream is gone.
    pub fn gone(&self, stream: ContextId) {
        self.borrow_mut(|gate| gate.close(RequestId(stream)));
        if let Ok(mut refused) = self.refused.try_borrow_mut() {
            refused.remove(&stream);
        }
    }

    /// The root was woken: questions wait to be sent.
    pub fn woken(&self) {
        self.wake_pending.set(false);
        self.send();
        self.pace();
    }

    /// Time has passed.
    pub fn tick(&self) {
        let now = self.host.now();
        let report = now >= self.reported.get().plus(REPORT) || now < self.reported.get();
        if report {
            self.verbose.set(self.host.logs(Level::Debug));
        }
        let woken = self.borrow_mut(|gate| {
            gate.refresh(now);
            let mut woken = gate.follow(now);
            woken.extend(gate.expire(now));
            woken
        });
        self.wake(woken.unwrap_or_default());
        self.woken();
        // What happened without an answer.
        self.tell();
        if report {
            self.reported.set(now);
            let counted = self.counters.try_borrow_mut().map(|mut counters| counters.take());
            counted.unwrap_or_default().report(&self.host);
            for (issuer, age) in self.borrow(|gate| gate.key_ages(now)).unwrap_or_default() {
                self.host.gauge(&format!("scopegate.keys.age_seconds.{issuer}"), age.as_secs());
            }
        }
    }

    /// The reply to a callout is there, with this many fields; without any it has failed.
    pub fn reply(&self, token: CallToken, fields: usize) {
        let ask = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&token));
        let Some(ask) = ask else { return };
        match (fields > 0).then(|| self.host.reply(LONGEST_REPLY)).flatten() {
            Some(CalloutReply { status, fields, body }) => {
                self.answer(ask, &Reply::Answered(Answer { status, fields: &fields, body: &body }));
            }
            None => self.answer(ask, &Reply::Failed),
        }
        self.send();
        self.pace();
    }

    /// Sends questions until there are none: what cannot be sent has failed, which may lead to the next question.
    fn send(&self) {
        loop {
            let now = self.host.now();
            let asks = self.borrow_mut(|gate| gate.asks(now)).unwrap_or_default();
            if asks.is_empty() {
                return;
            }
            for ask in asks {
                self.send_one(&ask);
            }
        }
    }

    fn send_one(&self, ask: &Ask) {
        match self.host.call(&ask.callout) {
            Ok(token) => {
                if let Ok(mut calls) = self.calls.try_borrow_mut() {
                    calls.insert(token, ask.id);
                }
            }
            Err(fault) => {
                let callout = &ask.callout;
                let line =
                    format!("{callout:?} was not sent: {fault}: is there such a cluster, and has it hosts?");
                self.warn(Level::Warn, &callout.cluster, "unsent", &line);
                self.answer(ask.id, &Reply::Failed);
            }
        }
    }

    fn answer(&self, ask: AskId, reply: &Reply<'_>) {
        let now = self.host.now();
        let woken = self.borrow_mut(|gate| gate.answer(ask, reply, now)).unwrap_or_default();
        self.tell();
        self.wake(woken);
    }

    /// Counts and logs what happened.
    fn tell(&self) {
        for event in self.borrow_mut(Gate::take_events).unwrap_or_default() {
            let (kind, what) = Warnings::counter(&event);
            self.count(kind, what);
            let line = event.to_string();
            self.warn(Warnings::level(&event), &line, what, &line);
        }
    }

    fn wake(&self, woken: Vec<Woken>) {
        if woken.is_empty() {
            return;
        }
        for Woken { id: RequestId(stream), verdict } in woken {
            // A stream that is gone needs no verdict.
            if self.host.select(stream).is_ok()
                && self.carry_out(stream, verdict) == Hold::Release
                && let Err(fault) = self.host.resume()
            {
                self.host.log(Level::Error, &fault.to_string());
            }
        }
        if let Err(fault) = self.host.select(self.root) {
            self.host.log(Level::Error, &fault.to_string());
        }
    }

    /// Edits or answers the selected request. Only one that is released may be resumed.
    fn carry_out(&self, stream: ContextId, verdict: Verdict) -> Hold {
        self.note(verdict.note());
        if let Some(policy) = self.borrow(|gate| Rc::clone(gate.policy())) {
            filter_state::publish(&self.host, &policy.upstream.filter_state, verdict.note());
        }
        match verdict {
            Verdict::Admit { permit: _, edits, note: _ } => match self.host.edit(&edits) {
                Ok(()) => Hold::Release,
                Err(fault) => self.give_up(stream, "edit", &fault.to_string()),
            },
            Verdict::Refuse { response, note } => {
                self.respond(stream, &response, &format!("scopegate_{}", note.reason))
            }
        }
    }

    /// The proxy does not do what it must: the request is refused, for without it nothing is certain.
    fn give_up(&self, stream: ContextId, what: &'static str, why: &str) -> Hold {
        self.count("host_fault", what);
        self.warn(Level::Error, what, "host_fault", &format!("a request was refused: {what}: {why}"));
        let mut fields =
            vec![("retry-after", FieldValue::lossy("1")), ("cache-control", FieldValue::lossy("no-store"))];
        if let Some(policy) = self.borrow(|gate| Rc::clone(gate.policy()))
            && let Some(cors) = &policy.cors
        {
            fields.extend(cors.fields(self.host.origin().as_deref()));
        }
        let response = Response { status: 503, fields, body: String::new(), grpc_status: Some(14) };
        self.respond(stream, &response, &format!("scopegate_host_fault_{what}"))
    }

    fn reentered(&self, stream: ContextId) -> Hold {
        self.give_up(stream, "reentry", "the proxy called back during a call")
    }

    /// Answers the request; nothing of it goes on, whether or not the answer gets out.
    fn respond(&self, stream: ContextId, response: &Response, details: &str) -> Hold {
        if let Ok(mut refused) = self.refused.try_borrow_mut() {
            refused.insert(stream);
        }
        if let Err(fault) = self.host.respond(response, details) {
            self.host.log(Level::Error, &fault.to_string());
        }
        Hold::Keep
    }

    fn note(&self, note: &Note) {
        self.count(if note.observed { "observed" } else { "decision" }, note.reason);
        // Where it happens to everybody the remedy is a setting.
        if note.reason == "authority_ambiguous" {
            self.warn(Level::Warn, &note.detail, "refused", &note.detail);
        }
        if let Some(rule) = note.rule.as_ref().filter(|_| note.observed)
            && let Ok(mut counters) = self.counters.try_borrow_mut()
        {
            counters.observe(rule, note.reason);
        }
        if self.verbose.get() {
            let rule = note.rule.as_deref().unwrap_or("-");
            let issuer = note.issuer.as_deref().unwrap_or("-");
            let observed = if note.observed { " (observed only)" } else { "" };
            let line = format!("{}{observed} rule={rule} issuer={issuer} {}", note.reason, note.detail);
            self.host.log(Level::Debug, &line);
        }
    }

    /// Logs what lasts once in a while, and not once a request.
    fn warn(&self, level: Level, about: &str, kind: &'static str, line: &str) {
        let now = self.host.now();
        let due = self.warnings.try_borrow_mut().is_ok_and(|mut warnings| warnings.is_due(about, kind, now));
        if due {
            self.host.log(level, line);
        }
    }

    fn count(&self, kind: &'static str, what: &'static str) {
        if let Ok(mut counters) = self.counters.try_borrow_mut() {
            counters.add(kind, what);
        }
    }

    /// Ticks fast while somebody waits.
    fn pace(&self) {
        let (waits, follows) =
            self.borrow(|gate| (gate.waiting() > 0, gate.is_following())).unwrap_or_default();
        let tick = match (waits, follows) {
            (true, true) => FOLLOWING_TICK,
            (true, false) => BUSY_TICK,
            (false, _) => IDLE_TICK,
        };
        self.tick_every(tick);
    }

    fn tick_every(&self, tick: u32) {
        if self.tick.replace(tick) != tick {
            self.host.tick_every(tick);
        }
    }

    fn borrow<T>(&self, look: impl FnOnce(&Gate) -> T) -> Option<T> {
        self.gate.try_borrow().ok().map(|gate| look(&gate))
    }

    fn borrow_mut<T>(&self, work: impl FnOnce(&mut Gate) -> T) -> Option<T> {
        self.gate.try_borrow_mut().ok().map(|mut gate| work(&mut gate))
    }
}
