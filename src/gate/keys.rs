//! The issuers' keys: given, or fetched and kept fresh; the last good set stays in use over failures.

use core::time::Duration;
use std::rc::Rc;

use super::discovery::{self, Place};
use crate::base::digest::{Digest, DigestKey};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::freshness;
use crate::http::message::{Answer, Callout, Reply};
use crate::http::uri::Uri;
use crate::jose::key_set::{KeySet, Skipped};
use crate::policy::{Fetch, Issuer, KeySource, Keys};

/// Before any time that counts.
const LONG_AGO: UnixTime = UnixTime::from_millis(i64::MIN);

/// The longest key set that is read, in bytes.
const MAX_BODY: usize = 512 * 1024;

/// While an issuer has given us no key at all, the waits between attempts grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// A key set's number among those of its issuer.
pub(super) type SetNumber = u8;

/// One key set of an issuer.
pub(super) enum KeyStore {
    /// Written in the policy.
    Inline(SetNumber, Rc<KeySet>),
    /// Fetched from the issuer.
    Fetched(Box<Fetched>),
}

/// Keys that are fetched.
pub(super) struct Fetched {
    number: SetNumber,
    fetch: Fetch,
    issuer: String,
    set: Option<Rc<KeySet>>,
    /// What the last good set was read from, to tell a change from a repetition.
    document: Option<Digest>,
    stage: Stage,
    /// When the set was fetched last.
    since: UnixTime,
    /// When the set is fetched anew, whether or not anybody asks.
    stale: UnixTime,
    /// After a failure nothing is fetched before this, whatever the reason.
    pause: UnixTime,
    /// Keys that the set does not have cause no fetch before this.
    cooldown: UnixTime,
    /// Failures since the last success.
    failures: u32,
}

/// What the next callout asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Metadata(Place),
    Set(Uri),
}

/// What the store can offer to a request.
pub(super) enum Offer {
    /// These keys.
    Keys(Rc<KeySet>),
    /// Nothing yet: ask for this set, and wait.
    Ask(SetNumber),
    /// Nothing: the issuer failed us, and it is too early to ask again before this.
    Nothing(UnixTime),
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
    /// The same set as before.
    Unchanged,
    /// Nothing; says why.
    Failed(&'static str),
}

impl KeyStore {
    /// The store for `keys`, the set of this number of `issuer`.
    pub(super) fn new(number: SetNumber, keys: &Keys, issuer: &Issuer) -> Self {
        match keys {
            Keys::Inline(set) => Self::Inline(number, Rc::clone(set)),
            Keys::Fetched(fetch) => Self::Fetched(Box::new(Fetched {
                number,
                stage: Fetched::first_stage(fetch),
                fetch: fetch.clone(),
                issuer: issuer.expect.issuer.clone().unwrap_or_default(),
                set: None,
                document: None,
                since: LONG_AGO,
                stale: LONG_AGO,
                pause: LONG_AGO,
                cooldown: LONG_AGO,
                failures: 0,
            })),
        }
    }

    /// Its number among the sets of its issuer.
    pub(super) fn number(&self) -> SetNumber {
        match self {
            Self::Inline(number, _) => *number,
            Self::Fetched(fetched) => fetched.number,
        }
    }

    /// The set, if it is there; fresh or not.
    pub(super) fn set(&self) -> Option<&Rc<KeySet>> {
        match self {
            Self::Inline(_, set) => Some(set),
            Self::Fetched(fetched) => fetched.set.as_ref(),
        }
    }

    /// Whether the set is there.
    pub(super) fn has_set(&self) -> bool {
        self.set().is_some()
    }

    /// How long ago the set in use was fetched; `None` for none, and for one that stands in the policy.
    pub(super) fn age(&self, now: UnixTime) -> Option<Duration> {
        match self {
            Self::Inline(..) => None,
            Self::Fetched(fetched) => fetched.set.as_ref().map(|_| now.since(fetched.since)),
        }
    }

    /// The keys for a request that comes at `now`. While a fetch is on its way (`asking`), an old set will do.
    pub(super) fn offer(&self, asking: bool, now: UnixTime) -> Offer {
        match self {
            Self::Inline(_, set) => Offer::Keys(Rc::clone(set)),
            Self::Fetched(fetched) => match &fetched.set {
                Some(set) if asking || now < fetched.stale || now < fetched.pause => {
                    Offer::Keys(Rc::clone(set))
                }
                _ if now < fetched.pause && !asking => Offer::Nothing(fetched.pause),
                _ => Offer::Ask(fetched.number),
            },
        }
    }

    /// What to do about a token whose key the set does not have. A request that `waited` for a fetch already does not
    /// wait for another; and while the issuer is down nobody can know whether it has the key.
    pub(super) fn unknown_key(&mut self, waited: bool, asking: bool, now: UnixTime) -> Offer {
        match self {
            Self::Inline(_, set) => Offer::Keys(Rc::clone(set)),
            Self::Fetched(fetched) => {
                if !waited && asking {
                    return Offer::Ask(fetched.number);
                }
                if !waited && now >= fetched.cooldown && now >= fetched.pause {
                    if fetched.set.is_some() {
                        fetched.cooldown = fetched.cooldown.max(now.plus(fetched.fetch.min_refresh));
                    }
                    return Offer::Ask(fetched.number);
                }
                match &fetched.set {
                    Some(set) if fetched.failures == 0 => Offer::Keys(Rc::clone(set)),
                    Some(_) | None => Offer::Nothing(fetched.pause),
                }
            }
        }
    }

