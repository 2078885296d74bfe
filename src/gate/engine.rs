//! The gate's doors: requests and replies go in, verdicts and callouts come out.

use std::borrow::Cow;
use std::rc::Rc;

use super::asking::standing;
use super::case::{About, Case, Client, strip};
use super::certificate;
use super::circuit_breaker::CircuitBreaker;
use super::clock::Clock;
use super::in_flight::InFlight;
use super::judge::Stop;
use super::key_ring::KeyRing;
use super::memory::{Known, Memory};
use super::proofs::Proofs;
use super::refuse::Outage;
use super::route::{Route, route};
use super::sealed::SealedSets;
use super::shared::{Shared, SharedSlots};
use super::step::{AskId, Event, Facts, RequestId, Step, Verdict, Woken};
use super::topic::Topic;
use crate::base::digest::{Digest, DigestKey};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::message::{HeaderEdits, Reply};
use crate::http::path::Path;
use crate::http::readings::Readings;
use crate::jose::backend::Accelerator;
use crate::jose::backend::{NoSigner, Signer};
use crate::policy::{Denial, Policy};
use crate::token::credential::{self, Candidate, Found, Scheme};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;

/// Judges requests under one policy.
pub struct Gate {
    pub(super) policy: Rc<Policy>,
    pub(super) accelerator: Rc<dyn Accelerator>,
    pub(super) signer: Rc<dyn Signer>,
    /// What this gate's nonces are made with; no other worker has it.
    pub(super) own: DigestKey,
    pub(super) nonces: u64,
    pub(super) memory: Memory,
    /// What waits and memories are measured by.
    pub(super) clock: Rc<Clock>,
    pub(super) keys: Vec<KeyRing>,
    pub(super) breakers: Vec<CircuitBreaker>,
    pub(super) in_flight: InFlight<Topic, Case<'static>>,
    pub(super) shared: Option<Shared>,
    pub(super) sealed: Option<SealedSets>,
    pub(super) proofs: Option<Proofs>,
    /// Topics that another worker is asking about.
    pub(super) following: Vec<Topic>,
    pub(super) events: Vec<Event>,
    /// Keeps the background fetches of workers apart.
    pub(super) spread: u8,
}

impl Gate {
    /// A gate for `policy`. `seed` has to be random: it keys what is remembered. Signatures are offered to
    /// `accelerator` first.
    pub fn new(policy: Rc<Policy>, seed: [u8; 16], accelerator: Rc<dyn Accelerator>) -> Self {
        let keys = policy.issuers.iter().map(KeyRing::new).collect();
        let memory = Memory::new(policy.limits.cached_tokens, seed);
        let breakers = policy.issuers.iter().map(|_| CircuitBreaker::default()).collect();
        let proofs = Proofs::new(&policy, &seed, None);
        let [spread, ..] = seed;
        Self {
            policy,
            accelerator,
            signer: Rc::new(NoSigner),
            own: DigestKey::new(seed),
            nonces: 0,
            memory,
            clock: Rc::default(),
            keys,
            breakers,
            in_flight: InFlight::default(),
            shared: None,
            sealed: None,
            proofs,
            following: Vec::new(),
            events: Vec::new(),
            spread,
        }
    }

    /// This gate, with `signer` for client assertions that take RSA.
    #[must_use]
    pub fn signing_with(mut self, signer: Rc<dyn Signer>) -> Self {
        self.signer = signer;
        self
    }

    /// This gate, sharing issuers' answers and used proofs with the gates of other workers through `slots`. All of them
    /// have to be given the same `seed`.
    #[must_use]
    pub fn sharing(mut self, slots: Rc<dyn SharedSlots>, seed: [u8; 16]) -> Self {
        self.memory = Memory::new(self.policy.limits.cached_tokens, seed);
        self.proofs = Proofs::new(&self.policy, &seed, Some(Rc::clone(&slots)));
        self.shared = Some(Shared::new(Rc::clone(&slots), &self.policy, &seed));
        self.sealed = Some(SealedSets::new(slots, self.own.nonce(u64::MAX), &self.policy, &self.keys));
        self
    }

