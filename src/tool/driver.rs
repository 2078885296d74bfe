//! Drives the engine natively: one request after the other, each to its end.

use core::time::Duration;
use std::rc::Rc;

use super::mint::RsaSigner;
use super::request::{Failure, Reply, Request};
use crate::base::time::UnixTime;
use crate::gate::step::Event;
use crate::gate::{Facts, Gate, RequestId, Step, Verdict, Woken};
use crate::http::message::Callout;
use crate::jose::backend::NoAccelerator;
use crate::policy::Policy;

/// How many rounds of questions one request may lead to; the engine needs a handful.
const ROUNDS: usize = 64;

/// A gate and what it remembers from request to request, as in one worker of a proxy.
pub struct Driver {
    gate: Gate,
    next: u32,
}

/// What became of a request, and what was asked on its behalf.
pub struct Judged {
    /// The decision.
    pub verdict: Verdict,
    /// Every question, in order, with the reply that it got.
    pub questions: Vec<(Callout, Reply)>,
    /// What else happened.
    pub events: Vec<Event>,
}

impl Driver {
    /// A gate for `policy` that remembers nothing yet.
    pub fn new(policy: Rc<Policy>) -> Self {
        // Whoever runs the tool chooses all tokens that it remembers: nobody gains from a collision, and a fixed seed
        // makes two runs equal.
        let gate = Gate::new(policy, [0; 16], Rc::new(NoAccelerator)).signing_with(Rc::new(RsaSigner));
        Self { gate, next: 0 }
    }

    /// Judges `request` at `now`; `answer` plays the issuers, `None` = nobody is there.
    ///
    /// # Errors
    /// When the engine comes to no verdict, which would be its fault.
    pub fn judge(
        &mut self,
        request: &Request,
        now: UnixTime,
        answer: &mut dyn FnMut(&Callout) -> Option<Reply>,
    ) -> Result<Judged, Stuck> {
        drop(self.gate.expire(now));
        let id = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        let certificate = || request.client_cert_sha256;
        let facts = Facts {
            route: request.route.name.as_deref().map(str::as_bytes),
            rule: request.route.rule.as_deref().map(str::as_bytes),
            tls: Some(&|| request.is_over_tls()),
            certificate: Some(&certificate),
        };
        let mut verdict = match self.gate.open(id, &request.head(), &facts, now) {
            Step::Settle(verdict) => Some(verdict),
            Step::Park => None,
        };
        let mut questions = Vec::new();
        for _ in 0..ROUNDS {
            let asks = self.gate.asks(now);
            if asks.is_empty() {
                break;
            }
            for ask in asks {
                let reply = answer(&ask.callout).unwrap_or(Reply::Failed(Failure::Refused));
                let woken = self.gate.answer(ask.id, &reply.as_message(), now);
                verdict = verdict.or_else(|| own(woken, id));
                questions.push((ask.callout, reply));
            }
        }
        let verdict = verdict.or_else(|| self.give_up(id, now)).ok_or(Stuck)?;
        Ok(Judged { verdict, questions, events: self.gate.take_events() })
    }

    /// The verdict on a request for which no news will come: its time runs out.
    fn give_up(&mut self, id: RequestId, now: UnixTime) -> Option<Verdict> {
        const LONG: Duration = Duration::from_secs(24 * 60 * 60);
        let verdict = own(self.gate.expire(now.plus(LONG)), id);
        self.gate.close(id);
        verdict
    }
}

/// The engine parked a request and forgot it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuck;

impl core::fmt::Display for Stuck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the engine came to no verdict; this is a bug in scopegate")
    }
}

fn own(woken: Vec<Woken>, id: RequestId) -> Option<Verdict> {
    woken.into_iter().find(|woken| woken.id == id).map(|woken| woken.verdict)
}
