//! Keys and signed tokens for tests and demonstrations.
//!
//! - knows: private keys as JSON Web Keys, how each algorithm signs
//! - must not know: policies, the engine
//! - in: an algorithm's name, claims; out: a JWK, a compact JWS
//! - keys are those of [`crate::jose::signing_key`], which leaves RSA to others: `rsa` makes such keys and signs with them

mod error;
mod key;
mod proof;
mod random;
mod rsa;

pub use self::rsa::RsaSigner;
pub use error::MintError;
pub use key::{DEFAULT_RSA_BITS, PrivateKey};
pub use proof::Subject;
