//! Fetched key sets, shared between the workers of one proxy under a seal; and which worker fetches.
//!
//! What workers share may be written to by whoever has the same `vm_id`. Keys decide whose tokens are good: a set
//! counts only with a code that nobody can make who does not know a secret of the policy. Without such a secret each
//! worker keeps its own sets. The code covers the time of the fetch too, and no worker goes back to an older set: a
//! neighbour who puts an old record back gains nothing that the record's own age does not allow.

use core::time::Duration;
use std::rc::Rc;

use super::clock::{Clock, Span};
use super::key_ring::KeyRing;
use super::keys::SetNumber;
use super::shared::{SharedSlots, Turn};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::jose::hmac::{CODE, code, is_code};
use crate::policy::Policy;
use crate::token::expect::IssuerId;

/// How many sets the workers share at most, and how many turns they can have.
const SLOTS: u32 = 1024;
/// The first slot for sets; those before belong to issuers' answers and to used proofs.
const FIRST: u32 = super::replays::END;
/// The first slot for turns.
const FIRST_TURN: u32 = FIRST + SLOTS;

/// Longer sets are not shared, in bytes.
const LONGEST: usize = 64 * 1024;

/// A set that some worker fetched. Its times are steady here, and in a slot the proxy's clock's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// When.
    pub(super) fetched: UnixTime,
    /// When it was known last that it is the latest: then, or when another attempt failed.
    pub(super) vouched: UnixTime,
    /// How long the issuer lets it be used; `None` where it did not say.
    pub(super) lifetime: Option<Duration>,
    /// It was fetched for a key that the set before it did not have.
    pub(super) sought: bool,
    /// The set as the issuer gave it, to be understood anew by whoever reads it.
    pub(super) document: Rc<[u8]>,
}

/// The sets that workers share, as one worker sees them.
pub(super) struct SealedSets {
    slots: Rc<dyn SharedSlots>,
    /// Who this worker is, in a turn.
    own: [u8; 16],
    /// By issuer and set; `None` for sets that are not shared.
    seals: Vec<Vec<Option<Seal>>>,
}

/// What belongs to one set.
struct Seal {
    key: Secret<Vec<u8>>,
    slot: u32,
}

impl SealedSets {
    /// The sets of `rings`, by the issuers of `policy`, in `slots`; `own` is what no other worker is known by.
    pub(super) fn new(slots: Rc<dyn SharedSlots>, own: [u8; 16], policy: &Policy, rings: &[KeyRing]) -> Self {
        let seals = policy.issuers.iter().zip(rings).map(|(issuer, ring)| {
            let secret = policy.sealing_secret(issuer);
            let fetched = ring.stores().iter().map(|store| store.fetched());
            fetched.map(|fetched| Some(Seal::new(secret.as_ref()?, &fetched?.identity()))).collect()
        });
        Self { slots, own, seals: seals.collect() }
    }

    /// What some worker fetched last; `None` for what nobody of us wrote, and where nobody can tell how old it is.
    pub(super) fn read(
        &self,
        issuer: IssuerId,
        set: SetNumber,
        clock: &Clock,
        now: UnixTime,
    ) -> Option<Record> {
        let seal = self.seal(issuer, set)?;
        let (bytes, _) = self.slots.read(FIRST + seal.slot)?;
        let record = Record::read(seal.open(SET, &bytes)?)?;
        let is_dated = [record.fetched, record.vouched].iter().all(|then| clock.tells_age_of(*then, now));
        is_dated.then(|| record.with_times(|shown| clock.steady(shown)))
    }

    /// Tells the other workers of a set, and ends our turn.
    pub(super) fn tell(
        &self,
        issuer: IssuerId,
        set: SetNumber,
        record: Record,
        clock: &Clock,
        now: UnixTime,
    ) {
        if let Some(seal) = self.seal(issuer, set)
            && record.document.len() <= LONGEST
        {
            let record = record.with_times(|steady| clock.shown(steady));
            self.write(FIRST + seal.slot, &seal.close(SET, &record.write()));
        }
        self.give_turn_back(issuer, set, clock, now);
    }

    /// Takes the turn to fetch a set, unless another worker has it; it ends by itself after `length`.
    pub(super) fn take_turn(
        &self,
        issuer: IssuerId,
        set: SetNumber,
        length: Duration,
        clock: &Clock,
        now: UnixTime,
    ) -> Turn {
        let Some(seal) = self.seal(issuer, set) else { return Turn::Ours };
        let slot = FIRST_TURN + seal.slot;
        let found = self.slots.read(slot);
        let is_theirs = |bytes: &[u8]| self.is_taken_in(seal, bytes, clock, now);
        if found.as_ref().is_some_and(|(bytes, _)| is_theirs(bytes)) {
            return Turn::Theirs;
        }
        let lease = seal.close(TURN, &lease(&self.own, Span { at: now, until: now.plus(length) }));
        if !self.slots.write(slot, &lease, found.map(|(_, version)| version)) {
            // Somebody was quicker; one of us, or a neighbour, who keeps nobody from fetching.
            let theirs = self.slots.read(slot).is_some_and(|(bytes, _)| is_theirs(&bytes));
            return if theirs { Turn::Theirs } else { Turn::Ours };
        }
        Turn::Ours
    }

