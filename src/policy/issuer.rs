//! An issuer: what its tokens must be like, and how they are checked.

use core::time::Duration;
use std::rc::Rc;

use crate::http::uri::Uri;
use crate::jose::key_set::KeySet;
use crate::token::expect::{Audiences, Expect};
use crate::token::introspection::{Answers, Endpoint};

/// Who may issue tokens. Has keys, or an endpoint to ask, or both.
#[derive(Debug)]
pub struct Issuer {
    /// The name in metrics, logs and rules.
    pub name: Rc<str>,
    /// What its tokens must be like.
    pub expect: Expect,
    /// The keys that verify its tokens here.
    pub keys: Vec<Keys>,
    /// How it is asked about tokens.
    pub introspection: Option<Introspection>,
}

impl Issuer {
    /// Whether its tokens are verified here.
    pub fn verifies(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether every token that it is asked about is refused, for its list of audiences: no answer in its protocol names
    /// one, no verified token does in its place, and nothing says that answers may do without.
    pub fn refuses_everybody(&self) -> bool {
        let Some(introspection) = &self.introspection else { return false };
        let is_named = introspection.endpoint.protocol.names_audience() || introspection.answers.aud_optional;
        let token_names = self.verifies() && self.is_always_asked();
        self.expect.audiences != Audiences::Any && !is_named && !token_names
    }

    /// Whether it is asked about tokens that were verified here too.
    pub fn is_always_asked(&self) -> bool {
        self.introspection.as_ref().is_some_and(|introspection| introspection.use_for == UseFor::All)
    }
}

/// Where an issuer's keys come from.
#[derive(Debug)]
pub enum Keys {
    /// They stand in the policy.
    Inline(Rc<KeySet>),
    /// They are fetched.
    Fetched(Fetch),
}

/// How keys are fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetch {
    /// From where.
    pub source: KeySource,
    /// Through which cluster of the proxy.
    pub cluster: String,
    /// How long one callout may take; never zero.
    pub timeout: Duration,
    /// How long keys are used; a reply's freshness may shorten it.
    pub refresh: Duration,
    /// The shortest time between two fetches.
    pub min_refresh: Duration,
}

/// What leads to a key set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// Its own URI.
    Uri(Uri),
    /// The metadata of the issuer at this URI (RFC 8414, OpenID Connect Discovery).
    Discover(Uri),
}

/// How an issuer is asked about tokens, and what becomes of its answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introspection {
    /// Whom to ask.
    pub endpoint: Endpoint,
    /// Which tokens are asked about.
    pub use_for: UseFor,
    /// What its answers are like.
    pub answers: Answers,
    /// How long a good answer is remembered at most; zero for not at all.
    pub ttl: Duration,
    /// How long a bad answer is remembered; zero for not at all.
    pub negative_ttl: Duration,
    /// What happens while nobody answers.
    pub on_outage: OnOutage,
}

/// Which tokens an issuer is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UseFor {
    /// Those that are not signed objects.
    Opaque,
    /// All, after their local verification.
    All,
}

/// What happens to a request while the issuer does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnOutage {
    /// It is refused.
    Deny,
    /// An answer no older than this is used again.
    ServeStale(Duration),
}
