//! Tokens that were found good, remembered: grants, never verdicts.
//!
//! Keys are keyed digests bound to who vouched for the token, so that no token lies in memory and none is good at
//! another issuer. Everything is checked again on a hit but the signature, or the issuer's word.
//!
//! What a signature vouches for ends by the proxy's clock, with the token; what an issuer said ends after a while, and
//! that is measured by steady time (see [`super::clock`]).

use core::time::Duration;
use std::rc::Rc;

use super::circuit_breaker::Standing;
use crate::base::digest::{Digest, DigestKey};
use crate::base::expiring::Expiring;
use crate::base::time::UnixTime;
use crate::policy::Holder;
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;

/// A good token: what it grants, and the identity headers made of it.
pub(super) struct Known {
    /// Whoever presents the token.
    pub(super) holder: Holder,
    /// Headers for the upstream, every value checked.
    pub(super) identity: Vec<(Rc<str>, Rc<str>)>,
}

/// Who vouched for a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Vouched {
    /// A signature that was verified here.
    Signature,
    /// The issuer, when it was asked.
    Issuer(Asked),
}

/// Who was asked, and about what.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) issuer: IssuerId,
    /// About a token whose signature was verified here: the answer completes what the token says of itself, and is
    /// none about a token of which nothing is known.
    pub(super) verified: bool,
}

/// A token as an issuer is asked about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Inquiry {
    /// Stands for the token: whoever holds it holds one, whatever it is asked about for.
    pub(super) token: Digest,
    /// Stands for what the answer is about: the token too, or where the answer depends on them the token and the scopes
    /// that are asked for.
    pub(super) answer: Digest,
}

impl Inquiry {
    /// An inquiry whose answer depends on the token alone.
    pub(super) const fn plain(token: Digest) -> Self {
        Self { token, answer: token }
    }
}

/// For how long a token is known to its issuer that the issuer called active.
const LATELY: Duration = Duration::from_secs(3600);

/// A good token, since when that is known, and until when it may be taken for the latest news.
pub(super) struct Good {
    known: Rc<Known>,
    since: UnixTime,
    fresh: UnixTime,
    /// Since when the issuer has refused the token for no scopes.
    unbroken: UnixTime,
}

/// A token that is not good: why, since when that is known, and what stands for it whatever it is asked about for.
pub(super) struct Refused {
    fault: TokenFault,
    since: UnixTime,
    token: Digest,
}

/// From when until when, in steady time, an issuer's word counts.
#[derive(Clone, Copy)]
pub(super) struct Lifetime {
    /// When it was said.
    pub(super) since: UnixTime,
    /// It is news until then,
    pub(super) fresh: UnixTime,
    /// and serves an outage until then.
    pub(super) stale: UnixTime,
}

/// What an issuer said of a token, and until when that is remembered.
pub(super) struct Said<'m> {
    asked: Asked,
    digest: Digest,
    word: Result<&'m Good, &'m Refused>,
    until: UnixTime,
}

impl Said<'_> {
    /// Who said so.
    pub(super) const fn issuer(&self) -> IssuerId {
        self.asked.issuer
    }

    /// The token, where it is good.
    pub(super) fn good(&self) -> Option<&Known> {
        self.word.ok().map(|good| &*good.known)
    }

    /// Whether it says nothing of use at `now`, but for how old other news may be.
    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        now >= self.until && self.word.ok().is_none_or(|good| now >= good.since.plus(LATELY))
    }
}

/// What is remembered of tokens, within bounds.
pub(super) struct Memory {
    key: DigestKey,
    good: Expiring<(Vouched, Digest), Good>,
    refused: Expiring<(Asked, Digest), Refused>,
    capacity: usize,
}

impl Memory {
    /// An empty memory for `capacity` good tokens and as many refused ones, its digests keyed with `seed`.
    pub(super) fn new(capacity: usize, seed: [u8; 16]) -> Self {
        let (good, refused) = (Expiring::new(capacity), Expiring::new(capacity));
        Self { key: DigestKey::new(seed), good, refused, capacity }
    }

    pub(super) fn digest(&self, token: &[u8]) -> Digest {
        self.key.digest(0, token)
    }

    /// What stands for the token where an answer about it depends on `scopes` too.
    pub(super) fn digest_for(&self, token: &[u8], scopes: &str) -> Digest {
        let length = (token.len() as u64).to_le_bytes();
        self.key.digest(1, &[&length, token, scopes.as_bytes()].concat())
    }

    /// The token with this digest, if its signature was verified with keys that are still in use.
    pub(super) fn verified(&self, digest: Digest, now: UnixTime) -> Option<Rc<Known>> {
        self.good.get(&(Vouched::Signature, digest), now).map(|good| Rc::clone(&good.known))
    }

    /// What the issuer said about the token with this digest, not too long ago.
    pub(super) fn told(
        &self,
        asked: Asked,
        digest: Digest,
        now: UnixTime,
    ) -> Option<Result<Rc<Known>, TokenFault>> {
        if let Some(good) =
            self.good.get(&(Vouched::Issuer(asked), digest), now).filter(|good| now < good.fresh)
        {
            return Some(Ok(Rc::clone(&good.known)));
        }
        self.refused.get(&(asked, digest), now).map(|refused| Err(refused.fault.clone()))
    }

    /// What the issuer said about the token when it last spoke, for times in which it does not. Nothing where it has
    /// refused the token since for any other scopes: it may have been revoked.
    pub(super) fn told_once(&self, asked: Asked, inquiry: Inquiry, now: UnixTime) -> Option<Rc<Known>> {
        let Good { unbroken, .. } = self.good.kept(&(Vouched::Issuer(asked), inquiry.token))?;
        let good = self.good.get(&(Vouched::Issuer(asked), inquiry.answer), now)?;
        (good.since >= *unbroken).then(|| Rc::clone(&good.known))
    }

