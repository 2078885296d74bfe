//! The command line tool: the other skin of the engine, native.

pub mod document;
pub mod envoy;
pub mod members;
pub mod mint;
pub mod policy_file;
pub mod request;
pub mod scenario;
