//! Why a token is not good.

use core::fmt;

use super::dpop::ProofFault;
use crate::base::time::UnixTime;
use crate::jose::fault::JoseFault;

/// What is wrong with a token. `Display` is for logs and people who look for the cause: it names claims and times,
/// never the token, a subject or a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenFault {
    /// Longer than the policy's limit, in bytes.
    TooLong {
        /// The token's length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Not a token of any kind that the policy knows; says why.
    Malformed(&'static str),
    /// The signature, or what it takes to check it.
    Jose(JoseFault),
    /// The header's `typ` is not one of those wanted (RFC 9068 section 4).
    TypeNotAllowed,
    /// It is signed, and something else than an access token; says by which mark.
    NoAccessToken(&'static str),
    /// `iss` names no issuer of the policy, or is missing where the policy has no issuer for that.
    IssuerUnknown,
    /// `iss` is not this issuer of the policy, and differs from it by slashes at the end alone (RFC 8414 section 4 and RFC
    /// 9207 section 2.4 compare byte for byte).
    IssuerNearly(String),
    /// No wanted audience is in `aud` (RFC 7519 section 4.1.3).
    AudienceMismatch,
    /// `exp` and the skew have passed.
    Expired {
        /// When the token ended, skew included.
        at: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// `nbf` or `iat` is still to come, skew considered.
    NotYetValid {
        /// When the token begins, skew included.
        at: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// `exp` is further from `iat` than the policy allows.
    LifetimeTooLong,
    /// A claim that must be there is not.
    ClaimMissing(String),
    /// A claim has the wrong type or a value that cannot be.
    ClaimMalformed(String),
    /// The issuer says that the token is not active.
    Inactive,
    /// The issuer calls the token active, and says in this member that it is no access token.
    OtherKind(&'static str),
    /// The issuer's answer about a verified token has another value of this member than the token itself.
    Contradicted(&'static str),
    /// The issuer's answer names no audience, and the policy lists some.
    AudienceUnsaid,
    /// The issuer's answer names no issuer, and the policy does.
    IssuerUnsaid,
    /// The issuer says that the token lacks a scope that its own endpoint needs.
    LacksScope,
    /// The token is bound to its sender and nothing proves that the sender is the same (RFC 9449, RFC 8705).
    BindingUnproven,
    /// The DPoP proof is not good (RFC 9449 section 4.3).
    ProofInvalid(ProofFault),
    /// The DPoP proof was used before (RFC 9449 section 11.1).
    ProofReplayed,
    /// The DPoP proof is good, but for a nonce that we have given (RFC 9449 section 9).
    NonceMissing,
}

impl TokenFault {
    /// What is wrong with a token whose `iss` is `found`, where the issuers of the policy are `wanted`.
    pub fn of_issuer<'p>(mut wanted: impl Iterator<Item = &'p str>, found: &str) -> Self {
        let bare = |issuer: &str| issuer.trim_end_matches('/').len();
        let is_near = |wanted: &&str| found.get(..bare(found)) == wanted.get(..bare(wanted));
        wanted.find(is_near).map_or(Self::IssuerUnknown, |wanted| Self::IssuerNearly(wanted.to_owned()))
    }

    /// The stable reason code of `policy.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "token_too_long",
            Self::Malformed(_) | Self::Jose(JoseFault::Malformed(_)) => "token_malformed",
            Self::Jose(JoseFault::AlgorithmNotAllowed | JoseFault::AlgorithmUnknown) => "alg_not_allowed",
            Self::Jose(JoseFault::CriticalHeader) => "critical_header",
            Self::Jose(JoseFault::KeyUnknown) => "key_unknown",
            Self::Jose(JoseFault::SignatureInvalid) => "signature_invalid",
            Self::TypeNotAllowed | Self::NoAccessToken(_) => "type_not_allowed",
            Self::IssuerUnknown | Self::IssuerNearly(_) | Self::IssuerUnsaid => "issuer_unknown",
            Self::AudienceMismatch | Self::AudienceUnsaid => "audience_mismatch",
            Self::Expired { .. } => "token_expired",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::ClaimMissing(_) => "claim_missing",
            Self::ClaimMalformed(_) => "claim_malformed",
            Self::Inactive | Self::OtherKind(_) | Self::Contradicted(_) => "token_inactive",
            Self::LacksScope => "scope_insufficient",
            Self::BindingUnproven => "binding_unproven",
            Self::ProofInvalid(_) => "proof_invalid",
            Self::ProofReplayed => "proof_replayed",
            Self::NonceMissing => "proof_nonce_missing",
        }
    }
}

impl TokenFault {
    /// The member that the issuer's answer had to have and left out, where that is what is wrong.
    pub fn unsaid(&self) -> Option<&'static str> {
        if *self == Self::AudienceUnsaid {
            Some("aud")
        } else if *self == Self::IssuerUnsaid {
            Some("iss")
        } else {
            None
        }
    }
}

impl From<JoseFault> for TokenFault {
    fn from(fault: JoseFault) -> Self {
        Self::Jose(fault)
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, limit } => {
                write!(f, "the token has {length} bytes, the limit is {limit}")
            }
            Self::Malformed(why) => write!(f, "the token is malformed: {why}"),
            Self::Jose(fault) => write!(f, "{fault}"),
            Self::TypeNotAllowed => f.write_str("the token's typ is not one of those allowed"),
            Self::NoAccessToken(mark) => write!(f, "the token is no access token: {mark}"),
            Self::IssuerUnknown => f.write_str("the token's iss names no issuer of the policy"),
            Self::IssuerNearly(wanted) => write!(
                f,
                "the token's iss differs from `{wanted}` in the policy by a slash at the end alone: write `issuer` as \
                 the tokens have it"
            ),
            Self::AudienceMismatch => f.write_str("the token is for another audience"),
            Self::Expired { at, now } => write!(f, "the token ended at {at}, it is {now}"),
            Self::NotYetValid { at, now } => write!(f, "the token begins at {at}, it is {now}"),
            Self::LifetimeTooLong => f.write_str("the token lives longer than the policy allows"),
            Self::ClaimMissing(name) => write!(f, "the token has no {name}"),
            Self::ClaimMalformed(name) => write!(f, "the token's {name} has the wrong type or value"),
            Self::Inactive => f.write_str("the issuer says that the token is not active"),
            Self::OtherKind(member) => {
                write!(f, "the issuer's answer says in {member} that the token is no access token")
            }
            Self::Contradicted(member) => {
                write!(f, "the issuer's answer has another {member} than the token itself")
            }
            Self::AudienceUnsaid => f.write_str("the issuer's answer names no audience in aud"),
            Self::IssuerUnsaid => f.write_str("the issuer's answer names no issuer in iss"),
            Self::LacksScope => f.write_str("the issuer says that the token lacks a scope"),
            Self::BindingUnproven => {
                f.write_str("the token is bound to its sender, and the sender proved nothing")
            }
            Self::ProofInvalid(fault) => write!(f, "the proof is not good: {fault}"),
            Self::ProofReplayed => f.write_str("the proof was used before"),
            Self::NonceMissing => f.write_str("the proof has no nonce of ours that is still good"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_differs_by_a_slash_is_named() {
        let wanted = ["https://a.example", "https://b.example/"];
        for (found, near) in [
            ("https://a.example/", Some("https://a.example")),
            ("https://a.example//", Some("https://a.example")),
            ("https://b.example", Some("https://b.example/")),
            ("https://c.example", None),
            ("https://a.example/x", None),
            ("", None),
            ("/", None),
        ] {
            let fault = TokenFault::of_issuer(wanted.into_iter(), found);
            assert_eq!(fault.code(), "issuer_unknown");
            let told =
                near.map_or(TokenFault::IssuerUnknown, |near| TokenFault::IssuerNearly(near.to_owned()));
            assert_eq!(fault, told, "{found}");
        }
    }
}