    /// When the issuer said last what it thinks of the token, as far as that is remembered, in time or not.
    pub(super) fn said_at(&self, asked: Asked, digest: Digest) -> Option<UnixTime> {
        let good = self.good.kept(&(Vouched::Issuer(asked), digest)).map(|good| good.since);
        good.max(self.refused.kept(&(asked, digest)).map(|refused| refused.since))
    }

    /// Who the token is to `issuer`: one that it called active within the last hour, or any.
    pub(super) fn standing(&self, issuer: IssuerId, token: Digest, now: UnixTime) -> Standing {
        let is_active_lately = [false, true].into_iter().any(|verified| {
            let good = self.good.kept(&(Vouched::Issuer(Asked { issuer, verified }), token));
            good.is_some_and(|good| now < good.since.plus(LATELY))
        });
        if is_active_lately { Standing::ActiveLately } else { Standing::Unknown }
    }

    /// Remembers a verified token for as long as it lives.
    pub(super) fn verify(&mut self, digest: Digest, known: Rc<Known>) {
        let until = known.holder.grant().window().until.unwrap_or(UnixTime::from_millis(i64::MAX));
        let good = Good { known, since: until, fresh: until, unbroken: until };
        self.good.insert((Vouched::Signature, digest), good, until);
    }

    /// Remembers that the issuer called a token good.
    pub(super) fn tell_good(&mut self, asked: Asked, inquiry: Inquiry, known: Rc<Known>, lifetime: Lifetime) {
        let Lifetime { since, fresh, stale } = lifetime;
        let vouched = Vouched::Issuer(asked);
        self.refused.remove(&(asked, inquiry.answer));
        let unbroken = self.good.kept(&(vouched, inquiry.token)).map_or(since, |good| good.unbroken);
        let good = |fresh| Good { known: Rc::clone(&known), since, fresh, unbroken };
        self.good.insert((vouched, inquiry.answer), good(fresh), stale);
        if inquiry.token != inquiry.answer {
            // No answer to anything: it says who the token is, and goes after all that was said of it before.
            self.good.insert((vouched, inquiry.token), good(since), since);
        }
    }

    /// Remembers until `until` that the issuer refused a token, at `since`.
    pub(super) fn tell_refused(
        &mut self,
        asked: Asked,
        inquiry: Inquiry,
        fault: TokenFault,
        since: UnixTime,
        until: UnixTime,
    ) {
        self.forget_good(asked, inquiry);
        let refused = Refused { fault, since, token: inquiry.token };
        self.refused.insert((asked, inquiry.answer), refused, until);
    }

    /// Forgets that the issuer called a token good. What it said of the token for other scopes serves no outage any more.
    pub(super) fn forget_good(&mut self, asked: Asked, inquiry: Inquiry) {
        for digest in [inquiry.answer, inquiry.token] {
            self.good.remove(&(Vouched::Issuer(asked), digest));
        }
    }

    /// Whether digests here are those of `other`.
    pub(super) fn reads(&self, other: &Self) -> bool {
        self.digest(b"") == other.digest(b"")
    }

    /// Whether `said` makes nothing else forgotten, or is about what is remembered already.
    pub(super) fn has_room(&self, said: &Said<'_>) -> bool {
        let held = said.word.map_or_else(|_| self.refused.len(), |_| self.good.len());
        held < self.capacity || self.said_at(said.asked, said.digest).is_some()
    }

    /// What issuers said, good before bad and old before new.
    pub(super) fn answers(&self) -> impl Iterator<Item = Said<'_>> {
        let good = self.good.iter().filter_map(|((vouched, digest), good, until)| match vouched {
            Vouched::Issuer(asked) => Some(Said { asked: *asked, digest: *digest, word: Ok(good), until }),
            Vouched::Signature => None,
        });
        let refused = self.refused.iter().map(|((asked, digest), refused, until)| Said {
            asked: *asked,
            digest: *digest,
            word: Err(refused),
            until,
        });
        good.chain(refused)
    }

    /// Whether `said` is later than what is remembered here of the same token.
    pub(super) fn is_news(&self, said: &Said<'_>) -> bool {
        let since = said.word.map_or_else(|refused| refused.since, |good| good.since);
        self.said_at(said.asked, said.digest).is_none_or(|known| since > known)
    }

    /// Remembers an answer as `said` is remembered elsewhere; `known` is what it grants here, where it is good.
    pub(super) fn take_over(&mut self, said: &Said<'_>, known: Option<Rc<Known>>) {
        let Said { asked, digest, until, .. } = *said;
        match (said.word, known) {
            (Ok(Good { since, fresh, unbroken, .. }), Some(known)) => {
                let good = Good { known, since: *since, fresh: *fresh, unbroken: *unbroken };
                self.refused.remove(&(asked, digest));
                self.good.insert((Vouched::Issuer(asked), digest), good, until);
            }
            (Ok(_), None) => {}
            (Err(Refused { fault, since, token }), _) => {
                let inquiry = Inquiry { token: *token, answer: digest };
                self.tell_refused(asked, inquiry, fault.clone(), *since, until);
            }
        }
    }

    /// Forgets every token whose signature was verified with a key of `issuer`.
    pub(super) fn forget_verified(&mut self, issuer: IssuerId) {
        self.good.retain(|(vouched, _), good| {
            *vouched != Vouched::Signature || good.known.holder.grant().issuer() != issuer
        });
    }
}

#[cfg(test)]
mod tests;
