//! A document becomes a policy, or the list of all that is wrong with them.
//!
//! - knows: JSON, every key of the policy language, its defaults and bounds
//! - must not know: requests, tokens, the proxy; environment variables only through what it is given
//! - in: a JSON document; out: [`crate::policy::Policy`], or every problem with its place and what to write instead
//! - one file a subject; `reader` carries the place and the problems, so that reading goes on after the first

mod authority;
mod client;
mod cors;
mod details;
mod document;
mod dpop;
mod error;
mod identifier;
mod introspection;
mod issuers;
mod jwt;
mod keys;
mod names;
mod reader;
mod requirements;
mod resources;
mod responses;
mod rules;
mod scopes;
mod secret;
mod token;
mod upstream;
mod values;

pub use document::{compile, is_policy, read_json};
pub use error::ConfigError;
pub use names::{member_place, quoted};

/// The JSON Schema (draft 2020-12) of the policy document.
pub const SCHEMA: &str = include_str!("schema.json");
