//! What the operator wants, compiled once and never changed.
//!
//! - knows: issuers, rules and which of them decides, requirements, the permit
//! - must not know: bytes of configuration, replies, status codes, the proxy
//! - in: plain values that `config` has checked; out: the rule of a request, and a permit or a denial
//! - RFC 6750, 9396, 9449, 9470, 9728

pub mod authorize;
pub mod cors;
pub mod denial;
pub mod details;
pub mod dpop;
mod index;
pub mod issuer;
pub mod matcher;
mod overlap;
pub mod requirement;
pub mod resource;
pub mod rules;
pub mod settings;
pub mod vocabulary;

pub use authorize::{Permit, anonymous, authenticated, authorize, observed, preflight, unmatched};
pub use cors::{Cors, Origins};
pub use denial::{Denial, Login};
pub use details::WantedDetail;
pub use dpop::Dpop;
pub use issuer::{Fetch, Introspection, Issuer, KeySource, Keys, OnOutage, UseFor};
pub use matcher::{HostPattern, Matcher, PathPattern, Target};
pub use requirement::{ClaimTest, Holder, Requirement, Wanted};
pub use resource::{ProtectedResource, Resources, Terms};
pub use rules::{Access, Rule, RuleId, Rules, Unreachable};
pub use settings::{
    BodyForm, CertificateSource, CorsPreflight, FilterState, Limits, Mode, Responses, Unmatched, Upstream,
};
pub use vocabulary::Vocabulary;

use crate::base::secret::Secret;
use crate::http::host::IgnoredPorts;
use crate::token::credential::Place;
use crate::token::expect::IssuerId;
use crate::token::grant::Grant;

/// One policy, whole.
#[derive(Debug)]
pub struct Policy {
    /// Who may issue tokens; an [`IssuerId`] is a place in this list.
    pub issuers: Vec<Issuer>,
    /// Who may do what; the first match decides.
    pub rules: Rules,
    /// What happens where no rule matches.
    pub unmatched: Unmatched,
    /// Which ports in authorities do not count.
    pub ignored_ports: IgnoredPorts,
    /// Where a request may carry its token.
    pub places: Vec<Place>,
    /// How DPoP proofs are checked; `None` where DPoP is no way to present a token.
    pub dpop: Option<Dpop>,
    /// Whether the token stays on a request that goes on, unless its rule says otherwise.
    pub forward_token: bool,
    /// Where a request's client certificate is told.
    pub certificate_source: CertificateSource,
    /// What the upstream is told.
    pub upstream: Upstream,
    /// What a refused client is told.
    pub responses: Responses,
    /// The protected resources, whose metadata is served and linked.
    pub resources: Resources,
    /// Which pages of other origins may read what scopegate itself answers; `None` for none.
    pub cors: Option<Cors>,
    /// What happens to CORS preflights.
    pub cors_preflight: CorsPreflight,
    /// Whether a route's metadata may name the rule.
    pub route_metadata: bool,
    /// Whether denials are enforced.
    pub mode: Mode,
    /// Bounds on sizes and numbers.
    pub limits: Limits,
    /// What seals the key sets that workers share; without it the secret of our client at their issuer does.
    pub seal: Option<Secret<String>>,
    /// The scopes that the rules name, and what implies them.
    pub vocabulary: Vocabulary,
}

impl Policy {
    /// The policy that holds while there is no good one: no issuer, no rule, nothing admitted.
    pub fn closed() -> Self {
        Self {
            issuers: Vec::new(),
            rules: Rules::default(),
            unmatched: Unmatched::Deny,
            ignored_ports: IgnoredPorts::None,
            places: settings::default_places(),
            dpop: None,
            forward_token: false,
            certificate_source: CertificateSource::Connection,
            upstream: Upstream::default(),
            responses: Responses::default(),
            resources: Resources::default(),
            cors: None,
            cors_preflight: CorsPreflight::Check,
            route_metadata: false,
            mode: Mode::Enforce,
            limits: Limits::default(),
            seal: None,
            vocabulary: Vocabulary::default(),
        }
    }

    /// Whether this is [`Policy::closed`]: a configured policy has at least one rule.
    pub fn is_closed(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the token stays on a request that goes on under `rule`.
    pub fn forwards(&self, rule: Option<RuleId>) -> bool {
        let of_rule = rule.and_then(|rule| self.rules.get(rule)).and_then(|rule| rule.forward);
        of_rule.unwrap_or(self.forward_token)
    }

    /// Whether the field `name` (lower case) must not come in the trailers of a request: the upstream could take it for
    /// an identity or a token.
    pub fn forbids_trailer(&self, name: &[u8]) -> bool {
        self.upstream.may_believe(name) || self.places.iter().any(|place| place.is_in(name))
    }

    /// Whether anything depends on the host of a request. Where nothing does, its authority is not looked at.
    pub fn names_hosts(&self) -> bool {
        self.rules.uses_hosts() || self.resources.are_by_host()
    }

    /// The issuer of this number.
    pub fn issuer(&self, id: IssuerId) -> Option<&Issuer> {
        self.issuers.get(usize::try_from(id.0).ok()?)
    }

    /// How the issuer of this number is asked about tokens, where it is.
    pub fn introspection(&self, id: IssuerId) -> Option<&Introspection> {
        self.issuer(id)?.introspection.as_ref()
    }

    /// What seals the fetched key sets of `issuer` where workers share them: the policy's own secret, or that of our
    /// client at the issuer, if a neighbour could not find it by trying. `None`: each worker fetches for itself.
    pub fn sealing_secret(&self, issuer: &Issuer) -> Option<Secret<Vec<u8>>> {
        /// In bytes.
        const SHORTEST: usize = 16;
        let secret = match &self.seal {
            Some(seal) => Secret::new(seal.expose().clone().into_bytes()),
            None => issuer.introspection.as_ref()?.endpoint.secret(),
        };
        (secret.expose().len() >= SHORTEST).then_some(secret)
    }

    /// `grant`, and which of the policy's scopes it holds; worked out once, good for every rule.
    pub fn holder(&self, grant: Grant) -> Holder {
        let scopes = self.vocabulary.held(grant.scopes().iter());
        Holder::new(grant, scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::algorithm::Algorithms;
    use crate::token::expect::{Audiences, Expect};

    #[test]
    fn no_trailer_may_stand_in_any_place_of_a_token() {
        let header = Place::Header { name: "x-token".into(), scheme: None };
        let places = vec![header, Place::Cookie("session".to_owned()), Place::Query("token".to_owned())];
        let policy = Policy { places, ..Policy::closed() };
        assert!(policy.forbids_trailer(b"x-token") && policy.forbids_trailer(b"cookie"));
        assert!(!policy.forbids_trailer(b"token") && !policy.forbids_trailer(b"grpc-status"));
    }

    #[test]
    fn a_secret_of_less_than_sixteen_bytes_seals_nothing() {
        let expect = Expect {
            issuer: None,
            audiences: Audiences::Any,
            required_claims: Vec::new(),
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            clock_skew: core::time::Duration::ZERO,
            max_lifetime: None,
            allow_missing_exp: false,
            accepts_id_tokens: false,
            types: None,
            algorithms: Algorithms::NONE,
        };
        let issuer = Issuer { name: "i".into(), expect, keys: Vec::new(), introspection: None };
        let seals = |length: usize| {
            let seal = Some(Secret::new("s".repeat(length)));
            Policy { seal, ..Policy::closed() }.sealing_secret(&issuer).is_some()
        };
        assert!(seals(16) && !seals(15));
        assert!(Policy::closed().sealing_secret(&issuer).is_none());
    }
}