    /// The policy under which this gate judges.
    pub const fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    /// Judges the request `id`, or parks it.
    pub fn open(&mut self, id: RequestId, head: &RequestHead<'_>, facts: &Facts<'_>, now: UnixTime) -> Step {
        self.clock.see(now);
        let paths = Path::readings(head.path);
        let mut client = Client::of(&self.policy, head, paths.as_ref().ok().map(Readings::first));
        if self.policy.is_closed() {
            return Step::Settle(self.unknown(
                About::request(&client, None),
                Outage::NotReady,
                HeaderEdits::default,
            ));
        }
        let decider = match route(&self.policy, head, paths, facts, &client, now) {
            Route::Judge(decider) => decider,
            Route::Metadata(response) => return Step::Settle(self.described(response, &client)),
            Route::Anonymous(permit, rule) => {
                let edits = strip(&self.policy, head, rule);
                return Step::Settle(self.anonymous(permit, About::request(&client, rule), edits));
            }
            Route::Denied(denial, rule) => {
                let edits = || strip(&self.policy, head, rule);
                return Step::Settle(self.refused(About::request(&client, rule), &denial, edits, now));
            }
        };
        let candidate = credential::candidate(head, &self.policy.places);
        let (digest, known) = self.recall(&candidate, now);
        let found = match (&known, candidate) {
            // A token that is known was looked at before.
            (Some(_), Candidate::Text(text, scheme)) => Found::Token(Secret::new(text.into()), scheme),
            (_, candidate) => candidate.check(),
        };
        client.dpop = matches!(&found, Found::Token(_, Scheme::Dpop));
        let about = About::request(&client, decider.rule());
        let stripped = || strip(&self.policy, head, decider.rule());
        let token = match self.credential(found) {
            Ok(Some(token)) => token,
            Ok(None) => match self.without_credential(decider) {
                Ok(permit) => return Step::Settle(self.anonymous(permit, about, stripped())),
                Err(denial) => return Step::Settle(self.refused(about, &denial, stripped, now)),
            },
            Err(denial) => return Step::Settle(self.refused(about, &denial, stripped, now)),
        };
        let digest = digest.unwrap_or_else(|| self.memory.digest(token.expose()));
        let edits = stripped();
        let proof = client.dpop.then(|| self.presented(head, facts));
        let mut case = Case {
            decider,
            token,
            digest,
            client,
            proof,
            certificate: None,
            edits,
            asked_keys: Vec::new(),
            deadline: None,
            issuer: None,
            verified: None,
            heard: Vec::new(),
        };
        let found = match known {
            Some(known) => self.confirm(&mut case, known, now),
            None => self.advance(&mut case, now),
        };
        if certificate::matters(&found) {
            case.certificate = certificate::of_sender(&self.policy, head, facts);
        }
        self.conclude(id, case, found, now).map_or(Step::Park, Step::Settle)
    }

    /// The digest of a text that may be a token, and what is known of a token with just this text whose signature was
    /// verified here.
    fn recall(&self, candidate: &Candidate<'_>, now: UnixTime) -> (Option<Digest>, Option<Rc<Known>>) {
        match candidate {
            // Nothing longer is ever remembered.
            Candidate::Text(text, _) if text.len() <= self.policy.limits.token_bytes => {
                let digest = self.memory.digest(text);
                (Some(digest), self.memory.verified(digest, now))
            }
            Candidate::Text(..) | Candidate::Found(_) => (None, None),
        }
    }

