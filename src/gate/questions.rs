//! Who waits for what: one question, however many requests wait for its answer.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::case::Case;
use super::keys::SetNumber;
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
    Token(IssuerId, Digest),
}

/// How much longer than a callout's own timeout its reply is waited for, before it counts as lost.
const GRACE: Duration = Duration::from_millis(200);

/// Parked requests and the questions that are out.
#[derive(Default)]
pub(super) struct Questions {
    parked: BTreeMap<RequestId, Parked>,
    /// Requests by what they wait for, in the order in which they came.
    waiting: HashMap<Topic, Vec<RequestId>>,
    /// Topics that have to be asked about as soon as somebody sends questions.
    wanted: Vec<Topic>,
    /// Topics that are wanted or out.
    open: HashSet<Topic>,
    /// How many of these are about tokens, at each issuer.
    open_at: HashMap<IssuerId, usize>,
    out: BTreeMap<AskId, (Topic, UnixTime)>,
    last: u64,
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

    /// Parks `case` until there is news about `topic`, which is asked about unless that question is out already.
    pub(super) fn park(&mut self, id: RequestId, case: Case<'static>, topic: Topic, until: UnixTime) {
        self.parked.insert(id, Parked { case, topic, until: until.plus(GRACE) });
        self.waiting.entry(topic).or_default().push(id);
        self.want(topic);
    }

    /// Has `topic` asked about, whether or not anybody waits.
    pub(super) fn want(&mut self, topic: Topic) {
        if self.open.insert(topic) {
            self.wanted.push(topic);
            if let Topic::Token(issuer, _) = topic {
                *self.open_at.entry(issuer).or_default() += 1;
            }
        }
    }

    /// The topics that have to be asked about now; [`Self::send`] or [`Self::drop_topic`] has to follow for each.
    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        core::mem::take(&mut self.wanted)
    }

    /// Nobody needs `topic` asked about any more.
    pub(super) fn drop_topic(&mut self, topic: Topic) {
        if self.open.remove(&topic)
            && let Topic::Token(issuer, _) = topic
            && let Some(open) = self.open_at.get_mut(&issuer)
        {
            *open = open.saturating_sub(1);
        }
    }

    /// How many tokens `issuer` is being asked about.
    pub(super) fn open_at(&self, issuer: IssuerId) -> usize {
        self.open_at.get(&issuer).copied().unwrap_or(0)
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

    /// Notes that a question about `topic` is out; a reply after `until` comes too late.
    pub(super) fn send(&mut self, topic: Topic, until: UnixTime) -> AskId {
        self.last += 1;
        let id = AskId(self.last);
        self.out.insert(id, (topic, until.plus(GRACE)));
        id
    }

    /// The topic of the question `id`, which is no longer out afterwards; `None` for a reply that comes twice or too
    /// late.
    pub(super) fn receive(&mut self, id: AskId) -> Option<Topic> {
        let (topic, _) = self.out.remove(&id)?;
        self.drop_topic(topic);
        Some(topic)
    }

    /// Whether `topic` is being asked about.
    pub(super) fn is_open(&self, topic: Topic) -> bool {
        self.open.contains(&topic)
    }

    /// Takes out everybody who waits for `topic`.
    pub(super) fn wake(&mut self, topic: Topic) -> Vec<(RequestId, Case<'static>)> {
        let ids = self.waiting.remove(&topic).unwrap_or_default();
        ids.into_iter().filter_map(|id| self.parked.remove(&id).map(|parked| (id, parked.case))).collect()
    }

    /// Gives up questions whose answer is overdue.
    pub(super) fn overdue(&mut self, now: UnixTime) -> Vec<Topic> {
        let overdue: Vec<AskId> =
            self.out.iter().filter(|(_, (_, until))| now >= *until).map(|(id, _)| *id).collect();
        overdue.into_iter().filter_map(|id| self.receive(id)).collect()
    }

    /// Takes out everybody whose time is up.
    pub(super) fn expire(&mut self, now: UnixTime) -> Vec<(RequestId, Case<'static>)> {
        let due: Vec<RequestId> =
            self.parked.iter().filter(|(_, parked)| now >= parked.until).map(|(id, _)| *id).collect();
        due.into_iter().filter_map(|id| self.remove(id).map(|case| (id, case))).collect()
    }

    /// Forgets a request that is gone.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Case<'static>> {
        let parked = self.parked.remove(&id)?;
        if let Some(ids) = self.waiting.get_mut(&parked.topic) {
            ids.retain(|waiting| *waiting != id);
            if ids.is_empty() {
                self.waiting.remove(&parked.topic);
            }
        }
        Some(parked.case)
    }

    /// Whether `id` is parked.
    pub(super) fn is_parked(&self, id: RequestId) -> bool {
        self.parked.contains_key(&id)
    }
}
