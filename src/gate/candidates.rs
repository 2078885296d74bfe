//! Who can vouch for a token: chosen by the token's shape and its unverified `iss`, which decides nothing else.

use crate::jose::fault::JoseFault;
use crate::jose::jws::{self, IssuerHint, Unverified};
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
    let why = match Unverified::parse(token) {
        Ok(jws) => return signed(policy, wanted, jws),
        // Nobody here could check its signature, and nobody said that it is to be checked here.
        Err(fault @ JoseFault::AlgorithmUnknown) if !is_verified_here(policy, token) => fault.into(),
        // What looks like a signed token is refused as one, and not taken for an opaque token.
        Err(fault) if jws::is_jws_shape(token) => return Err(fault.into()),
        Err(_) if jws::is_jwe_shape(token) => TokenFault::Malformed("it is encrypted"),
        Err(_) => TokenFault::Malformed("it is not a signed token"),
    };
    // Whatever it is, it is for its issuer to read.
    if policy.issuers.iter().any(|issuer| takes(issuer, UseFor::Opaque)) {
        Ok(Way::Ask(asked(policy, wanted, |_| true)))
    } else {
        Err(why)
    }
}

fn signed<'t>(
    policy: &Policy,
    wanted: Option<&[IssuerId]>,
    jws: Unverified<'t>,
) -> Result<Way<'t>, TokenFault> {
    let hint = jws.issuer_hint();
    if let Some(id) = verifier(policy, hint) {
        return Ok(Way::Verify(id, jws));
    }
    // Nobody here can check the signature. An issuer that is only asked may still know the token: when the token
    // names it, or when it wants to be asked about every token.
    let names = |issuer: &Issuer| hint.name().is_some() && issuer.expect.issuer.as_deref() == hint.name();
    let asked = asked(policy, wanted, |issuer| {
        !issuer.verifies()
            && (names(issuer) || (issuer.expect.issuer.is_none() && takes(issuer, UseFor::All)))
    });
    if !asked.is_empty() {
        return Ok(Way::Ask(asked));
    }
    let issuers = policy.issuers.iter().filter_map(|issuer| issuer.expect.issuer.as_deref());
    Err(hint.name().map_or(TokenFault::IssuerUnknown, |found| TokenFault::of_issuer(issuers, found)))
}

/// The issuer whose keys verify tokens with this `iss`, or tokens without.
fn verifier(policy: &Policy, hint: IssuerHint<'_>) -> Option<IssuerId> {
    let is_it = |issuer: &Issuer| match hint {
        IssuerHint::Name(name) => issuer.expect.issuer.as_deref() == Some(name),
        IssuerHint::Absent => issuer.expect.issuer.is_none(),
        IssuerHint::Unreadable => false,
    };
    let position = policy.issuers.iter().position(|issuer| issuer.verifies() && is_it(issuer))?;
    u32::try_from(position).ok().map(IssuerId)
}

/// Whether the payload of what looks like a signed token leads to an issuer that verifies, or cannot be read at all.
fn is_verified_here(policy: &Policy, token: &[u8]) -> bool {
    let Some(claims) = jws::unverified_payload(token) else { return true };
    match IssuerHint::of(&claims) {
        IssuerHint::Unreadable => true,
        hint @ (IssuerHint::Name(_) | IssuerHint::Absent) => verifier(policy, hint).is_some(),
    }
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
