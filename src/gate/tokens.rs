//! What is known of tokens: what is remembered here, what other workers were told, and what issuers say.

use core::time::Duration;
use std::rc::Rc;

use super::admit;
use super::case::{Heard, Waiting};
use super::circuit_breaker::{Failure, Standing};
use super::clock::{Clock, Span};
use super::issuers::Issuers;
use super::keys::Offer;
use super::memory::{Asked, Inquiry, Known, Lifetime, Memory, Said};
use super::shared::{Kind, Shared, SharedSlots, Turn};
use super::step::Event;
use super::topic::Topic;
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::jose::backend::Accelerator;
use crate::policy::{Introspection, OnOutage, Policy};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::grant::Grant;
use crate::token::introspection::{self, ReplyKeys, Silence, Terms, Word};

/// The times of a question, its answer, and the request that needs it.
#[derive(Clone, Copy)]
struct Times {
    asked: UnixTime,
    answered: UnixTime,
    /// Whoever was told takes the answer for news until then.
    until: UnixTime,
    now: UnixTime,
}

/// All that is known of tokens, and of the issuers that vouch for them.
pub(super) struct Tokens {
    policy: Rc<Policy>,
    clock: Rc<Clock>,
    accelerator: Rc<dyn Accelerator>,
    pub(super) issuers: Issuers,
    pub(super) memory: Memory,
    /// What workers share of issuers' answers, where they share anything.
    shared: Option<Shared>,
}

impl Tokens {
    /// Nothing is known yet. `seed` is random: it keys what is remembered.
    pub(super) fn new(
        policy: &Rc<Policy>,
        clock: &Rc<Clock>,
        accelerator: Rc<dyn Accelerator>,
        seed: [u8; 16],
    ) -> Self {
        let [spread, ..] = seed;
        Self {
            policy: Rc::clone(policy),
            clock: Rc::clone(clock),
            accelerator,
            issuers: Issuers::new(policy, clock, spread),
            memory: Memory::new(policy.limits.cached_tokens, seed),
            shared: None,
        }
    }

    /// Has workers share what they know in `slots`: all have the same `seed`, and `own` is known to this one alone.
    pub(super) fn share(&mut self, slots: &Rc<dyn SharedSlots>, seed: [u8; 16], own: [u8; 16]) {
        self.memory = Memory::new(self.policy.limits.cached_tokens, seed);
        self.shared = Some(Shared::new(Rc::clone(slots), &self.policy, &seed));
        self.issuers.share(Rc::clone(slots), own);
    }

    /// Measures time by `clock` from now on.
    pub(super) fn keep_time(&mut self, clock: &Rc<Clock>) {
        self.clock = Rc::clone(clock);
        self.issuers.keep_time(clock);
    }

    /// The steady time when the proxy's clock shows `now`.
    pub(super) fn steady(&self, now: UnixTime) -> UnixTime {
        self.clock.steady(now)
    }

    /// The policy that says what a token has to be.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Who the token of `topic` is to its issuer. Keys are nobody's.
    pub(super) fn standing(&self, topic: Topic, now: UnixTime) -> Standing {
        match topic {
            Topic::Token(issuer, inquiry) => {
                self.memory.standing(issuer, inquiry.token, self.clock.steady(now))
            }
            Topic::Keys(..) => Standing::ActiveLately,
        }
    }

