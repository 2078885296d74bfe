//! A document that somebody wrote, as a JSON value: read to its end, and all that is wrong told at once.
//!
//! - knows: places, kinds of values, durations, slips of the pen
//! - must not know: what a document is about, and whether it was JSON or YAML
//! - in: a value; out: what was asked for, or every problem with its place and what to write instead
//! - [`Node`] carries the place and the problems, so that reading goes on after the first

mod diagnostic;
mod names;
mod node;
pub mod values;

pub use diagnostic::Diagnostic;
pub use names::{member_place, nearest, quoted};
pub use node::{Members, Node, read};
