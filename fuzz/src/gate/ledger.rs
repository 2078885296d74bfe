//! All that issuers ever said, and what may follow from it.

use super::place::{ASKED, Access, STALE, START, TTL, Token};

/// What an issuer said about a token.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Word {
    /// It is active, with this scope, until then (milliseconds; `i64::MAX` for no end).
    Active(&'static str, i64),
    /// It is active, and not for us.
    Elsewhere,
    /// It is active, and nobody says whose it is.
    OfNobody,
    Inactive,
    /// Nothing: it is down.
    Silent,
    /// Something that says nothing about the token.
    Odd,
}

impl Word {
    /// Whether the issuer did not say.
    pub(super) fn is_none(self) -> bool {
        matches!(self, Self::Silent | Self::Odd)
    }
}

/// Whether it ends what was said before.
const fn is_no(word: Word) -> bool {
    matches!(word, Word::Inactive | Word::Elsewhere | Word::OfNobody)
}

/// Whether an old answer was served.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Stale {
    No,
    /// While the issuer's circuit breaker may have been open.
    Open,
    /// While it was closed: then another token's question has to have failed lately.
    OthersFail,
}

/// For how long the failure of another token's question counts, in milliseconds.
const LATELY: i64 = 10_000;

/// One answer, at its place in the order of all answers.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) worker: usize,
    pub(super) issuer: usize,
    pub(super) token: usize,
    pub(super) at: i64,
    pub(super) word: Word,
}

/// What a worker was told about keys.
pub(super) struct KeyWord {
    pub(super) worker: usize,
    /// The key set that it was given; `None` for nothing of use.
    pub(super) kids: Option<&'static [&'static str]>,
}

/// The history of a run.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) words: Vec<Entry>,
    pub(super) key_words: Vec<KeyWord>,
    /// Somebody else has written to what the workers share.
    pub(super) garbled: bool,
    /// The clock was set back.
    pub(super) went_back: bool,
    /// How many answers there were when each worker's policy was loaded, and how many words about keys when its VM
    /// began.
    pub(super) loaded: [usize; 2],
    pub(super) began: [usize; 2],
}

/// What was so when a verdict was given.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Whether an old answer was served.
    pub(super) stale: Stale,
    /// No more requests could wait.
    pub(super) full: bool,
    /// The time of requests may have been up.
    pub(super) expired: bool,
}

/// What a verdict is about.
pub(super) struct Asked<'t> {
    pub(super) worker: usize,
    pub(super) number: usize,
    pub(super) token: &'t Token,
    pub(super) access: Access,
    pub(super) now: i64,
    /// How many answers there were when the request came: it has heard the later ones of its worker itself.
    pub(super) came: usize,
    /// When that was.
    pub(super) opened: i64,
    /// Which issuers' circuit breakers were open since.
    pub(super) rested: [bool; 2],
    /// What was so in this moment.
    pub(super) moment: Moment,
}

impl Asked<'_> {
    /// The issuer whose tokens alone its rule takes.
    pub(super) fn wanted(&self) -> Option<&'static str> {
        match self.access {
            Access::Scope(_, wanted) => wanted,
            Access::Optional | Access::Anonymous | Access::Denied | Access::Observed => None,
        }
    }

    /// The issuers that are asked about the token, in this order.
    pub(super) fn issuers(&self) -> Vec<usize> {
        match self.token.signed {
            Some(("both", _)) => vec![0],
            Some(_) => Vec::new(),
            None => (0..ASKED.len())
                .filter(|issuer| self.wanted().is_none_or(|wanted| wanted == ASKED[*issuer].0))
                .collect(),
        }
    }

    /// Whether whoever holds these scopes lacks what the rule requires.
    pub(super) fn lacks(&self, held: &str) -> bool {
        let required = match self.access {
            Access::Scope(scope, _) => scope,
            Access::Observed => "read",
            Access::Optional | Access::Anonymous | Access::Denied => "",
        };
        !required.is_empty() && !held.split(' ').any(|held| held == required)
    }
}

impl Ledger {
    /// The policy of `worker` was loaded anew; `vm`: in a VM that knows nothing.
    pub(super) fn reloaded(&mut self, worker: usize, vm: bool) {
        self.loaded[worker] = self.words.len();
        if vm {
            self.began[worker] = self.key_words.len();
        }
    }

    /// Whether the token is good at this time for what is required, by anything that was ever said.
    pub(super) fn permits(&self, asked: &Asked<'_>) -> bool {
        let (scope, wanted) = match asked.access {
            Access::Scope(scope, wanted) => (scope, wanted),
            Access::Observed => ("read", None),
            Access::Optional => ("", None),
            Access::Anonymous | Access::Denied => return false,
        };
        let holds = |held: &str| scope.is_empty() || held.split(' ').any(|held| held == scope);
        match asked.token.signed {
            Some((issuer, kid)) => {
                let (from, until) = asked.token.window;
                let in_time = (START + from) * 1000 <= asked.now && asked.now < (START + until) * 1000;
                let vouched = match issuer {
                    "far" => self.keys_of(asked.worker).any(|kids| kids.contains(&kid)),
                    // What its issuer says of scopes counts, and no longer what the token says.
                    "both" => self.active(asked, 0, &holds),
                    _ => true,
                };
                asked.token.fault.is_none()
                    && in_time
                    && vouched
                    && (issuer == "both" || holds(asked.token.scope))
                    && wanted.is_none_or(|wanted| wanted == issuer)
            }
            None => {
                let mut issuers =
                    (0..ASKED.len()).filter(|issuer| wanted.is_none_or(|wanted| wanted == ASKED[*issuer].0));
                issuers.any(|issuer| self.active(asked, issuer, &holds))
            }
        }
    }

    fn active(&self, asked: &Asked<'_>, issuer: usize, holds: &dyn Fn(&str) -> bool) -> bool {
        let about = |entry: &&Entry| entry.issuer == issuer && entry.token == asked.number;
        // What a worker heard itself ends what was said before, unless a neighbour keeps it from telling so.
        let last_no = self
            .words
            .iter()
            .rposition(|entry| about(&entry) && entry.worker == asked.worker && is_no(entry.word));
        let last_no = last_no.filter(|at| *at >= self.loaded[asked.worker]);
        let since = if self.garbled { 0 } else { last_no.map_or(0, |at| at + 1) };
        let another_failed = || {
            self.words.iter().any(|entry| {
                entry.issuer == issuer
                    && entry.worker == asked.worker
                    && entry.token != asked.number
                    && entry.word.is_none()
                    && asked.now < entry.at + LATELY
            })
        };
        let may_be_old = match asked.moment.stale {
            Stale::No => false,
            Stale::Open => true,
            Stale::OthersFail => another_failed(),
        };
        // What any worker heard ends what is old: it looks at what they share before it serves that.
        let last_of_all = self.words.iter().rposition(|entry| about(&entry) && is_no(entry.word));
        let old_since = if self.garbled { 0 } else { last_of_all.map_or(0, |at| at + 1) };
        let holds_on = |at: usize, entry: &Entry| {
            asked.now < entry.at + TTL
                || (at >= asked.came && entry.worker == asked.worker)
                || (may_be_old && ASKED[issuer].1 && at >= old_since && asked.now < entry.at + TTL + STALE)
        };
        self.words.iter().enumerate().skip(since).filter(|(_, entry)| about(entry)).any(|(at, entry)| {
            match entry.word {
                Word::Active(scope, until) => holds_on(at, entry) && asked.now < until && holds(scope),
                _ => false,
            }
        })
    }
}
