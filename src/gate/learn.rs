//! What issuers say becomes keys, remembered tokens and news for those who wait.

use std::rc::Rc;

use super::admit;
use super::case::Heard;
use super::engine::Gate;
use super::keys::Learned;
use super::memory::Known;
use super::step::Event;
use crate::base::digest::Digest;
use crate::base::time::UnixTime;
use crate::http::message::Reply;
use crate::policy::{Introspection, OnOutage};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::grant::Grant;
use crate::token::introspection::{self, Silence, Word};

impl Gate {
    /// Takes in a reply on the way to an issuer's keys; whether the way is at its end, well or not.
    pub(super) fn learn_keys(&mut self, id: IssuerId, reply: &Reply<'_>, now: UnixTime) -> bool {
        let key = self.memory.key();
        let Some(learned) = self.store_mut(id).map(|store| store.learn(reply, &key, now)) else {
            return true;
        };
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

    /// Takes in an issuer's word about a token.
    pub(super) fn hear(&mut self, id: IssuerId, digest: Digest, reply: &Reply<'_>, now: UnixTime) -> Heard {
        let policy = Rc::clone(&self.policy);
        let Some(issuer) = policy.issuer(id) else { return Heard::Refused(TokenFault::IssuerUnknown) };
        let Some(Introspection { endpoint, ttl, negative_ttl, on_outage, .. }) = &issuer.introspection else {
            return Heard::Refused(TokenFault::IssuerUnknown);
        };
        let word = introspection::understand(endpoint, reply, id, &issuer.expect, now);
        if let Some(health) = self.health_mut(id) {
            match &word {
                Word::Unknown(Silence::Unavailable(_)) => health.failed(now),
                Word::Unknown(Silence::Misbehaved(_) | Silence::CredentialsRefused(_))
                | Word::Active(_)
                | Word::Refused(_) => health.answered(),
            }
        }
        match word {
            Word::Active(grant) => {
                let known = self.know(*grant);
                let fresh = now.plus(*ttl);
                let stale = match on_outage {
                    OnOutage::Deny => fresh,
                    OnOutage::ServeStale(longer) => fresh.plus(*longer),
                };
                self.memory.tell_good(id, digest, Rc::clone(&known), fresh, stale);
                Heard::Good(known)
            }
            Word::Refused(fault) => {
                self.memory.tell_refused(id, digest, fault.clone(), now.plus(*negative_ttl));
                Heard::Refused(fault)
            }
            Word::Unknown(why) => {
                self.events.push(Event::IssuerSilent { issuer: Rc::clone(&issuer.name), why });
                Heard::Silent(why)
            }
        }
    }

    pub(super) fn know(&self, grant: Grant) -> Rc<Known> {
        let identity = admit::identity(&self.policy.upstream, &grant);
        Rc::new(Known { holder: self.policy.holder(grant), identity })
    }
}
