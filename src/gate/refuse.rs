//! A denial or an outage becomes an answer: the one table of status codes, challenges and texts.

use core::time::Duration;

use serde::Serializer as _;
use serde::ser::SerializeMap as _;

use super::case::Client;
use super::offer::Offer;
use crate::http::message::{FieldValue, Response};
use crate::policy::{BodyForm, Denial, Policy};
use crate::token::challenge::{Challenge, ErrorCode};
use crate::token::credential::Scheme;
use crate::token::fault::TokenFault;
use crate::token::introspection::Silence;

/// We could not know. Never the client's fault, never a reason to let it through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outage {
    /// The issuer was asked about the token and said nothing.
    Issuer(Silence),
    /// The issuer's keys cannot be had, for this long at least.
    Keys(Duration),
    /// Too many requests wait already.
    Overloaded,
    /// There is no room to remember another proof, or nobody knows any more which were used.
    Crowded,
    /// No answer came in the time that there is.
    TooLate,
    /// There is no policy yet.
    NotReady,
}

impl Outage {
    /// The stable reason code.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Issuer(
                Silence::Misbehaved(_)
                | Silence::Status(_)
                | Silence::Malformed(_)
                | Silence::CredentialsRefused(_),
            ) => "issuer_misbehaved",
            Self::Issuer(Silence::Unavailable(_) | Silence::Unreached { .. } | Silence::Unsigned)
            | Self::TooLate => "issuer_unavailable",
            Self::Issuer(Silence::KeysMissing) | Self::Keys(_) | Self::NotReady => "keys_unavailable",
            Self::Overloaded | Self::Crowded => "overloaded",
        }
    }

    /// Why, for logs.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Issuer(silence) => format!("the issuer was asked about the token: {silence}"),
            Self::Keys(_) => "the issuer's keys cannot be had".to_owned(),
            Self::Overloaded => {
                "more requests wait for an issuer or for one token than limits.waiting_requests allows, or more questions are out than may be".to_owned()
            }
            Self::Crowded => {
                "more proofs are in use, or more of one key, than limits.remembered_proofs allows, or their memory was lost"
                    .to_owned()
            }
            Self::TooLate => "no answer came in time".to_owned(),
            Self::NotReady => "there is no policy yet".to_owned(),
        }
    }

    /// When to come again, in seconds.
    fn retry_after(&self) -> u64 {
        match self {
            Self::Keys(pause) => pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1),
            Self::Overloaded | Self::NotReady => 1,
            Self::Issuer(_) | Self::TooLate | Self::Crowded => 5,
        }
    }
}

/// The answer to a request that an outage keeps us from judging.
pub(super) fn outage(policy: &Policy, client: &Client<'_>, outage: &Outage) -> Response {
    let telling = Telling {
        status: 503,
        error: "temporarily_unavailable",
        text: match outage {
            Outage::Overloaded => "Too many requests are waiting; try again",
            Outage::Crowded => "The proof cannot be checked at the moment; try again with a new one",
            Outage::Issuer(_) | Outage::Keys(_) | Outage::TooLate | Outage::NotReady => {
                "The access token cannot be checked at the moment; try again"
            }
        },
    };
    let retry = FieldValue::lossy(&outage.retry_after().to_string());
    telling.respond(policy, client, vec![("retry-after", retry)])
}

/// The answer to a request that is refused.
pub(super) fn denial(policy: &Policy, client: &Client<'_>, denial: &Denial, offer: &Offer) -> Response {
    let (telling, error) = tell(denial);
    let mut fields = Vec::new();
    if matches!(denial, Denial::NoCredential) || error.is_some() {
        let realm = policy.responses.realm.as_deref().unwrap_or(&client.host);
        for scheme in offer.schemes(telling.status) {
            let mut challenge = Challenge::new(scheme, realm).with("scope", Some(&offer.scope));
            if let Some(code) = error.filter(|_| scheme == offer.at_stake()) {
                challenge = parameters(challenge.error(code), denial)
                    .with("error_description", policy.responses.describe.then_some(telling.text));
            }
            if scheme == Scheme::Dpop {
                challenge = challenge.with("algs", Some(&offer.algorithms));
            }
            // Where a token of another kind or with more in it would help, there is how to get one.
            if telling.status != 400 {
                let metadata = client.resource.as_ref().map(|resource| &*resource.metadata);
                challenge = challenge.with("resource_metadata", metadata);
            }
            // A field each: clients that know only one scheme find it at the beginning.
            fields.push(("www-authenticate", challenge.value()));
        }
        if let Some(nonce) = offer.nonce.as_deref().filter(|_| telling.status == 401) {
            fields.push(("dpop-nonce", FieldValue::lossy(nonce)));
        }
    }
    telling.respond(policy, client, fields)
}

