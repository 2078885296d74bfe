//! The gate's doors: requests and replies go in, verdicts and callouts come out.

use core::time::Duration;
use std::rc::Rc;

use super::callouts::Callouts;
use super::case::{Case, Waiting};
use super::certificate;
use super::clock::Clock;
use super::handover;
use super::memory::Known;
use super::opening::{self, Opened};
use super::proofs::Proofs;
use super::refuse::Outage;
use super::shared::SharedSlots;
use super::step::{Ask, AskId, Event, Facts, RequestId, Step, Verdict, Woken};
use super::tokens::Tokens;
use super::topic::Topic;
use super::validate::{Stop, Validation};
use super::verdict::Verdicts;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::message::Reply;
use crate::jose::backend::{Accelerator, Signer};
use crate::policy::Policy;

/// Judges requests under one policy.
pub struct Gate {
    policy: Rc<Policy>,
    accelerator: Rc<dyn Accelerator>,
    /// What waits and memories are measured by.
    clock: Rc<Clock>,
    tokens: Tokens,
    in_flight: Waiting,
    callouts: Callouts,
    proofs: Option<Proofs>,
}

impl Gate {
    /// A gate for `policy`. `seed` has to be random: it keys what is remembered. Signatures are offered to
    /// `accelerator` first.
    pub fn new(policy: Rc<Policy>, seed: [u8; 16], accelerator: Rc<dyn Accelerator>) -> Self {
        let clock = Rc::default();
        Self {
            tokens: Tokens::new(&policy, &clock, Rc::clone(&accelerator), seed),
            callouts: Callouts::new(&policy, seed),
            proofs: Proofs::new(&policy, &seed, None),
            in_flight: Waiting::default(),
            policy,
            accelerator,
            clock,
        }
    }

    /// This gate, with `signer` for client assertions that take RSA.
    #[must_use]
    pub fn signing_with(mut self, signer: Rc<dyn Signer>) -> Self {
        self.callouts.signer = signer;
        self
    }

    /// This gate, sharing issuers' answers and used proofs with the gates of other workers through `slots`. All of them
    /// have to be given the same `seed`.
    #[must_use]
    pub fn sharing(mut self, slots: Rc<dyn SharedSlots>, seed: [u8; 16]) -> Self {
        self.tokens.share(&slots, seed, self.callouts.own());
        self.proofs = Proofs::new(&self.policy, &seed, Some(slots));
        self
    }

