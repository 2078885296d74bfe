//! The issuers of a policy as one worker knows them: their keys, when those are fetched, and whether they answer.

use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

use super::circuit_breaker::{Admission, CircuitBreaker, Standing};
use super::clock::Clock;
use super::discovery;
use super::in_flight::InFlight;
use super::key_ring::KeyRing;
use super::keys::{Failing, KeyStore, Learned, Offer, SetNumber};
use super::memory::Memory;
use super::sealed::SealedSets;
use super::shared::{SharedSlots, Turn};
use super::step::Event;
use super::topic::Topic;
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::http::message::{Callout, Reply};
use crate::jose::key_set::KeySet;
use crate::policy::{Fetch, KeySource, Keys, Policy};
use crate::token::expect::IssuerId;

/// How much longer than a callout itself the turn to fetch lasts.
const GRACE: Duration = Duration::from_millis(200);

/// How many callouts it may take to get to an issuer's keys: two places of metadata, and the set.
const STEPS_TO_KEYS: u32 = 3;

/// All issuers of a policy.
pub(super) struct Issuers {
    policy: Rc<Policy>,
    clock: Rc<Clock>,
    rings: Vec<KeyRing>,
    breakers: Vec<CircuitBreaker>,
    /// The key sets that workers share, where they share anything.
    sealed: Option<SealedSets>,
    /// Keeps the background fetches of workers apart.
    spread: u8,
    events: Vec<Event>,
}

impl Issuers {
    /// The issuers of `policy`, of which nothing is known yet but what stands there; `spread` is random.
    pub(super) fn new(policy: &Rc<Policy>, clock: &Rc<Clock>, spread: u8) -> Self {
        Self {
            policy: Rc::clone(policy),
            clock: Rc::clone(clock),
            rings: policy.issuers.iter().map(KeyRing::new).collect(),
            breakers: policy.issuers.iter().map(|_| CircuitBreaker::default()).collect(),
            sealed: None,
            spread,
            events: Vec::new(),
        }
    }

    /// Has workers share key sets in `slots`; `own` is known to this one alone.
    pub(super) fn share(&mut self, slots: Rc<dyn SharedSlots>, own: [u8; 16]) {
        self.sealed = Some(SealedSets::new(slots, own, &self.policy, &self.rings));
    }

    /// Measures time by `clock` from now on.
    pub(super) fn keep_time(&mut self, clock: &Rc<Clock>) {
        self.clock = Rc::clone(clock);
    }

    /// Goes on from where `former` is with every key set that both have.
    pub(super) fn take_over_keys(&mut self, former: &Self) {
        for ring in &mut self.rings {
            for former in &former.rings {
                ring.take_over(former);
            }
        }
    }

    /// Takes over whether the issuers answer that are the `same` for `former`.
    pub(super) fn take_over_breakers(&mut self, former: &Self, same: &[IssuerId]) {
        for id in same {
            if let (Some(breaker), Some(former)) = (self.breaker_mut(*id), former.breaker(*id))
                && (former.found() > breaker.found() || breaker.is_new())
            {
                *breaker = former.handed_over();
            }
        }
    }

    /// What happened since this was last asked.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// Has an operator told of something.
    pub(super) fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The name of an issuer.
    pub(super) fn name(&self, issuer: IssuerId) -> Option<Rc<str>> {
        self.policy.issuer(issuer).map(|issuer| Rc::clone(&issuer.name))
    }

    /// How long a request waits for news about `topic`.
    pub(super) fn patience(&self, topic: Topic) -> Duration {
        match topic {
            Topic::Keys(issuer, set) => {
                self.store(issuer, set).map_or(Duration::ZERO, |store| store.timeout() * STEPS_TO_KEYS)
            }
            Topic::Token(issuer, _) => {
                let introspection = self.policy.introspection(issuer);
                introspection.map_or(Duration::ZERO, |introspection| introspection.endpoint.timeout)
            }
        }
    }

    /// The circuit breaker of an issuer.
    pub(super) fn breaker(&self, issuer: IssuerId) -> Option<&CircuitBreaker> {
        self.breakers.get(usize::try_from(issuer.0).ok()?)
    }

    fn breaker_mut(&mut self, issuer: IssuerId) -> Option<&mut CircuitBreaker> {
        self.breakers.get_mut(usize::try_from(issuer.0).ok()?)
    }

    /// Whether an issuer may be asked at `now` about a token that is this to it.
    pub(super) fn admission(
        &self,
        issuer: IssuerId,
        token: Digest,
        standing: Standing,
        now: UnixTime,
    ) -> Admission {
        let now = self.clock.steady(now);
        self.breaker(issuer).map_or(Admission::Ask, |breaker| breaker.admission(token, standing, now))
    }