    /// Takes in the reply to the callout `ask` and judges everybody who waited for it. Afterwards [`Self::asks`] may
    /// have more to send. A reply that comes twice, or too late, changes nothing.
    pub fn answer(&mut self, ask: AskId, reply: &Reply<'_>, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        match self.in_flight.receive(ask) {
            None => Vec::new(),
            Some((topic @ Topic::Keys(issuer, set), _)) => {
                if self.learn_keys(issuer, set, reply, now) {
                    self.wake(topic, now, |_| {})
                } else {
                    self.in_flight.want(topic, self.clock.steady(now));
                    Vec::new()
                }
            }
            Some((topic @ Topic::Token(issuer, inquiry), asked)) => {
                let heard = self.hear(issuer, inquiry, reply, asked, now);
                self.wake(topic, now, |case| case.heard.push((issuer, heard.clone())))
            }
        }
    }

    /// Refuses everybody whose time is up.
    pub fn expire(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let steady = self.clock.steady(now);
        for topic in self.in_flight.overdue(steady) {
            if let Topic::Token(issuer, inquiry) = topic {
                self.hear_nothing(issuer, inquiry, now);
            }
        }
        let mut woken = Vec::new();
        for (id, mut case) in self.in_flight.expire(steady) {
            let given_up =
                matches!(case.deadline, Some((Topic::Token(issuer, _), _)) if case.has_heard(issuer));
            let verdict = if given_up {
                self.proceed(id, case, now)
            } else {
                let edits = core::mem::take(&mut case.edits);
                Some(self.unknown(case.about(None), Outage::TooLate, || edits))
            };
            woken.extend(verdict.map(|verdict| Woken { id, verdict }));
        }
        woken
    }

    /// Forgets a request that is gone.
    pub fn close(&mut self, id: RequestId) {
        self.in_flight.remove(id);
    }

    /// Whether the request `id` waits for its verdict.
    pub fn is_parked(&self, id: RequestId) -> bool {
        self.in_flight.is_parked(id)
    }

    /// How many requests wait for their verdicts.
    pub fn waiting(&self) -> usize {
        self.in_flight.len()
    }

    /// What happened since this was last asked.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// The one token in what was found in a request, or none.
    fn credential<'h>(&self, found: Found<'h>) -> Result<Option<Secret<Cow<'h, [u8]>>>, Denial> {
        let limit = self.policy.limits.token_bytes;
        match found {
            Found::Nothing => Ok(None),
            Found::Malformed => Err(Denial::CredentialMalformed),
            Found::Several => Err(Denial::CredentialAmbiguous),
            Found::Token(token, _) if token.expose().len() > limit => {
                let length = token.expose().len();
                Err(Denial::BadToken(TokenFault::TooLong { length, limit }))
            }
            Found::Token(token, _) => Ok(Some(token)),
        }
    }

    /// Takes a case as far as it goes: to a verdict, or into the waiting room.
    fn proceed(&mut self, id: RequestId, mut case: Case<'_>, now: UnixTime) -> Option<Verdict> {
        let found = self.advance(&mut case, now);
        self.conclude(id, case, found, now)
    }

    /// What becomes of a case whose token was found to be this.
    fn conclude(
        &mut self,
        id: RequestId,
        mut case: Case<'_>,
        found: Result<Rc<Known>, Stop>,
        now: UnixTime,
    ) -> Option<Verdict> {
        let stop = match found {
            Ok(known) => return Some(self.decide(&mut case, known, now)),
            Err(stop) => stop,
        };
        let steady = self.clock.steady(now);
        let limit = self.policy.limits.waiting_requests;
        if let Stop::Wait(topic) = stop
            && self.in_flight.has_room(topic, standing(&self.memory, topic, steady), limit)
        {
            let until = match case.deadline {
                Some((waited_for, until)) if waited_for == topic => until,
                Some(_) | None => steady.plus(self.patience(topic)),
            };
            case.deadline = Some((topic, until));
            self.in_flight.park(id, case.into_owned(), topic, until, steady);
            return None;
        }
        let edits = core::mem::take(&mut case.edits);
        let edits = || edits;
        let about = case.about(None);
        Some(match stop {
            Stop::Bad(denial) => self.refused(about, &denial, edits, now),
            Stop::Unknown(outage) => self.unknown(about, outage, edits),
            Stop::Wait(_) => self.unknown(about, Outage::Overloaded, edits),
        })
    }

    pub(super) fn wake(
        &mut self,
        topic: Topic,
        now: UnixTime,
        mut learn: impl FnMut(&mut Case<'static>),
    ) -> Vec<Woken> {
        let mut woken = Vec::new();
        for (id, mut case) in self.in_flight.wake(topic) {
            learn(&mut case);
            if let Some(verdict) = self.proceed(id, case, now) {
                woken.push(Woken { id, verdict });
            }
        }
        woken
    }

    pub(super) fn breaker(&self, issuer: IssuerId) -> Option<&CircuitBreaker> {
        self.breakers.get(usize::try_from(issuer.0).ok()?)
    }

    pub(super) fn breaker_mut(&mut self, issuer: IssuerId) -> Option<&mut CircuitBreaker> {
        self.breakers.get_mut(usize::try_from(issuer.0).ok()?)
    }
}
