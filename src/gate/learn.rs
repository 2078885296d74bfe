//! What issuers say about tokens is remembered, and becomes news for those who wait.

use core::time::Duration;
use std::rc::Rc;

use super::admit;
use super::case::Heard;
use super::circuit_breaker::{CircuitBreaker, Failure};
use super::clock::Span;
use super::engine::Gate;
use super::keys::Offer;
use super::memory::{Asked, Inquiry, Known, Lifetime};
use super::shared::Kind;
use super::step::Event;
use super::topic::Topic;
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::policy::{Introspection, OnOutage};
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

impl Gate {
    /// Takes in the reply to a question about a token that was put at `asked`.
    pub(super) fn hear(
        &mut self,
        id: IssuerId,
        inquiry: Inquiry,
        reply: &Reply<'_>,
        asked: UnixTime,
        now: UnixTime,
    ) -> Heard {
        // Who the token was before this answer.
        let standing = self.memory.standing(id, inquiry.token, self.clock.steady(now));
        let verified = match self.in_flight.waiter(Topic::Token(id, inquiry)) {
            Some(case) => case.verified.clone(),
            None => {
                self.memory.verified(inquiry.token, now).filter(|known| known.holder.grant().issuer() == id)
            }
        };
        let times = Times { asked, answered: now, until: UnixTime::from_millis(i64::MAX), now };
        let heard = self.understand(id, inquiry, reply, verified.as_deref(), times);
        match &heard {
            Heard::Good(_) | Heard::Refused(_) => {
                let now = self.clock.steady(now);
                self.with_breaker(id, |breaker| breaker.succeeded(now));
            }
            Heard::Silent(why) => {
                let (failure, now) = (failure(reply, why), self.clock.steady(now));
                self.with_breaker(id, |breaker| breaker.failed(inquiry.token, standing, failure, now));
            }
        }
        if let Heard::Silent(why) = &heard
            && let Some(issuer) = self.issuer_name(id)
        {
            self.events.push(Event::IssuerSilent { issuer, why: why.clone() });
        }
        self.share(id, inquiry.answer, &heard, reply, now);
        heard
    }

    /// The question about a token was answered by nobody, in time or at all.
    pub(super) fn hear_nothing(&mut self, id: IssuerId, inquiry: Inquiry, now: UnixTime) {
        let now = self.clock.steady(now);
        let standing = self.memory.standing(id, inquiry.token, now);
        self.with_breaker(id, |breaker| breaker.failed(inquiry.token, standing, Failure::Unreached, now));
    }

    /// Has `change` made to the circuit breaker of an issuer, and says so where that opens or closes it.
    pub(super) fn with_breaker(&mut self, id: IssuerId, change: impl FnOnce(&mut CircuitBreaker)) {
        let Some(issuer) = self.issuer_name(id) else { return };
        let Some(breaker) = self.breaker_mut(id) else { return };
        let before = breaker.is_closed();
        change(breaker);
        match (before, breaker.is_closed()) {
            (true, false) => self.events.push(Event::CircuitOpened { issuer }),
            (false, true) => self.events.push(Event::CircuitClosed { issuer }),
            (true, true) | (false, false) => {}
        }
    }

    /// What some worker was told about a token, if that is news still by our own terms too; `verified` is what the token
    /// says of itself. Where it is no news and yet later than what was said here, it counts as the issuer's last word.
    pub(super) fn overhear(
        &mut self,
        id: IssuerId,
        inquiry: Inquiry,
        verified: Option<&Known>,
        now: UnixTime,
    ) -> Option<Heard> {
        let told = self.shared.as_ref()?.told(id, inquiry.answer)?;
        let introspection = self.policy.issuer(id)?.introspection.as_ref()?;
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
        let began = at.minus(self.patience(Topic::Token(id, inquiry)));
        let times = Times { asked: began, answered: at, until: told.span.until, now };
        let heard = self.understand(id, inquiry, &Reply::Answered(told.answer()), verified, times);
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
        let ring =
            usize::try_from(id.0).ok().and_then(|at| self.keys.get(at)).filter(|ring| !ring.is_empty());
        // An old set will do.
        let keys =
            ring.map_or(ReplyKeys::NotExpected, |ring| ReplyKeys::There(ring.keys(), &*self.accelerator));
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
                    self.events.push(Event::AnswerIncomplete { issuer: name, member });
                } else if let TokenFault::IssuerNearly(wanted) = &fault {
                    self.events.push(Event::AnswerNearly { issuer: name, wanted: wanted.clone() });
                }
                let since = self.clock.steady(at);
                let until = since.plus(*negative_ttl).min(self.clock.steady(until));
                self.memory.tell_refused(asked, inquiry, fault.clone(), since, until);
                Heard::Refused(fault)
            }
            Word::Unknown(why) => {
                if why == Silence::KeysMissing {
                    self.look_for_keys(id, now);
                }
                Heard::Silent(why)
            }
        }
    }

    /// Has the keys of an issuer fetched that signed its answer with one that is not there, no more often than for
    /// tokens.
    fn look_for_keys(&mut self, id: IssuerId, now: UnixTime) {
        if let Offer::Ask(set) = self.unknown_key(id, &[], now) {
            self.in_flight.want(Topic::Keys(id, set), self.clock.steady(now));
        }
    }

    fn share(&self, id: IssuerId, digest: Digest, heard: &Heard, reply: &Reply<'_>, now: UnixTime) {
        let Some(shared) = &self.shared else { return };
        let Some(introspection) = self.policy.issuer(id).and_then(|issuer| issuer.introspection.as_ref())
        else {
            return;
        };
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
