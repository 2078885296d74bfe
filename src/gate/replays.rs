//! Proofs that were used already, remembered until they are too old to be used again (RFC 9449 section 11.1).
//!
//! A fixed number of slots, a proof's digest says which; each holds digests and when they may be forgotten, and has
//! room for so many. Where workers share a memory the slots lie there and are written only over what was read: of
//! two workers with one proof one is first. What lies there may be a neighbour's: a slot without our tag has lost what
//! was in it, and whatever could have been in it is refused until it would be too old anyway. Nothing is ever
//! forgotten to make room, and no holder of one key takes more than its part of a slot.
//!
//! When proofs are dropped because they are too old, the latest time at which one of them was made is kept: what was
//! made until then counts as used, should a later policy take older proofs, or the clock be set back. Of several policies
//! at work here the one that takes the oldest proofs says so in a slot of its own, and the others drop none before: else
//! its good proofs would count as used by what the others have dropped.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::HashMap;
use std::rc::Rc;

use super::clock::Span;
use super::shared::{SharedSlots, TAG, tag};
use crate::base::digest::DigestKey;
use crate::base::time::UnixTime;
use crate::token::dpop::Terms;

/// How many slots there are. Those before the first belong to issuers' answers.
const SLOTS: u32 = 4096;
const FIRST: u32 = super::shared::SLOTS;
/// Where it stands how old the proofs are that somebody takes.
const OLDEST: u32 = FIRST + SLOTS;
/// The first slot behind them.
pub(super) const END: u32 = OLDEST + 1;

/// For how long that counts, and after how long it is said again.
const SAID_FOR: Duration = Duration::from_secs(60);
const SAID_EVERY: Duration = Duration::from_secs(30);

/// How often a slot is tried that other workers write to.
const TRIES: usize = 32;

/// Each key has at least this part of the room.
const HOLDERS_PART: usize = 10;

/// A proof that is about to be used.
pub(super) struct Use<'p> {
    /// What it is known by.
    pub(super) identity: &'p [u8],
    /// The thumbprint of the key that signed it.
    pub(super) holder: &'p [u8],
    /// When it was made.
    pub(super) made: UnixTime,
    /// From when on it is too old.
    pub(super) until: UnixTime,
}

/// What is known of a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// It was not used before, and now it is.
    Never,
    /// It was.
    Before,
    /// Nobody knows, or there is no room to remember it.
    Unknown,
}

/// The used proofs of one worker, or of all of them.
pub(super) struct Replays {
    key: DigestKey,
    shared: Option<Rc<dyn SharedSlots>>,
    own: OwnSlots,
    /// The host turned out to share nothing.
    alone: Cell<bool>,
    room: usize,
    /// How much of it one key may take.
    holders_room: usize,
    clock_skew: Duration,
    /// How old a proof may be, with what clocks may be off, to be taken here.
    age: Duration,
    /// The same, by anybody who shares the slots.
    longest: Cell<Duration>,
}

impl Replays {
    /// A memory for at least `capacity` proofs that are like `terms`, in `shared` slots or in slots of its own; whoever
    /// shares them has the same `key`.
    pub(super) fn new(
        capacity: usize,
        terms: &Terms,
        key: DigestKey,
        shared: Option<Rc<dyn SharedSlots>>,
    ) -> Self {
        // Digests do not fill slots evenly: with room for twice the mean, and a few, none is full before its time.
        let room = |capacity: usize| capacity.div_ceil(SLOTS as usize) * 2 + 8;
        let room_of_all = room(capacity);
        let age = terms.lifetime.saturating_add(terms.clock_skew);
        Self {
            key,
            shared,
            own: OwnSlots::default(),
            alone: Cell::new(false),
            room: room_of_all,
            // Of a small memory too, two keys at least have their parts.
            holders_room: room(capacity / HOLDERS_PART).min(room_of_all / 2),
            clock_skew: terms.clock_skew,
            age,
            longest: Cell::new(age),
        }
    }

    /// Finds out how old the proofs are that others take who share the slots, and tells nobody anything.
    pub(super) fn look(&self, now: UnixTime) {
        if let Some(shared) = &self.shared {
            self.said(shared.read(OLDEST).as_ref(), now);
        }
    }

