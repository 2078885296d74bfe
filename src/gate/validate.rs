//! The order of the checks on a token: remembered, signed, asked about.

use core::time::Duration;
use std::rc::Rc;

use super::candidates::{self, Way};
use super::case::{Case, Decider, Heard, Waiting};
use super::circuit_breaker::Admission;
use super::keys::Offer;
use super::memory::{Asked, Inquiry, Known};
use super::refuse::Outage;
use super::step::Event;
use super::tokens::Tokens;
use super::topic::Topic;
use crate::base::time::UnixTime;
use crate::jose::backend::Accelerator;
use crate::jose::fault::JoseFault;
use crate::jose::jws::{self, Unverified};
use crate::jose::key_set::KeySet;
use crate::jose::verify::verify;
use crate::policy::{Denial, Issuer, OnOutage, Policy};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::introspection::Silence;
use crate::token::jwt::{self, Rest};

/// Why the checks of a token stop short of finding it good.
pub(super) enum Stop {
    /// It is not good.
    Bad(Denial),
    /// Nobody can know.
    Unknown(Outage),
    /// Somebody has to be asked first.
    Wait(Topic),
}

impl From<TokenFault> for Stop {
    fn from(fault: TokenFault) -> Self {
        Self::Bad(Denial::BadToken(fault))
    }
}

/// The checks of one moment.
pub(super) struct Validation<'g> {
    pub(super) policy: &'g Policy,
    pub(super) accelerator: &'g dyn Accelerator,
    pub(super) tokens: &'g mut Tokens,
    pub(super) in_flight: &'g mut Waiting,
    pub(super) now: UnixTime,
}

