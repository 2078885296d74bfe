//! When key sets are fetched, and what becomes of them; who offers keys to a request.

use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

use super::discovery;
use super::engine::Gate;
use super::keys::{Failing, KeyStore, Learned, Offer, SetNumber};
use super::shared::Turn;
use super::step::Event;
use super::topic::Topic;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::policy::{Fetch, KeySource, Keys};
use crate::token::expect::IssuerId;

/// How much longer than a callout itself the turn to fetch lasts.
const GRACE: Duration = Duration::from_millis(200);

impl Gate {
    /// Takes over the key sets that other workers have fetched, where those here are due, and how long used proofs have to
    /// be remembered. Tells nobody anything.
    pub fn adopt(&mut self, now: UnixTime) {
        self.clock.see(now);
        if let Some(proofs) = &self.proofs {
            proofs.look(now);
        }
        for (issuer, set) in self.due(now) {
            self.adopt_keys(issuer, set, now);
        }
    }

    /// Has keys fetched that are due in the background, and that no other worker has fetched; to be called about once a
    /// second.
    pub fn refresh(&mut self, now: UnixTime) {
        self.adopt(now);
        if let Some(proofs) = &self.proofs {
            proofs.agree(now);
        }
        for (issuer, set) in self.due(now) {
            self.in_flight.want(Topic::Keys(issuer, set), self.clock.steady(now));
        }
    }

    fn due(&self, now: UnixTime) -> Vec<(IssuerId, SetNumber)> {
        let now = self.clock.steady(now);
        let rings = (0..).map(IssuerId).zip(&self.keys);
        let stores = rings.flat_map(|(issuer, ring)| ring.stores().iter().map(move |store| (issuer, store)));
        let due = stores.filter(|(_, store)| store.is_due(self.spread, now));
        due.map(|(issuer, store)| (issuer, store.number())).collect()
    }

    /// How long ago the oldest key set in use of each issuer was fetched.
    pub fn key_ages(&self, now: UnixTime) -> Vec<(Rc<str>, Duration)> {
        let now = self.clock.steady(now);
        let oldest =
            |ring: &super::key_ring::KeyRing| ring.stores().iter().filter_map(|store| store.age(now)).max();
        let issuers = self.policy.issuers.iter().zip(&self.keys);
        issuers.filter_map(|(issuer, ring)| Some((Rc::clone(&issuer.name), oldest(ring)?))).collect()
    }

    /// Whether a set is ours to fetch: no other worker is at it, and none has fetched what is wanted.
    pub(super) fn takes_turn_to_fetch(&mut self, issuer: IssuerId, set: SetNumber, now: UnixTime) -> bool {
        let length = self.store(issuer, set).map_or(Duration::ZERO, KeyStore::timeout) + GRACE;
        let Some(sealed) = &self.sealed else { return true };
        if sealed.take_turn(issuer, set, length, &self.clock, now) == Turn::Theirs {
            return false;
        }
        // Whoever had the turn before us may have told us in this moment.
        self.adopt_keys(issuer, set, now);
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

    /// Takes in what another worker fetched of a set, where that is news.
    pub(super) fn adopt_keys(&mut self, id: IssuerId, set: SetNumber, now: UnixTime) {
        let record = self.sealed.as_ref().and_then(|sealed| sealed.read(id, set, &self.clock, now));
        let Some(record) = record else { return };
        let steady = self.clock.steady(now);
        let ring = usize::try_from(id.0).ok().and_then(|at| self.keys.get_mut(at));
        if let Some(learned) = ring.and_then(|ring| ring.adopt(set, &record, steady)) {
            self.note_keys(id, learned);
        }
    }

    /// Takes in a reply on the way to an issuer's keys; whether the way is at its end, well or not.
    pub(super) fn learn_keys(
        &mut self,
        id: IssuerId,
        set: SetNumber,
        reply: &Reply<'_>,
        now: UnixTime,
    ) -> bool {
        let ring = usize::try_from(id.0).ok().and_then(|at| self.keys.get_mut(at));
        let steady = self.clock.steady(now);
        let Some(learned) = ring.map(|ring| ring.learn(set, reply, steady)) else { return true };
        match learned {
            Learned::More => return false,
            Learned::Failed(Failing::Outage(_)) if self.asks_where_keys_are(id, set) => {
                self.with_breaker(id, |breaker| breaker.keys_failed(steady));
            }
            Learned::Failed(_) | Learned::Unchanged | Learned::Changed { .. } => {}
        }
        self.note_keys(id, learned);
        self.tell_keys(id, set, now);
        true
    }

    /// Whether the issuer is asked about tokens through the cluster that its key set comes from.
    fn asks_where_keys_are(&self, id: IssuerId, set: SetNumber) -> bool {
        let issuer = self.policy.issuer(id);
        let keys = issuer.and_then(|issuer| issuer.keys.get(usize::from(set)));
        let asked = issuer.and_then(|issuer| issuer.introspection.as_ref());
        match (keys, asked) {
            (Some(Keys::Fetched(fetch)), Some(asked)) => fetch.cluster == asked.endpoint.cluster,
            (Some(Keys::Fetched(_) | Keys::Inline(_)) | None, _) => false,
        }
    }

    /// Tells the other workers what they may know of a set, and ends our turn. After a failure they hear that what
    /// was fetched before is in use still.
    fn tell_keys(&mut self, id: IssuerId, set: SetNumber, now: UnixTime) {
        // Where another worker knows more than we do, so do we now.
        self.adopt_keys(id, set, now);
        let Some(sealed) = &self.sealed else { return };
        let fetched = self.store(id, set).and_then(KeyStore::fetched);
        match fetched.and_then(|fetched| fetched.record(self.clock.steady(now))) {
            Some(record) => sealed.tell(id, set, record, &self.clock, now),
            None => sealed.give_turn_back(id, set, &self.clock, now),
        }
    }

    fn note_keys(&mut self, id: IssuerId, learned: Learned) {
        let issuer = self.issuer_name(id).unwrap_or_else(|| Rc::from(""));
        match learned {
            Learned::More | Learned::Unchanged => {}
            Learned::Changed { keys, skipped } => {
                self.memory.forget_verified(id);
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

    pub(super) fn store(&self, issuer: IssuerId, set: SetNumber) -> Option<&KeyStore> {
        self.keys.get(usize::try_from(issuer.0).ok()?)?.store(set)
    }

    /// The keys of `issuer` that a request at `now` may use.
    pub(super) fn keys_of(&self, issuer: IssuerId, now: UnixTime) -> Offer {
        let ring = usize::try_from(issuer.0).ok().and_then(|at| self.keys.get(at));
        let asking = |set| self.in_flight.is_open(Topic::Keys(issuer, set));
        let now = self.clock.steady(now);
        ring.map_or(Offer::Nothing(Duration::ZERO), |ring| ring.offer(asking, now))
    }

    /// What to do about a token of `issuer` whose key is not there, for a request that `waited` for some sets already.
    pub(super) fn unknown_key(&mut self, issuer: IssuerId, waited: &[SetNumber], now: UnixTime) -> Offer {
        let ring = usize::try_from(issuer.0).ok().and_then(|at| self.keys.get_mut(at));
        let asking = |set| self.in_flight.is_open(Topic::Keys(issuer, set));
        let now = self.clock.steady(now);
        ring.map_or(Offer::Nothing(Duration::ZERO), |ring| ring.unknown_key(waited, asking, now))
    }
}
