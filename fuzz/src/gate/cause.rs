//! What a client was told, and whether anybody ever said what that needs: an outage that somebody was silent, a refusal
//! that somebody refused.

use super::ledger::{Asked, Entry, Ledger, Word};
use super::place::{ASKED, GRACE, NEGATIVE_TTL, START, TIMEOUT};

impl Ledger {
    /// Whether there is cause to refuse with `reason`.
    pub(super) fn explains(&self, reason: &str, asked: &Asked<'_>) -> bool {
        let token = asked.token;
        let (from, until) = token.window;
        let signed = token.signed.map(|(issuer, _)| issuer);
        if token.fault == Some(reason) {
            return true;
        }
        match reason {
            "token_expired" => {
                (signed.is_some() && asked.now >= (START + until) * 1000)
                    || self.said(asked, |word| matches!(word, Word::Active(_, until) if asked.now >= until || (self.went_back && until != i64::MAX)))
                    || self.all_refuse(asked, |word| matches!(word, Word::Active(..)))
            }
            "token_not_yet_valid" => signed.is_some() && asked.now < (START + from) * 1000,
            "issuer_not_allowed" => {
                signed.is_some_and(|issuer| asked.wanted().is_some_and(|wanted| wanted != issuer))
            }
            "key_unknown" => match token.signed {
                Some(("far", kid)) => self.keys_of(asked.worker).any(|kids| !kids.contains(&kid)),
                _ => false,
            },
            "token_inactive" => self.all_refuse(asked, |word| word == Word::Inactive),
            "audience_mismatch" => self.all_refuse(asked, |word| word == Word::Elsewhere),
            "issuer_unknown" => self.all_refuse(asked, |word| word == Word::OfNobody),
            "scope_insufficient" if signed.is_none_or(|issuer| issuer == "both") => {
                self.said(asked, |word| matches!(word, Word::Active(held, _) if asked.lacks(held)))
            }
            "scope_insufficient" => token.fault.is_none() && asked.lacks(token.scope),
            _ => false,
        }
    }

    /// Whether there is cause to say that nobody can know.
    pub(super) fn fails(&self, reason: &str, asked: &Asked<'_>) -> bool {
        let issuers = asked.issuers();
        let far = matches!(asked.token.signed, Some(("far", _)));
        let heard: Vec<&Entry> = self
            .words
            .iter()
            .skip(asked.came)
            .filter(|entry| {
                (entry.worker, entry.token) == (asked.worker, asked.number) && issuers.contains(&entry.issuer)
            })
            .collect();
        // Whoever was told just now that the token is good has no need of anybody else.
        let is_told_good = heard.last().is_some_and(|last| {
            last.at == asked.now && matches!(last.word, Word::Active(_, until) if asked.now < until)
        });
        if is_told_good && !asked.moment.expired {
            return false;
        }
        let heard = |word: Word| heard.iter().any(|entry| entry.word == word);
        let in_time = !self.went_back && asked.now < asked.opened + TIMEOUT + GRACE;
        match reason {
            "overloaded" => asked.moment.full,
            "issuer_misbehaved" => heard(Word::Odd),
            "issuer_unavailable" => {
                (asked.moment.expired && !in_time && (far || !issuers.is_empty()))
                    || heard(Word::Silent)
                    || issuers.iter().any(|issuer| asked.rested[*issuer])
            }
            "keys_unavailable" => match asked.token.signed {
                Some(("far", kid)) => self.keys_fail(asked.worker, kid),
                _ => false,
            },
            _ => false,
        }
    }

    fn said(&self, asked: &Asked<'_>, is: impl Fn(Word) -> bool) -> bool {
        let issuers = asked.issuers();
        self.words
            .iter()
            .any(|entry| entry.token == asked.number && issuers.contains(&entry.issuer) && is(entry.word))
    }

    /// Whether every issuer that could know the token has refused it, the first of them in this way: one that is silent
    /// leaves the question open, and one that calls it good ends it.
    fn all_refuse(&self, asked: &Asked<'_>, first: impl Fn(Word) -> bool) -> bool {
        let issuers = asked.issuers();
        !issuers.is_empty()
            && issuers.iter().enumerate().all(|(place, issuer)| {
                self.words.iter().enumerate().any(|(at, entry)| {
                    entry.issuer == *issuer
                        && entry.token == asked.number
                        && self.refuses(entry)
                        // What was said while the request waited may have been said to it, and stands.
                        && (at >= asked.came
                            || asked.opened < entry.at + NEGATIVE_TTL && !self.taken_back(at, entry, asked))
                        && (place > 0 || first(entry.word))
                })
            })
    }

    fn refuses(&self, entry: &Entry) -> bool {
        match entry.word {
            Word::Inactive | Word::Elsewhere | Word::OfNobody => true,
            Word::Active(_, until) => until <= entry.at,
            Word::Silent | Word::Odd => false,
        }
    }

    /// Whether the worker itself has heard since that the token is good.
    fn taken_back(&self, at: usize, refusal: &Entry, asked: &Asked<'_>) -> bool {
        !self.garbled
            && self.words.iter().skip(at + 1).any(|entry| {
                entry.worker == asked.worker
                    && (entry.issuer, entry.token) == (refusal.issuer, refusal.token)
                    && matches!(entry.word, Word::Active(_, until) if entry.at < until)
            })
    }

    /// The sets that the worker may use now: the one that it was given last, and those that others were given since,
    /// which are shared under a seal. Nobody goes back to an older one, whatever a neighbour puts back.
    pub(super) fn keys_of(&self, worker: usize) -> impl Iterator<Item = &'static [&'static str]> {
        let given = self.key_words.iter().rposition(|word| word.worker == worker && word.kids.is_some());
        let last = given.filter(|at| *at >= self.began[worker] && !self.went_back);
        self.key_words.iter().skip(last.unwrap_or(0)).filter_map(|word| word.kids)
    }

    /// Whether the keys could not be had when the worker asked last, or when the other one did, and a set that it was
    /// given before, and that stays in use then, lacks this key. A clock that is set back makes every set too old.
    fn keys_fail(&self, worker: usize, kid: &str) -> bool {
        let since = self.began[worker];
        let failed = (0..2).any(|other| {
            let mut own = self.key_words.iter().enumerate().filter(|(_, word)| word.worker == other);
            own.next_back().is_some_and(|(at, word)| word.kids.is_none() && (other != worker || at >= since))
        });
        let mut last = self
            .key_words
            .iter()
            .skip(since)
            .filter(|word| word.worker == worker)
            .filter_map(|word| word.kids);
        failed && (self.went_back || !last.next_back().is_some_and(|kids| kids.contains(&kid)))
    }
}

/// The issuers that are asked have a place each in [`Asked::rested`].
const _: () = assert!(ASKED.len() == 2);
