//! Who waits for what: one question, however many requests wait for its answer.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use super::case::Case;
use super::circuit_breaker::Standing;
use super::keys::SetNumber;
use super::memory::Inquiry;
use super::step::{AskId, RequestId};
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::token::expect::IssuerId;

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Topic {
    /// A key set of an issuer.
    Keys(IssuerId, SetNumber),
    /// One token, at one issuer.
    Token(IssuerId, Inquiry),
}

impl Topic {
    const fn issuer(self) -> IssuerId {
        match self {
            Self::Keys(issuer, _) | Self::Token(issuer, _) => issuer,
        }
    }
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

/// Parked requests and the questions that are out.
#[derive(Default)]
pub(super) struct Questions {
    parked: BTreeMap<RequestId, Parked>,
    /// Requests by what they wait for, in the order in which they came.
    waiting: HashMap<Topic, Vec<RequestId>>,
    /// How many requests wait for news about each token.
    crowds: HashMap<Digest, usize>,
    /// Topics that have to be asked about as soon as somebody sends questions.
    wanted: Vec<Topic>,
    /// Topics that are wanted or out.
    open: HashMap<Topic, Stage>,
    load: HashMap<IssuerId, Load>,
    out: BTreeMap<AskId, Out>,
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
struct Out {
    topic: Topic,
    sent: UnixTime,
    until: UnixTime,
}

struct Parked {
    case: Case<'static>,
    topic: Topic,
    until: UnixTime,
}

impl Questions {
    /// How many requests are parked.
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    /// Whether one more request may wait for news about `topic`, where `limit` may wait in all. `standing`: the token's.
    pub(super) fn has_room(&self, topic: Topic, standing: Standing, limit: usize) -> bool {
        let at_issuer = self.load.get(&topic.issuer()).map_or(0, |load| load.parked);
        let tokens_part = (limit / TOKENS_PART).max(TOKENS_FEW);
        let has_part = match topic {
            Topic::Token(_, inquiry) => {
                self.crowds.get(&inquiry.token).is_none_or(|crowd| *crowd < tokens_part)
                    || (standing == Standing::ActiveLately
                        && self.beyond(tokens_part) < (limit / BUSY_PART).saturating_sub(tokens_part))
            }
            Topic::Keys(..) => true,
        };
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

    /// Parks `case` at `now` until there is news about `topic`, which is asked about unless that question is out already.
    pub(super) fn park(
        &mut self,
        id: RequestId,
        case: Case<'static>,
        topic: Topic,
        until: UnixTime,
        now: UnixTime,
    ) {
        self.parked.insert(id, Parked { case, topic, until: until.plus(GRACE) });
        self.waiting.entry(topic).or_default().push(id);
        self.load.entry(topic.issuer()).or_default().parked += 1;
        if let Topic::Token(_, inquiry) = topic {
            *self.crowds.entry(inquiry.token).or_default() += 1;
        }
        match self.open.get(&topic) {
            None => self.want(topic, now),
            Some(Stage::Out { abandoned: true }) => self.enter(topic, Stage::Out { abandoned: false }),
            Some(Stage::Wanted(_) | Stage::Out { abandoned: false }) => {}
        }
    }

    /// Has `topic` asked about, whether or not anybody waits.
    pub(super) fn want(&mut self, topic: Topic, now: UnixTime) {
        if !self.open.contains_key(&topic) {
            self.wanted.push(topic);
            self.enter(topic, Stage::Wanted(now));
        }
    }

    /// The topics that have to be asked about at `now`; [`Self::send`] or [`Self::drop_topic`] has to follow for each
    /// that nobody else is asking about. `is_known`: the token was active lately.
    pub(super) fn take_wanted(&mut self, now: UnixTime, is_known: impl Fn(Topic) -> bool) -> Vec<Topic> {
        let (taken, kept) = core::mem::take(&mut self.wanted).into_iter().partition(|topic| {
            let Some(Stage::Wanted(since)) = self.open.get(topic) else { return true };
            let is_crowded =
                self.load.get(&topic.issuer()).is_some_and(|load| load.abandoned >= MANY_ABANDONED);
            !is_crowded || now >= since.plus(LASTING) || matches!(topic, Topic::Keys(..)) || is_known(*topic)
        });
        self.wanted = kept;
        let taken: Vec<Topic> = taken;
        for topic in &taken {
            self.enter(*topic, Stage::Out { abandoned: false });
        }
        taken
    }

    /// Nobody needs `topic` asked about any more.
    pub(super) fn drop_topic(&mut self, topic: Topic) {
        if let Some(stage) = self.open.remove(&topic) {
            self.count(topic, stage, |count| count.saturating_sub(1));
        }
    }

    fn enter(&mut self, topic: Topic, stage: Stage) {
        self.drop_topic(topic);
        self.open.insert(topic, stage);
        self.count(topic, stage, |count| count.saturating_add(1));
    }

    fn count(&mut self, topic: Topic, stage: Stage, change: impl FnOnce(usize) -> usize) {
        if let Topic::Token(issuer, _) = topic {
            let count = self.load.entry(issuer).or_default().of(stage);
            *count = change(*count);
        }
    }

    /// Nobody will be asked about `topic`: the time of everybody who waits for it is up at `now`, after `learn`.
    pub(super) fn give_up(&mut self, topic: Topic, now: UnixTime, mut learn: impl FnMut(&mut Case<'static>)) {
        self.drop_topic(topic);
        for id in self.waiting.get(&topic).into_iter().flatten() {
            if let Some(parked) = self.parked.get_mut(id) {
                parked.until = now;
                learn(&mut parked.case);
            }
        }
    }

    /// Somebody who waits for `topic`.
    pub(super) fn waiter(&self, topic: Topic) -> Option<&Case<'static>> {
        let id = self.waiting.get(&topic)?.first()?;
        self.parked.get(id).map(|parked| &parked.case)
    }

    /// Notes that a question about `topic` was sent at `sent`; a reply after `until` comes too late.
    pub(super) fn send(&mut self, topic: Topic, sent: UnixTime, until: UnixTime) -> AskId {
        self.last += 1;
        let id = AskId(self.last);
        self.out.insert(id, Out { topic, sent, until: until.plus(GRACE) });
        id
    }

    /// The topic of the question `id`, and when it was sent; it is no longer out afterwards. `None` for a reply that
    /// comes twice or too late.
    pub(super) fn receive(&mut self, id: AskId) -> Option<(Topic, UnixTime)> {
        let Out { topic, sent, .. } = self.out.remove(&id)?;
        self.drop_topic(topic);
        Some((topic, sent))
    }

    /// Whether `topic` is being asked about.
    pub(super) fn is_open(&self, topic: Topic) -> bool {
        self.open.contains_key(&topic)
    }

    /// Takes out everybody who waits for `topic`.
    pub(super) fn wake(&mut self, topic: Topic) -> Vec<(RequestId, Case<'static>)> {
        let ids = self.waiting.remove(&topic).unwrap_or_default();
        ids.into_iter().filter_map(|id| self.unpark(id).map(|parked| (id, parked.case))).collect()
    }

    fn unpark(&mut self, id: RequestId) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        let load = self.load.entry(parked.topic.issuer()).or_default();
        load.parked = load.parked.saturating_sub(1);
        if let Topic::Token(_, Inquiry { token, .. }) = parked.topic
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
    pub(super) fn overdue(&mut self, now: UnixTime) -> Vec<Topic> {
        let overdue: Vec<AskId> =
            self.out.iter().filter(|(_, out)| now >= out.until).map(|(id, _)| *id).collect();
        overdue.into_iter().filter_map(|id| self.receive(id)).map(|(topic, _)| topic).collect()
    }

    /// Takes out everybody whose time is up.
    pub(super) fn expire(&mut self, now: UnixTime) -> Vec<(RequestId, Case<'static>)> {
        let due: Vec<RequestId> =
            self.parked.iter().filter(|(_, parked)| now >= parked.until).map(|(id, _)| *id).collect();
        due.into_iter().filter_map(|id| self.remove(id).map(|case| (id, case))).collect()
    }

    /// Forgets a request that is gone. What it alone wanted to know is not asked any more, or is abandoned.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Case<'static>> {
        let Parked { case, topic, .. } = self.unpark(id)?;
        let is_last = self.waiting.get_mut(&topic).is_none_or(|ids| {
            ids.retain(|waiting| *waiting != id);
            ids.is_empty()
        });
        if is_last {
            self.waiting.remove(&topic);
            match (topic, self.open.get(&topic)) {
                (Topic::Token(..), Some(Stage::Wanted(_))) => {
                    self.drop_topic(topic);
                    self.wanted.retain(|wanted| *wanted != topic);
                }
                (Topic::Token(..), Some(Stage::Out { .. })) => {
                    self.enter(topic, Stage::Out { abandoned: true });
                }
                (Topic::Keys(..), _) | (Topic::Token(..), None) => {}
            }
        }
        Some(case)
    }

    /// Whether `id` is parked.
    pub(super) fn is_parked(&self, id: RequestId) -> bool {
        self.parked.contains_key(&id)
    }
}

#[cfg(test)]
mod tests;
