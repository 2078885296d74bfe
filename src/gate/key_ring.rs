//! All key sets of one issuer; what one of them lacks another may have, and none waits for another.

use core::time::Duration;
use std::rc::Rc;

use super::keys::{KeyStore, Learned, Offer, SetNumber};
use super::sealed::Record;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::jose::key_set::KeySet;
use crate::policy::Issuer;

/// For how many sets one request waits because none of them has its key.
const MOST_FETCHES: usize = 4;

/// The key sets of an issuer, in the order in which the policy has them.
#[derive(Default)]
pub(super) struct KeyRing {
    stores: Vec<KeyStore>,
    /// The keys of all sets that are there.
    keys: Rc<KeySet>,
}

impl KeyRing {
    /// The ring for `issuer`; empty when it has no keys and is only asked.
    pub(super) fn new(issuer: &Issuer) -> Self {
        let stores =
            (0..).zip(&issuer.keys).map(|(number, keys)| KeyStore::new(number, keys, issuer)).collect();
        let mut ring = Self { stores, keys: Rc::default() };
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

    /// The keys of all sets that are there, fresh or not; there may be none.
    pub(super) const fn keys(&self) -> &Rc<KeySet> {
        &self.keys
    }

    /// The keys for a request that comes at `now`, unless it has to wait for a set. `asking` says of which sets a fetch is
    /// on its way.
    pub(super) fn offer(&self, asking: impl Fn(SetNumber) -> bool, now: UnixTime) -> Offer {
        // A set that is too old may hold a key that its issuer has withdrawn. One that is not there is waited for once
        // none of the others has the key.
        let mut old = self.stores.iter().filter(|store| store.is_too_old(asking(store.number()), now));
        old.next().map_or_else(|| Offer::Keys(Rc::clone(&self.keys)), |store| Offer::Ask(store.number()))
    }

    /// What to do about a token whose key is in none of the sets, for a request that `waited` for some of them
    /// already.
    pub(super) fn unknown_key(
        &mut self,
        waited: &[SetNumber],
        asking: impl Fn(SetNumber) -> bool,
        now: UnixTime,
    ) -> Offer {
        let mut pause: Option<Duration> = None;
        for store in &mut self.stores {
            let number = store.number();
            // A request that waited for so many sets leaves the others to those after it.
            if waited.len() >= MOST_FETCHES && !waited.contains(&number) && store.may_seek(now) {
                pause = Some(Duration::ZERO);
                continue;
            }
            match store.unknown_key(waited.contains(&number), asking(number), now) {
                Offer::Keys(_) => {}
                Offer::Ask(number) => return Offer::Ask(number),
                Offer::Nothing(left) => pause = Some(pause.map_or(left, |pause| pause.min(left))),
            }
        }
        pause.map_or_else(|| Offer::Keys(Rc::clone(&self.keys)), Offer::Nothing)
    }

    /// Takes in the reply to a callout for the set of this number.
    pub(super) fn learn(&mut self, number: SetNumber, reply: &Reply<'_>, now: UnixTime) -> Learned {
        let Some(store) = self.stores.get_mut(usize::from(number)) else { return Learned::Unchanged };
        let learned = store.learn(reply, now);
        self.gather_after(&learned);
        learned
    }

    /// Takes in what another worker fetched of the set of this number; `None` where that is no news.
    pub(super) fn adopt(&mut self, number: SetNumber, record: &Record, now: UnixTime) -> Option<Learned> {
        let learned = self.stores.get_mut(usize::from(number))?.adopt(record, now)?;
        self.gather_after(&learned);
        Some(learned)
    }

    /// Goes on from where `former` is with every set that both have, where that has more recent news.
    pub(super) fn take_over(&mut self, former: &Self) {
        for store in &mut self.stores {
            for former in &former.stores {
                store.take_over(former);
            }
        }
        self.gather();
    }

    /// A set that is as it was stays as it is, with what its keys have worked out meanwhile.
    fn gather_after(&mut self, learned: &Learned) {
        if matches!(learned, Learned::Changed { .. }) {
            self.gather();
        }
    }

    fn gather(&mut self) {
        let sets = self.stores.iter().filter_map(KeyStore::set);
        self.keys = Rc::new(KeySet::merge(sets.map(|set| (**set).clone()).collect()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;
    use crate::http::message::Answer;
    use crate::jose::algorithm::Algorithm;
    use crate::tool::mint::PrivateKey;

    #[test]
    fn the_keys_are_gathered_where_a_set_has_changed_and_at_no_other_answer() {
        let policy = json!({
            "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                                 "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}}}},
            "rules": [{"name": "all", "require": {}}],
        });
        let policy = config::compile(&policy, &|_| None).unwrap();
        let mut ring = KeyRing::new(&policy.issuers[0]);
        let sets = ["one", "other"].map(|kid| {
            let key = PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap();
            json!({"keys": [key.public_jwk()]}).to_string()
        });
        let [one, other] = sets.each_ref().map(String::as_str);
        for (status, body, is_new) in
            [(200, one, true), (200, one, false), (500, "", false), (200, "[]", false), (200, other, true)]
        {
            let before = Rc::clone(ring.keys());
            let reply = Reply::Answered(Answer { status, fields: &[], body: body.as_bytes() });
            let _ = ring.learn(0, &reply, UnixTime::from_secs(1000));
            assert_eq!(!Rc::ptr_eq(&before, ring.keys()), is_new, "{status} {body}");
        }
    }
}