    /// Has `change` made to the circuit breaker of an issuer, and says so where that opens or closes it.
    pub(super) fn with_breaker(&mut self, id: IssuerId, change: impl FnOnce(&mut CircuitBreaker)) {
        let Some(issuer) = self.name(id) else { return };
        let Some(breaker) = self.breaker_mut(id) else { return };
        let before = breaker.is_closed();
        change(breaker);
        match (before, breaker.is_closed()) {
            (true, false) => self.events.push(Event::CircuitOpened { issuer }),
            (false, true) => self.events.push(Event::CircuitClosed { issuer }),
            (true, true) | (false, false) => {}
        }
    }

    /// The key sets that are due to be fetched in the background.
    pub(super) fn due(&self, now: UnixTime) -> Vec<(IssuerId, SetNumber)> {
        let now = self.clock.steady(now);
        let rings = (0..).map(IssuerId).zip(&self.rings);
        let stores = rings.flat_map(|(issuer, ring)| ring.stores().iter().map(move |store| (issuer, store)));
        let due = stores.filter(|(_, store)| store.is_due(self.spread, now));
        due.map(|(issuer, store)| (issuer, store.number())).collect()
    }

    /// How long ago the oldest key set in use of each issuer was fetched.
    pub(super) fn key_ages(&self, now: UnixTime) -> Vec<(Rc<str>, Duration)> {
        let now = self.clock.steady(now);
        let oldest = |ring: &KeyRing| ring.stores().iter().filter_map(|store| store.age(now)).max();
        let issuers = self.policy.issuers.iter().zip(&self.rings);
        issuers.filter_map(|(issuer, ring)| Some((Rc::clone(&issuer.name), oldest(ring)?))).collect()
    }

    /// Whether a set is ours to fetch: no other worker is at it, and none has fetched what is wanted.
    pub(super) fn takes_turn_to_fetch(
        &mut self,
        issuer: IssuerId,
        set: SetNumber,
        memory: &mut Memory,
        now: UnixTime,
    ) -> bool {
        let length = self.store(issuer, set).map_or(Duration::ZERO, KeyStore::timeout) + GRACE;
        let Some(sealed) = &self.sealed else { return true };
        if sealed.take_turn(issuer, set, length, &self.clock, now) == Turn::Theirs {
            return false;
        }
        // Whoever had the turn before us may have told us in this moment.
        self.adopt_keys(issuer, set, memory, now);
        let is_wanted = self.is_wanted(issuer, set, now);
        if !is_wanted && let Some(sealed) = &self.sealed {
            sealed.give_turn_back(issuer, set, &self.clock, now);
        }
        is_wanted
    }

    /// Whether a set has to be fetched still, for its age or for a key that it does not have.
    pub(super) fn is_wanted(&self, issuer: IssuerId, set: SetNumber, now: UnixTime) -> bool {
        let now = self.clock.steady(now);
        let is_due = self.store(issuer, set).is_some_and(|store| store.is_due(self.spread, now));
        is_due || self.is_seeking(issuer, set)
    }

    fn is_seeking(&self, issuer: IssuerId, set: SetNumber) -> bool {
        self.store(issuer, set).and_then(KeyStore::fetched).is_some_and(|fetched| fetched.is_seeking())
    }

    /// Takes in what another worker fetched of a set, where that is news; what `memory` has verified with other keys is
    /// forgotten then.
    pub(super) fn adopt_keys(&mut self, id: IssuerId, set: SetNumber, memory: &mut Memory, now: UnixTime) {
        let record = self.sealed.as_ref().and_then(|sealed| sealed.read(id, set, &self.clock, now));
        let Some(record) = record else { return };
        let steady = self.clock.steady(now);
        if let Some(learned) = self.ring_mut(id).and_then(|ring| ring.adopt(set, &record, steady)) {
            self.note_keys(id, learned, memory);
        }
    }

    /// Takes in a reply on the way to an issuer's keys; whether the way is at its end, well or not. What `memory` has
    /// verified with other keys is forgotten.
    pub(super) fn learn_keys(
        &mut self,
        id: IssuerId,
        set: SetNumber,
        reply: &Reply<'_>,
        memory: &mut Memory,
        now: UnixTime,
    ) -> bool {
        let steady = self.clock.steady(now);
        let Some(learned) = self.ring_mut(id).map(|ring| ring.learn(set, reply, steady)) else { return true };
        match learned {
            Learned::More => return false,
            Learned::Failed(Failing::Outage(_)) if self.asks_where_keys_are(id, set) => {
                self.with_breaker(id, |breaker| breaker.keys_failed(steady));
            }
            Learned::Failed(_) | Learned::Unchanged | Learned::Changed { .. } => {}
        }
        self.note_keys(id, learned, memory);
        self.tell_keys(id, set, memory, now);
        true
    }

