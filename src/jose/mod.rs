//! Signed objects (RFC 7515 to 7519, 7638, 8037, 9864): a compact JWS and a key set become a verified payload, or a fault.
//!
//! - knows: the compact form, JSON Web Keys, thirteen signature algorithms
//! - must not know: scopes, OAuth, time, HTTP, the proxy
//! - in: token bytes and a key set as JSON; out: [`verify::Verified`] or [`fault::JoseFault`]
//! - in: a JWS with the key that signed it; out: [`possession::Possession`], which says that somebody holds that key
//! - in: claims and a private key of our own; out: a compact JWS
//! - one file a crypto crate: `ecdsa` (p256, p384, p521), `eddsa`, `hmac`, [`hash`] (sha2); `rsa` does its own arithmetic

pub mod algorithm;
pub mod backend;
mod der;
mod ecdsa;
mod eddsa;
mod emsa;
#[cfg(test)]
mod examples;
pub mod fault;
pub mod hash;
pub mod hmac;
mod jwk;
pub mod jws;
pub mod key_set;
pub mod possession;
pub mod rsa;
pub mod signing_key;
pub mod thumbprint;
pub mod verify;
