//! The command line tool: the other skin of the engine, native.
//!
//! - knows: files, standard streams, how to play a policy's issuers
//! - must not know: how to decide; every verdict comes from [`crate::gate`]
//! - in: arguments and files; out: text, JSON Lines, exit codes
//! - [`scenario`] and [`mint`] also serve the tests that run a whole Envoy

pub mod cli;
mod command;
pub mod compiled;
pub mod console;
pub mod document;
pub mod driver;
pub mod envoy;
mod explain;
mod help;
pub mod line;
pub mod mint;
mod notes;
pub mod policy_file;
pub mod request;
pub mod scenario;
mod values;
