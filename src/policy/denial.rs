//! The answer is no, and why.

use core::fmt;

use crate::http::path::Ambiguous;
use crate::token::fault::TokenFault;

/// Why a request is not admitted. Outages are none of this: there the answer is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// A token is needed and there is none.
    NoCredential,
    /// What stands in a token's place is no token.
    CredentialMalformed,
    /// There is more than one token.
    CredentialAmbiguous,
    /// The token is not good.
    BadToken(TokenFault),
    /// The token is good, and from an issuer that the rule does not take.
    IssuerNotAllowed,
    /// The token lacks scopes.
    ScopeInsufficient {
        /// All scopes that the rule needs, space-delimited.
        scope: String,
    },
    /// The token was issued to another client.
    ClientNotAllowed {
        /// All scopes that the rule needs, space-delimited; may be empty.
        scope: String,
    },
    /// A claim is missing or has another value.
    ClaimMismatch {
        /// All scopes that the rule needs, space-delimited; may be empty.
        scope: String,
    },
    /// The token's authorization details lack something (RFC 9396).
    AuthorizationDetailsInsufficient {
        /// All scopes that the rule needs, space-delimited; may be empty.
        scope: String,
    },
    /// The login was of another kind (RFC 9470).
    AuthenticationTooWeak(Login),
    /// The login was too long ago, or nobody knows when it was (RFC 9470).
    AuthenticationTooOld(Login),
    /// No rule matches.
    Unmatched,
    /// A rule says so.
    RuleDenied,
    /// The route names a rule that does not exist.
    RuleUnknown,
    /// Nobody can say which host the authority names.
    AuthorityAmbiguous,
    /// The authority has several readings, which lead to different rules or resources.
    AuthorityReadings,
    /// Nobody can say where the path leads.
    PathAmbiguous(Ambiguous),
    /// The path has several readings, which lead to different rules or resources.
    PathReadings,
}

/// What a rule asks of the login behind a token, and what the token that follows must have besides: all of it is told
/// at once, so that one more login is enough.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Login {
    /// The kinds that would do, space-delimited; empty for any.
    pub acr_values: String,
    /// How many seconds ago it may have been; `None` for any time.
    pub max_age: Option<u64>,
    /// All scopes that the rule needs, space-delimited; may be empty.
    pub scope: String,
}

impl Denial {
    /// The stable reason code of `policy.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCredential => "token_missing",
            Self::CredentialMalformed => "credential_malformed",
            Self::CredentialAmbiguous => "credential_ambiguous",
            Self::BadToken(fault) => fault.code(),
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::ScopeInsufficient { .. } => "scope_insufficient",
            Self::ClientNotAllowed { .. } => "client_not_allowed",
            Self::ClaimMismatch { .. } => "claim_mismatch",
            Self::AuthorizationDetailsInsufficient { .. } => "authorization_details_insufficient",
            Self::AuthenticationTooWeak(_) => "authentication_too_weak",
            Self::AuthenticationTooOld(_) => "authentication_too_old",
            Self::Unmatched => "unmatched",
            Self::RuleDenied => "rule_denied",
            Self::RuleUnknown => "rule_unknown",
            Self::AuthorityAmbiguous | Self::AuthorityReadings => "authority_ambiguous",
            Self::PathAmbiguous(_) | Self::PathReadings => "path_ambiguous",
        }
    }
}

impl fmt::Display for Denial {
    /// For logs and people who look for the cause: names scopes and times of the policy, nothing of the token's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str("the request carries no token"),
            Self::CredentialMalformed => f.write_str("what stands in the token's place is not a token"),
            Self::CredentialAmbiguous => f.write_str("the request carries more than one token"),
            Self::BadToken(fault) => write!(f, "{fault}"),
            Self::IssuerNotAllowed => f.write_str("the rule does not take tokens of this issuer"),
            Self::ScopeInsufficient { scope } => write!(f, "the rule needs the scopes {scope}"),
            Self::ClientNotAllowed { .. } => f.write_str("the rule does not take tokens of this client"),
            Self::ClaimMismatch { .. } => f.write_str("a claim does not have the value that the rule needs"),
            Self::AuthorizationDetailsInsufficient { .. } => {
                f.write_str("the token's authorization details do not have all that the rule needs")
            }
            Self::AuthenticationTooWeak(login) => {
                write!(f, "the rule needs a login of the kind {}", login.acr_values)
            }
            Self::AuthenticationTooOld(login) => {
                write!(f, "the rule needs a login of the last {} seconds", login.max_age.unwrap_or_default())
            }
            Self::Unmatched => f.write_str("no rule matches the request"),
            Self::RuleDenied => f.write_str("the rule denies the request"),
            Self::RuleUnknown => f.write_str("the route names a rule that the policy does not have"),
            Self::AuthorityAmbiguous => {
                f.write_str("nobody can say which host the authority of the request names, and rules go by host")
            }
            Self::AuthorityReadings => f.write_str(
                "proxies and servers read the authority of the request in more than one way (port, last dot, user), \
                 and the rules differ: where the proxy ignores ports, say `authority: {ports: any}`; else have it \
                 strip them (strip_any_host_port, strip_matching_host_port, strip_trailing_host_dot)",
            ),
            Self::PathAmbiguous(why) => write!(f, "the path has more than one reading: {why}"),
            Self::PathReadings => f.write_str(
                "servers read the path in more than one way (parameters, escapes, `#`), and the rules differ",
            ),
        }
    }
}
