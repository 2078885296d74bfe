//! What is asked outside, by whom of the workers, and who goes on when another one has asked.

use std::rc::Rc;

use super::case::{Heard, Waiting};
use super::circuit_breaker::{Admission, Standing};
use super::memory::Inquiry;
use super::step::{Ask, Event};
use super::tokens::Tokens;
use super::topic::Topic;
use crate::base::digest::DigestKey;
use crate::base::time::UnixTime;
use crate::http::message::Callout;
use crate::jose::backend::{NoSigner, Signer};
use crate::policy::Policy;
use crate::token::introspection::{self, Question, Silence};

/// What it takes to ask, and what is left to other workers.
pub(super) struct Callouts {
    policy: Rc<Policy>,
    /// Signs client assertions that take RSA.
    pub(super) signer: Rc<dyn Signer>,
    /// What this worker's nonces are made with; no other one has it.
    own: DigestKey,
    nonces: u64,
    /// Topics that another worker is asking about.
    following: Vec<Topic>,
}

impl Callouts {
    /// Nothing was asked yet. `seed` is random, and this worker's alone.
    pub(super) fn new(policy: &Rc<Policy>, seed: [u8; 16]) -> Self {
        Self {
            policy: Rc::clone(policy),
            signer: Rc::new(NoSigner),
            own: DigestKey::new(seed),
            nonces: 0,
            following: Vec::new(),
        }
    }

    /// What this worker alone knows.
    pub(super) fn own(&self) -> [u8; 16] {
        self.own.nonce(u64::MAX)
    }

    /// The callouts that have to be sent now, each exactly once.
    pub(super) fn take(&mut self, tokens: &mut Tokens, in_flight: &mut Waiting, now: UnixTime) -> Vec<Ask> {
        let mut asks = Vec::new();
        let is_known = |topic| tokens.standing(topic, now) == Standing::ActiveLately;
        for topic in in_flight.take_wanted(tokens.steady(now), is_known) {
            let is_ours = match topic {
                Topic::Keys(issuer, set) => {
                    tokens.issuers.takes_turn_to_fetch(issuer, set, &mut tokens.memory, now)
                }
                Topic::Token(issuer, inquiry) => tokens.takes_turn(issuer, inquiry, now),
            };
            if is_ours {
                asks.extend(self.ask(topic, tokens, in_flight, now));
            } else {
                self.following.push(topic);
            }
        }
        asks
    }

    fn ask(
        &mut self,
        topic: Topic,
        tokens: &mut Tokens,
        in_flight: &mut Waiting,
        now: UnixTime,
    ) -> Option<Ask> {
        let standing = tokens.standing(topic, now);
        if let Topic::Token(issuer, inquiry) = topic
            && tokens.issuers.admission(issuer, inquiry.token, standing, now) != Admission::Ask
        {
            // Others were quicker to take the places of trials.
            self.cannot_ask(topic, &Silence::Unavailable(0), tokens, in_flight, now);
            return None;
        }
        let callout = match self.callout(topic, tokens, in_flight, now) {
            Some(Ok(callout)) => callout,
            Some(Err(why)) => {
                self.cannot_ask(topic, &why, tokens, in_flight, now);
                if let Topic::Token(issuer, _) = topic
                    && let Some(issuer) = tokens.issuers.name(issuer)
                {
                    tokens.issuers.note(Event::IssuerSilent { issuer, why });
                }
                return None;
            }
            None => {
                in_flight.drop_topic(topic);
                return None;
            }
        };
        let steady = tokens.steady(now);
        if let Topic::Token(issuer, Inquiry { token, .. }) = topic {
            tokens.issuers.with_breaker(issuer, |breaker| breaker.asked(token, standing));
        }
        let id = in_flight.send(topic, now, steady.plus(callout.timeout));
        Some(Ask { id, callout })
    }

    /// The question cannot even be put. Whoever waits for its answer is told so when requests expire.
    fn cannot_ask(
        &self,
        topic: Topic,
        why: &Silence,
        tokens: &Tokens,
        in_flight: &mut Waiting,
        now: UnixTime,
    ) {
        let Topic::Token(issuer, inquiry) = topic else { return };
        tokens.give_turn_back(issuer, inquiry);
        let steady = tokens.steady(now);
        in_flight.give_up(topic, steady, |case| case.heard.push((issuer, Heard::Silent(why.clone()))));
    }

    /// The topics that other workers were asking about when this was last asked.
    pub(super) fn take_following(&mut self) -> Vec<Topic> {
        core::mem::take(&mut self.following)
    }

    /// Whether whoever waits for `topic` is to judge anew, for another worker has learned about it, or will not. Else
    /// that one is asking still, or this one has to.
    pub(super) fn is_over(
        &mut self,
        topic: Topic,
        tokens: &mut Tokens,
        in_flight: &mut Waiting,
        now: UnixTime,
    ) -> bool {
        if tokens.is_asked_elsewhere(topic, now) {
            self.following.push(topic);
            return false;
        }
        in_flight.drop_topic(topic);
        if let Topic::Keys(issuer, set) = topic {
            tokens.issuers.adopt_keys(issuer, set, &mut tokens.memory, now);
            // The other worker has failed, or is gone: whoever waits has not been told of a failure here.
            if tokens.issuers.is_wanted(issuer, set, now) && in_flight.waiter(topic).is_some() {
                in_flight.want(topic, tokens.steady(now));
                return false;
            }
        }
        true
    }

    /// Whether another worker is asking what requests here wait for.
    pub(super) const fn is_following(&self) -> bool {
        !self.following.is_empty()
    }

    /// What to send about `topic`; `None` where there is nothing to ask.
    fn callout(
        &mut self,
        topic: Topic,
        tokens: &Tokens,
        in_flight: &Waiting,
        now: UnixTime,
    ) -> Option<Result<Callout, Silence>> {
        match topic {
            Topic::Keys(issuer, set) => tokens.issuers.callout(issuer, set).map(Ok),
            Topic::Token(issuer, _) => {
                let configured = self.policy.issuer(issuer)?;
                let introspection = configured.introspection.as_ref()?;
                let case = in_flight.waiter(topic)?;
                self.nonces = self.nonces.wrapping_add(1);
                let question = Question {
                    token: case.token.expose(),
                    scopes: &case.decider.required_scopes(&self.policy),
                    now,
                    nonce: self.own.nonce(self.nonces),
                    signer: &*self.signer,
                    can_verify: !configured.keys.is_empty(),
                };
                Some(introspection::question(&introspection.endpoint, &question))
            }
        }
    }
}
