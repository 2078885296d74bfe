//! What is known about a request becomes a verdict.

use std::rc::Rc;

use super::case::{Case, Client, Decider};
use super::engine::Gate;
use super::memory::Known;
use super::refuse::{self, Outage};
use super::step::{Note, Verdict};
use crate::base::time::UnixTime;
use crate::http::message::{HeaderEdits, Response};
use crate::policy::{self, Denial, Permit, RuleId};
use crate::token::expect::IssuerId;

impl Gate {
    /// A good token, and what decides: time, audience and rule are checked on each use.
    pub(super) fn decide(&self, case: Case, known: Rc<Known>, now: UnixTime) -> Verdict {
        let rule = case.decider.rule();
        let permit = match case.decider {
            Decider::Unmatched => policy::unmatched(&self.policy, Some(&known.holder), now),
            Decider::Rule(rule) => match self.policy.rules.get(rule) {
                Some(rule) => policy::authorize(rule, &known.holder, now),
                None => Err(Denial::Unmatched),
            },
        };
        match permit {
            Err(denial) => self.refused(rule, &case.client, &denial, Some(known), case.edits),
            Ok(permit) => {
                let mut edits = case.edits;
                edits.set.extend(known.identity.iter().cloned());
                Verdict::Admit { permit, edits, note: self.note("admitted", rule, Some(known)) }
            }
        }
    }

    /// A request that goes on without an identity.
    pub(super) fn anonymous(&self, permit: Permit, rule: Option<RuleId>, edits: HeaderEdits) -> Verdict {
        Verdict::Admit { permit, edits, note: self.note("anonymous", rule, None) }
    }

    /// Whether a request without a credential may go on.
    pub(super) fn without_credential(&self, decider: Decider) -> Result<Permit, Denial> {
        let rule = decider.rule().and_then(|rule| self.policy.rules.get(rule));
        rule.map_or(Err(Denial::NoCredential), |rule| policy::anonymous(&rule.access))
    }

    /// A request that asked for our own metadata.
    pub(super) fn described(&self, response: Response) -> Verdict {
        Verdict::Refuse { response, note: self.note("metadata", None, None) }
    }

    /// The answer is no.
    pub(super) fn refused(
        &self,
        rule: Option<RuleId>,
        client: &Client,
        denial: &Denial,
        known: Option<Rc<Known>>,
        edits: HeaderEdits,
    ) -> Verdict {
        let note = Note { detail: denial.to_string(), ..self.note(denial.code(), rule, known) };
        self.enforce(rule, note, edits, || refuse::denial(&self.policy, client, denial))
    }

    /// We could not know.
    pub(super) fn unknown(
        &self,
        rule: Option<RuleId>,
        client: &Client,
        outage: Outage,
        edits: HeaderEdits,
    ) -> Verdict {
        let note = Note { detail: outage.detail(), outage: true, ..self.note(outage.code(), rule, None) };
        self.enforce(rule, note, edits, || refuse::outage(&self.policy, client, outage))
    }

    /// Refuses, unless the policy or the rule only observes.
    fn enforce(
        &self,
        rule: Option<RuleId>,
        note: Note,
        edits: HeaderEdits,
        respond: impl FnOnce() -> Response,
    ) -> Verdict {
        match policy::observed(&self.policy, rule.and_then(|rule| self.policy.rules.get(rule))) {
            Some(permit) => Verdict::Admit { permit, edits, note: Note { observed: true, ..note } },
            None => Verdict::Refuse { response: respond(), note },
        }
    }

    fn note(&self, reason: &'static str, rule: Option<RuleId>, known: Option<Rc<Known>>) -> Note {
        Note {
            reason,
            rule: rule.and_then(|rule| self.policy.rules.get(rule)).map(|rule| Rc::clone(&rule.name)),
            issuer: known.as_ref().and_then(|known| self.issuer_name(known.holder.grant().issuer())),
            detail: String::new(),
            observed: false,
            outage: false,
            known,
        }
    }

    pub(super) fn issuer_name(&self, issuer: IssuerId) -> Option<Rc<str>> {
        self.policy.issuer(issuer).map(|issuer| Rc::clone(&issuer.name))
    }
}