    /// This gate, with what `formers` know that holds under this policy too: a change of the policy makes nobody wait
    /// for keys that are there, asks no issuer again, and closes no circuit breaker that is open.
    ///
    /// Key sets go over for the same issuer, place and cluster; for how long they are used is for this policy to say.
    /// What an issuer said, and whether it answers, go over where its whole part of the policy is the same and has the
    /// same place in it; what that grants is worked out anew. Tokens that were verified are verified again. Of several
    /// that know something of one issuer the latest news count, whichever of them this gate stands in for. To be called
    /// after [`Gate::sharing`], before the gate has judged anything. All `formers` are of one worker: each has taken
    /// over from those before it.
    #[must_use]
    pub fn taking_over<'g>(mut self, formers: impl IntoIterator<Item = &'g Self>) -> Self {
        let mut formers: Vec<&Self> = formers.into_iter().collect();
        let Some(first) = formers.first() else { return self };
        // What the clock has shown before tells how old shared records are, and what is taken over.
        self.clock = Rc::clone(&first.clock);
        self.tokens.keep_time(&self.clock);
        formers.retain(|former| Rc::ptr_eq(&former.clock, &self.clock));
        let formers = formers.into_iter().map(|former| &former.tokens).collect();
        handover::take_over(&mut self.tokens, formers, self.clock.latest());
        self
    }

    /// The policy under which this gate judges.
    pub const fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    /// Judges the request `id`, or parks it.
    pub fn open(&mut self, id: RequestId, head: &RequestHead<'_>, facts: &Facts<'_>, now: UnixTime) -> Step {
        self.clock.see(now);
        let (mut case, known) = match opening::open(&self.verdicts(now), &self.tokens.memory, head, facts) {
            Opened::Settled(verdict) => return Step::Settle(verdict),
            Opened::Case(case, known) => (case, known),
        };
        let found = match known {
            Some(known) => self.validation(now).confirm(&mut case, known),
            None => self.validation(now).advance(&mut case),
        };
        if certificate::matters(&found) {
            case.certificate = certificate::of_sender(&self.policy, head, facts);
        }
        self.conclude(id, case, found, now).map_or(Step::Park, Step::Settle)
    }

    /// The callouts that have to be sent now, each exactly once.
    pub fn asks(&mut self, now: UnixTime) -> Vec<Ask> {
        self.clock.see(now);
        self.callouts.take(&mut self.tokens, &mut self.in_flight, now)
    }

    /// Takes in the reply to the callout `ask` and judges everybody who waited for it. Afterwards [`Self::asks`] may
    /// have more to send. A reply that comes twice, or too late, changes nothing.
    pub fn answer(&mut self, ask: AskId, reply: &Reply<'_>, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let Tokens { issuers, memory, .. } = &mut self.tokens;
        match self.in_flight.receive(ask) {
            None => Vec::new(),
            Some((topic @ Topic::Keys(issuer, set), _)) => {
                if issuers.learn_keys(issuer, set, reply, memory, now) {
                    self.wake(topic, now, |_| {})
                } else {
                    self.in_flight.want(topic, self.clock.steady(now));
                    Vec::new()
                }
            }
            Some((topic @ Topic::Token(issuer, inquiry), asked)) => {
                let heard = self.tokens.hear(&mut self.in_flight, issuer, inquiry, reply, asked, now);
                self.wake(topic, now, |case| case.heard.push((issuer, heard.clone())))
            }
        }
    }

    /// Looks whether other workers have learned what requests here wait for. Afterwards [`Self::asks`] may have
    /// something to send, where nobody has.
    pub fn follow(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let mut woken = Vec::new();
        for topic in self.callouts.take_following() {
            // One look for all who wait, however many.
            if self.callouts.is_over(topic, &mut self.tokens, &mut self.in_flight, now) {
                // Whoever still waits judges anew: finds the answer, takes the turn, or goes on waiting.
                woken.extend(self.wake(topic, now, |_| {}));
            }
        }
        woken
    }

    /// Takes over the key sets that other workers have fetched, where those here are due, and how long used proofs have to
    /// be remembered. Tells nobody anything.
    pub fn adopt(&mut self, now: UnixTime) {
        self.clock.see(now);
        if let Some(proofs) = &self.proofs {
            proofs.look(now);
        }
        let Tokens { issuers, memory, .. } = &mut self.tokens;
        for (issuer, set) in issuers.due(now) {
            issuers.adopt_keys(issuer, set, memory, now);
        }
    }

    /// Has keys fetched that are due in the background, and that no other worker has fetched; to be called about once a
    /// second.
    pub fn refresh(&mut self, now: UnixTime) {
        self.adopt(now);
        if let Some(proofs) = &self.proofs {
            proofs.agree(now);
        }
        for (issuer, set) in self.tokens.issuers.due(now) {
            self.in_flight.want(Topic::Keys(issuer, set), self.clock.steady(now));
        }
    }

    /// Refuses everybody whose time is up.
    pub fn expire(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let steady = self.clock.steady(now);
        for topic in self.in_flight.overdue(steady) {
            if let Topic::Token(issuer, inquiry) = topic {
                self.tokens.hear_nothing(issuer, inquiry, now);
            }
        }
        let mut woken = Vec::new();
        for (id, mut case) in self.in_flight.expire(steady) {
            let given_up =
                matches!(case.deadline, Some((Topic::Token(issuer, _), _)) if case.has_heard(issuer));
            let verdict = if given_up {
                self.proceed(id, case, now)
            } else {
                let edits = core::mem::take(&mut case.edits);
                Some(self.verdicts(now).unknown(case.about(None), Outage::TooLate, || edits))
            };
            woken.extend(verdict.map(|verdict| Woken { id, verdict }));
        }
        woken
    }

    /// Forgets a request that is gone.
    pub fn close(&mut self, id: RequestId) {
        self.in_flight.remove(id);
    }

    /// Whether the request `id` waits for its verdict.
    pub fn is_parked(&self, id: RequestId) -> bool {
        self.in_flight.is_parked(id)
    }

    /// How many requests wait for their verdicts.
    pub fn waiting(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether another worker is asking what requests here wait for.
    pub const fn is_following(&self) -> bool {
        self.callouts.is_following()
    }

    /// How long ago the oldest key set in use of each issuer was fetched.
    pub fn key_ages(&self, now: UnixTime) -> Vec<(Rc<str>, Duration)> {
        self.tokens.issuers.key_ages(now)
    }

    /// What happened since this was last asked.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.tokens.issuers.take_events()
    }

    fn verdicts(&self, now: UnixTime) -> Verdicts<'_> {
        Verdicts { policy: &self.policy, proofs: self.proofs.as_ref(), accelerator: &*self.accelerator, now }
    }

    fn validation(&mut self, now: UnixTime) -> Validation<'_> {
        Validation {
            policy: &self.policy,
            accelerator: &*self.accelerator,
            tokens: &mut self.tokens,
            in_flight: &mut self.in_flight,
            now,
        }
    }

    /// Takes a case as far as it goes: to a verdict, or into the waiting room.
    fn proceed(&mut self, id: RequestId, mut case: Case<'_>, now: UnixTime) -> Option<Verdict> {
        let found = self.validation(now).advance(&mut case);
        self.conclude(id, case, found, now)
    }

    /// What becomes of a case whose token was found to be this.
    fn conclude(
        &mut self,
        id: RequestId,
        mut case: Case<'_>,
        found: Result<Rc<Known>, Stop>,
        now: UnixTime,
    ) -> Option<Verdict> {
        let stop = match found {
            Ok(known) => return Some(self.verdicts(now).decide(&mut case, known)),
            Err(stop) => stop,
        };
        let limit = self.policy.limits.waiting_requests;
        if let Stop::Wait(topic) = stop
            && self.in_flight.has_room(topic, self.tokens.standing(topic, now), limit)
        {
            let steady = self.clock.steady(now);
            let until = match case.deadline {
                Some((waited_for, until)) if waited_for == topic => until,
                Some(_) | None => steady.plus(self.tokens.issuers.patience(topic)),
            };
            case.deadline = Some((topic, until));
            self.in_flight.park(id, case.into_owned(), topic, until, steady);
            return None;
        }
        let edits = core::mem::take(&mut case.edits);
        let edits = || edits;
        let (about, verdicts) = (case.about(None), self.verdicts(now));
        Some(match stop {
            Stop::Bad(denial) => verdicts.refused(about, &denial, edits),
            Stop::Unknown(outage) => verdicts.unknown(about, outage, edits),
            Stop::Wait(_) => verdicts.unknown(about, Outage::Overloaded, edits),
        })
    }

    fn wake(&mut self, topic: Topic, now: UnixTime, mut learn: impl FnMut(&mut Case<'static>)) -> Vec<Woken> {
        let mut woken = Vec::new();
        for (id, mut case) in self.in_flight.wake(topic) {
            learn(&mut case);
            if let Some(verdict) = self.proceed(id, case, now) {
                woken.push(Woken { id, verdict });
            }
        }
        woken
    }
}
