//! Issuers' answers, shared between the workers of one proxy; and which worker asks.
//!
//! A fixed number of slots, a token's digest and the issuer say which. What lies in a slot came from a memory that
//! others may write to: it counts only with a tag that nobody can make who does not know the issuer's client secret and
//! the workers' common seed. An answer is shared as the issuer gave it and understood anew by whoever reads it: no
//! worker takes a grant from another, let alone a verdict.

use core::time::Duration;
use std::rc::Rc;

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

const LEASE: u8 = 1;
const ANSWER: u8 = 2;
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

    /// What some worker was told about the token, until when that may be used.
    pub(super) fn told(&self, issuer: IssuerId, digest: Digest, now: UnixTime) -> Option<(Told, UnixTime)> {
        let (record, _) = self.read(issuer, digest)?;
        let told = record.told.filter(|_| now < record.until)?;
        Some((told, record.until))
    }

    /// Takes the turn to ask about the token, unless another worker has it until then. `until` is when the turn ends
    /// by itself.
    pub(super) fn take_turn(&self, issuer: IssuerId, digest: Digest, now: UnixTime, until: UnixTime) -> Turn {
        let Some(key) = self.key(issuer) else { return Turn::Ours };
        let slot = slot(issuer, digest);
        let version = match self.slots.read(slot) {
            None => None,
            Some((bytes, version)) => {
                // Also when it holds the answer by now, which came after we looked for one.
                let record = Record::read(&bytes, key, slot, digest);
                if record.is_some_and(|record| now < record.until) {
                    return Turn::Theirs;
                }
                Some(version)
            }
        };
        let lease = Record { until, told: None };
        match self.slots.write(slot, &lease.write(key, slot, digest), version) {
            true => Turn::Ours,
            // Somebody was quicker. Whether it was about this token shows at the next look.
            false => Turn::Theirs,
        }
    }

    /// Whether another worker has the turn to ask about the token, and has not been told yet.
    pub(super) fn is_taken(&self, issuer: IssuerId, digest: Digest, now: UnixTime) -> bool {
        self.read(issuer, digest).is_some_and(|(record, _)| record.told.is_none() && now < record.until)
    }

    /// Tells the other workers what the issuer said, for use until `until`. Ends our turn.
    pub(super) fn tell(
        &self,
        issuer: IssuerId,
        digest: Digest,
        answer: &Answer<'_>,
        now: UnixTime,
        until: UnixTime,
    ) {
        if answer.body.len() > LONGEST {
            return self.give_turn_back(issuer, digest, now);
        }
        let fields =
            answer.text("content-type").map(|kind| ("content-type".to_owned(), kind.as_bytes().to_vec()));
        let told = Told {
            at: now,
            status: answer.status,
            fields: fields.into_iter().collect(),
            body: answer.body.to_vec(),
        };
        self.write(issuer, digest, &Record { until, told: Some(told) });
    }

    /// Ends our turn with nothing to tell.
    pub(super) fn give_turn_back(&self, issuer: IssuerId, digest: Digest, now: UnixTime) {
        self.write(issuer, digest, &Record { until: now, told: None });
    }

    fn read(&self, issuer: IssuerId, digest: Digest) -> Option<(Record, u32)> {
        let key = self.key(issuer)?;
        let slot = slot(issuer, digest);
        let (bytes, version) = self.slots.read(slot)?;
        Some((Record::read(&bytes, key, slot, digest)?, version))
    }

    fn write(&self, issuer: IssuerId, digest: Digest, record: &Record) {
        let Some(key) = self.key(issuer) else { return };
        let slot = slot(issuer, digest);
        let version = self.slots.read(slot).map(|(_, version)| version);
        // A slot that another worker has written to in this moment is theirs.
        let _ = self.slots.write(slot, &record.write(key, slot, digest), version);
    }

    fn key(&self, issuer: IssuerId) -> Option<&DigestKey> {
        self.keys.get(usize::try_from(issuer.0).ok()?)?.as_ref()
    }
}

