//! Values without a domain: time, secrets, strict encodings, bounded memory.
//!
//! - knows: nothing but the standard library and three small crates
//! - must not know: HTTP, tokens, the proxy, the clock
//! - in: bytes and numbers; out: the same, checked

pub mod base64url;
pub mod digest;
pub mod duration;
pub mod expiring;
pub mod hex;
pub mod json;
pub mod secret;
pub mod table;
pub mod time;