    /// Takes over what issuers said, as another gate of this worker remembers it.
    pub(super) fn take_over<'g>(&mut self, answers: impl Iterator<Item = Said<'g>>) {
        for said in answers {
            // Nothing else is given up for it.
            if !self.memory.has_room(&said) {
                continue;
            }
            if self.memory.is_news(&said) {
                let known = said.good().map(|known| self.know(known.holder.grant().clone()));
                self.memory.take_over(&said, known);
            }
        }
    }

    /// Takes the turn to ask about a token, unless another worker has it.
    pub(super) fn takes_turn(&self, issuer: IssuerId, inquiry: Inquiry, now: UnixTime) -> bool {
        let Some(shared) = &self.shared else { return true };
        let patience = self.issuers.patience(Topic::Token(issuer, inquiry));
        shared.take_turn(issuer, inquiry.answer, patience, &self.clock, now) == Turn::Ours
    }

    /// Ends our turn with nothing to tell.
    pub(super) fn give_turn_back(&self, issuer: IssuerId, inquiry: Inquiry) {
        if let Some(shared) = &self.shared {
            shared.give_turn_back(issuer, inquiry.answer);
        }
    }

    /// Whether another worker has the turn to ask about `topic`.
    pub(super) fn is_asked_elsewhere(&self, topic: Topic, now: UnixTime) -> bool {
        match topic {
            Topic::Keys(issuer, set) => self.issuers.is_fetched_elsewhere(issuer, set, now),
            Topic::Token(issuer, inquiry) => {
                let Some(shared) = &self.shared else { return false };
                let patience = self.issuers.patience(topic);
                shared.is_taken(issuer, inquiry.answer, patience, &self.clock, now)
            }
        }
    }

    /// Takes in the reply to a question about a token that was put at `asked`.
    pub(super) fn hear(
        &mut self,
        in_flight: &mut Waiting,
        id: IssuerId,
        inquiry: Inquiry,
        reply: &Reply<'_>,
        asked: UnixTime,
        now: UnixTime,
    ) -> Heard {
        // Who the token was before this answer.
        let standing = self.memory.standing(id, inquiry.token, self.clock.steady(now));
        let verified = match in_flight.waiter(Topic::Token(id, inquiry)) {
            Some(case) => case.verified.clone(),
            None => {
                self.memory.verified(inquiry.token, now).filter(|known| known.holder.grant().issuer() == id)
            }
        };
        let times = Times { asked, answered: now, until: UnixTime::from_millis(i64::MAX), now };
        let heard = self.understand(in_flight, id, inquiry, reply, verified.as_deref(), times);
        match &heard {
            Heard::Good(_) | Heard::Refused(_) => {
                let now = self.clock.steady(now);
                self.issuers.with_breaker(id, |breaker| breaker.succeeded(now));
            }
            Heard::Silent(why) => {
                let (failure, now) = (failure(reply, why), self.clock.steady(now));
                self.issuers
                    .with_breaker(id, |breaker| breaker.failed(inquiry.token, standing, failure, now));
            }
        }
        if let Heard::Silent(why) = &heard
            && let Some(issuer) = self.issuers.name(id)
        {
            self.issuers.note(Event::IssuerSilent { issuer, why: why.clone() });
        }
        self.tell(id, inquiry.answer, &heard, reply, now);
        heard
    }

    /// The question about a token was answered by nobody, in time or at all.
    pub(super) fn hear_nothing(&mut self, id: IssuerId, inquiry: Inquiry, now: UnixTime) {
        let now = self.clock.steady(now);
        let standing = self.memory.standing(id, inquiry.token, now);
        self.issuers
            .with_breaker(id, |breaker| breaker.failed(inquiry.token, standing, Failure::Unreached, now));
    }

    /// What some worker was told about a token, if that is news still by our own terms too; `verified` is what the token
    /// says of itself. Where it is no news and yet later than what was said here, it counts as the issuer's last word.
    pub(super) fn overhear(
        &mut self,
        in_flight: &mut Waiting,
        id: IssuerId,
        inquiry: Inquiry,
        verified: Option<&Known>,
        now: UnixTime,
    ) -> Option<Heard> {
        let told = self.shared.as_ref()?.told(id, inquiry.answer)?;
        let introspection = self.policy.introspection(id)?;
        let (ttl, negative_ttl) = (introspection.ttl, introspection.negative_ttl);
        let at = told.span.at;
        let about = Asked { issuer: id, verified: verified.is_some() };
        if !self.clock.tells_age_of(at, now) {
            // It may have come after what was said here.
            if told.kind == Kind::Refused {
                self.memory.forget_good(about, inquiry);
            }
            return None;
        }
        let is_news = told.span.holds(&self.clock, now);
        let counts = match self.memory.said_at(about, inquiry.answer) {
            Some(known) => self.clock.steady(at) > known,
            None => is_news,
        };
        if !counts {
            return None;
        }
        // That worker knew when it had asked: no longer before than it waits.
        let began = at.minus(self.issuers.patience(Topic::Token(id, inquiry)));
        let times = Times { asked: began, answered: at, until: told.span.until, now };
        let heard = self.understand(in_flight, id, inquiry, &Reply::Answered(told.answer()), verified, times);
        let lasts = match &heard {
            Heard::Good(_) => ttl,
            Heard::Refused(_) => negative_ttl,
            // It was an answer to whoever shared it, under other terms or with newer keys. What it says to us shows when
            // we ask ourselves; what was said before a refusal is the last word no longer.
            Heard::Silent(_) => {
                if told.kind == Kind::Refused {
                    self.memory.forget_good(about, inquiry);
                }
                return None;
            }
        };
        (is_news && now < at.plus(lasts)).then_some(heard)
    }

    /// What a reply says; remembered for as long as the policy says, counted from when it came, and for no longer than by
    /// whoever was told.
    fn understand(
        &mut self,
        in_flight: &mut Waiting,
        id: IssuerId,
        inquiry: Inquiry,
        reply: &Reply<'_>,
        verified: Option<&Known>,
        Times { asked: asked_at, answered: at, until, now }: Times,
    ) -> Heard {
        let policy = Rc::clone(&self.policy);
        let Some(issuer) = policy.issuer(id) else { return Heard::Refused(TokenFault::IssuerUnknown) };
        let Some(Introspection { endpoint, answers, ttl, negative_ttl, on_outage, .. }) =
            &issuer.introspection
        else {
            return Heard::Refused(TokenFault::IssuerUnknown);
        };
        let keys = self.issuers.keys_at_hand(id).cloned();
        let keys =
            keys.as_ref().map_or(ReplyKeys::NotExpected, |keys| ReplyKeys::There(keys, &*self.accelerator));
        let terms = Terms {
            issuer: id,
            expect: &issuer.expect,
            answers,
            verified: verified.map(|known| known.holder.grant()),
            asked: asked_at,
            now: at,
            keys,
        };
        let asked = Asked { issuer: id, verified: verified.is_some() };
        match introspection::understand(endpoint, reply, &terms) {
            Word::Active(grant) => {
                let known = self.know(*grant);
                let since = self.clock.steady(at);
                let news = since.plus(*ttl);
                let fresh = news.min(self.clock.steady(until));
                let stale = match on_outage {
                    OnOutage::Deny => fresh,
                    OnOutage::ServeStale(longer) => news.plus(*longer),
                };
                let end = known.holder.grant().window().until.map(|end| self.clock.steady(end));
                let stale = end.map_or(stale, |end| stale.min(end));
                self.memory.tell_good(asked, inquiry, Rc::clone(&known), Lifetime { since, fresh, stale });
                Heard::Good(known)
            }
            Word::Refused(fault) => {
                let name = Rc::clone(&issuer.name);
                if let Some(member) = fault.unsaid() {
                    self.issuers.note(Event::AnswerIncomplete { issuer: name, member });
                } else if let TokenFault::IssuerNearly(wanted) = &fault {
                    self.issuers.note(Event::AnswerNearly { issuer: name, wanted: wanted.clone() });
                }
                let since = self.clock.steady(at);
                let until = since.plus(*negative_ttl).min(self.clock.steady(until));
                self.memory.tell_refused(asked, inquiry, fault.clone(), since, until);
                Heard::Refused(fault)
            }
            Word::Unknown(why) => {
                if why == Silence::KeysMissing {
                    self.look_for_keys(in_flight, id, now);
                }
                Heard::Silent(why)
            }
        }
    }

    /// Has the keys of an issuer fetched that signed its answer with one that is not there, no more often than for
    /// tokens.
    fn look_for_keys(&mut self, in_flight: &mut Waiting, id: IssuerId, now: UnixTime) {
        if let Offer::Ask(set) = self.issuers.unknown_key(id, &[], in_flight, now) {
            in_flight.want(Topic::Keys(id, set), self.clock.steady(now));
        }
    }

    /// Tells the other workers what an issuer said.
    fn tell(&self, id: IssuerId, digest: Digest, heard: &Heard, reply: &Reply<'_>, now: UnixTime) {
        let Some(shared) = &self.shared else { return };
        let Some(introspection) = self.policy.introspection(id) else { return };
        let (kind, until, answer) = match (heard, reply) {
            (Heard::Good(known), Reply::Answered(answer)) => {
                let fresh = now.plus(introspection.ttl);
                let end = known.holder.grant().window().until;
                (Kind::Good, end.map_or(fresh, |end| fresh.min(end)), answer)
            }
            (Heard::Refused(_), Reply::Answered(answer)) => {
                (Kind::Refused, now.plus(introspection.negative_ttl), answer)
            }
            (Heard::Silent(_), _) | (_, Reply::Failed) => return shared.give_turn_back(id, digest),
        };
        shared.tell(id, digest, kind, answer, Span { at: now, until }, &self.clock);
    }

    /// A token that grants this, as it is remembered.
    pub(super) fn know(&self, grant: Grant) -> Rc<Known> {
        let identity = admit::identity(&self.policy.upstream, &grant);
        Rc::new(Known { holder: self.policy.holder(grant), identity })
    }
}

/// How a question failed whose reply says nothing.
fn failure(reply: &Reply<'_>, why: &Silence) -> Failure {
    match (why, reply) {
        (Silence::Unavailable(429), _) => {
            let after = reply.text("retry-after").and_then(|after| after.trim().parse().ok());
            Failure::TooMany(after.map(Duration::from_secs))
        }
        (Silence::Unavailable(_), Reply::Answered(_)) => Failure::ServerError,
        (Silence::Unavailable(_), Reply::Failed) | (Silence::Unreached { .. }, _) => Failure::Unreached,
        (
            Silence::Misbehaved(_)
            | Silence::Status(_)
            | Silence::Malformed(_)
            | Silence::CredentialsRefused(_)
            | Silence::Unsigned
            | Silence::KeysMissing,
            _,
        ) => Failure::Odd,
    }
}