fn parameters(challenge: Challenge, denial: &Denial) -> Challenge {
    match denial {
        Denial::ScopeInsufficient { scope }
        | Denial::ClientNotAllowed { scope }
        | Denial::ClaimMismatch { scope }
        | Denial::AuthorizationDetailsInsufficient { scope } => challenge.with("scope", Some(scope)),
        Denial::AuthenticationTooWeak(login) | Denial::AuthenticationTooOld(login) => {
            let max_age = login.max_age.map(|seconds| seconds.to_string());
            challenge
                .with("acr_values", Some(&login.acr_values))
                .with("max_age", max_age.as_deref())
                .with("scope", Some(&login.scope))
        }
        Denial::NoCredential
        | Denial::CredentialMalformed
        | Denial::CredentialAmbiguous
        | Denial::BadToken(_)
        | Denial::IssuerNotAllowed
        | Denial::Unmatched
        | Denial::RuleDenied
        | Denial::RuleUnknown
        | Denial::AuthorityAmbiguous
        | Denial::AuthorityReadings
        | Denial::PathAmbiguous(_)
        | Denial::PathReadings => challenge,
    }
}

/// Status and words for a denial, and the challenge's error code where there is a challenge with one.
fn tell(denial: &Denial) -> (Telling, Option<ErrorCode>) {
    use ErrorCode::{InsufficientScope, InsufficientUserAuthentication, InvalidRequest, InvalidToken};
    let (status, error, text) = match denial {
        Denial::NoCredential => (401, None, "An access token is needed"),
        Denial::CredentialMalformed => (400, Some(InvalidRequest), "The credential is not one access token"),
        Denial::CredentialAmbiguous => {
            (400, Some(InvalidRequest), "The request has more than one credential")
        }
        Denial::BadToken(fault) => (401, Some(token_error(fault)), token_text(fault.code())),
        Denial::IssuerNotAllowed => {
            (401, Some(InvalidToken), "The access token's issuer is not accepted here")
        }
        Denial::ScopeInsufficient { .. } => (403, Some(InsufficientScope), "The access token lacks a scope"),
        Denial::ClientNotAllowed { .. } => (403, Some(InsufficientScope), "The client is not accepted here"),
        Denial::ClaimMismatch { .. } => {
            (403, Some(InsufficientScope), "The access token lacks a needed claim")
        }
        // RFC 9396 has no error code for resources.
        Denial::AuthorizationDetailsInsufficient { .. } => {
            (403, Some(InsufficientScope), "The access token lacks an authorization detail")
        }
        Denial::AuthenticationTooWeak(_) => {
            (401, Some(InsufficientUserAuthentication), "A stronger login is needed")
        }
        Denial::AuthenticationTooOld(_) => {
            (401, Some(InsufficientUserAuthentication), "A more recent login is needed")
        }
        Denial::Unmatched | Denial::RuleDenied | Denial::RuleUnknown => (403, None, "Access is denied"),
        Denial::AuthorityAmbiguous | Denial::AuthorityReadings => {
            (400, None, "The host can be read in more than one way")
        }
        Denial::PathAmbiguous(_) | Denial::PathReadings => {
            (400, None, "The path can be read in more than one way")
        }
    };
    let code = match (error, status) {
        (Some(error), _) => error.as_str(),
        (None, 400) => "invalid_request",
        (None, 401) => "unauthorized",
        (None, _) => "access_denied",
    };
    (Telling { status, error: code, text }, error)
}

