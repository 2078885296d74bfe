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
use crate::base::digest::{Digest, DigestKey};
use crate::base::time::UnixTime;
use crate::http::message::Answer;
use crate::jose::hash::HashName;
use crate::policy::{Introspection, Policy};
use crate::token::expect::IssuerId;

/// How many answers the workers share at most.
pub(super) const SLOTS: u32 = 2048;

/// Answers that are longer are not shared, in bytes.
const LONGEST: usize = 4096;

/// Who looked for an answer before this has not seen it.
const JUST_NOW: Duration = Duration::from_secs(1);

/// The fields of an answer that say something about the token: all that is shared of them.
const FIELDS: [&str; 2] = ["content-type", "www-authenticate"];

/// No field of these follows.
const NO_FIELD: u8 = u8::MAX;

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

/// An answer that some worker got.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// When.
    pub(super) at: UnixTime,
    pub(super) status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Told {
    /// As the issuer gave it.
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer { status: self.status, fields: &self.fields, body: &self.body }
    }
}

/// The workers' common memory, as one of them sees it.
pub(super) struct Shared {
    slots: Rc<dyn SharedSlots>,
    /// What records of each issuer are tagged with; `None` for issuers whose answers are not shared.
    keys: Vec<Option<DigestKey>>,
}

/// What lies in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A turn that is taken.
    Lease,
    /// An answer that the token is not good.
    Refused,
    /// An answer that it is.
    Good,
}

impl Kind {
    const ALL: [(Self, u8); 3] = [(Self::Lease, 1), (Self::Refused, 2), (Self::Good, 3)];

    fn number(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == number).map(|(kind, _)| *kind)
    }
}

