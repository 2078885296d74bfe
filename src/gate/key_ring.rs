//! All key sets of one issuer; what one of them lacks another may have, and none waits for another.

use std::rc::Rc;

use super::keys::{KeyStore, Learned, Offer, SetNumber};
use crate::base::digest::DigestKey;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::jose::key_set::KeySet;
use crate::policy::Issuer;

/// The key sets of an issuer, in the order in which the policy has them.
#[derive(Default)]
pub(super) struct KeyRing {
    stores: Vec<KeyStore>,
    /// The keys of all sets that are there.
    keys: Option<Rc<KeySet>>,
}

impl KeyRing {
    /// The ring for `issuer`; empty when it has no keys and is only asked.
    pub(super) fn new(issuer: &Issuer) -> Self {
        let stores =
            (0..).zip(&issuer.keys).map(|(number, keys)| KeyStore::new(number, keys, issuer)).collect();
        let mut ring = Self { stores, keys: None };
        ring.gather();
        ring
    }

    /// Whether there are no sets, here or to be fetched.
    pub(super) fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }

    /// The set of this number.
    pub(super) fn store(&self, number: SetNumber) -> Option<&KeyStore> {
        self.stores.get(usize::from(number))
    }

    /// All sets.
    pub(super) fn stores(&self) -> &[KeyStore] {
        &self.stores
    }

    /// The keys for a request that comes at `now`. `asking` says of which sets a fetch is on its way.
    pub(super) fn offer(&self, asking: impl Fn(SetNumber) -> bool, now: UnixTime) -> Offer {
        let mut first_ask = None;
        let mut pause = None;
        for store in &self.stores {
            match store.offer(asking(store.number()), now) {
                Offer::Keys(_) => {}
                // A set that is there and too old may hold a key that its issuer has withdrawn.
                Offer::Ask(number) if store.has_set() => return Offer::Ask(number),
                Offer::Ask(number) => first_ask = first_ask.or(Some(number)),
                Offer::Nothing(until) => {
                    pause = Some(pause.map_or(until, |pause: UnixTime| pause.min(until)))
                }
            }
        }
        match (&self.keys, first_ask) {
            (Some(keys), _) => Offer::Keys(Rc::clone(keys)),
            (None, Some(number)) => Offer::Ask(number),
            (None, None) => Offer::Nothing(pause.unwrap_or(now)),
        }
    }

    /// What to do about a token whose key is in none of the sets, for a request that `waited` for some of them
    /// already.
    pub(super) fn unknown_key(
        &mut self,
        waited: &[SetNumber],
        asking: impl Fn(SetNumber) -> bool,
        now: UnixTime,
    ) -> Offer {
        let mut pause = None;
        for store in &mut self.stores {
            let number = store.number();
            match store.unknown_key(waited.contains(&number), asking(number), now) {
                Offer::Keys(_) => {}
                Offer::Ask(number) => return Offer::Ask(number),
                Offer::Nothing(until) => {
                    pause = Some(pause.map_or(until, |pause: UnixTime| pause.min(until)))
                }
            }
        }
        match (pause, &self.keys) {
            (None, Some(keys)) => Offer::Keys(Rc::clone(keys)),
            (pause, _) => Offer::Nothing(pause.unwrap_or(now)),
        }
    }

    /// Takes in the reply to a callout for the set of this number.
    pub(super) fn learn(
        &mut self,
        number: SetNumber,
        reply: &Reply<'_>,
        key: &DigestKey,
        now: UnixTime,
    ) -> Learned {
        let Some(store) = self.stores.get_mut(usize::from(number)) else { return Learned::Unchanged };
        let learned = store.learn(reply, key, now);
        if matches!(learned, Learned::Changed { .. }) {
            self.gather();
        }
        learned
    }

    fn gather(&mut self) {
        let sets: Vec<&Rc<KeySet>> = self.stores.iter().filter_map(KeyStore::set).collect();
        self.keys = match sets.as_slice() {
            [] => None,
            [one] => Some(Rc::clone(one)),
            several => Some(Rc::new(KeySet::merge(several.iter().map(|set| (***set).clone()).collect()))),
        };
    }
}
