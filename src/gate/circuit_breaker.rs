//! The circuit breaker of an issuer: one that keeps failing is not asked for a while, then tried with a few questions.
//!
//! Only failures that no stranger can cause open it: about tokens that this issuer called active lately, about its keys,
//! and of connections while nothing at all comes back. Whoever sends tokens that make an issuer stumble keeps nobody out
//! but himself.

use core::time::Duration;

use crate::base::digest::Digest;
use crate::base::expiring::Expiring;
use crate::base::time::UnixTime;

/// So many failures without a success between them, over so long a time, open it.
const FAILURES: u32 = 5;
const FAILING_FOR: Duration = Duration::from_secs(1);

/// Connections fail for so long with no answer of any status before that counts.
const UNREACHED_FOR: Duration = Duration::from_secs(5);

/// The first backoff; each failed trial doubles it, up to the longest, which bounds how long a recovery goes unseen.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(4);

/// How many trials may be out at once in the half-open state: about tokens that were active lately, and about others.
const TRIALS: usize = 4;

/// For how long the failure of one token's question speaks for another's.
const FAILED_LATELY: Duration = Duration::from_secs(10);

/// The longest `Retry-After` that is kept to, and what counts where there is none.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How many tokens may be paused one by one.
const PAUSED_TOKENS: usize = 512;

/// Who a token is to the issuer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The issuer called it active within the last hour.
    ActiveLately,
    /// Anybody may have made it up.
    Unknown,
}

/// Why a question was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// No answer came: refused, reset, TLS, too late.
    Unreached,
    /// The issuer answered with a server error.
    ServerError,
    /// It answered 429, with this `Retry-After`.
    TooMany(Option<Duration>),
    /// It answered something that says nothing about the token, and is well otherwise.
    Odd,
}

/// Whether a question may be put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It may.
    Ask,
    /// The breaker is open, or all its trials are out.
    Open,
    /// The issuer has asked us to wait.
    Paused,
}

/// How an issuer has answered lately. All times are steady (see [`super::clock`]).
pub(super) struct CircuitBreaker {
    state: State,
    /// When it was found last that the issuer is well, or fails.
    found: Option<UnixTime>,
    /// Failures that no stranger caused, since the last success.
    failures: Option<Failures>,
    /// Connections that failed, since the last answer of any status.
    unreached: Option<Row>,
    /// Answers of status 429, since the last other one.
    refusals: Option<Row>,
    /// No unknown token is asked about before this.
    pause: Option<UnixTime>,
    /// Unknown tokens whose question was answered with 429.
    paused: Expiring<Digest, ()>,
    /// The two tokens that were active lately and whose questions failed last.
    failed: [Option<(Digest, UnixTime)>; 2],
}

enum State {
    Closed,
    /// Open, and half-open from `until` on.
    Open {
        until: UnixTime,
        backoff: Duration,
        trials: Vec<(Digest, Standing)>,
    },
}

#[derive(Clone, Copy)]
struct Row {
    count: u32,
    since: UnixTime,
}

#[derive(Clone, Copy)]
struct Failures {
    row: Row,
    /// The token of the first one; `None` for keys.
    first: Option<Digest>,
    /// Not all of them are about one token.
    several: bool,
}

impl Row {
    fn extend(row: &mut Option<Self>, now: UnixTime) -> Self {
        let row = row.get_or_insert(Self { count: 0, since: now });
        row.count = row.count.saturating_add(1);
        *row
    }

    fn lasts(self, span: Duration, now: UnixTime) -> bool {
        self.count >= FAILURES && now >= self.since.plus(span)
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            found: None,
            failures: None,
            unreached: None,
            refusals: None,
            pause: None,
            paused: Expiring::new(PAUSED_TOKENS),
            failed: [None; 2],
        }
    }
}

impl CircuitBreaker {
    /// What the breaker of the next policy begins with. Trials that are out are not its own: it may have as many.
    pub(super) fn handed_over(&self) -> Self {
        let state = match &self.state {
            State::Closed => State::Closed,
            State::Open { until, backoff, trials: _ } => {
                State::Open { until: *until, backoff: *backoff, trials: Vec::new() }
            }
        };
        Self {
            state,
            found: self.found,
            failures: self.failures,
            unreached: self.unreached,
            refusals: self.refusals,
            pause: self.pause,
            paused: Expiring::new(PAUSED_TOKENS),
            failed: self.failed,
        }
    }

    /// When it was found last that the issuer is well, or fails; `None` where neither has happened yet.
    pub(super) const fn found(&self) -> Option<UnixTime> {
        self.found
    }

    /// Whether nothing has happened yet.
    pub(super) const fn is_new(&self) -> bool {
        self.found.is_none()
            && self.failures.is_none()
            && self.unreached.is_none()
            && self.refusals.is_none()
            && self.pause.is_none()
    }

