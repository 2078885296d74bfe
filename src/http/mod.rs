//! HTTP messages as plain data.
//!
//! - knows: field values as bytes, who a proxy says its client is, how a path and an authority are read, form encoding, cache freshness
//! - must not know: tokens, policies, the proxy
//! - in: bytes of a request or a reply; out: checked values, messages to send
//! - RFC 9110, 9111, 3986, 6265

pub mod authorization;
pub mod characters;
pub mod client_certificate;
pub mod cookie;
pub mod form;
pub mod freshness;
pub mod head;
pub mod host;
mod local_reply;
pub mod message;
pub mod path;
pub mod readings;
pub mod spelling;
pub mod target;
pub mod uri;
