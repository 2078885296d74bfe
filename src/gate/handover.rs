//! What the gates of a worker know goes on under the next policy, as far as it means the same there.

use std::rc::Rc;

use super::engine::Gate;
use super::memory::Said;
use crate::policy::{Issuer, Keys};
use crate::token::expect::IssuerId;

impl Gate {
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
        formers.retain(|former| Rc::ptr_eq(&former.clock, &self.clock));
        for former in &formers {
            for ring in &mut self.keys {
                for former in &former.keys {
                    ring.take_over(former);
                }
            }
        }
        formers.retain(|former| self.memory.reads(&former.memory));
        let formers: Vec<_> = formers.into_iter().map(|former| (former, self.same_issuers(former))).collect();
        for (former, same) in &formers {
            self.take_over_breakers(former, same);
        }
        let now = self.clock.latest();
        // What is over takes no room of what is not. A refusal comes after the good answers that it may end, or one of
        // them would be taken over alone where there is no room for the refusal.
        for (is_good, is_over) in [(true, false), (true, true), (false, false), (false, true)] {
            for (former, same) in &formers {
                let answers = former.memory.answers().filter(|said| same.contains(&said.issuer()));
                self.take_over_answers(
                    answers.filter(|said| (said.good().is_some(), said.is_over(now)) == (is_good, is_over)),
                );
            }
        }
        self
    }

    /// The issuers that are the same for `former`.
    fn same_issuers(&self, former: &Self) -> Vec<IssuerId> {
        let issuers = (0..).map(IssuerId).zip(self.policy.issuers.iter().zip(&former.policy.issuers));
        issuers.filter(|(_, (issuer, former))| is_same(issuer, former)).map(|(id, _)| id).collect()
    }

    /// Takes over whether the issuers answer that are the `same` for `former`.
    fn take_over_breakers(&mut self, former: &Self, same: &[IssuerId]) {
        for id in same {
            if let (Some(breaker), Some(former)) = (self.breaker_mut(*id), former.breaker(*id))
                && (former.found() > breaker.found() || breaker.is_new())
            {
                *breaker = former.handed_over();
            }
        }
    }

    /// Takes over what issuers said.
    fn take_over_answers<'g>(&mut self, answers: impl Iterator<Item = Said<'g>>) {
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
}

/// Whether what one of them says of a token is what the other would say. A shared secret is never the same here, for it
/// is not compared.
fn is_same(issuer: &Issuer, former: &Issuer) -> bool {
    let is_same_set = |one: &Keys, other: &Keys| match (one, other) {
        (Keys::Inline(one), Keys::Inline(other)) => one.has_keys_of(other),
        (Keys::Fetched(one), Keys::Fetched(other)) => one == other,
        (Keys::Inline(_) | Keys::Fetched(_), _) => false,
    };
    issuer.name == former.name
        && issuer.expect == former.expect
        && issuer.introspection == former.introspection
        && issuer.keys.len() == former.keys.len()
        && issuer.keys.iter().zip(&former.keys).all(|(one, other)| is_same_set(one, other))
}
