//! Files of a proxy that hold a policy: Envoy bootstrap, listener and LDS files, Istio `WasmPlugin`, Envoy Gateway
//! `EnvoyExtensionPolicy`.
//!
//! - knows: where in such files a Wasm filter and its configuration stand, and what is dangerous around it
//! - must not know: what a policy means
//! - in: a document as JSON; out: the filters in it, and advice

mod access_log;
mod advice;
mod configuration;
mod find;
mod forwarded;
mod hosts;
mod issuers;
mod order;
mod routes;
mod surroundings;
mod ways;

pub use advice::advise;
pub use configuration::Configuration;
pub use find::{Filter, Host, find, is_of_a_proxy};
pub use surroundings::Surroundings;
pub use ways::Ways;
