//! What issuers say becomes keys, remembered tokens and news for those who wait.

use std::rc::Rc;

use super::admit;
use super::case::Heard;
use super::engine::Gate;
use super::keys::{Learned, Offer, SetNumber};
use super::memory::Known;
use super::questions::Topic;
use super::step::Event;
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::policy::{Introspection, OnOutage};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::grant::Grant;
use crate::token::introspection::{self, ReplyKeys, Silence, Terms, Word};

impl Gate {
    /// Takes in a reply on the way to an issuer's keys; whether the way is at its end, well or not.
    pub(super) fn learn_keys(
        &mut self,
        id: IssuerId,
        set: SetNumber,
        reply: &Reply<'_>,
        now: UnixTime,
    ) -> bool {
        let key = self.memory.key();
        let ring = usize::try_from(id.0).ok().and_then(|at| self.keys.get_mut(at));
        let Some(learned) = ring.map(|ring| ring.learn(set, reply, &key, now)) else { return true };
        let issuer = self.issuer_name(id).unwrap_or_else(|| Rc::from(""));
        match learned {
            Learned::More => return false,
            Learned::Unchanged => {}
            Learned::Changed { keys, skipped } => {
                self.memory.forget_verified(id);
                let skipped = skipped.iter().map(ToString::to_string).collect();
                self.events.push(Event::KeysChanged { issuer, keys, skipped });
            }
            Learned::Failed(why) => self.events.push(Event::KeysFailed { issuer, why }),
        }
        true
    }

    /// Takes in the reply to a question about a token.
    pub(super) fn hear(&mut self, id: IssuerId, digest: Digest, reply: &Reply<'_>, now: UnixTime) -> Heard {
        let heard = self.understand(id, digest, reply, now, now);
        if let Some(breaker) = self.breaker_mut(id) {
            match &heard {
                Heard::Silent(Silence::Unavailable(_)) => breaker.failed(now),
                Heard::Silent(
                    Silence::Misbehaved(_)
                    | Silence::CredentialsRefused(_)
                    | Silence::Unsigned
                    | Silence::KeysMissing,
                )
                | Heard::Good(_)
                | Heard::Refused(_) => breaker.answered(),
            }
        }
        if let Heard::Silent(why) = &heard
            && let Some(issuer) = self.issuer_name(id)
        {
            self.events.push(Event::IssuerSilent { issuer, why: *why });
        }
        self.share(id, digest, &heard, reply, now);
        heard
    }

    /// What some worker was told about a token, if that is news still.
    pub(super) fn overhear(&mut self, id: IssuerId, digest: Digest, now: UnixTime) -> Option<Heard> {
        let (told, until) = self.shared.as_ref()?.told(id, digest, now)?;
        let at = told.at;
        let heard = self.understand(id, digest, &Reply::Answered(told.answer()), at, now);
        (now < until).then_some(heard)
    }

    /// What a reply says that came at `at`; remembered for as long as the policy says, counted from then.
    fn understand(
        &mut self,
        id: IssuerId,
        digest: Digest,
        reply: &Reply<'_>,
        at: UnixTime,
        now: UnixTime,
    ) -> Heard {
        let policy = Rc::clone(&self.policy);
        let Some(issuer) = policy.issuer(id) else { return Heard::Refused(TokenFault::IssuerUnknown) };
        let Some(Introspection { endpoint, ttl, negative_ttl, on_outage, .. }) = &issuer.introspection else {
            return Heard::Refused(TokenFault::IssuerUnknown);
        };
        let ring =
            usize::try_from(id.0).ok().and_then(|at| self.keys.get(at)).filter(|ring| !ring.is_empty());
        // While a fetch is on its way, an old set will do.
        let offer = ring.map(|ring| ring.offer(|_| true, now));
        let keys = match &offer {
            None => ReplyKeys::NotExpected,
            Some(Offer::Keys(keys)) => ReplyKeys::There(keys, &*self.accelerator),
            Some(Offer::Ask(_) | Offer::Nothing(_)) => ReplyKeys::Missing,
        };
        let terms = Terms { issuer: id, expect: &issuer.expect, now: at, keys };
        match introspection::understand(endpoint, reply, &terms) {
            Word::Active(grant) => {
                let known = self.know(*grant);
                let fresh = at.plus(*ttl);
                let stale = match on_outage {
                    OnOutage::Deny => fresh,
                    OnOutage::ServeStale(longer) => fresh.plus(*longer),
                };
                if now < stale {
                    self.memory.tell_good(id, digest, Rc::clone(&known), fresh, stale);
                }
                Heard::Good(known)
            }
            Word::Refused(fault) => {
                self.memory.tell_refused(id, digest, fault.clone(), at.plus(*negative_ttl));
                Heard::Refused(fault)
            }
            Word::Unknown(why) => {
                if why == Silence::KeysMissing {
                    self.look_for_keys(id, now);
                }
                Heard::Silent(why)
            }
        }
    }

    /// Has the keys of an issuer fetched that signed its answer with one that is not there, no more often than for
    /// tokens.
    fn look_for_keys(&mut self, id: IssuerId, now: UnixTime) {
        if let Offer::Ask(set) = self.unknown_key(id, &[], now) {
            self.questions.want(Topic::Keys(id, set));
        }
    }

    fn share(&self, id: IssuerId, digest: Digest, heard: &Heard, reply: &Reply<'_>, now: UnixTime) {
        let Some(shared) = &self.shared else { return };
        let Some(introspection) = self.policy.issuer(id).and_then(|issuer| issuer.introspection.as_ref())
        else {
            return;
        };
        match (heard, reply) {
            (Heard::Good(known), Reply::Answered(answer)) => {
                let fresh = now.plus(introspection.ttl);
                let end = known.holder.grant().window().until;
                shared.tell(id, digest, answer, now, end.map_or(fresh, |end| fresh.min(end)));
            }
            (Heard::Refused(_), Reply::Answered(answer)) => {
                shared.tell(id, digest, answer, now, now.plus(introspection.negative_ttl));
            }
            (Heard::Silent(_), _) | (_, Reply::Failed) => shared.give_turn_back(id, digest, now),
        }
    }

    pub(super) fn know(&self, grant: Grant) -> Rc<Known> {
        let identity = admit::identity(&self.policy.upstream, &grant);
        Rc::new(Known { holder: self.policy.holder(grant), identity })
    }
}