    /// Finds out how old the proofs are that others take who share the slots, and tells them how old ours are; to be
    /// called about once a second.
    pub(super) fn agree(&self, now: UnixTime) {
        let Some(shared) = &self.shared else { return };
        let found = shared.read(OLDEST);
        let said = self.said(found.as_ref(), now);
        let is_said = said.is_some_and(|said| {
            said.age > self.age || (said.age == self.age && now < said.span.at.plus(SAID_EVERY))
        });
        if !is_said {
            let own = Oldest { age: self.age, span: Span { at: now, until: now.plus(SAID_FOR) } };
            // Where somebody was quicker it is looked at again in a second.
            let _ = shared.write(OLDEST, &own.write(&self.key), found.map(|(_, version)| version));
        }
    }

    /// What was said, taken note of. It counts also where the clock was set back since: it has proofs remembered for
    /// longer, and nothing else.
    fn said(&self, found: Option<&(Vec<u8>, u32)>, now: UnixTime) -> Option<Oldest> {
        let said = found.and_then(|(bytes, _)| Oldest::read(bytes, &self.key));
        let said = said.filter(|said| now < said.span.until);
        self.longest.set(said.map_or(self.age, |said| said.age.max(self.age)));
        said
    }

    /// Whether the proof is used for the first time at `now`. It is remembered then.
    pub(super) fn note(&self, proof: &Use<'_>, now: UnixTime) -> Seen {
        let digest = self.key.digest(IDENTITIES, proof.identity).as_u128();
        let slot = FIRST + digest as u32 % SLOTS;
        let holder = self.key.digest(HOLDERS, proof.holder).as_u128() as u64;
        let used = Used { digest, holder, made: proof.made, until: proof.until };
        for _ in 0..TRIES {
            if let Some(seen) = self.try_note(slot, used, now) {
                return seen;
            }
        }
        Seen::Unknown
    }

    /// `None` where another worker was quicker.
    fn try_note(&self, slot: u32, proof: Used, now: UnixTime) -> Option<Seen> {
        let slots = self.slots();
        let found = slots.read(slot);
        let version = found.as_ref().map(|(_, version)| *version);
        let (mut bucket, lost) = match &found {
            None => (Bucket::default(), false),
            Some((bytes, _)) => match Bucket::read(bytes, &self.key, slot) {
                Some(bucket) => (bucket, false),
                None => (Bucket { lost: Some(now.plus(self.clock_skew)), ..Bucket::default() }, true),
            },
        };
        bucket.drop_old(self.longest.get(), now);
        let of_holder = bucket.used.iter().filter(|used| used.holder == proof.holder).count();
        let seen = if bucket.used.iter().any(|used| used.digest == proof.digest)
            || bucket.over.is_some_and(|over| proof.made <= over)
        {
            Seen::Before
        } else if bucket.lost.is_some_and(|lost| proof.made <= lost)
            || bucket.used.len() >= self.room
            || of_holder >= self.holders_room
        {
            Seen::Unknown
        } else {
            bucket.used.push(proof);
            Seen::Never
        };
        if seen != Seen::Never && !lost {
            return Some(seen);
        }
        if slots.write(slot, &bucket.write(&self.key, slot), version) {
            return Some(seen);
        }
        // Nothing is there and nothing can be put there.
        if found.is_none() && slots.read(slot).is_none() {
            self.alone.set(true);
        }
        None
    }

    fn slots(&self) -> &dyn SharedSlots {
        match &self.shared {
            Some(shared) if !self.alone.get() => &**shared,
            Some(_) | None => &self.own,
        }
    }
}

/// The realms of proofs' and of keys' digests; tags have the numbers of slots, and nonces have the realm between.
const IDENTITIES: u32 = u32::MAX;
const HOLDERS: u32 = u32::MAX - 2;

/// What lies in a slot.
#[derive(Default, PartialEq, Eq, Debug)]
struct Bucket {
    /// What was remembered before it was lost: proofs made until then, by clients' clocks.
    lost: Option<UnixTime>,
    /// Used proofs that were made until then may have been dropped.
    over: Option<UnixTime>,
    used: Vec<Used>,
}

/// A proof that was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Used {
    digest: u128,
    /// Stands for the key that signed it.
    holder: u64,
    /// When it was made.
    made: UnixTime,
    /// From when on it is too old, by the terms of whoever took it.
    until: UnixTime,
}

