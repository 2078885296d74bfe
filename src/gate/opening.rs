//! What is to be done with a request head: it is judged at once, or is a case with a token that is looked at next.

use std::borrow::Cow;
use std::rc::Rc;

use super::case::{About, Case, Client, strip};
use super::memory::{Known, Memory};
use super::proofs::presented;
use super::refuse::Outage;
use super::route::{Route, route};
use super::step::{Facts, Verdict};
use super::verdict::Verdicts;
use crate::base::digest::Digest;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::message::HeaderEdits;
use crate::http::path::Path;
use crate::http::readings::Readings;
use crate::policy::{Denial, Policy};
use crate::token::credential::{self, Candidate, Found, Scheme};
use crate::token::fault::TokenFault;

/// What a head comes to.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would cost each request an allocation"
)]
pub(super) enum Opened<'h> {
    /// It is decided: it needs no token, or has none that could be good.
    Settled(Verdict),
    /// A token has to be looked at; with what is known of it, where its signature was verified here before.
    Case(Case<'h>, Option<Rc<Known>>),
}

/// Looks at `head`. `memory` is asked for tokens whose signatures were verified.
// It is called in one place, and the case is not moved then: 82 instructions of a remembered token's 6,728.
#[inline]
pub(super) fn open<'h>(
    verdicts: &Verdicts<'_>,
    memory: &Memory,
    head: &RequestHead<'h>,
    facts: &Facts<'_>,
) -> Opened<'h> {
    let (policy, now) = (verdicts.policy, verdicts.now);
    let paths = Path::readings(head.path);
    let mut client = Client::of(policy, head, paths.as_ref().ok().map(Readings::first));
    if policy.is_closed() {
        let about = About::request(&client, None);
        return Opened::Settled(verdicts.unknown(about, Outage::NotReady, HeaderEdits::default));
    }
    let decider = match route(policy, head, paths, facts, &client, now) {
        Route::Judge(decider) => decider,
        Route::Metadata(response) => return Opened::Settled(verdicts.described(response, &client)),
        Route::Anonymous(permit, rule) => {
            let edits = strip(policy, head, rule);
            return Opened::Settled(verdicts.anonymous(permit, About::request(&client, rule), edits));
        }
        Route::Denied(denial, rule) => {
            let edits = || strip(policy, head, rule);
            return Opened::Settled(verdicts.refused(About::request(&client, rule), &denial, edits));
        }
    };
    let candidate = credential::candidate(head, &policy.places);
    let (digest, known) = recall(policy, memory, &candidate, now);
    let found = match (&known, candidate) {
        // A token that is known was looked at before.
        (Some(_), Candidate::Text(text, scheme)) => Found::Token(Secret::new(text.into()), scheme),
        (_, candidate) => candidate.check(),
    };
    client.dpop = matches!(&found, Found::Token(_, Scheme::Dpop));
    let about = About::request(&client, decider.rule());
    let stripped = || strip(policy, head, decider.rule());
    let token = match token(found, policy.limits.token_bytes) {
        Ok(Some(token)) => token,
        Ok(None) => {
            return Opened::Settled(match verdicts.without_credential(decider) {
                Ok(permit) => verdicts.anonymous(permit, about, stripped()),
                Err(denial) => verdicts.refused(about, &denial, stripped),
            });
        }
        Err(denial) => return Opened::Settled(verdicts.refused(about, &denial, stripped)),
    };
    let digest = digest.unwrap_or_else(|| memory.digest(token.expose()));
    let edits = stripped();
    let proof = client.dpop.then(|| presented(policy, head, facts));
    let case = Case {
        decider,
        token,
        digest,
        client,
        proof,
        certificate: None,
        edits,
        asked_keys: Vec::new(),
        deadline: None,
        issuer: None,
        verified: None,
        heard: Vec::new(),
    };
    Opened::Case(case, known)
}

/// The digest of a text that may be a token, and what is known of a token with just this text whose signature was
/// verified here.
fn recall(
    policy: &Policy,
    memory: &Memory,
    candidate: &Candidate<'_>,
    now: UnixTime,
) -> (Option<Digest>, Option<Rc<Known>>) {
    match candidate {
        // Nothing longer is ever remembered.
        Candidate::Text(text, _) if text.len() <= policy.limits.token_bytes => {
            let digest = memory.digest(text);
            (Some(digest), memory.verified(digest, now))
        }
        Candidate::Text(..) | Candidate::Found(_) => (None, None),
    }
}

/// The one token in what was found in a request, or none; of at most `limit` bytes.
fn token(found: Found<'_>, limit: usize) -> Result<Option<Secret<Cow<'_, [u8]>>>, Denial> {
    match found {
        Found::Nothing => Ok(None),
        Found::Malformed => Err(Denial::CredentialMalformed),
        Found::Several => Err(Denial::CredentialAmbiguous),
        Found::Token(token, _) if token.expose().len() > limit => {
            let length = token.expose().len();
            Err(Denial::BadToken(TokenFault::TooLong { length, limit }))
        }
        Found::Token(token, _) => Ok(Some(token)),
    }
}
