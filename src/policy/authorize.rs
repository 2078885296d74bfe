//! The only mint of [`Permit`].

use serde_json::Value;

use super::Policy;
use super::denial::Denial;
use super::requirement::Holder;
use super::rules::{Access, Rule};
use super::settings::{CorsPreflight, Mode, Unmatched};
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::token::fault::TokenFault;
use crate::token::grant::Grant;

/// Proof that a request may go on. Nothing else makes one than the functions of this file.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub struct Permit(());

/// Whether `rule` admits the holder of a good token at `now`.
///
/// # Errors
/// The first thing that is not as it must be: time, binding, then what the rule requires.
pub fn authorize(rule: &Rule, holder: &Holder, now: UnixTime) -> Result<Permit, Denial> {
    match &rule.access {
        Access::Deny => Err(Denial::RuleDenied),
        Access::Anonymous => Ok(Permit(())),
        Access::Optional => authenticated(holder, now),
        Access::Require(requirement) => {
            let permit = authenticated(holder, now)?;
            requirement.check(holder, now)?;
            Ok(permit)
        }
    }
}

/// Whether the holder's token is good at `now`, whatever it is for.
///
/// # Errors
/// `BadToken` outside of the token's time, and for a token that is bound to its sender: nothing here proves that.
pub fn authenticated(holder: &Holder, now: UnixTime) -> Result<Permit, Denial> {
    holder.grant().window().check(now).map_err(Denial::BadToken)?;
    if is_bound(holder.grant()) {
        return Err(Denial::BadToken(TokenFault::BindingUnproven));
    }
    Ok(Permit(()))
}

/// Whether `access` admits a request without a token.
///
/// # Errors
/// `NoCredential` where a token is needed, `RuleDenied` where nothing helps.
pub const fn anonymous(access: &Access) -> Result<Permit, Denial> {
    match access {
        Access::Anonymous | Access::Optional => Ok(Permit(())),
        Access::Require(_) => Err(Denial::NoCredential),
        Access::Deny => Err(Denial::RuleDenied),
    }
}

/// Whether `policy` admits a request that no rule matches; `holder` is that of its token, where it has one.
///
/// # Errors
/// `Unmatched`, or as [`authenticated`] where a good token would do.
pub fn unmatched(policy: &Policy, holder: Option<&Holder>, now: UnixTime) -> Result<Permit, Denial> {
    match (policy.unmatched, holder) {
        (Unmatched::Deny, _) => Err(Denial::Unmatched),
        (Unmatched::Anonymous, _) => Ok(Permit(())),
        (Unmatched::Authenticated, None) => Err(Denial::NoCredential),
        (Unmatched::Authenticated, Some(holder)) => authenticated(holder, now),
    }
}

/// A permit for a CORS preflight, where `policy` lets them pass and `head` is one: `OPTIONS` with `Origin` and a
/// non-empty `Access-Control-Request-Method`.
pub fn preflight(policy: &Policy, head: &RequestHead<'_>) -> Option<Permit> {
    let asks = head.first(b"access-control-request-method").is_some_and(|method| !method.is_empty());
    let is_preflight = head.method == b"OPTIONS" && head.first(b"origin").is_some() && asks;
    match policy.cors_preflight {
        CorsPreflight::Allow if is_preflight => Some(Permit(())),
        CorsPreflight::Allow | CorsPreflight::Check => None,
    }
}

/// A permit for a request that was not admitted, where `policy` or `rule` only observes.
pub fn observed(policy: &Policy, rule: Option<&Rule>) -> Option<Permit> {
    match (policy.mode, rule.map_or(Mode::Enforce, |rule| rule.mode)) {
        (Mode::Enforce, Mode::Enforce) => None,
        (Mode::Observe, _) | (_, Mode::Observe) => Some(Permit(())),
    }
}

/// Whether a grant names the key that its sender must prove to have (RFC 9449 section 6.1, RFC 8705 section 3.1). A
/// member of the wrong type binds too: nobody can prove it.
fn is_bound(grant: &Grant) -> bool {
    let confirmation = grant.claims().get("cnf").and_then(Value::as_object);
    confirmation.is_some_and(|members| members.contains_key("jkt") || members.contains_key("x5t#S256"))
}
