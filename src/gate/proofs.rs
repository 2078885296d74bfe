//! Proofs of possession at the gate: what the sender of a request has proven, and whether nobody did so before.

use std::rc::Rc;

use super::refuse::Outage;
use super::replays::{Replays, Seen, Use};
use super::shared::SharedSlots;
use super::step::Facts;
use crate::base::base64url;
use crate::base::digest::DigestKey;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::jose::backend::Accelerator;
use crate::jose::hash::HashName;
use crate::policy::{Denial, Policy};
use crate::token::dpop::{Presented, Proven, Terms};
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

    /// The nonce that clients are to use now, where one is asked for.
    pub(super) fn nonce(&self, now: UnixTime) -> Option<String> {
        self.nonces(now).into_iter().next()
    }

    /// What the sender has proven of a request that came with `token` and what was `presented` with it.
    ///
    /// # Errors
    /// The proof is not good by these `terms`.
    pub(super) fn check(
        &self,
        presented: &Presented,
        token: &[u8],
        terms: &Terms,
        accelerator: &dyn Accelerator,
        now: UnixTime,
    ) -> Result<Proven, TokenFault> {
        presented.check(token, terms, &self.nonces(now), now, accelerator)
    }

    /// Uses up a proof, which only a request does that is admitted otherwise.
    ///
    /// # Errors
    /// It was used before, or nobody can know.
    pub(super) fn spend(&self, proven: &Proven, now: UnixTime) -> Result<(), Unfit> {
        let proof =
            Use { identity: &proven.identity, holder: &proven.key, made: proven.made, until: proven.until };
        match self.replays.note(&proof, now) {
            Seen::Never => Ok(()),
            Seen::Before => Err(Unfit::Denied(Denial::BadToken(TokenFault::ProofReplayed))),
            Seen::Unknown => Err(Unfit::Unknown(Outage::Crowded)),
        }
    }

    /// The nonces that are good at `now`, the newest first; none where none is asked for. Nothing is remembered of
    /// them: a nonce is a keyed digest of its time.
    fn nonces(&self, now: UnixTime) -> Vec<String> {
        let period = now.as_secs().div_euclid(NONCE_PERIOD);
        let nonce = |period: i64| base64url::encode(self.key.nonce(period.cast_unsigned()));
        if self.nonce { vec![nonce(period), nonce(period.saturating_sub(1))] } else { Vec::new() }
    }
}

/// What comes in `head` with a token that is bound to a key.
pub(super) fn presented(policy: &Policy, head: &RequestHead<'_>, facts: &Facts<'_>) -> Presented {
    let tls = facts.tls.is_some_and(|look| look());
    Presented::of(head, policy.dpop.as_ref().and_then(|dpop| dpop.target(head, tls)))
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use core::time::Duration;
    use std::collections::BTreeMap;

    use super::*;
    use crate::jose::algorithm::Algorithms;

    fn proofs(nonce: bool, lifetime: u64, shared: Option<Rc<dyn SharedSlots>>) -> Proofs {
        let terms = Terms {
            algorithms: Algorithms::of([]),
            lifetime: Duration::from_secs(lifetime),
            clock_skew: Duration::from_secs(5),
        };
        let key = DigestKey::new([1; 16]);
        Proofs { key, replays: Replays::new(100_000, &terms, key, shared), nonce }
    }

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(300 * 1_000_000 + seconds)
    }

    #[test]
    fn a_nonce_is_given_out_for_five_minutes_and_is_good_for_five_more() {
        let nonces = |seconds| proofs(true, 60, None).nonces(at(seconds));
        let given = nonces(0).remove(0);
        assert!(nonces(299)[0] == given && nonces(300)[0] != given && nonces(-1)[0] != given);
        for (seconds, is_good) in
            [(-1, false), (0, true), (299, true), (300, true), (599, true), (600, false)]
        {
            assert_eq!(nonces(seconds).contains(&given), is_good, "{seconds}");
        }
        assert!(proofs(false, 60, None).nonces(at(0)).is_empty(), "where none is asked for");
    }

    /// Slots of one worker at a time: each write finds what it read.
    #[derive(Default)]
    struct Slots(RefCell<BTreeMap<u32, Vec<u8>>>);

    impl SharedSlots for Slots {
        fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
            Some((self.0.borrow().get(&slot)?.clone(), 0))
        }

        fn write(&self, slot: u32, bytes: &[u8], _: Option<u32>) -> bool {
            self.0.borrow_mut().insert(slot, bytes.to_vec());
            true
        }
    }

    #[test]
    fn a_policy_that_has_only_looked_drops_no_proofs_that_another_one_takes() {
        let slots = Rc::new(Slots::default());
        let [quick, patient] = [10, 600].map(|lifetime| proofs(false, lifetime, Some(slots.clone())));
        patient.agree(at(0));
        quick.look(at(0));
        let note = |proofs: &Proofs, number: u32, made: i64, until: i64, now: i64| {
            let (identity, holder) = (&number.to_le_bytes()[..], &number.to_le_bytes()[..]);
            proofs.replays.note(&Use { identity, holder, made: at(made), until: at(until) }, at(now))
        };
        for number in 0..1500 {
            assert_eq!(note(&quick, number, 0, 15, 0), Seen::Never);
            assert_eq!(note(&quick, 10_000 + number, 20, 35, 20), Seen::Never);
        }
        for number in 20_000..21_500 {
            assert_eq!(note(&patient, number, 0, 605, 20), Seen::Never, "{number}: it is good and new");
        }
    }
}
