//! The skin towards Envoy; the only place that knows the proxy's ABI.
//!
//! - knows: how a proxy hands over requests, how verdicts are carried out, what is logged and counted
//! - must not know: how anything is decided
//! - in: callbacks of the proxy; out: host calls
//! - Proxy-Wasm ABI 0.2.1
//!
//! [`skin::Skin`] is written against the trait [`host::Host`] and runs natively in tests; what is left for Wasm alone
//! is the declaration of the host's functions and the callbacks.

pub mod configuration;
pub mod counters;
mod filter_state;
pub mod foreign;
pub mod host;
pub mod numbers;
pub mod pairs;
mod protobuf;
pub mod skin;
mod trailers;
mod warnings;

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(target_arch = "wasm32")]
mod accelerator;
#[cfg(target_arch = "wasm32")]
mod contexts;
#[cfg(target_arch = "wasm32")]
mod envoy;
#[cfg(target_arch = "wasm32")]
mod slots;
