//! The only file that makes a [`Verified`]: whoever holds one knows that a key of the issuer signed it.

use core::fmt;

use super::algorithm::{Algorithm, Algorithms};
use super::backend::Accelerator;
use super::fault::JoseFault;
use super::jws::Unverified;
use super::key_set::KeySet;
use crate::base::json::Object;

/// How many keys are tried for one token: each costs a signature verification, and the token's author pays nothing.
const MAX_TRIED: usize = 8;

/// What a key of the issuer has signed. Only [`verify`] makes one.
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was signed.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was signed, no longer marked as such.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// The claims of a token, and what its header said of them.
pub struct Payload {
    claims: Object,
    typ: Option<String>,
    algorithm: Algorithm,
}

impl Payload {
    /// The claims.
    pub const fn claims(&self) -> &Object {
        &self.claims
    }

    /// The claims, taken out.
    pub fn into_claims(self) -> Object {
        self.claims
    }

    /// The header's `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The header's `alg`.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Verifies the signature of `jws` with the keys that its header may choose, and then tells its claims.
///
/// # Errors
/// When no key that was tried agrees: [`JoseFault::KeyUnknown`] where no key has the token's `kid`, or without one where
/// there was nothing to try; [`JoseFault::AlgorithmNotAllowed`] where the named key does not permit the algorithm;
/// otherwise [`JoseFault::SignatureInvalid`]. [`JoseFault::AlgorithmNotAllowed`] also when `allowed` does not permit it,
/// and [`JoseFault::Malformed`] when what is signed is not a JSON object.
pub fn verify(
    jws: Unverified<'_>,
    keys: &KeySet,
    allowed: Algorithms,
    accelerator: &dyn Accelerator,
) -> Result<Verified<Payload>, JoseFault> {
    let algorithm = jws.algorithm();
    if !allowed.contains(algorithm) {
        return Err(JoseFault::AlgorithmNotAllowed);
    }
    check_signature(keys, jws.kid(), algorithm, jws.text, &jws.signature, accelerator)?;
    Ok(Verified(Payload { claims: jws.claims?, typ: jws.typ, algorithm }))
}

/// The part of [`verify`] that knows no token: whether a key of the set signed `text`.
///
/// # Errors
/// As [`verify`].
// Public because the vectors in `tests/` sign texts that no compact JWS can carry. It makes nothing that admits.
#[doc(hidden)]
pub fn check_signature(
    keys: &KeySet,
    kid: Option<&str>,
    algorithm: Algorithm,
    text: &[u8],
    signature: &[u8],
    accelerator: &dyn Accelerator,
) -> Result<(), JoseFault> {
    let (candidates, none) = keys.select(kid, algorithm);
    let mut tried = candidates.iter().take(MAX_TRIED);
    if tried.any(|key| key.verify(algorithm, text, signature, accelerator)) { Ok(()) } else { Err(none) }
}

impl<T> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