impl Bucket {
    /// Drops what nobody takes at `now` who takes proofs of at most this `age`.
    fn drop_old(&mut self, age: Duration, now: UnixTime) {
        let Self { over, used, .. } = self;
        used.retain(|used| {
            let is_old = now >= used.until.max(used.made.plus(age));
            if is_old {
                *over = (*over).max(Some(used.made));
            }
            !is_old
        });
    }

    /// Tag, time of the loss, time until which proofs are over, and of each proof its digest, its key and its times,
    /// numbers little-endian.
    fn write(&self, key: &DigestKey, slot: u32) -> Vec<u8> {
        let mut bytes = vec![0; TAG];
        for time in [self.lost, self.over] {
            bytes.extend(time.map_or(i64::MIN, UnixTime::as_millis).to_le_bytes());
        }
        for Used { digest, holder, made, until } in &self.used {
            bytes.extend(digest.to_le_bytes());
            bytes.extend(holder.to_le_bytes());
            bytes.extend(made.as_millis().to_le_bytes());
            bytes.extend(until.as_millis().to_le_bytes());
        }
        let tag = tag(key, slot, bytes.get(TAG..).unwrap_or_default());
        bytes.splice(..TAG, tag);
        bytes
    }

    /// `None` for what nobody of us wrote.
    fn read(bytes: &[u8], key: &DigestKey, slot: u32) -> Option<Self> {
        let (found, content) = bytes.split_first_chunk::<TAG>()?;
        if tag(key, slot, content) != *found {
            return None;
        }
        let (lost, content) = content.split_first_chunk::<8>()?;
        let (over, mut content) = content.split_first_chunk::<8>()?;
        let mut used = Vec::new();
        while let Some((digest, rest)) = content.split_first_chunk::<16>() {
            let (holder, rest) = rest.split_first_chunk::<8>()?;
            let (made, rest) = rest.split_first_chunk::<8>()?;
            let (until, rest) = rest.split_first_chunk::<8>()?;
            let (digest, holder) = (u128::from_le_bytes(*digest), u64::from_le_bytes(*holder));
            used.push(Used { digest, holder, made: time(made), until: time(until) });
            content = rest;
        }
        let some = |bytes| Some(time(bytes)).filter(|time| time.as_millis() != i64::MIN);
        Some(Self { lost: some(lost), over: some(over), used })
    }
}

/// How old the proofs are that somebody takes, and for how long that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Oldest {
    age: Duration,
    span: Span,
}

impl Oldest {
    /// Tag, age in milliseconds and times, numbers little-endian.
    fn write(self, key: &DigestKey) -> Vec<u8> {
        let age = u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX).to_le_bytes();
        let [at, until] = [self.span.at, self.span.until].map(|time| time.as_millis().to_le_bytes());
        let content = [age, at, until].concat();
        [&tag(key, OLDEST, &content)[..], &content].concat()
    }

    /// `None` for what nobody of us wrote.
    fn read(bytes: &[u8], key: &DigestKey) -> Option<Self> {
        let (found, content) = bytes.split_first_chunk::<TAG>()?;
        if tag(key, OLDEST, content) != *found {
            return None;
        }
        let (age, content) = content.split_first_chunk::<8>()?;
        let (at, content) = content.split_first_chunk::<8>()?;
        let until = time(content.first_chunk::<8>()?);
        Some(Self {
            age: Duration::from_millis(u64::from_le_bytes(*age)),
            span: Span { at: time(at), until },
        })
    }
}

fn time(bytes: &[u8; 8]) -> UnixTime {
    UnixTime::from_millis(i64::from_le_bytes(*bytes))
}

/// Slots that nobody else writes to.
#[derive(Default)]
struct OwnSlots(RefCell<HashMap<u32, Vec<u8>>>);

impl SharedSlots for OwnSlots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        Some((self.0.try_borrow().ok()?.get(&slot)?.clone(), 0))
    }

    fn write(&self, slot: u32, bytes: &[u8], _: Option<u32>) -> bool {
        self.0.try_borrow_mut().map(|mut slots| slots.insert(slot, bytes.to_vec())).is_ok()
    }
}

#[cfg(test)]
mod tests;
