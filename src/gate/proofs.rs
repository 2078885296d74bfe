//! Proofs of possession at the gate: what the sender of a request has proven, and whether nobody did so before.

use std::rc::Rc;

use super::case::Case;
use super::engine::Gate;
use super::refuse::Outage;
use super::replays::{Replays, Seen, Use};
use super::shared::SharedSlots;
use super::step::Facts;
use crate::base::base64url;
use crate::base::digest::DigestKey;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::jose::hash::HashName;
use crate::policy::{Denial, Policy};
use crate::token::dpop::{Presented, Proven};
use crate::token::fault::TokenFault;

/// For how long a new nonce is given out, in seconds. It stays good for as long again.
const NONCE_PERIOD: i64 = 300;

/// What is kept for proofs, where the policy takes any.
pub(super) struct Proofs {
    key: DigestKey,
    replays: Replays,
    /// Whether a proof has to hold a nonce.
    nonce: bool,
}

/// Why a request is not admitted.
pub(super) enum Unfit {
    /// Something about it is not good.
    Denied(Denial),
    /// Nobody knows.
    Unknown(Outage),
}

impl Proofs {
    /// What `policy` needs kept, in `shared` slots where workers have any; they then know the same `seed`. Workers
    /// that do not agree on one have nonces of their own, and none takes another's.
    pub(super) fn new(policy: &Policy, seed: &[u8; 16], shared: Option<Rc<dyn SharedSlots>>) -> Option<Self> {
        let dpop = policy.dpop.as_ref()?;
        let digest = HashName::Sha256.digest(&[seed, b"proofs"]);
        let key = DigestKey::new(digest.first_chunk().copied()?);
        let replays = Replays::new(policy.limits.remembered_proofs, &dpop.terms, key, shared);
        Some(Self { key, replays, nonce: dpop.nonce })
    }

    /// Has used proofs remembered for as long as anybody may take them, as others say.
    pub(super) fn look(&self, now: UnixTime) {
        self.replays.look(now);
    }

    /// The same, and tells the others for how long we take them; to be called about once a second.
    pub(super) fn agree(&self, now: UnixTime) {
        self.replays.agree(now);
    }

    /// The nonces that are good at `now`, the newest first; none where none is asked for. Nothing is remembered of
    /// them: a nonce is a keyed digest of its time.
    fn nonces(&self, now: UnixTime) -> Vec<String> {
        let period = now.as_secs().div_euclid(NONCE_PERIOD);
        let nonce = |period: i64| base64url::encode(self.key.nonce(period.cast_unsigned()));
        if self.nonce { vec![nonce(period), nonce(period.saturating_sub(1))] } else { Vec::new() }
    }
}

impl Gate {
    /// The nonce that clients are to use now, where one is asked for.
    pub(super) fn nonce(&self, now: UnixTime) -> Option<String> {
        self.proofs.as_ref()?.nonces(now).into_iter().next()
    }

    /// What comes in `head` with a token that is bound to a key.
    pub(super) fn presented(&self, head: &RequestHead<'_>, facts: &Facts<'_>) -> Presented {
        let tls = facts.tls.is_some_and(|look| look());
        Presented::of(head, self.policy.dpop.as_ref().and_then(|dpop| dpop.target(head, tls)))
    }

    /// What the sender of `case` has proven with a DPoP proof; `None` where the token came without the scheme for one.
    pub(super) fn prove(&self, case: &Case<'_>, now: UnixTime) -> Result<Option<Proven>, TokenFault> {
        let Some(presented) = &case.proof else { return Ok(None) };
        let (Some(dpop), Some(proofs)) = (&self.policy.dpop, &self.proofs) else {
            return Err(TokenFault::BindingUnproven);
        };
        let nonces = proofs.nonces(now);
        presented.check(case.token.expose(), &dpop.terms, &nonces, now, &*self.accelerator).map(Some)
    }

    /// Uses up a proof, which only a request does that is admitted otherwise.
    pub(super) fn spend(&self, proven: Option<&Proven>, now: UnixTime) -> Result<(), Unfit> {
        let Some(proven) = proven else { return Ok(()) };
        let proof =
            Use { identity: &proven.identity, holder: &proven.key, made: proven.made, until: proven.until };
        match self.proofs.as_ref().map_or(Seen::Unknown, |proofs| proofs.replays.note(&proof, now)) {
            Seen::Never => Ok(()),
            Seen::Before => Err(Unfit::Denied(Denial::BadToken(TokenFault::ProofReplayed))),
            Seen::Unknown => Err(Unfit::Unknown(Outage::Crowded)),
        }
    }
}
