//! What is behind the code: prose, and no code.
//!
//! - knows: why things are as they are, and which test says so
//! - must not know: anything that the code does not do
//! - `tests/manual.rs` holds its tables to the code: every threat is there, every file and every test that it names

#[doc = include_str!("policy.md")]
pub mod policy {}

#[doc = include_str!("envoy.md")]
pub mod envoy {}

#[doc = include_str!("promises.md")]
pub mod promises {}

#[doc = include_str!("figures.md")]
pub mod figures {}

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("operations.md")]
pub mod operations {}
