//! The issuers' keys: given, or fetched and kept fresh; the last good set stays in use over failures.

use core::time::Duration;
use std::rc::Rc;

use super::fetched::Fetched;
use super::sealed::Record;
use crate::base::time::UnixTime;
use crate::http::message::{Callout, Reply};
use crate::jose::key_set::{KeySet, Skipped};
use crate::policy::{Issuer, Keys};

/// A key set's number among those of its issuer.
pub(super) type SetNumber = u8;

/// One key set of an issuer.
pub(super) enum KeyStore {
    /// Written in the policy.
    Inline(SetNumber, Rc<KeySet>),
    /// Fetched from the issuer.
    Fetched(SetNumber, Box<Fetched>),
}

/// What the store can offer to a request.
pub(super) enum Offer {
    /// These keys.
    Keys(Rc<KeySet>),
    /// Nothing yet: ask for this set, and wait.
    Ask(SetNumber),
    /// Nothing: the issuer failed us, and it is too early to ask again for so long.
    Nothing(Duration),
}

/// What came of a reply.
pub(super) enum Learned {
    /// The issuer has to be asked once more: its metadata said where the keys are, or another place is to be tried.
    More,
    /// A set, other than before.
    Changed {
        /// How many keys it has.
        keys: usize,
        /// Members that are of no use.
        skipped: Vec<Skipped>,
    },
    /// The same keys as before.
    Unchanged,
    /// Nothing.
    Failed(Failing),
}

/// Why an attempt to fetch keys has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failing {
    /// Nobody answered in time, or with nothing but a server error.
    Outage(&'static str),
    /// An answer came, and is of no use.
    Useless(&'static str),
}

impl Failing {
    /// In words.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Outage(why) | Self::Useless(why) => why,
        }
    }
}

impl KeyStore {
    /// The store for `keys`, the set of this number of `issuer`.
    pub(super) fn new(number: SetNumber, keys: &Keys, issuer: &Issuer) -> Self {
        match keys {
            Keys::Inline(set) => Self::Inline(number, Rc::clone(set)),
            Keys::Fetched(fetch) => Self::Fetched(number, Box::new(Fetched::new(fetch, issuer))),
        }
    }

    /// Its number among the sets of its issuer.
    pub(super) const fn number(&self) -> SetNumber {
        match self {
            Self::Inline(number, _) | Self::Fetched(number, _) => *number,
        }
    }

    /// The set, where it is one that is fetched.
    pub(super) fn fetched(&self) -> Option<&Fetched> {
        match self {
            Self::Inline(..) => None,
            Self::Fetched(_, fetched) => Some(fetched),
        }
    }

    /// The set, if it is there; fresh or not.
    pub(super) fn set(&self) -> Option<&Rc<KeySet>> {
        match self {
            Self::Inline(_, set) => Some(set),
            Self::Fetched(_, fetched) => fetched.set(),
        }
    }

    /// How long ago the set in use was fetched; `None` for none, and for one that stands in the policy.
    pub(super) fn age(&self, now: UnixTime) -> Option<Duration> {
        Some(now.since(self.fetched()?.times().fetched()?))
    }

    /// Whether the set is there, and has to be fetched anew before a request at `now` may use it. While a fetch is on its
    /// way (`asking`), or the issuer fails, an old one will do.
    pub(super) fn is_too_old(&self, asking: bool, now: UnixTime) -> bool {
        self.fetched().is_some_and(|fetched| fetched.is_too_old(asking, now))
    }

    /// What to do about a token whose key the set does not have. A request that `waited` for a fetch already does not
    /// wait for another; and while the issuer is down nobody can know whether it has the key.
    pub(super) fn unknown_key(&mut self, waited: bool, asking: bool, now: UnixTime) -> Offer {
        match self {
            Self::Inline(_, set) => Offer::Keys(Rc::clone(set)),
            Self::Fetched(number, fetched) => fetched.unknown_key(*number, waited, asking, now),
        }
    }

    /// Whether a key that is not in the set may have it fetched.
    pub(super) fn may_seek(&self, now: UnixTime) -> bool {
        self.fetched().is_some_and(|fetched| fetched.times().may_seek(now))
    }

    /// Whether the set is due to be fetched in the background; `spread` (0 to 255) keeps workers apart.
    pub(super) fn is_due(&self, spread: u8, now: UnixTime) -> bool {
        self.fetched().is_some_and(|fetched| fetched.times().is_due(spread, now))
    }

    /// The callout for the next step towards the keys.
    pub(super) fn callout(&self) -> Option<Callout> {
        self.fetched()?.callout()
    }

    /// Takes in the reply to [`Self::callout`].
    pub(super) fn learn(&mut self, reply: &Reply<'_>, now: UnixTime) -> Learned {
        match self {
            Self::Inline(..) => Learned::Unchanged,
            Self::Fetched(_, fetched) => fetched.learn(reply, now),
        }
    }

    /// Takes in what another worker fetched; `None` where that is no news.
    pub(super) fn adopt(&mut self, record: &Record, now: UnixTime) -> Option<Learned> {
        match self {
            Self::Inline(..) => None,
            Self::Fetched(_, fetched) => fetched.adopt(record, now),
        }
    }

    /// Goes on from where `former` is, if that is the same set under another policy and has more recent news.
    pub(super) fn take_over(&mut self, former: &Self) {
        if let (Self::Fetched(_, fetched), Self::Fetched(_, former)) = (self, former) {
            fetched.take_over(former);
        }
    }

    /// How long one callout may take.
    pub(super) fn timeout(&self) -> Duration {
        self.fetched().map_or(Duration::ZERO, Fetched::timeout)
    }
}
