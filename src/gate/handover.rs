//! What a gate knows goes on under the next policy, as far as it means the same there.

use super::engine::Gate;
use crate::policy::{Issuer, Keys};
use crate::token::expect::IssuerId;

impl Gate {
    /// This gate, with what `former` knows that holds under this policy too: a change of the policy makes nobody wait
    /// for keys that are there, asks no issuer again, and closes no circuit breaker that is open.
    ///
    /// Key sets go over for the same issuer, place and cluster; for how long they are used is for this policy to say.
    /// What an issuer said, and whether it answers, go over where its whole part of the policy is the same and has the
    /// same place in it; what that grants is worked out anew. Tokens that were verified are verified again. To be called
    /// after [`Gate::sharing`], before the gate has judged anything; of several gates the first one that has something
    /// to hand over counts for answers.
    #[must_use]
    pub fn taking_over(mut self, former: &Self) -> Self {
        for ring in &mut self.keys {
            for former in &former.keys {
                ring.take_over(former);
            }
        }
        let same: Vec<IssuerId> = (0..)
            .map(IssuerId)
            .zip(self.policy.issuers.iter().zip(&former.policy.issuers))
            .filter(|(_, (issuer, former))| is_same(issuer, former))
            .map(|(id, _)| id)
            .collect();
        // What the clock has shown before tells how old shared records are, and what is taken over.
        let is_first = self.memory.answers().next().is_none();
        if is_first {
            self.clock.clone_from(&former.clock);
        }
        if !is_first || !self.memory.reads(&former.memory) {
            return self;
        }
        for (id, (breaker, former)) in (0..).map(IssuerId).zip(self.breakers.iter_mut().zip(&former.breakers))
        {
            if same.contains(&id) {
                *breaker = former.handed_over();
            }
        }
        for answer in former.memory.answers().filter(|answer| same.contains(&answer.issuer())) {
            let known = answer.good().map(|known| self.know(known.holder.grant().clone()));
            self.memory.take_over(&answer, known);
        }
        self
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
    issuer.introspection.is_some()
        && issuer.name == former.name
        && issuer.expect == former.expect
        && issuer.introspection == former.introspection
        && issuer.keys.len() == former.keys.len()
        && issuer.keys.iter().zip(&former.keys).all(|(one, other)| is_same_set(one, other))
}
