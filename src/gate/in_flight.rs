//! Who waits for what: one callout in flight about each thing, however many requests wait for its reply.

use core::hash::Hash;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use super::circuit_breaker::Standing;
use super::step::{AskId, RequestId};
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::token::expect::IssuerId;

/// What a callout can be about.
pub(super) trait Key: Copy + Eq + Hash {
    /// Who is asked.
    fn issuer(self) -> IssuerId;

    /// The token that it is about: its questions are counted, and dropped when nobody waits any longer. `None` for what
    /// belongs to no client.
    fn token(self) -> Option<Digest>;
}

/// How much longer than a callout's own timeout its reply is waited for, before it counts as lost.
const GRACE: Duration = Duration::from_millis(200);

/// How many questions about tokens may be out at one issuer for requests that wait, and how many of them are kept for
/// tokens that were active lately.
const MOST_QUESTIONS: usize = 512;
const KEPT_FOR_KNOWN: usize = 128;

/// How many more may be out for which nobody waits any longer. They cannot be called back.
const MOST_ABANDONED: usize = 512;

/// With so many abandoned ones, requests have to last so long before an unknown token of theirs is asked about: whoever
/// goes at once leaves no question behind.
const MANY_ABANDONED: usize = 32;
const LASTING: Duration = Duration::from_millis(100);

/// An issuer has at least this part of the room for waiting requests, and one token at most that, but for a few. A token
/// that was active lately may have more: all that a busy client sends waits while the answer about it is renewed. With its
/// own part it has half of the room then, and all such tokens together have no more beyond their parts than one may have.
const ISSUERS_PART: usize = 5;
const TOKENS_PART: usize = 10;
const TOKENS_FEW: usize = 16;
const BUSY_PART: usize = 2;

/// Parked requests, each with what it needs (`W`) when it is woken, and the callouts that they wait for (about `K`).
pub(super) struct InFlight<K, W> {
    parked: BTreeMap<RequestId, Parked<K, W>>,
    /// Requests by what they wait for, in the order in which they came.
    waiting: HashMap<K, Vec<RequestId>>,
    /// How many requests wait for news about each token.
    crowds: HashMap<Digest, usize>,
    /// Topics that have to be asked about as soon as somebody sends questions.
    wanted: Vec<K>,
    /// Topics that are wanted or out.
    open: HashMap<K, Stage>,
    load: HashMap<IssuerId, Load>,
    out: BTreeMap<AskId, Out<K>>,
    last: u64,
}

/// How far a question is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is to be asked, since then.
    Wanted(UnixTime),
    /// It was asked, here or by another worker.
    Out {
        /// Whoever wanted to know is gone.
        abandoned: bool,
    },
}

/// What one issuer has on its hands.
#[derive(Default)]
struct Load {
    /// Requests that wait for it.
    parked: usize,
    /// Questions about tokens for which somebody waits.
    asked: usize,
    /// Questions about tokens for which nobody does any longer.
    abandoned: usize,
}

impl Load {
    /// The count that a question about a token at this stage belongs to.
    const fn of(&mut self, stage: Stage) -> &mut usize {
        match stage {
            Stage::Wanted(_) | Stage::Out { abandoned: false } => &mut self.asked,
            Stage::Out { abandoned: true } => &mut self.abandoned,
        }
    }
}

/// A question that is out.
struct Out<K> {
    topic: K,
    sent: UnixTime,
    until: UnixTime,
}

struct Parked<K, W> {
    waiter: W,
    topic: K,
    until: UnixTime,
}

impl<K, W> Default for InFlight<K, W> {
    fn default() -> Self {
        Self {
            parked: BTreeMap::new(),
            waiting: HashMap::new(),
            crowds: HashMap::new(),
            wanted: Vec::new(),
            open: HashMap::new(),
            load: HashMap::new(),
            out: BTreeMap::new(),
            last: 0,
        }
    }
}

