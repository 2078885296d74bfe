//! What the gates of a worker know goes on under the next policy, as far as it means the same there.

use super::tokens::Tokens;
use crate::base::time::UnixTime;
use crate::policy::{Issuer, Keys, Policy};
use crate::token::expect::IssuerId;

/// Has `tokens` go on from what `formers` know that holds under its policy too; `now` is steady time.
pub(super) fn take_over(tokens: &mut Tokens, mut formers: Vec<&Tokens>, now: UnixTime) {
    for former in &formers {
        tokens.issuers.take_over_keys(&former.issuers);
    }
    formers.retain(|former| tokens.memory.reads(&former.memory));
    let same = |former: &Tokens| same_issuers(tokens.policy(), former.policy());
    let formers: Vec<_> = formers.into_iter().map(|former| (former, same(former))).collect();
    for (former, same) in &formers {
        tokens.issuers.take_over_breakers(&former.issuers, same);
    }
    // What is over takes no room of what is not. A refusal comes after the good answers that it may end, or one of
    // them would be taken over alone where there is no room for the refusal.
    for (is_good, is_over) in [(true, false), (true, true), (false, false), (false, true)] {
        for (former, same) in &formers {
            let answers = former.memory.answers().filter(|said| same.contains(&said.issuer()));
            tokens.take_over(
                answers.filter(|said| (said.good().is_some(), said.is_over(now)) == (is_good, is_over)),
            );
        }
    }
}

/// The issuers that are the same for both policies.
fn same_issuers(policy: &Policy, former: &Policy) -> Vec<IssuerId> {
    let issuers = (0..).map(IssuerId).zip(policy.issuers.iter().zip(&former.issuers));
    issuers.filter(|(_, (issuer, former))| is_same(issuer, former)).map(|(id, _)| id).collect()
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