    /// Whether the issuer is asked as usual.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether the issuer may be asked about a token at `now`.
    pub(super) fn admission(&self, token: Digest, standing: Standing, now: UnixTime) -> Admission {
        let paused = || self.pause.is_some_and(|until| now < until) || self.paused.get(&token, now).is_some();
        match &self.state {
            State::Open { until, trials, .. }
                if now < *until
                    || trials.iter().filter(|(_, other)| *other == standing).count() >= TRIALS =>
            {
                Admission::Open
            }
            State::Closed | State::Open { .. } if standing == Standing::Unknown && paused() => {
                Admission::Paused
            }
            State::Closed | State::Open { .. } => Admission::Ask,
        }
    }

    /// The issuer is being asked about a token.
    pub(super) fn asked(&mut self, token: Digest, standing: Standing) {
        if let State::Open { trials, .. } = &mut self.state {
            trials.push((token, standing));
        }
    }

    /// The issuer said whether a token is good.
    pub(super) fn succeeded(&mut self, now: UnixTime) {
        self.state = State::Closed;
        self.found = Some(now);
        self.failures = None;
        self.unreached = None;
        self.refusals = None;
        self.pause = None;
    }

    /// It did not say.
    pub(super) fn failed(&mut self, token: Digest, standing: Standing, failure: Failure, now: UnixTime) {
        let trial = self.end_trial(token);
        let known = standing == Standing::ActiveLately;
        if !matches!(failure, Failure::Unreached) {
            self.unreached = None;
        }
        if !matches!(failure, Failure::TooMany(_)) {
            self.refusals = None;
            if known {
                self.note_failed(token, now);
            }
        }
        let opens = match failure {
            Failure::Odd => false,
            Failure::TooMany(after) => {
                self.pause_unknown(token, standing, after, now);
                false
            }
            Failure::ServerError => known && self.count(Some(token), now),
            Failure::Unreached => {
                let counts = known && self.count(Some(token), now);
                Row::extend(&mut self.unreached, now).lasts(UNREACHED_FOR, now) || counts
            }
        };
        match (&self.state, trial) {
            (State::Closed, _) if opens => self.open(FIRST_BACKOFF, now),
            // Questions that were out already when it opened say nothing new.
            (State::Open { backoff, .. }, Some(standing))
                if opens || (standing == Standing::ActiveLately && failure.is_outage()) =>
            {
                self.open((*backoff * 2).min(LONGEST_BACKOFF), now);
            }
            (State::Closed | State::Open { .. }, _) => {}
        }
    }

    /// The keys or the metadata of the issuer, which come from where it is asked about tokens, could not be fetched: no
    /// answer came, or nothing but a server error.
    pub(super) fn keys_failed(&mut self, now: UnixTime) {
        if self.count(None, now) && self.is_closed() {
            self.open(FIRST_BACKOFF, now);
        }
    }

    /// Whether, besides `token`, another one that was active lately could not be asked about a moment ago.
    pub(super) fn another_failed(&self, token: Digest, now: UnixTime) -> bool {
        let mut failed = self.failed.iter().flatten();
        failed.any(|(other, at)| *other != token && now < at.plus(FAILED_LATELY))
    }

    fn open(&mut self, backoff: Duration, now: UnixTime) {
        self.state = State::Open { until: now.plus(backoff), backoff, trials: Vec::new() };
        self.found = Some(now);
    }

    /// Counts a failure that no stranger caused; whether they are enough. Whoever holds one token holds no two: one
    /// token alone is never enough.
    fn count(&mut self, token: Option<Digest>, now: UnixTime) -> bool {
        let row = Row { count: 0, since: now };
        let failures = self.failures.get_or_insert(Failures { row, first: token, several: token.is_none() });
        failures.row.count = failures.row.count.saturating_add(1);
        failures.several |= failures.first != token;
        failures.several && failures.row.lasts(FAILING_FOR, now)
    }

    fn note_failed(&mut self, token: Digest, now: UnixTime) {
        let [last, before] = &mut self.failed;
        if last.is_some_and(|(last, _)| last != token) {
            *before = *last;
        }
        *last = Some((token, now));
    }

    /// The token waits for as long as it was told to; and when nothing but 429 has come for a while, whoever was so
    /// answered, all that are unknown wait.
    fn pause_unknown(&mut self, token: Digest, standing: Standing, after: Option<Duration>, now: UnixTime) {
        let until = now.plus(after.unwrap_or(SHORTEST_PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        if standing == Standing::Unknown {
            self.paused.insert(token, (), until);
        }
        if Row::extend(&mut self.refusals, now).lasts(FAILING_FOR, now) {
            self.pause = Some(until);
            self.refusals = None;
        }
    }

    fn end_trial(&mut self, token: Digest) -> Option<Standing> {
        let State::Open { trials, .. } = &mut self.state else { return None };
        let at = trials.iter().position(|(trial, _)| *trial == token)?;
        Some(trials.swap_remove(at).1)
    }
}

impl Failure {
    const fn is_outage(self) -> bool {
        matches!(self, Self::Unreached | Self::ServerError)
    }
}

#[cfg(test)]
mod tests;
