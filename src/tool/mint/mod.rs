//! Keys and signed tokens for tests and demonstrations.
//!
//! - knows: private keys as JSON Web Keys, how each algorithm signs
//! - must not know: policies, the engine
//! - in: an algorithm's name, claims; out: a JWK, a compact JWS
//! - keys are those of [`crate::jose`], but for RSA, which it only verifies: `rsa` makes and uses such keys

mod ec;
mod ed25519;
mod jwk;
mod key;
mod oct;
mod proof;
mod rsa;

pub use self::rsa::RsaSigner;
pub use jwk::MintError;
pub use key::{DEFAULT_RSA_BITS, PrivateKey};
pub use proof::Subject;