impl Validation<'_> {
    /// Takes the checks of `case` as far as they go without news from outside.
    pub(super) fn advance(&mut self, case: &mut Case<'_>) -> Result<Rc<Known>, Stop> {
        if let Some(known) = self.tokens.memory.verified(case.digest, self.now) {
            return self.confirm(case, known);
        }
        let wanted = match case.decider {
            Decider::Rule(rule) => self.policy.rules.get(rule).and_then(|rule| rule.access.issuers()),
            Decider::Unmatched => None,
        };
        let token = case.token.clone();
        match candidates::way(self.policy, wanted.as_deref(), token.expose())? {
            Way::Ask(issuers) => self.consult(case, &issuers),
            Way::Verify(issuer, jws) => {
                let known = self.check_signature(case, issuer, jws)?;
                self.tokens.memory.verify(case.digest, Rc::clone(&known));
                self.confirm(case, known)
            }
        }
    }

    /// A token whose signature is good is good, unless its issuer wants to be asked about every token: what it says
    /// completes what the token says of itself.
    pub(super) fn confirm(&mut self, case: &mut Case<'_>, known: Rc<Known>) -> Result<Rc<Known>, Stop> {
        let issuer = known.holder.grant().issuer();
        if !self.policy.issuer(issuer).is_some_and(Issuer::is_always_asked) {
            return Ok(known);
        }
        case.verified = Some(known);
        self.consult(case, &[issuer])
    }

    fn check_signature(
        &mut self,
        case: &mut Case<'_>,
        id: IssuerId,
        jws: Unverified<'_>,
    ) -> Result<Rc<Known>, Stop> {
        let issuer = self.policy.issuer(id).ok_or(TokenFault::IssuerUnknown)?;
        case.issuer = Some(id);
        jwt::check_header(&jws, &issuer.expect)?;
        let offer = self.tokens.issuers.keys_of(id, self.in_flight, self.now);
        let keys = self.take_offer(case, id, offer)?;
        let verified = match verify(jws, &keys, issuer.expect.algorithms, self.accelerator) {
            Ok(verified) => verified,
            Err(fault @ JoseFault::KeyUnknown) => {
                let offer = self.tokens.issuers.unknown_key(id, &case.asked_keys, self.in_flight, self.now);
                self.take_offer(case, id, offer)?;
                return Err(TokenFault::Jose(fault).into());
            }
            Err(fault) => return Err(TokenFault::Jose(fault).into()),
        };
        let rest = if issuer.is_always_asked() { Rest::Answer } else { Rest::Nobody };
        Ok(self.tokens.know(jwt::accept(verified, id, &issuer.expect, rest, self.now)?))
    }

    /// Asks issuers one after the other until one of them calls the token good. An issuer that says nothing leaves
    /// the question open, whatever the others say.
    fn consult(&mut self, case: &mut Case<'_>, issuers: &[IssuerId]) -> Result<Rc<Known>, Stop> {
        let mut refusal = None;
        let mut silence = None;
        for issuer in issuers {
            case.issuer = Some(*issuer);
            let inquiry = self.inquiry(case, *issuer);
            let heard = match self.word(case, *issuer, inquiry)? {
                Heard::Silent(why) => self.last_word(case, *issuer, inquiry, why),
                heard @ (Heard::Good(_) | Heard::Refused(_)) => heard,
            };
            match heard {
                Heard::Good(known) => return Ok(known),
                Heard::Refused(fault) => refusal = refusal.or(Some(fault)),
                Heard::Silent(why) => silence = silence.or(Some(why)),
            }
        }
        Err(match (silence, refusal) {
            (Some(why), _) => Stop::Unknown(Outage::Issuer(why)),
            (None, Some(TokenFault::LacksScope)) => {
                Stop::Bad(Denial::ScopeInsufficient { scope: case.decider.required_scopes(self.policy) })
            }
            (None, Some(fault)) => fault.into(),
            (None, None) => Stop::Bad(Denial::IssuerNotAllowed),
        })
    }

    /// What `issuer` is asked about the token of `case`. Where the answer depends on the scopes that are asked for, they
    /// count: what was said about a token for one rule is not what was said about it for another.
    fn inquiry(&self, case: &Case<'_>, issuer: IssuerId) -> Inquiry {
        let introspection = self.policy.introspection(issuer);
        if introspection.is_some_and(|introspection| introspection.endpoint.sends_scopes()) {
            let answer = self
                .tokens
                .memory
                .digest_for(case.token.expose(), &case.decider.required_scopes(self.policy));
            Inquiry { token: case.digest, answer }
        } else {
            Inquiry::plain(case.digest)
        }
    }

    /// What `issuer` says about the token: what it just said, what it said not long ago, or nothing while it rests.
    fn word(&mut self, case: &Case<'_>, issuer: IssuerId, inquiry: Inquiry) -> Result<Heard, Stop> {
        if let Some((_, heard)) = case.heard.iter().find(|(heard, _)| *heard == issuer) {
            return Ok(heard.clone());
        }
        if let Some(told) =
            self.tokens.memory.told(asked(case, issuer), inquiry.answer, self.tokens.steady(self.now))
        {
            return Ok(told.map_or_else(Heard::Refused, Heard::Good));
        }
        // Nobody is to vouch for what says of itself that nobody signed it. What is remembered was looked at before.
        if jws::is_unsecured(case.token.expose()) {
            return Ok(Heard::Refused(TokenFault::Jose(JoseFault::AlgorithmNotAllowed)));
        }
        let topic = Topic::Token(issuer, inquiry);
        if self.in_flight.is_open(topic) {
            return Err(Stop::Wait(topic));
        }
        if let Some(heard) = self.overhear(case, issuer, inquiry) {
            return Ok(heard);
        }
        let standing = self.tokens.standing(topic, self.now);
        match self.tokens.issuers.admission(issuer, inquiry.token, standing, self.now) {
            Admission::Ask => {}
            Admission::Open => return Ok(Heard::Silent(Silence::Unavailable(0))),
            Admission::Paused => return Ok(Heard::Silent(Silence::Unavailable(429))),
        }
        if !self.in_flight.may_ask(issuer, standing) {
            return Err(Stop::Unknown(Outage::Overloaded));
        }
        Err(Stop::Wait(topic))
    }

    fn overhear(&mut self, case: &Case<'_>, issuer: IssuerId, inquiry: Inquiry) -> Option<Heard> {
        self.tokens.overhear(self.in_flight, issuer, inquiry, case.verified.as_deref(), self.now)
    }

    /// What counts of an issuer that said nothing to this worker: what another one was told meanwhile, or what it said
    /// when it last spoke.
    fn last_word(&mut self, case: &Case<'_>, issuer: IssuerId, inquiry: Inquiry, why: Silence) -> Heard {
        if let Some(heard) = self.overhear(case, issuer, inquiry) {
            return heard;
        }
        self.old_answer(case, issuer, inquiry, &why).map_or(Heard::Silent(why), Heard::Good)
    }

    /// What a silent issuer said when it last spoke, where the policy makes do with that. Its silence about one token
    /// alone is not enough, or whoever holds a token that was revoked could have it served by making the issuer
    /// stumble over it; nor is 429, which strangers can bring about.
    fn old_answer(
        &mut self,
        case: &Case<'_>,
        issuer: IssuerId,
        inquiry: Inquiry,
        why: &Silence,
    ) -> Option<Rc<Known>> {
        let steady = self.tokens.steady(self.now);
        let configured = self.policy.issuer(issuer)?;
        match configured.introspection.as_ref()?.on_outage {
            OnOutage::Deny => None,
            OnOutage::ServeStale(_) => {
                let breaker = self.tokens.issuers.breaker(issuer)?;
                let failing =
                    *why != Silence::Unavailable(429) && breaker.another_failed(inquiry.token, steady);
                if breaker.is_closed() && !failing {
                    return None;
                }
                let known = self.tokens.memory.told_once(asked(case, issuer), inquiry, steady)?;
                self.tokens.issuers.note(Event::StaleServed { issuer: Rc::clone(&configured.name) });
                Some(known)
            }
        }
    }

    fn take_offer(&self, case: &mut Case<'_>, issuer: IssuerId, offer: Offer) -> Result<Rc<KeySet>, Stop> {
        match offer {
            Offer::Keys(keys) => Ok(keys),
            Offer::Ask(set) if !case.asked_keys.contains(&set) => {
                let topic = Topic::Keys(issuer, set);
                // The answer to a fetch that is on its way may be older than the token: it is not this request's own.
                if !self.in_flight.is_open(topic) {
                    case.asked_keys.push(set);
                }
                Err(Stop::Wait(topic))
            }
            Offer::Ask(_) => Err(Stop::Unknown(Outage::Keys(Duration::from_secs(1)))),
            Offer::Nothing(pause) => Err(Stop::Unknown(Outage::Keys(pause))),
        }
    }
}

/// Who is asked about the token of `case`, and how much is known of it before.
const fn asked(case: &Case<'_>, issuer: IssuerId) -> Asked {
    Asked { issuer, verified: case.verified.is_some() }
}