    /// Whether the set is due to be fetched in the background; `spread` (0 to 255) keeps workers apart.
    pub(super) fn is_due(&self, spread: u8, now: UnixTime) -> bool {
        match self {
            Self::Inline(..) => false,
            Self::Fetched(fetched) => now >= fetched.due(spread) && now >= fetched.pause,
        }
    }

    /// The callout for the next step towards the keys.
    pub(super) fn callout(&self) -> Option<Callout> {
        match self {
            Self::Inline(..) => None,
            Self::Fetched(fetched) => fetched.callout(),
        }
    }

    /// Takes in the reply to [`Self::callout`].
    pub(super) fn learn(&mut self, reply: &Reply<'_>, key: &DigestKey, now: UnixTime) -> Learned {
        match self {
            Self::Inline(..) => Learned::Unchanged,
            Self::Fetched(fetched) => fetched.learn(reply, key, now),
        }
    }

    /// How long one callout may take.
    pub(super) fn timeout(&self) -> Duration {
        match self {
            Self::Inline(..) => Duration::ZERO,
            Self::Fetched(fetched) => fetched.fetch.timeout,
        }
    }
}

impl Fetched {
    fn first_stage(fetch: &Fetch) -> Stage {
        match &fetch.source {
            KeySource::Uri(uri) => Stage::Set(uri.clone()),
            KeySource::Discover(_) => Stage::Metadata(Place::AuthorizationServer),
        }
    }

    /// Early by a tenth to a fifth of the refresh period, so that no request meets a stale set.
    fn due(&self, spread: u8) -> UnixTime {
        if self.set.is_none() {
            return self.pause;
        }
        let tenth = self.fetch.refresh / 10;
        self.stale.minus(tenth + tenth * u32::from(spread) / 256)
    }

    fn callout(&self) -> Option<Callout> {
        let uri = match (&self.stage, &self.fetch.source) {
            (Stage::Set(uri), _) => uri.clone(),
            (Stage::Metadata(place), KeySource::Discover(issuer)) => place.of(issuer),
            (Stage::Metadata(_), KeySource::Uri(_)) => return None,
        };
        Some(Callout {
            cluster: self.fetch.cluster.clone(),
            method: "GET",
            scheme: uri.scheme(),
            authority: uri.authority().to_owned(),
            path: Secret::new(uri.path().to_owned()),
            fields: Secret::new(vec![("accept", "application/json, application/jwk-set+json".to_owned())]),
            body: Secret::new(String::new()),
            timeout: self.fetch.timeout,
        })
    }

    /// While there is a set, attempts keep the distance that refreshes keep. Without one the first failure is
    /// followed by a second attempt at once, later ones by growing pauses.
    fn pause_after_failure(&self) -> Duration {
        match (&self.set, self.failures) {
            (Some(_), _) => self.fetch.min_refresh,
            (None, 0) => Duration::ZERO,
            (None, failures) => {
                (Duration::from_millis(500) * 2u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE)
            }
        }
    }

    fn learn(&mut self, reply: &Reply<'_>, key: &DigestKey, now: UnixTime) -> Learned {
        let answer = match reply {
            Reply::Answered(answer) if answer.status < 500 => answer,
            Reply::Answered(_) => return self.fail("it answered with a server error", now),
            Reply::Failed => return self.fail("it could not be reached in time", now),
        };
        match self.stage.clone() {
            Stage::Metadata(place) => match (discovery::jwks_uri(answer, &self.issuer), place) {
                (Ok(uri), _) => {
                    self.stage = Stage::Set(uri);
                    Learned::More
                }
                (Err(_), Place::AuthorizationServer) => {
                    self.stage = Stage::Metadata(Place::OpenId);
                    Learned::More
                }
                (Err(why), Place::OpenId) => self.fail(why, now),
            },
            Stage::Set(_) => match read_set(answer) {
                Ok((set, skipped)) => self.keep(set, skipped, answer, key, now),
                Err(why) => self.fail(why, now),
            },
        }
    }

    fn keep(
        &mut self,
        set: KeySet,
        skipped: Vec<Skipped>,
        answer: &Answer<'_>,
        key: &DigestKey,
        now: UnixTime,
    ) -> Learned {
        let fresh = freshness::lifetime(&Reply::Answered(*answer)).unwrap_or(self.fetch.refresh);
        self.since = now;
        self.stale = now.plus(fresh.min(self.fetch.refresh).max(self.fetch.min_refresh));
        self.pause = now;
        self.failures = 0;
        let document = key.digest(u32::MAX, answer.body);
        if self.document.replace(document) == Some(document) {
            return Learned::Unchanged;
        }
        let keys = set.len();
        self.set = Some(Rc::new(set));
        Learned::Changed { keys, skipped }
    }

    fn fail(&mut self, why: &'static str, now: UnixTime) -> Learned {
        self.stage = Self::first_stage(&self.fetch);
        self.pause = now.plus(self.pause_after_failure());
        self.failures = self.failures.saturating_add(1);
        Learned::Failed(why)
    }
}

fn read_set(answer: &Answer<'_>) -> Result<(KeySet, Vec<Skipped>), &'static str> {
    if answer.status != 200 {
        return Err("its key set is not there");
    }
    if answer.body.len() > MAX_BODY {
        return Err("its key set is longer than 512 KiB");
    }
    let (set, skipped) =
        KeySet::read(answer.body).map_err(|_| "its key set is not a JSON object with a list `keys`")?;
    if set.is_empty() { Err("its key set has no usable key") } else { Ok((set, skipped)) }
}
