//! Issuers' answers, shared between the workers of one proxy; and which worker asks.
//!
//! A fixed number of slots, a token's digest and the issuer say which. What lies in a slot came from a memory that
//! others may write to: it counts only with a tag that nobody can make who does not know the issuer's client secret and
//! the workers' common seed. An answer is shared as the issuer gave it and understood anew by whoever reads it: no
//! worker takes a grant from another, let alone a verdict.
//!
//! Records say when they were written, by the proxy's clock. Whoever reads one holds it to its own terms: another policy
//! that shares these slots, or the one before this, may have remembered answers for longer.

use core::time::Duration;
use std::rc::Rc;

use super::clock::{Clock, Span};
pub(super) use record::{Kind, TAG, Told, tag};
use record::{Record, holds_good_answer};

use crate::base::digest::{Digest, DigestKey};
use crate::base::time::UnixTime;
use crate::http::message::Answer;
use crate::jose::hash::HashName;
use crate::policy::{Introspection, Policy};
use crate::token::expect::IssuerId;

/// How many answers the workers share at most.
pub(super) const SLOTS: u32 = 2048;

/// A memory that several workers share; what is written may be gone, old or forged when it is read.
pub trait SharedSlots {
    /// What lies in `slot`, and its version.
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)>;

    /// Writes `bytes` to `slot`, if its version is still `version` (`None`: if nobody has written to it yet); whether
    /// it did.
    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool;
}

/// Whether a worker may ask about a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It may, and the others leave it alone.
    Ours,
    /// Another one is at it, or has been.
    Theirs,
}

/// The workers' common memory, as one of them sees it.
pub(super) struct Shared {
    slots: Rc<dyn SharedSlots>,
    /// What records of each issuer are tagged with; `None` for issuers whose answers are not shared.
    keys: Vec<Option<DigestKey>>,
}

impl Shared {
    /// The memory in `slots`, for workers that all know `seed`.
    pub(super) fn new(slots: Rc<dyn SharedSlots>, policy: &Policy, seed: &[u8; 16]) -> Self {
        let key = |introspection: &Introspection| {
            let digest = HashName::Sha256.digest(&[seed, &introspection.endpoint.identity()]);
            let key = digest.first_chunk::<16>().copied().map(DigestKey::new);
            // Answers that nobody remembers are nobody else's news.
            key.filter(|_| introspection.ttl > Duration::ZERO)
        };
        let keys = policy.issuers.iter().map(|issuer| issuer.introspection.as_ref().and_then(key)).collect();
        Self { slots, keys }
    }

    /// What some worker was told last about the token, as far as anybody knows here; how old it is is for whoever reads
    /// it to look.
    pub(super) fn told(&self, issuer: IssuerId, digest: Digest) -> Option<Told> {
        self.read(issuer, digest)?.0.told
    }

    /// Takes the turn to ask about the token, unless another worker has it. A turn ends by itself after `patience`.
    /// What was told before stays there: it was the issuer's last word still, should it answer nobody now.
    pub(super) fn take_turn(
        &self,
        issuer: IssuerId,
        digest: Digest,
        patience: Duration,
        clock: &Clock,
        now: UnixTime,
    ) -> Turn {
        let Some(key) = self.key(issuer) else { return Turn::Ours };
        let slot = slot(issuer, digest);
        let (version, told) = match self.slots.read(slot) {
            None => (None, None),
            Some((bytes, version)) => {
                let told = match Record::read(&bytes, key, slot, digest) {
                    // Also when the answer has come by now, after we looked for one.
                    Some(record)
                        if record.is_taken(patience, clock, now)
                            || record.was_told_just_now(patience, clock, now) =>
                    {
                        return Turn::Theirs;
                    }
                    Some(record) => record.told,
                    // Whoever has a new token to ask about does not displace what was said of a good one: then each
                    // worker asks for itself.
                    None if holds_good_answer(&bytes, clock, now) => return Turn::Ours,
                    None => None,
                };
                (Some(version), told)
            }
        };
        let turn = Record { turn: Span { at: now, until: now.plus(patience) }, told };
        let is_written = self.slots.write(slot, &turn.write(key, slot, digest), version);
        // Where nothing has changed nobody was quicker: the host keeps nothing here, and each worker asks for itself.
        let is_unchanged = || self.slots.read(slot).map(|(_, version)| version) == version;
        // Whether it was about this token that somebody was quicker shows at the next look.
        if is_written || is_unchanged() { Turn::Ours } else { Turn::Theirs }
    }

    /// Whether another worker has the turn to ask about the token.
    pub(super) fn is_taken(
        &self,
        issuer: IssuerId,
        digest: Digest,
        patience: Duration,
        clock: &Clock,
        now: UnixTime,
    ) -> bool {
        self.read(issuer, digest).is_some_and(|(record, _)| record.is_taken(patience, clock, now))
    }

    /// Tells the other workers what the issuer said, for use within `span`. Ends our turn.
    pub(super) fn tell(
        &self,
        issuer: IssuerId,
        digest: Digest,
        kind: Kind,
        answer: &Answer<'_>,
        span: Span,
        clock: &Clock,
    ) {
        let Some(key) = self.key(issuer) else { return };
        let slot = slot(issuer, digest);
        let found = self.slots.read(slot);
        let is_own = |bytes: &[u8]| Record::read(bytes, key, slot, digest).is_some();
        let is_ours = found.as_ref().is_some_and(|(bytes, _)| is_own(bytes));
        let told = Told::of(kind, answer, span);
        let displaces = match (kind, &found) {
            (Kind::Refused, Some((bytes, _))) => !is_ours && holds_good_answer(bytes, clock, span.at),
            (Kind::Good, Some(_)) | (_, None) => false,
        };
        // Of an answer that is too long nothing is told, and what was told before it is the last word no longer.
        if displaces || (told.is_none() && !is_ours) {
            return;
        }
        let record = Record { turn: Span::NONE, told };
        // A slot that another worker has written to in this moment is theirs.
        let _ = self.slots.write(slot, &record.write(key, slot, digest), found.map(|(_, version)| version));
    }

    /// Ends our turn with nothing to tell.
    pub(super) fn give_turn_back(&self, issuer: IssuerId, digest: Digest) {
        let Some(key) = self.key(issuer) else { return };
        let Some((record, version)) = self.read(issuer, digest) else { return };
        let slot = slot(issuer, digest);
        let over = Record { turn: Span::NONE, ..record };
        let _ = self.slots.write(slot, &over.write(key, slot, digest), Some(version));
    }

    fn read(&self, issuer: IssuerId, digest: Digest) -> Option<(Record, u32)> {
        let key = self.key(issuer)?;
        let slot = slot(issuer, digest);
        let (bytes, version) = self.slots.read(slot)?;
        Some((Record::read(&bytes, key, slot, digest)?, version))
    }

    fn key(&self, issuer: IssuerId) -> Option<&DigestKey> {
        self.keys.get(usize::try_from(issuer.0).ok()?)?.as_ref()
    }
}

/// Issuers that are asked about the same token have a slot each: none overwrites what another said.
fn slot(issuer: IssuerId, digest: Digest) -> u32 {
    (digest.as_u128() as u32).wrapping_add(issuer.0) % SLOTS
}

mod record;
#[cfg(test)]
mod tests;