    /// Whether another worker has the turn.
    pub(super) fn is_taken(&self, issuer: IssuerId, set: SetNumber, clock: &Clock, now: UnixTime) -> bool {
        let Some(seal) = self.seal(issuer, set) else { return false };
        let found = self.slots.read(FIRST_TURN + seal.slot);
        found.is_some_and(|(bytes, _)| self.is_taken_in(seal, &bytes, clock, now))
    }

    /// Ends our turn.
    pub(super) fn give_turn_back(&self, issuer: IssuerId, set: SetNumber, clock: &Clock, now: UnixTime) {
        if let Some(seal) = self.seal(issuer, set)
            && !self.is_taken(issuer, set, clock, now)
        {
            self.write(FIRST_TURN + seal.slot, &seal.close(TURN, &lease(&self.own, Span::NONE)));
        }
    }

    fn is_taken_in(&self, seal: &Seal, bytes: &[u8], clock: &Clock, now: UnixTime) -> bool {
        let found = seal.open(TURN, bytes).and_then(read_lease);
        found.is_some_and(|(holder, turn)| holder != self.own && turn.holds(clock, now))
    }

    fn write(&self, slot: u32, bytes: &[u8]) {
        let version = self.slots.read(slot).map(|(_, version)| version);
        // A slot that another worker has written to in this moment is theirs.
        let _ = self.slots.write(slot, bytes, version);
    }

    fn seal(&self, issuer: IssuerId, set: SetNumber) -> Option<&Seal> {
        self.seals.get(usize::try_from(issuer.0).ok()?)?.get(usize::from(set))?.as_ref()
    }
}

const SET: &[u8] = b"set";
const TURN: &[u8] = b"turn";

impl Seal {
    fn new(secret: &Secret<Vec<u8>>, identity: &[String; 4]) -> Self {
        let [kind, uri, cluster, issuer] = identity.each_ref().map(String::as_bytes);
        let key = code(secret, &[b"scopegate key sets", kind, uri, cluster, issuer]);
        let key = Secret::new(key.to_vec());
        let [one, two, three, four, ..] = code(&key, &[b"slot"]);
        Self { key, slot: u32::from_le_bytes([one, two, three, four]) % SLOTS }
    }

    /// `content` of this `kind` behind its code.
    fn close(&self, kind: &[u8], content: &[u8]) -> Vec<u8> {
        [&code(&self.key, &[kind, content]), content].concat()
    }

    /// The content of `bytes`, if one of us wrote them.
    fn open<'b>(&self, kind: &[u8], bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (found, content) = bytes.split_first_chunk::<CODE>()?;
        is_code(&self.key, &[kind, content], found).then_some(content)
    }
}

/// Who has a turn, and how long; numbers little-endian.
fn lease(holder: &[u8; 16], turn: Span) -> Vec<u8> {
    let [at, until] = [turn.at, turn.until].map(|time| time.as_millis().to_le_bytes());
    [holder.as_slice(), &at, &until].concat()
}

fn read_lease(content: &[u8]) -> Option<([u8; 16], Span)> {
    let (holder, content) = content.split_first_chunk::<16>()?;
    let (at, content) = read_time(content)?;
    let (until, _) = read_time(content)?;
    Some((*holder, Span { at, until }))
}

/// No lifetime.
const UNSAID: u64 = u64::MAX;

impl Record {
    fn with_times(self, of: impl Fn(UnixTime) -> UnixTime) -> Self {
        Self { fetched: of(self.fetched), vouched: of(self.vouched), ..self }
    }

    /// Times, lifetime in milliseconds, what for, and the document; numbers little-endian.
    fn write(&self) -> Vec<u8> {
        let lifetime = self
            .lifetime
            .map_or(UNSAID, |lifetime| u64::try_from(lifetime.as_millis()).unwrap_or(UNSAID).min(UNSAID - 1));
        let mut content = Vec::new();
        content.extend(self.fetched.as_millis().to_le_bytes());
        content.extend(self.vouched.as_millis().to_le_bytes());
        content.extend(lifetime.to_le_bytes());
        content.push(u8::from(self.sought));
        content.extend(self.document.iter());
        content
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (fetched, content) = read_time(content)?;
        let (vouched, content) = read_time(content)?;
        let (lifetime, content) = content.split_first_chunk::<8>()?;
        let (sought, document) = content.split_first()?;
        let lifetime = Some(u64::from_le_bytes(*lifetime)).filter(|lifetime| *lifetime != UNSAID);
        Some(Self {
            fetched,
            vouched,
            lifetime: lifetime.map(Duration::from_millis),
            sought: *sought != 0,
            document: Rc::from(document),
        })
    }
}

fn read_time(content: &[u8]) -> Option<(UnixTime, &[u8])> {
    let (time, content) = content.split_first_chunk::<8>()?;
    Some((UnixTime::from_millis(i64::from_le_bytes(*time)), content))
}

#[cfg(test)]
mod tests;
