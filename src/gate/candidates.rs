//! Who can vouch for a token: chosen by the token's shape and its unverified `iss`, which decides nothing else.

use crate::jose::jws::{self, Unverified};
use crate::policy::{Issuer, Policy, UseFor};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;

/// How a token can be found good.
pub(super) enum Way<'t> {
    /// By its signature, with the keys of this issuer.
    Verify(IssuerId, Unverified<'t>),
    /// By asking these issuers, one after the other; none when the rule takes tokens of none of them.
    Ask(Vec<IssuerId>),
}

/// The way for `token`; `wanted` are the issuers whose tokens the rule takes at all, `None` for any.
///
/// # Errors
/// The token can be good at no issuer of the policy.
pub(super) fn way<'t>(
    policy: &Policy,
    wanted: Option<&[IssuerId]>,
    token: &'t [u8],
) -> Result<Way<'t>, TokenFault> {
    let verifies = policy.issuers.iter().any(|issuer| issuer.verifies());
    if !verifies {
        return Ok(Way::Ask(asked(policy, wanted, |_| true)));
    }
    match Unverified::parse(token) {
        Ok(jws) => return signed(policy, wanted, jws),
        // What looks like a signed token is refused as one, and not taken for an opaque token.
        Err(fault) if jws::is_jws_shape(token) => return Err(fault.into()),
        Err(_) if jws::is_jwe_shape(token) => return Err(TokenFault::Malformed("it is encrypted")),
        Err(_) => {}
    }
    if !policy.issuers.iter().any(|issuer| takes(issuer, UseFor::Opaque)) {
        return Err(TokenFault::Malformed("it is not a signed token"));
    }
    Ok(Way::Ask(asked(policy, wanted, |_| true)))
}

fn signed<'t>(
    policy: &Policy,
    wanted: Option<&[IssuerId]>,
    jws: Unverified<'t>,
) -> Result<Way<'t>, TokenFault> {
    let hint = jws.issuer_hint();
    let names = |issuer: &Issuer| issuer.expect.issuer.is_some() && issuer.expect.issuer.as_deref() == hint;
    let verifying = policy.issuers.iter().position(|issuer| issuer.verifies() && names(issuer));
    if let Some(id) = verifying.and_then(|position| u32::try_from(position).ok()).map(IssuerId) {
        return Ok(Way::Verify(id, jws));
    }
    // Nobody here can check the signature. An issuer that is only asked may still know the token: when the token
    // names it, or when it wants to be asked about every token.
    let asked = asked(policy, wanted, |issuer| {
        !issuer.verifies()
            && (names(issuer) || (issuer.expect.issuer.is_none() && takes(issuer, UseFor::All)))
    });
    if asked.is_empty() { Err(TokenFault::IssuerUnknown) } else { Ok(Way::Ask(asked)) }
}

fn takes(issuer: &Issuer, use_for: UseFor) -> bool {
    issuer
        .introspection
        .as_ref()
        .is_some_and(|introspection| use_for == UseFor::Opaque || introspection.use_for == use_for)
}

fn asked(policy: &Policy, wanted: Option<&[IssuerId]>, which: impl Fn(&Issuer) -> bool) -> Vec<IssuerId> {
    (0..)
        .map(IssuerId)
        .zip(&policy.issuers)
        .filter(|(id, issuer)| {
            issuer.introspection.is_some() && which(issuer) && wanted.is_none_or(|wanted| wanted.contains(id))
        })
        .map(|(id, _)| id)
        .collect()
}
