//! A key set that is fetched: the steps that lead to it, and what is learned on the way.

use core::time::Duration;
use std::rc::Rc;

use super::discovery::{self, Place};
use super::keys::{Failing, Learned, Offer, SetNumber};
use super::schedule::Schedule;
use super::sealed::Record;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::freshness;
use crate::http::message::{Answer, Callout, Reply};
use crate::http::uri::Uri;
use crate::jose::key_set::{KeySet, Skipped};
use crate::policy::{Fetch, Issuer, KeySource};

/// The longest key set that is read, in bytes.
const MAX_BODY: usize = 512 * 1024;

/// Keys that are fetched.
pub(super) struct Fetched {
    fetch: Fetch,
    issuer: String,
    set: Option<Rc<KeySet>>,
    /// What the set was read from, for other workers; the text of public keys.
    document: Rc<[u8]>,
    stage: Stage,
    /// The next fetch is for a key that the set does not have.
    seeking: bool,
    times: Schedule,
}

/// What the next callout asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// With what kept the place before this one from being read; it may be the only one that the issuer has.
    Metadata(Place, Option<Failing>),
    Set(Uri),
}

impl Fetched {
    /// Keys of `issuer` that were never fetched.
    pub(super) fn new(fetch: &Fetch, issuer: &Issuer) -> Self {
        Self {
            fetch: fetch.clone(),
            issuer: issuer.expect.issuer.clone().unwrap_or_default(),
            set: None,
            document: Rc::from([]),
            stage: first_stage(fetch),
            seeking: false,
            times: Schedule::new(fetch),
        }
    }

    /// The set, fresh or not.
    pub(super) const fn set(&self) -> Option<&Rc<KeySet>> {
        self.set.as_ref()
    }

    /// When it is fetched.
    pub(super) const fn times(&self) -> &Schedule {
        &self.times
    }

