//! A document becomes a policy, or the list of all that is wrong with it.
//!
//! - knows: JSON, every key of the policy language, its defaults and bounds
//! - must not know: requests, tokens, the proxy; environment variables only through what it is given
//! - in: a JSON document; out: [`crate::policy::Policy`], or every problem with its place and what to write instead
//! - one file a subject, each read with [`crate::document`]

mod authority;
mod client;
mod cors;
mod details;
mod document;
mod dpop;
mod identifier;
mod introspection;
mod issuers;
mod jwt;
mod keys;
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

/// The JSON Schema (draft 2020-12) of the policy document.
pub const SCHEMA: &str = include_str!("schema.json");
