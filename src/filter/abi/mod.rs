//! The border to the host: its functions, and the callbacks by which it reaches us.
//!
//! Declared here and not taken from the SDK, whose wrappers panic on any status that they do not expect, read texts as
//! UTF-8 or panic, cannot name the details of an answer, and add about two microseconds to each request between the
//! host and the filter. Here every status is a value, and a callback is one function call.
#![allow(unsafe_code, reason = "calls of host functions, callbacks by name, and memory that the host fills")]

mod callbacks;
mod calls;

pub(super) use calls::*;
