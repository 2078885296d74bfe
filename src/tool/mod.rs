//! The command line tool: the other skin of the engine, native.

pub mod document;
pub mod mint;
