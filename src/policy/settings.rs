//! The parts of a policy that are plain settings.

use crate::http::spelling::Spellings;
use crate::token::credential::Place;

/// What happens to a request that no rule matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unmatched {
    /// It is refused.
    #[default]
    Deny,
    /// It needs a good token, any.
    Authenticated,
    /// It passes; its token is not looked at.
    Anonymous,
}

/// Whether denials count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// They do.
    #[default]
    Enforce,
    /// They are counted and logged, and the request passes.
    Observe,
}

/// What happens to CORS preflights, which never carry a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CorsPreflight {
    /// They are judged like any other request.
    #[default]
    Check,
    /// They pass.
    Allow,
}

/// Where the client certificate of a request is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CertificateSource {
    /// By the proxy, about the connection on which the request came.
    #[default]
    Connection,
    /// In `x-forwarded-client-cert`, by the hop in front of the proxy.
    ForwardedField,
}

/// What an admitted request tells the upstream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upstream {
    /// Header (lower case) and the claim that it holds.
    pub headers: Vec<(String, String)>,
    /// The header that holds all claims.
    pub claims_header: Option<String>,
    /// What is left in the filter state for others.
    pub filter_state: Vec<FilterState>,
    /// The names of these headers, and of those that hold a token where another name could be taken for it.
    believed: Spellings,
}

impl Upstream {
    /// An upstream that is told of claims in `headers` (lower case, each with its claim) and in `claims_header`, and of
    /// the token in those of `places` that are headers.
    pub fn new(
        headers: Vec<(String, String)>,
        claims_header: Option<String>,
        filter_state: Vec<FilterState>,
        places: &[Place],
    ) -> Self {
        let of_tokens = places.iter().filter_map(Place::header);
        // `authorization` has no other spelling, and nearly every request has it.
        let of_tokens = of_tokens.filter(|name| name.bytes().any(|byte| !byte.is_ascii_alphanumeric()));
        let of_claims = headers.iter().map(|(name, _)| name).chain(&claims_header).map(String::as_str);
        let believed = Spellings::of(of_claims.chain(of_tokens));
        Self { headers, claims_header, filter_state, believed }
    }

    /// Whether the upstream may take the field `name` (lower case) for one that tells it who calls.
    pub fn may_believe(&self, name: &[u8]) -> bool {
        self.believed.contain(name)
    }
}

/// One entry of the filter state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterState {
    /// The token's subject.
    Subject,
    /// The token's client.
    Client,
    /// The name of the token's issuer.
    Issuer,
    /// The name of the rule that decided.
    Rule,
    /// The reason code of the decision.
    Reason,
}

impl FilterState {
    /// Every entry.
    pub const ALL: &[Self] = &[Self::Subject, Self::Client, Self::Issuer, Self::Rule, Self::Reason];

    /// The name in policies, and in the filter state after `wasm.scopegate.`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Issuer => "issuer",
            Self::Rule => "rule",
            Self::Reason => "reason",
        }
    }
}

/// What a refused client is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Responses {
    /// The realm of challenges; `None` for the request's host.
    pub realm: Option<String>,
    /// The form of the body.
    pub body: BodyForm,
    /// Whether clients get descriptions.
    pub describe: bool,
}

impl Default for Responses {
    fn default() -> Self {
        Self { realm: None, body: BodyForm::Json, describe: true }
    }
}

/// The form of a refusal's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyForm {
    /// `{"error", "error_description"}`.
    Json,
    /// Problem details (RFC 9457).
    Problem,
    /// No body.
    None,
}

/// Bounds on sizes and numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest token that is looked at.
    pub token_bytes: usize,
    /// How many tokens are remembered.
    pub cached_tokens: usize,
    /// How many requests may wait for an issuer at the same time.
    pub waiting_requests: usize,
    /// How many used DPoP proofs are remembered, at least.
    pub remembered_proofs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_bytes: 16_384,
            cached_tokens: 10_000,
            waiting_requests: 1_000,
            remembered_proofs: 100_000,
        }
    }
}

/// Where a token is looked for unless the policy says otherwise: RFC 6750 section 2.1 alone.
pub fn default_places() -> Vec<Place> {
    vec![Place::Header { name: "authorization".into(), scheme: Some("Bearer".to_owned()) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str) -> Place {
        Place::Header { name: name.into(), scheme: None }
    }

    #[test]
    fn a_field_of_a_token_is_believed_in_every_spelling_where_it_has_more_than_one() {
        let claims = vec![("x-sub".to_owned(), "sub".to_owned())];
        let places = [header("authorization"), header("x-token"), Place::Query("access_token".to_owned())];
        let upstream = Upstream::new(claims, Some("x-claims".to_owned()), Vec::new(), &places);
        for name in [&b"x-sub"[..], b"x_sub", b"x-claims", b"x.claims", b"x-token", b"x_token"] {
            assert!(upstream.may_believe(name), "{name:?}");
        }
        for name in [&b"authorization"[..], b"access_token", b"x-other"] {
            assert!(!upstream.may_believe(name), "{name:?}");
        }
    }
}