/// Issuers that are asked about the same token have a slot each: none overwrites what another said.
fn slot(issuer: IssuerId, digest: Digest) -> u32 {
    (digest.as_u128() as u32).wrapping_add(issuer.0) % SLOTS
}

/// What lies in a slot: a turn that is taken, or an answer.
struct Record {
    until: UnixTime,
    told: Option<Told>,
}

impl Record {
    /// Tag, digest, kind, times, status, media type and body, numbers little-endian.
    fn write(&self, key: &DigestKey, slot: u32, digest: Digest) -> Vec<u8> {
        let mut record = vec![0; TAG];
        record.extend(digest.as_u128().to_le_bytes());
        record.push(if self.told.is_some() { ANSWER } else { LEASE });
        record.extend(self.until.as_millis().to_le_bytes());
        if let Some(told) = &self.told {
            record.extend(told.at.as_millis().to_le_bytes());
            record.extend(told.status.to_le_bytes());
            let kind = told.fields.first().map(|(_, kind)| kind.as_slice()).unwrap_or_default();
            record.push(kind.len().min(255) as u8);
            record.extend(kind.iter().take(255));
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
        let (about, content) = content.split_first_chunk::<16>()?;
        let (kind, content) = content.split_first()?;
        let (until, content) = content.split_first_chunk::<8>()?;
        if u128::from_le_bytes(*about) != digest.as_u128() {
            return None;
        }
        let until = UnixTime::from_millis(i64::from_le_bytes(*until));
        let told = if *kind == ANSWER { Some(read_told(content)?) } else { None };
        Some(Self { until, told })
    }
}

fn read_told(content: &[u8]) -> Option<Told> {
    let (at, content) = content.split_first_chunk::<8>()?;
    let (status, content) = content.split_first_chunk::<2>()?;
    let (length, content) = content.split_first()?;
    let (kind, body) = content.split_at_checked(usize::from(*length))?;
    let kind = (!kind.is_empty()).then(|| ("content-type".to_owned(), kind.to_vec()));
    Some(Told {
        at: UnixTime::from_millis(i64::from_le_bytes(*at)),
        status: u16::from_le_bytes(*status),
        fields: kind.into_iter().collect(),
        body: body.to_vec(),
    })
}

/// What `content` of `slot` is tagged with.
pub(super) fn tag(key: &DigestKey, slot: u32, content: &[u8]) -> [u8; TAG] {
    key.digest(slot, content).as_u128().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: DigestKey = DigestKey::new([1; 16]);

    fn record() -> Record {
        let fields = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let told = Told { at: UnixTime::from_secs(5), status: 200, fields, body: b"{}".to_vec() };
        Record { until: UnixTime::from_secs(9), told: Some(told) }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let digest = KEY.digest(0, b"token");
        let read = Record::read(&record().write(&KEY, 7, digest), &KEY, 7, digest).unwrap();
        assert_eq!((read.until, read.told), (record().until, record().told));
    }

    #[test]
    fn a_record_that_was_touched_moved_or_meant_for_another_token_is_none() {
        let digest = KEY.digest(0, b"token");
        let bytes = record().write(&KEY, 7, digest);
        for at in 0..bytes.len() {
            let mut touched = bytes.clone();
            touched[at] ^= 1;
            assert!(Record::read(&touched, &KEY, 7, digest).is_none(), "{at}");
            assert!(Record::read(&bytes[..at], &KEY, 7, digest).is_none(), "{at}");
        }
        assert!(Record::read(&bytes, &KEY, 8, digest).is_none());
        assert!(Record::read(&bytes, &DigestKey::new([2; 16]), 7, digest).is_none());
        assert!(Record::read(&bytes, &KEY, 7, KEY.digest(0, b"other")).is_none());
    }
}
