//! A verified payload becomes a grant (RFC 7519 section 4.1, RFC 9068 section 4).

use super::claims;
use super::expect::{Expect, IssuerId, is_media_type};
use super::fault::TokenFault;
use super::grant::{Grant, Window};
use super::kind;
use crate::base::json::Object;
use crate::base::time::UnixTime;
use crate::jose::jws::Unverified;
use crate::jose::verify::{Payload, Verified};

/// Whether a token's header is one that `expect` allows; to be asked before a signature is checked.
///
/// # Errors
/// `AlgorithmNotAllowed`, `TypeNotAllowed` or `NoAccessToken`.
pub fn check_header(jws: &Unverified<'_>, expect: &Expect) -> Result<(), TokenFault> {
    if !expect.algorithms.contains(jws.algorithm()) {
        return Err(TokenFault::Jose(crate::jose::fault::JoseFault::AlgorithmNotAllowed));
    }
    // Among them an issuer's signed answer to us or to another, which whoever saw it could present.
    if let Some(mark) = jws.typ().and_then(kind::other_type) {
        return Err(TokenFault::NoAccessToken(mark));
    }
    match (&expect.types, jws.typ()) {
        (None, _) => Ok(()),
        (Some(types), Some(typ)) if types.iter().any(|wanted| is_media_type(typ, wanted)) => Ok(()),
        (Some(_), _) => Err(TokenFault::TypeNotAllowed),
    }
}

/// Who says what a token does not say itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Nobody: what has to be there has to be in the token.
    Nobody,
    /// Its issuer, whose answer may have an audience and required claims that the token lacks.
    Answer,
}

/// The grant in a payload whose signature was verified with a key of `issuer`; `rest` is who completes it.
///
/// # Errors
/// What is wrong with the claims at `now`: issuer, kind, times, lifetime, audience, types, required claims.
pub fn accept(
    payload: Verified<Payload>,
    issuer: IssuerId,
    expect: &Expect,
    rest: Rest,
    now: UnixTime,
) -> Result<Grant, TokenFault> {
    let payload = payload.into_inner();
    let mark = kind::other_claims(payload.typ(), payload.claims(), expect.accepts_id_tokens);
    let claims = payload.into_claims();
    let issuer_agrees = match &expect.issuer {
        Some(wanted) => claims.get("iss").and_then(serde_json::Value::as_str) == Some(wanted),
        None => !claims.contains_key("iss"),
    };
    if !issuer_agrees {
        return Err(TokenFault::IssuerUnknown);
    }
    if let Some(mark) = mark {
        return Err(TokenFault::NoAccessToken(mark));
    }
    let window = window(&claims, expect)?;
    window.check(now)?;
    if rest == Rest::Nobody {
        claims::required(&claims, &expect.required_claims)?;
    }
    let grant = claims::grant(claims, window, issuer, expect)?;
    let is_completed = rest == Rest::Answer && grant.audiences().is_empty();
    if !is_completed && !expect.audiences.admit(grant.audiences()) {
        return Err(TokenFault::AudienceMismatch);
    }
    Ok(grant)
}

fn window(claims: &Object, expect: &Expect) -> Result<Window, TokenFault> {
    let exp = claims::time(claims, "exp")?;
    let nbf = claims::time(claims, "nbf")?;
    let iat = claims::time(claims, "iat")?;
    if exp.is_none() && !expect.allow_missing_exp {
        return Err(TokenFault::ClaimMissing("exp".to_owned()));
    }
    if let Some(longest) = expect.max_lifetime {
        let missing = |name: &str| TokenFault::ClaimMissing(name.to_owned());
        let (exp, iat) = (exp.ok_or_else(|| missing("exp"))?, iat.ok_or_else(|| missing("iat"))?);
        if exp.since(iat) > longest {
            return Err(TokenFault::LifetimeTooLong);
        }
    }
    Ok(Window {
        from: nbf.max(iat).map(|from| from.minus(expect.clock_skew)),
        until: exp.map(|until| until.plus(expect.clock_skew)),
    })
}
