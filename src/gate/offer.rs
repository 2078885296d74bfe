//! How a refused client may present a token next: the schemes of its challenges (RFC 9449 section 7).

use super::case::Client;
use crate::policy::{Denial, Holder, Policy, Rule};
use crate::token::binding::Proof;
use crate::token::credential::Scheme;

/// The challenges of one answer.
pub(super) struct Offer {
    /// The schemes, at least one. The first is that of the credential at stake: what was wrong is said there.
    schemes: &'static [Scheme],
    /// How proofs may be signed, names with spaces between them.
    pub(super) algorithms: String,
    /// The scopes to ask for in the first place, space-delimited; empty where there is nothing to say.
    pub(super) scope: String,
    /// The nonce for the next proof, where one is asked for.
    pub(super) nonce: Option<String>,
}

impl Offer {
    /// What is offered to `client` under `rule`, whose token, where it is good, is that of `holder`. Where a token has
    /// to be bound to a key, or this one is, only that is offered: a bearer token is not what helps.
    pub(super) fn new(
        policy: &Policy,
        client: &Client<'_>,
        rule: Option<&Rule>,
        holder: Option<&Holder>,
        denial: &Denial,
    ) -> Self {
        // A client of a protected resource finds out by itself what to ask for, and the first answer tells it.
        let asks = *denial == Denial::NoCredential && client.resource.is_some();
        let scope = rule.filter(|_| asks).map(|rule| rule.access.scope_at_first()).unwrap_or_default();
        let Some(dpop) = &policy.dpop else {
            return Self { schemes: &[Scheme::Bearer], algorithms: String::new(), scope, nonce: None };
        };
        let wanted = rule.and_then(|rule| rule.access.proof());
        let takes_bearer = policy.places.iter().any(|place| place.scheme() == Scheme::Bearer);
        let needs_key = wanted == Some(Proof::Dpop) || !takes_bearer;
        let has_key = holder.is_some_and(|holder| holder.confirmation().names_key());
        let schemes: &[Scheme] = if client.dpop || needs_key || has_key {
            &[Scheme::Dpop]
        } else if wanted == Some(Proof::MutualTls) {
            &[Scheme::Bearer]
        } else {
            &[Scheme::Bearer, Scheme::Dpop]
        };
        let names: Vec<&str> = dpop.terms.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        Self { schemes, algorithms: names.join(" "), scope, nonce: None }
    }

    /// This offer, with the `nonce` that a proof needs.
    #[must_use]
    pub(super) fn with_nonce(self, nonce: Option<String>) -> Self {
        Self { nonce, ..self }
    }

    /// The scheme of the credential at stake.
    pub(super) fn at_stake(&self) -> Scheme {
        self.schemes.first().copied().unwrap_or(Scheme::Bearer)
    }

    /// The schemes to challenge with in an answer with this `status`: another scheme helps only whoever has no good
    /// token.
    pub(super) fn schemes(&self, status: u16) -> impl Iterator<Item = Scheme> {
        let most = if status == 401 { self.schemes.len() } else { 1 };
        self.schemes.iter().copied().take(most)
    }
}
