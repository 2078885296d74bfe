//! One request: all that is needed to judge it once its head is gone.

use core::fmt;
use std::borrow::Cow;
use std::rc::Rc;

use super::in_flight::InFlight;
use super::keys::SetNumber;
use super::memory::Known;
use super::topic::Topic;
use crate::base::digest::Digest;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::host;
use crate::http::message::HeaderEdits;
use crate::http::path::Path;
use crate::policy::{Policy, ProtectedResource, RuleId};
use crate::token::binding::Thumbprint;
use crate::token::credential;
use crate::token::dpop;
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::introspection::Silence;

/// The requests that wait, and the callouts in flight for them.
pub(super) type Waiting = InFlight<Topic, Case<'static>>;

/// A request with a credential, on its way through the checks.
pub(super) struct Case<'h> {
    pub(super) decider: Decider,
    pub(super) token: Secret<Cow<'h, [u8]>>,
    pub(super) digest: Digest,
    pub(super) client: Client<'h>,
    /// What came with the token, where it was presented as one that is bound to a key.
    pub(super) proof: Option<dpop::Presented>,
    /// The client certificate that its sender has proven to hold, once that matters.
    pub(super) certificate: Option<Thumbprint>,
    /// The edits when it goes on, but for the identity.
    pub(super) edits: HeaderEdits,
    /// Key sets that were asked for on its behalf; they are not asked for again.
    pub(super) asked_keys: Vec<SetNumber>,
    /// What it waited for last, and until when: looking again is no new wait.
    pub(super) deadline: Option<(Topic, UnixTime)>,
    /// The issuer whose token it is, or who was asked last.
    pub(super) issuer: Option<IssuerId>,
    /// What its token says of itself, where the signature was verified here and the issuer is asked about it too.
    pub(super) verified: Option<Rc<Known>>,
    /// What issuers said about its token while it waited.
    pub(super) heard: Vec<(IssuerId, Heard)>,
}

/// What a verdict is about.
pub(super) struct About<'c> {
    pub(super) client: &'c Client<'c>,
    pub(super) rule: Option<RuleId>,
    pub(super) issuer: Option<IssuerId>,
    pub(super) known: Option<Rc<Known>>,
}

impl<'c> About<'c> {
    /// A request whose token was not looked at.
    pub(super) const fn request(client: &'c Client<'c>, rule: Option<RuleId>) -> Self {
        Self { client, rule, issuer: None, known: None }
    }
}

impl Case<'_> {
    /// This case, for when its head is gone.
    pub(super) fn into_owned(self) -> Case<'static> {
        Case {
            token: self.token.into_owned(),
            client: self.client.into_owned(),
            decider: self.decider,
            digest: self.digest,
            proof: self.proof,
            certificate: self.certificate,
            edits: self.edits,
            asked_keys: self.asked_keys,
            deadline: self.deadline,
            issuer: self.issuer,
            verified: self.verified,
            heard: self.heard,
        }
    }

    /// Whether `issuer` has said something about its token, or is known to say nothing.
    pub(super) fn has_heard(&self, issuer: IssuerId) -> bool {
        self.heard.iter().any(|(heard, _)| *heard == issuer)
    }

    /// This case, with its token where that is known to be good.
    pub(super) fn about(&self, known: Option<Rc<Known>>) -> About<'_> {
        About { client: &self.client, rule: self.decider.rule(), issuer: self.issuer, known }
    }
}

/// What decides once the token is known to be good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decider {
    /// A rule.
    Rule(RuleId),
    /// No rule matched, and the policy asks for any good token then.
    Unmatched,
}

impl Decider {
    /// The scopes that it requires under `policy`, space-delimited.
    pub(super) fn required_scopes(self, policy: &Policy) -> String {
        let rule = self.rule().and_then(|rule| policy.rules.get(rule));
        rule.map(|rule| rule.access.required_scopes().join(" ")).unwrap_or_default()
    }

    /// The rule, where it is one.
    pub(super) const fn rule(self) -> Option<RuleId> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Unmatched => None,
        }
    }
}

/// An issuer's word about a token.
#[derive(Clone)]
pub(super) enum Heard {
    /// Good.
    Good(Rc<Known>),
    /// Not good.
    Refused(TokenFault),
    /// Nothing.
    Silent(Silence),
}

/// What a refusal has to know about the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Client<'h> {
    /// The host that the request is for; empty when it names none.
    pub(super) host: Cow<'h, str>,
    /// It wants its status as gRPC has it.
    pub(super) grpc: bool,
    /// The protected resource that the request is for.
    pub(super) resource: Option<Rc<ProtectedResource>>,
    /// It presents its token as one that is bound to a key.
    pub(super) dpop: bool,
    /// The origin of the page that asks; only where the policy lets pages of other origins read answers.
    pub(super) origin: Option<Cow<'h, [u8]>>,
}

impl<'h> Client<'h> {
    /// The client of `head`, whose path in normal form, where it has one, is `path`.
    pub(super) fn of(policy: &Policy, head: &RequestHead<'h>, path: Option<&Path<'_>>) -> Self {
        let host = host::of_authority(head.authority).unwrap_or_default();
        let resource = || policy.resources.of(&host, path).cloned();
        let resource = (!policy.resources.is_empty()).then(resource).flatten();
        let origin = policy.cors.as_ref().and_then(|_| head.only(b"origin")).map(Cow::Borrowed);
        Self { host, grpc: head.is_grpc(), resource, dpop: false, origin }
    }

    fn into_owned(self) -> Client<'static> {
        Client {
            host: Cow::Owned(self.host.into_owned()),
            grpc: self.grpc,
            resource: self.resource,
            dpop: self.dpop,
            origin: self.origin.map(|origin| Cow::Owned(origin.into_owned())),
        }
    }
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("decider", &self.decider)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// The edits on a request that goes on under `rule`, but for the identity: what stands where the upstream looks for one is
/// removed, and so is the token, good or not, unless it is forwarded.
pub(super) fn strip(policy: &Policy, head: &RequestHead<'_>, rule: Option<RuleId>) -> HeaderEdits {
    let mut edits = HeaderEdits::default();
    let is_place = |name: &[u8]| policy.places.iter().any(|place| place.is_header(name));
    for field in head.fields() {
        if policy.upstream.may_believe(field.name)
            // The token itself is judged, and forwarded or not; what only looks like it is neither.
            && !is_place(field.name)
            // A proxy lets no other name through.
            && let Ok(name) = core::str::from_utf8(field.name)
            && !edits.remove.iter().any(|removed| **removed == *name)
        {
            edits.remove.push(name.into());
        }
    }
    credential::strip(head, &policy.places, policy.forwards(rule), &mut edits);
    edits
}
