//! What fuzzing feeds to scopegate, and what it holds the answers against.
//!
//! One module a target. Each takes any bytes and panics when the crate and a naive reading of the contract, written
//! here from the RFCs and not from the crate, do not agree. Nothing here knows libFuzzer: `fuzz_targets` does, and
//! `tests/native/corpus.rs` runs the saved inputs without it.

pub mod authority;
pub mod authorization;
pub mod dpop;
pub mod eddsa;
pub mod gate;
pub mod introspection;
pub mod jwks;
pub mod jws;
mod keys;
mod naive;
pub mod paths;
pub mod policy;
pub mod rsa;
mod wire;

/// Something to fuzz: its name, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. Saved inputs of each lie in `corpus/NAME`, its words in `dictionaries/NAME`.
pub const TARGETS: &[Target] = &[
    ("authority", authority::run),
    ("authorization", authorization::run),
    ("dpop", dpop::run),
    ("eddsa", eddsa::run),
    ("gate", gate::run),
    ("introspection", introspection::run),
    ("jwks", jwks::run),
    ("jws", jws::run),
    ("paths", paths::run),
    ("policy", policy::run),
    ("rsa", rsa::run),
];
