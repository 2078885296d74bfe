//! What is known about a request becomes a verdict.

use std::rc::Rc;

use super::case::{About, Case, Client, Decider};
use super::memory::Known;
use super::offer::Offer;
use super::proofs::{Proofs, Unfit};
use super::refuse::{self, Outage};
use super::step::{Note, Verdict};
use crate::base::time::UnixTime;
use crate::http::message::{HeaderEdits, Response};
use crate::jose::backend::Accelerator;
use crate::policy::{self, Denial, Permit, Policy, RuleId};
use crate::token::binding::Sender;
use crate::token::dpop::Proven;
use crate::token::fault::TokenFault;

/// The verdicts of one moment.
pub(super) struct Verdicts<'g> {
    pub(super) policy: &'g Policy,
    /// What is kept for proofs of possession, where the policy takes any.
    pub(super) proofs: Option<&'g Proofs>,
    pub(super) accelerator: &'g dyn Accelerator,
    pub(super) now: UnixTime,
}

impl<'g> Verdicts<'g> {
    /// A good token, and what decides: time, audience and rule are checked on each use.
    pub(super) fn decide(&self, case: &mut Case<'_>, known: Rc<Known>) -> Verdict {
        case.issuer = Some(known.holder.grant().issuer());
        let mut edits = core::mem::take(&mut case.edits);
        let proven = match self.prove(case) {
            Ok(proven) => proven,
            Err(fault) => {
                return self.refused(case.about(Some(known)), &Denial::BadToken(fault), || edits);
            }
        };
        let sender =
            Sender { key: proven.as_ref().map(|(_, proven)| proven.key), certificate: case.certificate };
        let permit = match case.decider {
            Decider::Unmatched => policy::unmatched(self.policy, Some((&known.holder, &sender)), self.now),
            Decider::Rule(rule) => match self.policy.rules.get(rule) {
                Some(rule) => policy::authorize(rule, &known.holder, &sender, self.now),
                None => Err(Denial::Unmatched),
            },
        };
        // Last, so that only a request that is admitted otherwise uses a proof up.
        let spend = |(proofs, proven): &(&Proofs, Proven)| proofs.spend(proven, self.now);
        match permit
            .map_err(Unfit::Denied)
            .and_then(|permit| proven.as_ref().map_or(Ok(()), spend).map(|()| permit))
        {
            Err(Unfit::Denied(denial)) => self.refused(case.about(Some(known)), &denial, || edits),
            Err(Unfit::Unknown(outage)) => self.unknown(case.about(Some(known)), outage, || edits),
            Ok(permit) => {
                edits.set.extend(known.identity.iter().cloned());
                Verdict::Admit { permit, edits, note: self.note("admitted", case.about(Some(known))) }
            }
        }
    }

    /// What the sender of `case` has proven with a DPoP proof, and what remembers that it was used; `None` where the token
    /// came without the scheme for one.
    fn prove(&self, case: &Case<'_>) -> Result<Option<(&'g Proofs, Proven)>, TokenFault> {
        let Some(presented) = &case.proof else { return Ok(None) };
        let (Some(dpop), Some(proofs)) = (&self.policy.dpop, self.proofs) else {
            return Err(TokenFault::BindingUnproven);
        };
        let proven = proofs.check(presented, case.token.expose(), &dpop.terms, self.accelerator, self.now)?;
        Ok(Some((proofs, proven)))
    }

    /// A request that goes on without an identity.
    pub(super) fn anonymous(&self, permit: Permit, about: About<'_>, edits: HeaderEdits) -> Verdict {
        Verdict::Admit { permit, edits, note: self.note("anonymous", about) }
    }

    /// Whether a request without a credential may go on.
    pub(super) fn without_credential(&self, decider: Decider) -> Result<Permit, Denial> {
        let rule = decider.rule().and_then(|rule| self.policy.rules.get(rule));
        rule.map_or(Err(Denial::NoCredential), |rule| policy::anonymous(&rule.access))
    }

    /// A request that asked for our own metadata.
    pub(super) fn described(&self, response: Response, client: &Client<'_>) -> Verdict {
        Verdict::Refuse { response, note: self.note("metadata", About::request(client, None)) }
    }

    /// The answer is no.
    pub(super) fn refused(
        &self,
        about: About<'_>,
        denial: &Denial,
        edits: impl FnOnce() -> HeaderEdits,
    ) -> Verdict {
        let (client, rule) = (about.client, about.rule);
        let decider = rule.and_then(|rule| self.policy.rules.get(rule));
        let holder = about.known.as_ref().map(|known| &known.holder);
        let nonce = self.proofs.and_then(|proofs| proofs.nonce(self.now));
        let offer = Offer::new(self.policy, client, decider, holder, denial).with_nonce(nonce);
        let note = Note { detail: denial.to_string(), ..self.note(denial.code(), about) };
        self.enforce(rule, note, edits, || refuse::denial(self.policy, client, denial, &offer))
    }

    /// We could not know.
    pub(super) fn unknown(
        &self,
        about: About<'_>,
        outage: Outage,
        edits: impl FnOnce() -> HeaderEdits,
    ) -> Verdict {
        let (client, rule) = (about.client, about.rule);
        let note = Note { detail: outage.detail(), outage: true, ..self.note(outage.code(), about) };
        self.enforce(rule, note, edits, || refuse::outage(self.policy, client, &outage))
    }

    /// Refuses, unless the policy or the rule only observes; then the request goes on with `edits`.
    fn enforce(
        &self,
        rule: Option<RuleId>,
        note: Note,
        edits: impl FnOnce() -> HeaderEdits,
        respond: impl FnOnce() -> Response,
    ) -> Verdict {
        match policy::observed(self.policy, rule.and_then(|rule| self.policy.rules.get(rule))) {
            Some(permit) => Verdict::Admit { permit, edits: edits(), note: Note { observed: true, ..note } },
            None => Verdict::Refuse { response: respond(), note },
        }
    }

    fn note(&self, reason: &'static str, about: About<'_>) -> Note {
        Note {
            reason,
            rule: about.rule.and_then(|rule| self.policy.rules.get(rule)).map(|rule| Rc::clone(&rule.name)),
            issuer: about
                .issuer
                .and_then(|issuer| self.policy.issuer(issuer))
                .map(|issuer| Rc::clone(&issuer.name)),
            detail: String::new(),
            observed: false,
            outage: false,
            known: about.known,
        }
    }
}
