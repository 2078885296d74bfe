//! The gate's doors: requests and replies go in, verdicts and callouts come out.

use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

use super::case::{About, Case, Client, Heard, strip};
use super::certificate;
use super::circuit_breaker::{Admission, CircuitBreaker, Standing};
use super::clock::Clock;
use super::judge::Stop;
use super::key_ring::KeyRing;
use super::memory::{Known, Memory};
use super::proofs::Proofs;
use super::questions::{Questions, Topic};
use super::refuse::Outage;
use super::route::{Route, route};
use super::sealed::SealedSets;
use super::shared::{Shared, SharedSlots, Turn};
use super::step::{Ask, AskId, Event, Facts, RequestId, Step, Verdict, Woken};
use crate::base::digest::{Digest, DigestKey};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::message::{Callout, HeaderEdits, Reply};
use crate::http::path::Path;
use crate::http::readings::Readings;
use crate::jose::sign::{NoSigner, Signer};
use crate::jose::verify::Accelerator;
use crate::policy::{Denial, Policy};
use crate::token::credential::{self, Candidate, Found, Scheme};
use crate::token::expect::IssuerId;
use crate::token::fault::TokenFault;
use crate::token::introspection::{self, Question, Silence};

/// How many callouts it may take to get to an issuer's keys: two places of metadata, and the set.
const STEPS_TO_KEYS: u32 = 3;

/// Judges requests under one policy.
pub struct Gate {
    pub(super) policy: Rc<Policy>,
    pub(super) accelerator: Rc<dyn Accelerator>,
    signer: Rc<dyn Signer>,
    /// What this gate's nonces are made with; no other worker has it.
    own: DigestKey,
    nonces: u64,
    pub(super) memory: Memory,
    /// What waits and memories are measured by.
    pub(super) clock: Clock,
    pub(super) keys: Vec<KeyRing>,
    pub(super) breakers: Vec<CircuitBreaker>,
    pub(super) questions: Questions,
    pub(super) shared: Option<Shared>,
    pub(super) sealed: Option<SealedSets>,
    pub(super) proofs: Option<Proofs>,
    /// Topics that another worker is asking about.
    following: Vec<Topic>,
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
            clock: Clock::default(),
            keys,
            breakers,
            questions: Questions::default(),
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

    /// The callouts that have to be sent now, each exactly once.
    pub fn asks(&mut self, now: UnixTime) -> Vec<Ask> {
        self.clock.see(now);
        let mut asks = Vec::new();
        let steady = self.clock.steady(now);
        let is_known = |topic| standing(&self.memory, topic, steady) == Standing::ActiveLately;
        for topic in self.questions.take_wanted(steady, is_known) {
            if self.takes_turn(topic, now) {
                asks.extend(self.ask(topic, now));
            } else {
                self.following.push(topic);
            }
        }
        asks
    }

    /// Whether nobody else is asking about `topic`.
    fn takes_turn(&mut self, topic: Topic, now: UnixTime) -> bool {
        match (topic, &self.shared) {
            (Topic::Keys(issuer, set), _) => self.takes_turn_to_fetch(issuer, set, now),
            (Topic::Token(..), None) => true,
            (Topic::Token(issuer, digest), Some(shared)) => {
                shared.take_turn(issuer, digest, self.patience(topic), &self.clock, now) == Turn::Ours
            }
        }
    }

    fn ask(&mut self, topic: Topic, now: UnixTime) -> Option<Ask> {
        if let Topic::Token(issuer, digest) = topic
            && self.admission(issuer, digest, now) != Admission::Ask
        {
            // Others were quicker to take the places of trials.
            self.cannot_ask(topic, &Silence::Unavailable(0), now);
            return None;
        }
        let callout = match self.callout(topic, now) {
            Some(Ok(callout)) => callout,
            Some(Err(why)) => {
                self.cannot_ask(topic, &why, now);
                if let Topic::Token(issuer, _) = topic
                    && let Some(issuer) = self.issuer_name(issuer)
                {
                    self.events.push(Event::IssuerSilent { issuer, why });
                }
                return None;
            }
            None => {
                self.questions.drop_topic(topic);
                return None;
            }
        };
        let steady = self.clock.steady(now);
        if let Topic::Token(issuer, digest) = topic {
            let standing = self.memory.standing(issuer, digest, steady);
            self.with_breaker(issuer, |breaker| breaker.asked(digest, standing));
        }
        let id = self.questions.send(topic, now, steady.plus(callout.timeout));
        Some(Ask { id, callout })
    }

    /// The question cannot even be put. Whoever waits for its answer is told so by [`Self::expire`].
    fn cannot_ask(&mut self, topic: Topic, why: &Silence, now: UnixTime) {
        let Topic::Token(issuer, digest) = topic else { return };
        if let Some(shared) = &self.shared {
            shared.give_turn_back(issuer, digest, now);
        }
        let steady = self.clock.steady(now);
        self.questions.give_up(topic, steady, |case| case.heard.push((issuer, Heard::Silent(why.clone()))));
    }

    /// Looks whether other workers have learned what requests here wait for. Afterwards [`Self::asks`] may have
    /// something to send, where nobody has.
    pub fn follow(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let mut woken = Vec::new();
        for topic in core::mem::take(&mut self.following) {
            // One look for all who wait, however many.
            if self.is_asked_elsewhere(topic, now) {
                self.following.push(topic);
                continue;
            }
            self.questions.drop_topic(topic);
            if let Topic::Keys(issuer, set) = topic {
                self.adopt_keys(issuer, set, now);
                // The other worker has failed, or is gone: whoever waits has not been told of a failure here.
                if self.is_wanted(issuer, set, now) && self.questions.waiter(topic).is_some() {
                    self.questions.want(topic, self.clock.steady(now));
                    continue;
                }
            }
            // Whoever still waits judges anew: finds the answer, takes the turn, or goes on waiting.
            woken.extend(self.wake(topic, now, |_| {}));
        }
        woken
    }