impl<K: Key, W> InFlight<K, W> {
    /// How many requests are parked.
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    /// Whether one more request may wait for news about `topic`, where `limit` may wait in all. `standing`: the token's.
    pub(super) fn has_room(&self, topic: K, standing: Standing, limit: usize) -> bool {
        let at_issuer = self.load.get(&topic.issuer()).map_or(0, |load| load.parked);
        let tokens_part = (limit / TOKENS_PART).max(TOKENS_FEW);
        let has_part = topic.token().is_none_or(|token| {
            self.crowds.get(&token).is_none_or(|crowd| *crowd < tokens_part)
                || (standing == Standing::ActiveLately
                    && self.beyond(tokens_part) < (limit / BUSY_PART).saturating_sub(tokens_part))
        });
        (self.len() < limit || at_issuer < limit / ISSUERS_PART) && has_part
    }

    /// How many requests wait beyond so many with each token.
    fn beyond(&self, part: usize) -> usize {
        self.crowds.values().map(|crowd| crowd.saturating_sub(part)).sum()
    }

    /// Whether one more question may be put to `issuer`, about a token of this standing.
    pub(super) fn may_ask(&self, issuer: IssuerId, standing: Standing) -> bool {
        let Some(load) = self.load.get(&issuer) else { return true };
        match standing {
            Standing::ActiveLately => load.asked < MOST_QUESTIONS,
            Standing::Unknown => {
                load.asked < MOST_QUESTIONS - KEPT_FOR_KNOWN && load.abandoned < MOST_ABANDONED
            }
        }
    }

    /// Parks a request at `now` until there is news about `topic`, which is asked about unless that question is out already.
    pub(super) fn park(&mut self, id: RequestId, waiter: W, topic: K, until: UnixTime, now: UnixTime) {
        self.parked.insert(id, Parked { waiter, topic, until: until.plus(GRACE) });
        self.waiting.entry(topic).or_default().push(id);
        self.load.entry(topic.issuer()).or_default().parked += 1;
        if let Some(token) = topic.token() {
            *self.crowds.entry(token).or_default() += 1;
        }
        match self.open.get(&topic) {
            None => self.want(topic, now),
            Some(Stage::Out { abandoned: true }) => self.enter(topic, Stage::Out { abandoned: false }),
            Some(Stage::Wanted(_) | Stage::Out { abandoned: false }) => {}
        }
    }

    /// Has `topic` asked about, whether or not anybody waits.
    pub(super) fn want(&mut self, topic: K, now: UnixTime) {
        if !self.open.contains_key(&topic) {
            self.wanted.push(topic);
            self.enter(topic, Stage::Wanted(now));
        }
    }

    /// The topics that have to be asked about at `now`; [`Self::send`] or [`Self::drop_topic`] has to follow for each
    /// that nobody else is asking about. `is_known`: the token was active lately.
    pub(super) fn take_wanted(&mut self, now: UnixTime, is_known: impl Fn(K) -> bool) -> Vec<K> {
        let (taken, kept) = core::mem::take(&mut self.wanted).into_iter().partition(|topic| {
            let Some(Stage::Wanted(since)) = self.open.get(topic) else { return true };
            let is_crowded =
                self.load.get(&topic.issuer()).is_some_and(|load| load.abandoned >= MANY_ABANDONED);
            !is_crowded || now >= since.plus(LASTING) || topic.token().is_none() || is_known(*topic)
        });
        self.wanted = kept;
        let taken: Vec<K> = taken;
        for topic in &taken {
            self.enter(*topic, Stage::Out { abandoned: false });
        }
        taken
    }

    /// Nobody needs `topic` asked about any more.
    pub(super) fn drop_topic(&mut self, topic: K) {
        if let Some(stage) = self.open.remove(&topic) {
            self.count(topic, stage, |count| count.saturating_sub(1));
        }
    }

    fn enter(&mut self, topic: K, stage: Stage) {
        self.drop_topic(topic);
        self.open.insert(topic, stage);
        self.count(topic, stage, |count| count.saturating_add(1));
    }

    fn count(&mut self, topic: K, stage: Stage, change: impl FnOnce(usize) -> usize) {
        if topic.token().is_some() {
            let count = self.load.entry(topic.issuer()).or_default().of(stage);
            *count = change(*count);
        }
    }