    /// Whether the issuer is asked about tokens through the cluster that its key set comes from.
    fn asks_where_keys_are(&self, id: IssuerId, set: SetNumber) -> bool {
        let keys = self.policy.issuer(id).and_then(|issuer| issuer.keys.get(usize::from(set)));
        match (keys, self.policy.introspection(id)) {
            (Some(Keys::Fetched(fetch)), Some(asked)) => fetch.cluster == asked.endpoint.cluster,
            (Some(Keys::Fetched(_) | Keys::Inline(_)) | None, _) => false,
        }
    }

    /// Tells the other workers what they may know of a set, and ends our turn. After a failure they hear that what
    /// was fetched before is in use still.
    fn tell_keys(&mut self, id: IssuerId, set: SetNumber, memory: &mut Memory, now: UnixTime) {
        // Where another worker knows more than we do, so do we now.
        self.adopt_keys(id, set, memory, now);
        let Some(sealed) = &self.sealed else { return };
        let fetched = self.store(id, set).and_then(KeyStore::fetched);
        match fetched.and_then(|fetched| fetched.record(self.clock.steady(now))) {
            Some(record) => sealed.tell(id, set, record, &self.clock, now),
            None => sealed.give_turn_back(id, set, &self.clock, now),
        }
    }

    fn note_keys(&mut self, id: IssuerId, learned: Learned, memory: &mut Memory) {
        let issuer = self.name(id).unwrap_or_else(|| Rc::from(""));
        match learned {
            Learned::More | Learned::Unchanged => {}
            Learned::Changed { keys, skipped } => {
                memory.forget_verified(id);
                let skipped = skipped.iter().map(ToString::to_string).collect();
                self.events.push(Event::KeysChanged { issuer, keys, skipped });
            }
            Learned::Failed(failing) => {
                let why = self.why_failed(id, failing.why());
                self.events.push(Event::KeysFailed { issuer, why });
            }
        }
    }

    /// Why the keys of an issuer could not be fetched, with the addresses where its metadata were looked for in vain.
    fn why_failed(&self, id: IssuerId, why: &'static str) -> Cow<'static, str> {
        let keys = self.policy.issuer(id).map(|issuer| issuer.keys.as_slice()).unwrap_or_default();
        let discovered = keys.iter().find_map(|keys| match keys {
            Keys::Fetched(Fetch { source: KeySource::Discover(issuer), .. }) => Some(issuer),
            Keys::Fetched(_) | Keys::Inline(_) => None,
        });
        match discovered.filter(|_| why == discovery::NOT_THERE) {
            Some(issuer) => format!("{why}: {}", discovery::places(issuer)).into(),
            None => why.into(),
        }
    }

    fn ring(&self, issuer: IssuerId) -> Option<&KeyRing> {
        self.rings.get(usize::try_from(issuer.0).ok()?)
    }

    fn ring_mut(&mut self, issuer: IssuerId) -> Option<&mut KeyRing> {
        self.rings.get_mut(usize::try_from(issuer.0).ok()?)
    }

    fn store(&self, issuer: IssuerId, set: SetNumber) -> Option<&KeyStore> {
        self.ring(issuer)?.store(set)
    }

    /// The keys that an answer of `issuer` may be signed with, old or not; `None` where it has none.
    pub(super) fn keys_at_hand(&self, issuer: IssuerId) -> Option<&Rc<KeySet>> {
        self.ring(issuer).filter(|ring| !ring.is_empty()).map(KeyRing::keys)
    }

    /// Whether another worker has the turn to fetch a set.
    pub(super) fn is_fetched_elsewhere(&self, issuer: IssuerId, set: SetNumber, now: UnixTime) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.is_taken(issuer, set, &self.clock, now))
    }

    /// What to send next on the way to a set; `None` where there is nothing to ask.
    pub(super) fn callout(&self, issuer: IssuerId, set: SetNumber) -> Option<Callout> {
        self.store(issuer, set)?.callout()
    }

    /// The keys of `issuer` that a request at `now` may use.
    pub(super) fn keys_of<W>(
        &self,
        issuer: IssuerId,
        in_flight: &InFlight<Topic, W>,
        now: UnixTime,
    ) -> Offer {
        let asking = |set| in_flight.is_open(Topic::Keys(issuer, set));
        let now = self.clock.steady(now);
        self.ring(issuer).map_or(Offer::Nothing(Duration::ZERO), |ring| ring.offer(asking, now))
    }

    /// What to do about a token of `issuer` whose key is not there, for a request that `waited` for some sets already.
    pub(super) fn unknown_key<W>(
        &mut self,
        issuer: IssuerId,
        waited: &[SetNumber],
        in_flight: &InFlight<Topic, W>,
        now: UnixTime,
    ) -> Offer {
        let asking = |set| in_flight.is_open(Topic::Keys(issuer, set));
        let now = self.clock.steady(now);
        self.ring_mut(issuer)
            .map_or(Offer::Nothing(Duration::ZERO), |ring| ring.unknown_key(waited, asking, now))
    }
}