    fn is_asked_elsewhere(&self, topic: Topic, now: UnixTime) -> bool {
        match topic {
            Topic::Keys(issuer, set) => {
                self.sealed.as_ref().is_some_and(|sealed| sealed.is_taken(issuer, set, now))
            }
            Topic::Token(issuer, digest) => {
                let is_taken =
                    |shared: &Shared| shared.is_taken(issuer, digest, self.patience(topic), &self.clock, now);
                self.shared.as_ref().is_some_and(is_taken)
            }
        }
    }

    /// Whether another worker is asking what requests here wait for.
    pub fn is_following(&self) -> bool {
        !self.following.is_empty()
    }

    /// Takes in the reply to the callout `ask` and judges everybody who waited for it. Afterwards [`Self::asks`] may
    /// have more to send. A reply that comes twice, or too late, changes nothing.
    pub fn answer(&mut self, ask: AskId, reply: &Reply<'_>, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        match self.questions.receive(ask) {
            None => Vec::new(),
            Some((topic @ Topic::Keys(issuer, set), _)) => {
                if self.learn_keys(issuer, set, reply, now) {
                    self.wake(topic, now, |_| {})
                } else {
                    self.questions.want(topic, self.clock.steady(now));
                    Vec::new()
                }
            }
            Some((topic @ Topic::Token(issuer, digest), asked)) => {
                let heard = self.hear(issuer, digest, reply, asked, now);
                self.wake(topic, now, |case| case.heard.push((issuer, heard.clone())))
            }
        }
    }

    /// Refuses everybody whose time is up.
    pub fn expire(&mut self, now: UnixTime) -> Vec<Woken> {
        self.clock.see(now);
        let steady = self.clock.steady(now);
        for topic in self.questions.overdue(steady) {
            if let Topic::Token(issuer, digest) = topic {
                self.hear_nothing(issuer, digest, now);
            }
        }
        let mut woken = Vec::new();
        for (id, mut case) in self.questions.expire(steady) {
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
        self.questions.remove(id);
    }

    /// Whether the request `id` waits for its verdict.
    pub fn is_parked(&self, id: RequestId) -> bool {
        self.questions.is_parked(id)
    }

    /// How many requests wait for their verdicts.
    pub fn waiting(&self) -> usize {
        self.questions.len()
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
            && self.questions.has_room(topic, standing(&self.memory, topic, steady), limit)
        {
            let until = match case.deadline {
                Some((waited_for, until)) if waited_for == topic => until,
                Some(_) | None => steady.plus(self.patience(topic)),
            };
            case.deadline = Some((topic, until));
            self.questions.park(id, case.into_owned(), topic, until, steady);
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

    fn wake(&mut self, topic: Topic, now: UnixTime, mut learn: impl FnMut(&mut Case<'static>)) -> Vec<Woken> {
        let mut woken = Vec::new();
        for (id, mut case) in self.questions.wake(topic) {
            learn(&mut case);
            if let Some(verdict) = self.proceed(id, case, now) {
                woken.push(Woken { id, verdict });
            }
        }
        woken
    }

    /// What to send about `topic`; `None` where there is nothing to ask.
    fn callout(&mut self, topic: Topic, now: UnixTime) -> Option<Result<Callout, Silence>> {
        match topic {
            Topic::Keys(issuer, set) => self.store(issuer, set)?.callout().map(Ok),
            Topic::Token(issuer, _) => {
                let configured = self.policy.issuer(issuer)?;
                let introspection = configured.introspection.as_ref()?;
                let case = self.questions.waiter(topic)?;
                self.nonces = self.nonces.wrapping_add(1);
                let question = Question {
                    token: case.token.expose(),
                    scopes: &self.required_scopes(case.decider),
                    now,
                    nonce: self.own.nonce(self.nonces),
                    signer: &*self.signer,
                    can_verify: !configured.keys.is_empty(),
                };
                Some(introspection::question(&introspection.endpoint, &question))
            }
        }
    }

    /// How long a request waits for news about `topic`.
    pub(super) fn patience(&self, topic: Topic) -> Duration {
        match topic {
            Topic::Keys(issuer, set) => {
                self.store(issuer, set).map_or(Duration::ZERO, |store| store.timeout() * STEPS_TO_KEYS)
            }
            Topic::Token(issuer, _) => {
                let introspection =
                    self.policy.issuer(issuer).and_then(|issuer| issuer.introspection.as_ref());
                introspection.map_or(Duration::ZERO, |introspection| introspection.endpoint.timeout)
            }
        }
    }

    pub(super) fn breaker(&self, issuer: IssuerId) -> Option<&CircuitBreaker> {
        self.breakers.get(usize::try_from(issuer.0).ok()?)
    }

    pub(super) fn breaker_mut(&mut self, issuer: IssuerId) -> Option<&mut CircuitBreaker> {
        self.breakers.get_mut(usize::try_from(issuer.0).ok()?)
    }
}

/// Who the token of `topic` is to its issuer. Keys are nobody's.
fn standing(memory: &Memory, topic: Topic, now: UnixTime) -> Standing {
    match topic {
        Topic::Token(issuer, digest) => memory.standing(issuer, digest, now),
        Topic::Keys(..) => Standing::ActiveLately,
    }
}