    /// Nobody will be asked about `topic`: the time of everybody who waits for it is up at `now`, after `learn`.
    pub(super) fn give_up(&mut self, topic: K, now: UnixTime, mut learn: impl FnMut(&mut W)) {
        self.drop_topic(topic);
        for id in self.waiting.get(&topic).into_iter().flatten() {
            if let Some(parked) = self.parked.get_mut(id) {
                parked.until = now;
                learn(&mut parked.waiter);
            }
        }
    }

    /// Somebody who waits for `topic`.
    pub(super) fn waiter(&self, topic: K) -> Option<&W> {
        let id = self.waiting.get(&topic)?.first()?;
        self.parked.get(id).map(|parked| &parked.waiter)
    }

    /// Notes that a question about `topic` was sent at `sent`; a reply after `until` comes too late.
    pub(super) fn send(&mut self, topic: K, sent: UnixTime, until: UnixTime) -> AskId {
        self.last += 1;
        let id = AskId(self.last);
        self.out.insert(id, Out { topic, sent, until: until.plus(GRACE) });
        id
    }

    /// The topic of the question `id`, and when it was sent; it is no longer out afterwards. `None` for a reply that
    /// comes twice or too late.
    pub(super) fn receive(&mut self, id: AskId) -> Option<(K, UnixTime)> {
        let Out { topic, sent, .. } = self.out.remove(&id)?;
        self.drop_topic(topic);
        Some((topic, sent))
    }

    /// Whether `topic` is being asked about.
    pub(super) fn is_open(&self, topic: K) -> bool {
        self.open.contains_key(&topic)
    }

    /// Takes out everybody who waits for `topic`.
    pub(super) fn wake(&mut self, topic: K) -> Vec<(RequestId, W)> {
        let ids = self.waiting.remove(&topic).unwrap_or_default();
        ids.into_iter().filter_map(|id| self.unpark(id).map(|parked| (id, parked.waiter))).collect()
    }

    fn unpark(&mut self, id: RequestId) -> Option<Parked<K, W>> {
        let parked = self.parked.remove(&id)?;
        let load = self.load.entry(parked.topic.issuer()).or_default();
        load.parked = load.parked.saturating_sub(1);
        if let Some(token) = parked.topic.token()
            && let Some(crowd) = self.crowds.get_mut(&token)
        {
            *crowd = crowd.saturating_sub(1);
            if *crowd == 0 {
                self.crowds.remove(&token);
            }
        }
        Some(parked)
    }

    /// Gives up questions whose answer is overdue.
    pub(super) fn overdue(&mut self, now: UnixTime) -> Vec<K> {
        let overdue: Vec<AskId> =
            self.out.iter().filter(|(_, out)| now >= out.until).map(|(id, _)| *id).collect();
        overdue.into_iter().filter_map(|id| self.receive(id)).map(|(topic, _)| topic).collect()
    }

    /// Takes out everybody whose time is up.
    pub(super) fn expire(&mut self, now: UnixTime) -> Vec<(RequestId, W)> {
        let due: Vec<RequestId> =
            self.parked.iter().filter(|(_, parked)| now >= parked.until).map(|(id, _)| *id).collect();
        due.into_iter().filter_map(|id| self.remove(id).map(|waiter| (id, waiter))).collect()
    }

    /// Forgets a request that is gone. What it alone wanted to know is not asked any more, or is abandoned.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<W> {
        let Parked { waiter, topic, .. } = self.unpark(id)?;
        let is_last = self.waiting.get_mut(&topic).is_none_or(|ids| {
            ids.retain(|waiting| *waiting != id);
            ids.is_empty()
        });
        if is_last {
            self.waiting.remove(&topic);
            match self.open.get(&topic).filter(|_| topic.token().is_some()) {
                Some(Stage::Wanted(_)) => {
                    self.drop_topic(topic);
                    self.wanted.retain(|wanted| *wanted != topic);
                }
                Some(Stage::Out { .. }) => self.enter(topic, Stage::Out { abandoned: true }),
                None => {}
            }
        }
        Some(waiter)
    }

    /// Whether `id` is parked.
    pub(super) fn is_parked(&self, id: RequestId) -> bool {
        self.parked.contains_key(&id)
    }
}

#[cfg(test)]
mod tests;
