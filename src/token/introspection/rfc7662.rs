//! OAuth 2.0 Token Introspection, RFC 7662.

use serde_json::Value;

use super::{Endpoint, Silence, Word, json_body};
use crate::base::json::Object;
use crate::base::time::UnixTime;
use crate::http::form;
use crate::http::message::{Answer, Callout};
use crate::token::claims;
use crate::token::expect::{Audiences, Expect, IssuerId};
use crate::token::fault::TokenFault;
use crate::token::grant::{Grant, Window};

/// The request of section 2.1.
pub(super) fn question(endpoint: &Endpoint, token: &[u8]) -> Callout {
    let mut body = String::new();
    form::append(&mut body, "token", token);
    form::append(&mut body, "token_type_hint", b"access_token");
    endpoint.post(body, "application/json")
}

/// The response of section 2.2.
pub(super) fn understand(
    answer: &Answer<'_>,
    issuer: IssuerId,
    expect: &Expect,
    now: UnixTime,
) -> Result<Word, Silence> {
    let body = json_body(answer)?;
    match body.get("active") {
        Some(Value::Bool(true)) => Ok(match grant(body, issuer, expect, now) {
            Ok(grant) => Word::Active(Box::new(grant)),
            Err(fault) => Word::Refused(fault),
        }),
        Some(Value::Bool(false)) => Ok(Word::Refused(TokenFault::Inactive)),
        _ => Err(Silence::Misbehaved("its answer's `active` is neither true nor false")),
    }
}

fn grant(claims: Object, issuer: IssuerId, expect: &Expect, now: UnixTime) -> Result<Grant, TokenFault> {
    if let (Some(wanted), Some(found)) = (&expect.issuer, claims::text(&claims, "iss")?)
        && found != wanted
    {
        return Err(TokenFault::IssuerUnknown);
    }
    // A refresh token is active too, and is nobody's access token.
    let is_refresh = |name, value| claims.get(name).and_then(Value::as_str) == Some(value);
    if is_refresh("token_type", "refresh_token") || is_refresh("token_use", "refresh") {
        return Err(TokenFault::TypeNotAllowed);
    }
    let window = Window {
        from: claims::time(&claims, "nbf")?.map(|from| from.minus(expect.clock_skew)),
        // No allowance: the issuer has just looked at its own clock.
        until: claims::time(&claims, "exp")?,
    };
    window.check(now)?;
    let audience_said = claims.contains_key("aud");
    let grant = claims::grant(claims, window, issuer, expect)?;
    match &expect.audiences {
        Audiences::OneOf(_) if audience_said && !expect.audiences.admit(grant.audiences()) => {
            Err(TokenFault::AudienceMismatch)
        }
        Audiences::OneOf(_) | Audiences::Any => Ok(grant),
    }
}