/// The length of a tag, in bytes.
pub(super) const TAG: usize = 16;

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

    /// What some worker was told about the token, if that is news still by that worker's terms.
    pub(super) fn told(
        &self,
        issuer: IssuerId,
        digest: Digest,
        clock: &Clock,
        now: UnixTime,
    ) -> Option<Told> {
        let (record, _) = self.read(issuer, digest)?;
        record.told.filter(|_| record.span.holds(clock, now))
    }

    /// Takes the turn to ask about the token, unless another worker has it. A turn ends by itself after `patience`.
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
        let version = match self.slots.read(slot) {
            None => None,
            Some((bytes, version)) => {
                match Record::read(&bytes, key, slot, digest) {
                    // Also when it holds the answer by now, which came after we looked for one.
                    Some(record) if record.keeps_turn(patience, clock, now) => return Turn::Theirs,
                    // Whoever has a new token to ask about does not displace what was said of a good one: then each
                    // worker asks for itself.
                    None if holds_good_answer(&bytes, clock, now) => return Turn::Ours,
                    Some(_) | None => {}
                }
                Some(version)
            }
        };
        let lease =
            Record { span: Span { at: now, until: now.plus(patience) }, kind: Kind::Lease, told: None };
        match self.slots.write(slot, &lease.write(key, slot, digest), version) {
            true => Turn::Ours,
            // Somebody was quicker. Whether it was about this token shows at the next look.
            false => Turn::Theirs,
        }
    }

    /// Whether another worker has the turn to ask about the token, and has not been told yet.
    pub(super) fn is_taken(
        &self,
        issuer: IssuerId,
        digest: Digest,
        patience: Duration,
        clock: &Clock,
        now: UnixTime,
    ) -> bool {
        self.read(issuer, digest)
            .is_some_and(|(record, _)| record.told.is_none() && record.keeps_turn(patience, clock, now))
    }

    /// Tells the other workers what the issuer said, for use until `until`. Ends our turn.
    pub(super) fn tell(
        &self,
        issuer: IssuerId,
        digest: Digest,
        kind: Kind,
        answer: &Answer<'_>,
        span: Span,
        clock: &Clock,
    ) {
        let Span { at, .. } = span;
        let shared = answer.fields.iter().filter(|(name, _)| FIELDS.contains(&name.as_str()));
        let fields: Vec<(String, Vec<u8>)> = shared.cloned().collect();
        let length = fields.iter().fold(answer.body.len(), |sum, (_, value)| sum.saturating_add(value.len()));
        if length > LONGEST {
            return self.give_turn_back(issuer, digest, at);
        }
        let Some(key) = self.key(issuer) else { return };
        let slot = slot(issuer, digest);
        let found = self.slots.read(slot);
        let displaces = |bytes: &[u8]| {
            Record::read(bytes, key, slot, digest).is_none() && holds_good_answer(bytes, clock, at)
        };
        if kind != Kind::Good && found.as_ref().is_some_and(|(bytes, _)| displaces(bytes)) {
            return;
        }
        let told = Told { at, status: answer.status, fields, body: answer.body.to_vec() };
        let record = Record { span, kind, told: Some(told) };
        // A slot that another worker has written to in this moment is theirs.
        let _ = self.slots.write(slot, &record.write(key, slot, digest), found.map(|(_, version)| version));
    }

    /// Ends our turn with nothing to tell.
    pub(super) fn give_turn_back(&self, issuer: IssuerId, digest: Digest, now: UnixTime) {
        let Some(key) = self.key(issuer) else { return };
        let Some((_, version)) = self.read(issuer, digest) else { return };
        let slot = slot(issuer, digest);
        let over = Record { span: Span { at: now, until: now }, kind: Kind::Lease, told: None };
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

/// What lies in a slot about one token.
struct Record {
    span: Span,
    kind: Kind,
    /// The answer, where it is one.
    told: Option<Told>,
}

impl Record {
    /// Whether whoever wrote it keeps others from asking: for no longer than they would wait themselves, and with an
    /// answer no longer than it takes to look for one.
    fn keeps_turn(&self, patience: Duration, clock: &Clock, now: UnixTime) -> bool {
        let lasts = if self.told.is_some() { JUST_NOW.min(patience) } else { patience };
        now < self.span.at.plus(lasts) && self.span.holds(clock, now)
    }

    /// Tag, digest, kind, times, status, fields and body, numbers little-endian. Each field is the number of its name in
    /// [`FIELDS`] and its value's length and text; a number that is none ends them.
    fn write(&self, key: &DigestKey, slot: u32, digest: Digest) -> Vec<u8> {
        let mut record = vec![0; TAG];
        record.extend(digest.as_u128().to_le_bytes());
        record.push(self.kind.number());
        record.extend(self.span.at.as_millis().to_le_bytes());
        record.extend(self.span.until.as_millis().to_le_bytes());
        if let Some(told) = &self.told {
            record.extend(told.status.to_le_bytes());
            for (name, value) in &told.fields {
                let number = FIELDS.iter().zip(0u8..).find(|(known, _)| *known == name);
                let length = u16::try_from(value.len());
                if let (Some((_, number)), Ok(length)) = (number, length) {
                    record.push(number);
                    record.extend(length.to_le_bytes());
                    record.extend(value);
                }
            }
            record.push(NO_FIELD);
            record.extend(&told.body);
        }
        let tag = tag(key, slot, record.get(TAG..).unwrap_or_default());
        record.splice(..TAG, tag);
        record
    }

    /// The record about the token with this digest; `None` for any other, and for what nobody of us wrote.
    fn read(bytes: &[u8], key: &DigestKey, slot: u32, digest: Digest) -> Option<Self> {
        let (found, content) = bytes.split_first_chunk::<TAG>()?;
        if tag(key, slot, content) != *found {
            return None;
        }
        let (about, kind, span, content) = read_head(content)?;
        if about != digest.as_u128() {
            return None;
        }
        let told = match kind {
            Kind::Lease => None,
            Kind::Refused | Kind::Good => Some(read_told(span.at, content)?),
        };
        Some(Self { span, kind, told })
    }
}

/// The beginning of a record: the token's digest, the kind, the times.
fn read_head(content: &[u8]) -> Option<(u128, Kind, Span, &[u8])> {
    let (about, content) = content.split_first_chunk::<16>()?;
    let (kind, content) = content.split_first()?;
    let (at, content) = content.split_first_chunk::<8>()?;
    let (until, content) = content.split_first_chunk::<8>()?;
    let time = |bytes: &[u8; 8]| UnixTime::from_millis(i64::from_le_bytes(*bytes));
    Some((u128::from_le_bytes(*about), Kind::of(*kind)?, Span { at: time(at), until: time(until) }, content))
}

/// Whether a good answer lies here that counts still, whoever wrote it: of other issuers and policies the tag cannot be
/// checked. Whoever plants one keeps workers from sharing, and from nothing else.
fn holds_good_answer(bytes: &[u8], clock: &Clock, now: UnixTime) -> bool {
    let head = bytes.get(TAG..).and_then(read_head);
    head.is_some_and(|(_, kind, span, _)| kind == Kind::Good && span.holds(clock, now))
}

fn read_told(at: UnixTime, content: &[u8]) -> Option<Told> {
    let (status, mut content) = content.split_first_chunk::<2>()?;
    let mut fields = Vec::new();
    loop {
        let (number, rest) = content.split_first()?;
        if *number == NO_FIELD {
            return Some(Told { at, status: u16::from_le_bytes(*status), fields, body: rest.to_vec() });
        }
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        fields.push(((*FIELDS.get(usize::from(*number))?).to_owned(), value.to_vec()));
        content = rest;
    }
}

/// What `content` of `slot` is tagged with.
pub(super) fn tag(key: &DigestKey, slot: u32, content: &[u8]) -> [u8; TAG] {
    key.digest(slot, content).as_u128().to_le_bytes()
}

#[cfg(test)]
mod tests;
