//! What is asked outside, by whom of the workers, and who goes on when another one has asked.

use core::time::Duration;

use super::case::Heard;
use super::circuit_breaker::{Admission, Standing};
use super::engine::Gate;
use super::memory::{Inquiry, Memory};
use super::shared::{Shared, Turn};
use super::step::{Ask, Event, Woken};
use super::topic::Topic;
use crate::base::time::UnixTime;
use crate::http::message::Callout;
use crate::token::introspection::{self, Question, Silence};

/// How many callouts it may take to get to an issuer's keys: two places of metadata, and the set.
const STEPS_TO_KEYS: u32 = 3;

impl Gate {
    /// The callouts that have to be sent now, each exactly once.
    pub fn asks(&mut self, now: UnixTime) -> Vec<Ask> {
        self.clock.see(now);
        let mut asks = Vec::new();
        let steady = self.clock.steady(now);
        let is_known = |topic| standing(&self.memory, topic, steady) == Standing::ActiveLately;
        for topic in self.in_flight.take_wanted(steady, is_known) {
            if self.takes_turn(topic, now) {
                asks.extend(self.ask(topic, now));
            } else {
                self.following.push(topic);
            }
        }
        asks
    }

    /// Whether nobody else is asking about `topic`.
    fn takes_turn(&mut self, topic: Topic, now: UnixTime) -> bool {
        match (topic, &self.shared) {
            (Topic::Keys(issuer, set), _) => self.takes_turn_to_fetch(issuer, set, now),
            (Topic::Token(..), None) => true,
            (Topic::Token(issuer, inquiry), Some(shared)) => {
                shared.take_turn(issuer, inquiry.answer, self.patience(topic), &self.clock, now) == Turn::Ours
            }
        }
    }

    fn ask(&mut self, topic: Topic, now: UnixTime) -> Option<Ask> {
        if let Topic::Token(issuer, inquiry) = topic
            && self.admission(issuer, inquiry.token, now) != Admission::Ask
        {
            // Others were quicker to take the places of trials.
            self.cannot_ask(topic, &Silence::Unavailable(0), now);
            return None;
        }
        let callout = match self.callout(topic, now) {
            Some(Ok(callout)) => callout,
            Some(Err(why)) => {
                self.cannot_ask(topic, &why, now);
                if let Topic::Token(issuer, _) = topic
                    && let Some(issuer) = self.issuer_name(issuer)
                {
                    self.events.push(Event::IssuerSilent { issuer, why });
                }
                return None;
            }
            None => {
                self.in_flight.drop_topic(topic);
                return None;
            }
        };
        let steady = self.clock.steady(now);
        if let Topic::Token(issuer, Inquiry { token, .. }) = topic {
            let standing = self.memory.standing(issuer, token, steady);
            self.with_breaker(issuer, |breaker| breaker.asked(token, standing));
        }
        let id = self.in_flight.send(topic, now, steady.plus(callout.timeout));
        Some(Ask { id, callout })
    }

    /// The question cannot even be put. Whoever waits for its answer is told so by [`Self::expire`].
    fn cannot_ask(&mut self, topic: Topic, why: &Silence, now: UnixTime) {
        let Topic::Token(issuer, inquiry) = topic else { return };
        if let Some(shared) = &self.shared {
            shared.give_turn_back(issuer, inquiry.answer);
        }
        let steady = self.clock.steady(now);
        self.in_flight.give_up(topic, steady, |case| case.heard.push((issuer, Heard::Silent(why.clone()))));
    }

    /// Looks whether other workers have learned what requests here wait for. Afterwards [`Self::asks`] may have
    /// something to send, where nobody has.
    pub fn follow(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let mut woken = Vec::new();
        for topic in core::mem::take(&mut self.following) {
            // One look for all who wait, however many.
            if self.is_asked_elsewhere(topic, now) {
                self.following.push(topic);
                continue;
            }
            self.in_flight.drop_topic(topic);
            if let Topic::Keys(issuer, set) = topic {
                self.adopt_keys(issuer, set, now);
                // The other worker has failed, or is gone: whoever waits has not been told of a failure here.
                if self.is_wanted(issuer, set, now) && self.in_flight.waiter(topic).is_some() {
                    self.in_flight.want(topic, self.clock.steady(now));
                    continue;
                }
            }
            // Whoever still waits judges anew: finds the answer, takes the turn, or goes on waiting.
            woken.extend(self.wake(topic, now, |_| {}));
        }
        woken
    }

    fn is_asked_elsewhere(&self, topic: Topic, now: UnixTime) -> bool {
        match topic {
            Topic::Keys(issuer, set) => {
                self.sealed.as_ref().is_some_and(|sealed| sealed.is_taken(issuer, set, &self.clock, now))
            }
            Topic::Token(issuer, inquiry) => {
                let is_taken = |shared: &Shared| {
                    shared.is_taken(issuer, inquiry.answer, self.patience(topic), &self.clock, now)
                };
                self.shared.as_ref().is_some_and(is_taken)
            }
        }
    }

    /// Whether another worker is asking what requests here wait for.
    pub fn is_following(&self) -> bool {
        !self.following.is_empty()
    }

    /// What to send about `topic`; `None` where there is nothing to ask.
    fn callout(&mut self, topic: Topic, now: UnixTime) -> Option<Result<Callout, Silence>> {
        match topic {
            Topic::Keys(issuer, set) => self.store(issuer, set)?.callout().map(Ok),
            Topic::Token(issuer, _) => {
                let configured = self.policy.issuer(issuer)?;
                let introspection = configured.introspection.as_ref()?;
                let case = self.in_flight.waiter(topic)?;
                self.nonces = self.nonces.wrapping_add(1);
                let question = Question {
                    token: case.token.expose(),
                    scopes: &self.required_scopes(case.decider),
                    now,
                    nonce: self.own.nonce(self.nonces),
                    signer: &*self.signer,
                    can_verify: !configured.keys.is_empty(),
                };
                Some(introspection::question(&introspection.endpoint, &question))
            }
        }
    }

    /// How long a request waits for news about `topic`.
    pub(super) fn patience(&self, topic: Topic) -> Duration {
        match topic {
            Topic::Keys(issuer, set) => {
                self.store(issuer, set).map_or(Duration::ZERO, |store| store.timeout() * STEPS_TO_KEYS)
            }
            Topic::Token(issuer, _) => {
                let introspection =
                    self.policy.issuer(issuer).and_then(|issuer| issuer.introspection.as_ref());
                introspection.map_or(Duration::ZERO, |introspection| introspection.endpoint.timeout)
            }
        }
    }
}

/// Who the token of `topic` is to its issuer. Keys are nobody's.
pub(super) fn standing(memory: &Memory, topic: Topic, now: UnixTime) -> Standing {
    match topic {
        Topic::Token(issuer, inquiry) => memory.standing(issuer, inquiry.token, now),
        Topic::Keys(..) => Standing::ActiveLately,
    }
}
