//! All that issuers ever said, and what may follow from it.

use super::place::{ASKED, Access, NEGATIVE_TTL, STALE, START, TTL, Token};

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
    /// Nothing that counts.
    Silent,
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

/// A key set that a worker was given.
pub(super) struct KeySetGiven {
    pub(super) worker: usize,
    pub(super) kids: &'static [&'static str],
}

/// The history of a run.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) words: Vec<Entry>,
    pub(super) key_sets: Vec<KeySetGiven>,
    /// Somebody else has written to what the workers share.
    pub(super) garbled: bool,
    /// The clock was set back.
    pub(super) went_back: bool,
    /// How many answers there were when each worker's policy was loaded, and how many key sets when its VM began.
    loaded: [usize; 2],
    began: [usize; 2],
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
    /// It was decided without waiting.
    pub(super) at_once: bool,
}

impl Ledger {
    /// The policy of `worker` was loaded anew; `vm`: in a VM that knows nothing.
    pub(super) fn reloaded(&mut self, worker: usize, vm: bool) {
        self.loaded[worker] = self.words.len();
        if vm {
            self.began[worker] = self.key_sets.len();
        }
    }

    /// Whether the token is good at this time for what is required, by anything that was ever said; `stale`: an old
    /// answer was used in this moment.
    pub(super) fn permits(&self, asked: &Asked<'_>, stale: Stale) -> bool {
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
                    "both" => self.active(asked, 0, stale, &holds),
                    _ => true,
                };
                asked.token.genuine
                    && in_time
                    && vouched
                    && (issuer == "both" || holds(asked.token.scope))
                    && wanted.is_none_or(|wanted| wanted == issuer)
            }
            None => {
                let mut issuers =
                    (0..ASKED.len()).filter(|issuer| wanted.is_none_or(|wanted| wanted == ASKED[*issuer].0));
                issuers.any(|issuer| self.active(asked, issuer, stale, &holds))
            }
        }
    }

    fn active(&self, asked: &Asked<'_>, issuer: usize, stale: Stale, holds: &dyn Fn(&str) -> bool) -> bool {
        let about = |entry: &&Entry| entry.issuer == issuer && entry.token == asked.number;
        // What a worker heard itself ends what was said before, unless a neighbour keeps it from telling so.
        let last_no = self.words.iter().rposition(|entry| {
            about(&entry)
                && entry.worker == asked.worker
                && matches!(entry.word, Word::Inactive | Word::Elsewhere | Word::OfNobody)
        });
        let last_no = last_no.filter(|at| *at >= self.loaded[asked.worker]);
        let since = if self.garbled { 0 } else { last_no.map_or(0, |at| at + 1) };
        let another_failed = || {
            self.words.iter().any(|entry| {
                entry.issuer == issuer
                    && entry.worker == asked.worker
                    && entry.token != asked.number
                    && entry.word == Word::Silent
                    && asked.now < entry.at + LATELY
            })
        };
        let may_be_old = match stale {
            Stale::No => false,
            Stale::Open => true,
            Stale::OthersFail => another_failed(),
        };
        let lasting = TTL + if may_be_old && ASKED[issuer].1 { STALE } else { 0 };
        let fresh = |at: usize, entry: &Entry| {
            asked.now < entry.at + lasting || (at >= asked.came && entry.worker == asked.worker)
        };
        self.words.iter().enumerate().skip(since).filter(|(_, entry)| about(entry)).any(|(at, entry)| {
            match entry.word {
                Word::Active(scope, until) => fresh(at, entry) && asked.now < until && holds(scope),
                _ => false,
            }
        })
    }

    /// The sets that the worker may use now: the one that it was given last, and those that others were given since,
    /// which are shared under a seal. Nobody goes back to an older one, whatever a neighbour puts back.
    fn keys_of(&self, worker: usize) -> impl Iterator<Item = &'static [&'static str]> {
        let last = self.key_sets.iter().rposition(|given| given.worker == worker);
        let last = last.filter(|at| *at >= self.began[worker] && !self.went_back);
        self.key_sets.iter().skip(last.unwrap_or(0)).map(|given| given.kids)
    }

    /// Whether there is cause to tell the client `reason`; outages have no other cause than that somebody is silent.
    pub(super) fn explains(&self, reason: &str, asked: &Asked<'_>) -> bool {
        let (token, now) = (asked.token, asked.now);
        let signed = token.signed.map(|(issuer, _)| issuer);
        let (from, until) = token.window;
        let said = |word: &dyn Fn(&Entry) -> bool| {
            self.words.iter().any(|entry| entry.token == asked.number && word(entry))
        };
        let wanted = match asked.access {
            Access::Scope(_, wanted) => wanted,
            _ => None,
        };
        match reason {
            "token_expired" => {
                (signed.is_some() && now >= (START + until) * 1000)
                    || said(
                        &|entry| matches!(entry.word, Word::Active(_, until) if now >= until || (self.went_back && until != i64::MAX)),
                    )
            }
            "token_not_yet_valid" => signed.is_some() && now < (START + from) * 1000,
            "signature_invalid" => signed == Some("corp") && !token.genuine,
            "audience_mismatch" => {
                (signed.is_some() && !token.genuine) || said(&|entry| entry.word == Word::Elsewhere)
            }
            "issuer_unknown" => {
                (signed == Some("corp") && !token.genuine) || said(&|entry| entry.word == Word::OfNobody)
            }
            "issuer_not_allowed" => signed.is_some() && wanted.is_some(),
            "key_unknown" => match token.signed {
                Some(("far", kid)) => self.keys_of(asked.worker).any(|kids| !kids.contains(&kid)),
                signed => signed == Some(("corp", "two")),
            },
            // Every issuer that could know the token has said no: one that is silent leaves the question open.
            "token_inactive" => (0..ASKED.len())
                .filter(|issuer| match signed {
                    Some(_) => *issuer == 0 && signed == Some("both"),
                    None => wanted.is_none_or(|wanted| wanted == ASKED[*issuer].0),
                })
                .all(|issuer| {
                    said(&|entry| {
                        let remembered = !asked.at_once || now < entry.at + NEGATIVE_TTL;
                        entry.issuer == issuer && remembered && entry.word != Word::Silent
                    })
                }),
            "scope_insufficient" => match signed {
                Some("both") => said(&|entry| matches!(entry.word, Word::Active(..))),
                Some(_) => token.genuine && !token.scope.is_empty(),
                None => said(&|entry| matches!(entry.word, Word::Active(..))),
            },
            _ => false,
        }
    }
}
