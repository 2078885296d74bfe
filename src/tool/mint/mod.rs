//! Keys and signed tokens for tests and demonstrations.
//!
//! - knows: private keys as JSON Web Keys, how each algorithm signs
//! - must not know: policies, the engine
//! - in: an algorithm's name, claims; out: a JWK, a compact JWS
//! - one file a crypto crate, as in [`crate::jose`]: `rsa` makes and uses RSA keys, `ec` the rest of the curves

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
