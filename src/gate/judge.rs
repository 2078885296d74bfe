//! The order of the checks on a token: remembered, signed, asked about.

use core::time::Duration;
use std::rc::Rc;

use super::candidates::{self, Way};
use super::case::{Case, Decider, Heard};
use super::engine::Gate;
use super::keys::Offer;
use super::memory::Known;
use super::questions::Topic;
use super::refuse::Outage;
use crate::base::time::UnixTime;
use crate::jose::fault::JoseFault;
use crate::jose::jws::Unverified;
use crate::jose::key_set::KeySet;
use crate::jose::verify::verify;
use crate::policy::{Denial, UseFor};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::jwt;

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

impl Gate {
    /// Takes the checks of `case` as far as they go without news from outside.
    pub(super) fn advance(&mut self, case: &mut Case, now: UnixTime) -> Result<Rc<Known>, Stop> {
        if let Some(known) = self.memory.verified(case.digest, now) {
            return self.confirm(case, known, now);
        }
        let policy = Rc::clone(&self.policy);
        let wanted = match case.decider {
            Decider::Rule(rule) => policy.rules.get(rule).and_then(|rule| rule.access.issuers()),
            Decider::Unmatched => None,
        };
        let token = case.token.clone();
        match candidates::way(&policy, wanted.as_deref(), token.expose())? {
            Way::Ask(issuers) => self.consult(case, &issuers, now),
            Way::Verify(issuer, jws) => {
                let known = self.check_signature(case, issuer, &jws, now)?;
                self.memory.verify(case.digest, Rc::clone(&known));
                self.confirm(case, known, now)
            }
        }
    }

    /// A token whose signature is good is good, unless its issuer wants to be asked about every token.
    fn confirm(&self, case: &mut Case, known: Rc<Known>, now: UnixTime) -> Result<Rc<Known>, Stop> {
        let issuer = known.holder.grant().issuer();
        let introspection = self.policy.issuer(issuer).and_then(|issuer| issuer.introspection.as_ref());
        if introspection.is_some_and(|introspection| introspection.use_for == UseFor::All) {
            self.consult(case, &[issuer], now)?;
        }
        Ok(known)
    }

    fn check_signature(
        &mut self,
        case: &mut Case,
        id: IssuerId,
        jws: &Unverified<'_>,
        now: UnixTime,
    ) -> Result<Rc<Known>, Stop> {
        let policy = Rc::clone(&self.policy);
        let issuer = policy.issuer(id).ok_or(TokenFault::IssuerUnknown)?;
        case.issuer = Some(id);
        jwt::check_header(jws, &issuer.expect)?;
        let asking = self.questions.is_open(Topic::Keys(id));
        let offer = self.store(id).map(|store| store.offer(asking, now));
        let keys = take_offer(case, id, offer, now)?;
        let verified = match verify(jws, &keys, issuer.expect.algorithms, &*self.accelerator) {
            Ok(verified) => verified,
            Err(fault @ JoseFault::KeyUnknown) => {
                let waited = case.asked_keys;
                let offer = self.store_mut(id).map(|store| store.unknown_key(waited, asking, now));
                take_offer(case, id, offer, now)?;
                return Err(TokenFault::Jose(fault).into());
            }
            Err(fault) => return Err(TokenFault::Jose(fault).into()),
        };
        Ok(self.know(jwt::accept(verified, id, &issuer.expect, now)?))
    }

    /// Asks issuers one after the other until one of them calls the token good. An issuer that says nothing leaves
    /// the question open, whatever the others say.
    fn consult(&self, case: &mut Case, issuers: &[IssuerId], now: UnixTime) -> Result<Rc<Known>, Stop> {
        let mut refusal = None;
        let mut silence = None;
        for issuer in issuers {
            case.issuer = Some(*issuer);
            let heard = case.heard.iter().find(|(heard, _)| heard == issuer).map(|(_, heard)| heard.clone());
            let told = || {
                let told = self.memory.told(*issuer, case.digest, now)?;
                Some(told.map_or_else(Heard::Refused, Heard::Good))
            };
            match heard.or_else(told) {
                Some(Heard::Good(known)) => return Ok(known),
                Some(Heard::Refused(fault)) => refusal = refusal.or(Some(fault)),
                Some(Heard::Silent(why)) => silence = silence.or(Some(why)),
                None => return Err(Stop::Wait(Topic::Token(*issuer, case.digest))),
            }
        }
        Err(match (silence, refusal) {
            (Some(why), _) => Stop::Unknown(Outage::Issuer(why)),
            (None, Some(fault)) => fault.into(),
            (None, None) => Stop::Bad(Denial::IssuerNotAllowed),
        })
    }
}

fn take_offer(
    case: &mut Case,
    issuer: IssuerId,
    offer: Option<Offer>,
    now: UnixTime,
) -> Result<Rc<KeySet>, Stop> {
    match offer.ok_or(TokenFault::IssuerUnknown)? {
        Offer::Keys(keys) => Ok(keys),
        Offer::Ask if !case.asked_keys => {
            case.asked_keys = true;
            Err(Stop::Wait(Topic::Keys(issuer)))
        }
        Offer::Ask => Err(Stop::Unknown(Outage::Keys(Duration::from_secs(1)))),
        Offer::Nothing(until) => Err(Stop::Unknown(Outage::Keys(until.since(now)))),
    }
}