    /// How long one callout may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.fetch.timeout
    }

    /// Whether the next fetch is for a key that the set does not have.
    pub(super) const fn is_seeking(&self) -> bool {
        self.seeking
    }

    /// Whether the set is there, and has to be fetched anew before a request at `now` may use it. While a fetch is on its
    /// way (`asking`), or the issuer fails, an old one will do.
    pub(super) fn is_too_old(&self, asking: bool, now: UnixTime) -> bool {
        !asking && !self.times.is_pausing(now) && self.times.is_stale(now)
    }

    pub(super) fn unknown_key(
        &mut self,
        number: SetNumber,
        waited: bool,
        asking: bool,
        now: UnixTime,
    ) -> Offer {
        let may_seek = self.times.may_seek(now);
        if waited {
            // Whoever waited for a fetch, a first one too, had the key looked for.
            if may_seek && !self.times.is_failing() {
                self.times.seek(now);
            }
        } else if asking {
            return Offer::Ask(number);
        } else if may_seek {
            if self.set.is_some() {
                self.times.seek(now);
                self.seeking = true;
            }
            return Offer::Ask(number);
        }
        match &self.set {
            Some(set) if !self.times.is_failing() => Offer::Keys(Rc::clone(set)),
            Some(_) | None => Offer::Nothing(self.times.pause(now)),
        }
    }

    pub(super) fn callout(&self) -> Option<Callout> {
        let uri = match (&self.stage, &self.fetch.source) {
            (Stage::Set(uri), _) => uri.clone(),
            (Stage::Metadata(place, _), KeySource::Discover(issuer)) => place.of(issuer),
            (Stage::Metadata(..), KeySource::Uri(_)) => return None,
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

    pub(super) fn learn(&mut self, reply: &Reply<'_>, now: UnixTime) -> Learned {
        let answer = answered(reply);
        match self.stage.clone() {
            Stage::Metadata(place, hindrance) => {
                let found = answer
                    .and_then(|answer| discovery::jwks_uri(answer, &self.issuer).map_err(Failing::Useless));
                match (found, place) {
                    (Ok(uri), _) => {
                        self.stage = Stage::Set(uri);
                        Learned::More
                    }
                    // Whatever is wrong with the first place, a server that fails or hangs there included, says
                    // nothing about the second.
                    (Err(why), Place::AuthorizationServer) => {
                        self.stage = Stage::Metadata(Place::OpenId, answer.is_err().then_some(why));
                        Learned::More
                    }
                    (Err(why), Place::OpenId) => self.fail(hindrance.unwrap_or(why), now),
                }
            }
            Stage::Set(_) => match answer.and_then(read_answer) {
                Ok((set, skipped)) => {
                    let lifetime = freshness::lifetime(reply);
                    if let Ok(answer) = answer {
                        self.document = Rc::from(answer.body);
                    }
                    self.keep(set, skipped, now, lifetime)
                }
                Err(why) => self.fail(why, now),
            },
        }
    }

    fn keep(
        &mut self,
        set: KeySet,
        skipped: Vec<Skipped>,
        at: UnixTime,
        lifetime: Option<Duration>,
    ) -> Learned {
        self.times.succeed(at, lifetime);
        self.seeking = false;
        if self.set.as_ref().is_some_and(|known| known.has_keys_of(&set)) {
            return Learned::Unchanged;
        }
        let keys = set.len();
        self.set = Some(Rc::new(set));
        Learned::Changed { keys, skipped }
    }

    fn fail(&mut self, why: Failing, now: UnixTime) -> Learned {
        self.stage = first_stage(&self.fetch);
        self.seeking = false;
        self.times.fail(now);
        Learned::Failed(why)
    }
}

/// The same set elsewhere: in other workers, and under another policy.
impl Fetched {
    /// All that makes this set the one it is: equal for equal sets only, whatever the policy says about times.
    pub(super) fn identity(&self) -> [String; 4] {
        let (kind, uri) = match &self.fetch.source {
            KeySource::Uri(uri) => ("uri", uri),
            KeySource::Discover(issuer) => ("discover", issuer),
        };
        [kind.to_owned(), uri.to_string(), self.fetch.cluster.clone(), self.issuer.clone()]
    }

    /// What other workers may know of the set, after an attempt to fetch it at `now`; `None` while there is none.
    pub(super) fn record(&self, now: UnixTime) -> Option<Record> {
        Some(Record {
            fetched: self.times.fetched()?,
            vouched: now,
            lifetime: self.times.lifetime(),
            sought: self.times.has_sought(now),
            document: Rc::clone(&self.document),
        })
    }

    /// Takes in what another worker fetched: a set that is newer than the one here, and as good as if it had been
    /// fetched here. `None` where it is not, and the set stays as it is.
    pub(super) fn adopt(&mut self, record: &Record, now: UnixTime) -> Option<Learned> {
        if self.times.fetched().is_some_and(|known| record.fetched <= known) {
            return None;
        }
        let mut times = Schedule::new(&self.fetch);
        times.succeed(record.fetched, record.lifetime);
        let stale = times.is_stale(now);
        // Its issuer does not answer, and whoever has fetched it uses it still.
        if stale && !times.is_vouched(record.vouched, now) {
            return None;
        }
        let (set, skipped) = read_set(&record.document).ok()?;
        let seeking = self.seeking && !record.sought;
        let learned = self.keep(set, skipped, record.fetched, record.lifetime);
        self.document = Rc::clone(&record.document);
        self.seeking = seeking;
        if stale {
            self.times.fail(now);
        }
        if record.sought {
            self.times.seek(record.fetched);
        }
        Some(learned)
    }

    /// Goes on from where `former` is, if that is the same set and has more recent news.
    pub(super) fn take_over(&mut self, former: &Self) {
        let newer = former.times.fetched() > self.times.fetched();
        if !newer || self.identity() != former.identity() {
            return;
        }
        self.set.clone_from(&former.set);
        self.document = Rc::clone(&former.document);
        if let Stage::Set(_) = &former.stage {
            self.stage = former.stage.clone();
        }
        self.times.take_over(&former.times);
    }
}

fn first_stage(fetch: &Fetch) -> Stage {
    match &fetch.source {
        KeySource::Uri(uri) => Stage::Set(uri.clone()),
        KeySource::Discover(_) => Stage::Metadata(Place::AuthorizationServer, None),
    }
}

/// An answer that says something; what it says may be wrong.
fn answered<'r>(reply: &'r Reply<'r>) -> Result<&'r Answer<'r>, Failing> {
    match reply {
        Reply::Answered(answer) if answer.status < 500 => Ok(answer),
        Reply::Answered(answer) => {
            Err(Failing::Outage(answer.unreached().unwrap_or("it answered with a server error")))
        }
        Reply::Failed => Err(Failing::Outage("it could not be reached in time")),
    }
}

fn read_answer(answer: &Answer<'_>) -> Result<(KeySet, Vec<Skipped>), Failing> {
    match answer.status {
        200 => {}
        300..=399 => {
            return Err(Failing::Useless("its key set is somewhere else, and redirects are not followed"));
        }
        _ => return Err(Failing::Useless("its key set is not there")),
    }
    read_set(answer.body).map_err(Failing::Useless)
}

fn read_set(document: &[u8]) -> Result<(KeySet, Vec<Skipped>), &'static str> {
    if document.len() > MAX_BODY {
        return Err("its key set is longer than 512 KiB");
    }
    let (set, skipped) =
        KeySet::read(document).map_err(|_| "its key set is not a JSON object with a list `keys`")?;
    if set.is_empty() { Err("its key set has no usable key") } else { Ok((set, skipped)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_somewhere_else_is_told_from_one_that_is_not_there() {
        let (elsewhere, not_there) =
            ("its key set is somewhere else, and redirects are not followed", "its key set is not there");
        for (status, told) in
            [(299, not_there), (300, elsewhere), (399, elsewhere), (400, not_there), (404, not_there)]
        {
            let found = read_answer(&Answer { status, fields: &[], body: b"{\"keys\":[]}" });
            assert_eq!(found.err(), Some(Failing::Useless(told)), "{status}");
        }
    }
}