/// RFC 6750 section 3.1 for the token, RFC 9449 sections 7.1 and 9 for its proof.
const fn token_error(fault: &TokenFault) -> ErrorCode {
    match fault {
        TokenFault::ProofInvalid(_) | TokenFault::ProofReplayed => ErrorCode::InvalidDpopProof,
        TokenFault::NonceMissing => ErrorCode::UseDpopNonce,
        TokenFault::TooLong { .. }
        | TokenFault::Malformed(_)
        | TokenFault::Jose(_)
        | TokenFault::TypeNotAllowed
        | TokenFault::NoAccessToken(_)
        | TokenFault::IssuerUnknown
        | TokenFault::IssuerNearly(_)
        | TokenFault::AudienceMismatch
        | TokenFault::Expired { .. }
        | TokenFault::NotYetValid { .. }
        | TokenFault::LifetimeTooLong
        | TokenFault::ClaimMissing(_)
        | TokenFault::ClaimMalformed(_)
        | TokenFault::Inactive
        | TokenFault::OtherKind(_)
        | TokenFault::Contradicted(_)
        | TokenFault::AudienceUnsaid
        | TokenFault::IssuerUnsaid
        | TokenFault::BindingUnproven => ErrorCode::InvalidToken,
        TokenFault::LacksScope => ErrorCode::InsufficientScope,
    }
}

/// What a client may know about its token: enough to act on, nothing that helps to forge a better one.
fn token_text(reason: &str) -> &'static str {
    match reason {
        "token_expired" => "The access token has expired",
        "token_not_yet_valid" => "The access token is not valid yet",
        "token_inactive" => "The access token is not active",
        "audience_mismatch" => "The access token is meant for another audience",
        "token_too_long" => "The access token is too long",
        "proof_replayed" => "The DPoP proof was used before",
        "proof_nonce_missing" => "The DPoP proof needs the nonce that is given",
        "proof_invalid" => "The DPoP proof is not valid",
        "binding_unproven" => "The access token is bound to its sender, which is not proven",
        _ => "The access token is not valid",
    }
}

/// The value of a member in an answer's body.
enum Member {
    Text(&'static str),
    Number(u16),
    Nothing,
}

/// A JSON object with those of `members` that are something.
fn json_text(members: &[(&str, Member)]) -> String {
    let mut text = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::new(&mut text);
    let written = serializer.serialize_map(None).and_then(|mut map| {
        members.iter().try_for_each(|(name, value)| match value {
            Member::Text(value) => map.serialize_entry(name, value),
            Member::Number(value) => map.serialize_entry(name, value),
            Member::Nothing => Ok(()),
        })?;
        map.end()
    });
    // Texts and numbers into memory: there is nothing that could fail, and an empty body is no lie.
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

struct Telling {
    status: u16,
    error: &'static str,
    text: &'static str,
}

impl Telling {
    fn respond(
        &self,
        policy: &Policy,
        client: &Client<'_>,
        mut fields: Vec<(&'static str, FieldValue)>,
    ) -> Response {
        // An answer to one token is no answer to the next.
        fields.push(("cache-control", FieldValue::lossy("no-store")));
        if let Some(cors) = &policy.cors {
            fields.extend(cors.fields(client.origin.as_deref()));
        }
        let text = policy.responses.describe.then_some(self.text);
        if client.grpc {
            let body = text.unwrap_or(self.error).to_owned();
            return Response { status: self.status, fields, body, grpc_status: Some(self.grpc_status()) };
        }
        let (media_type, body) = match policy.responses.body {
            BodyForm::None => {
                return Response { status: self.status, fields, body: String::new(), grpc_status: None };
            }
            BodyForm::Json => (
                "application/json",
                json_text(&[
                    ("error", Member::Text(self.error)),
                    ("error_description", text.map_or(Member::Nothing, Member::Text)),
                ]),
            ),
            BodyForm::Problem => (
                "application/problem+json",
                json_text(&[
                    ("type", Member::Text("about:blank")),
                    ("title", Member::Text(self.title())),
                    ("status", Member::Number(self.status)),
                    ("detail", text.map_or(Member::Nothing, Member::Text)),
                    ("error", Member::Text(self.error)),
                ]),
            ),
        };
        fields.push(("content-type", FieldValue::lossy(media_type)));
        Response { status: self.status, fields, body, grpc_status: None }
    }

    /// RFC 9110 section 15.
    const fn title(&self) -> &'static str {
        match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            _ => "Service Unavailable",
        }
    }

    /// The gRPC status code: INVALID_ARGUMENT, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE.
    const fn grpc_status(&self) -> u8 {
        match self.status {
            400 => 3,
            401 => 16,
            403 => 7,
            _ => 14,
        }
    }
}

#[cfg(test)]
mod tests;
