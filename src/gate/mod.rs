//! The engine: sequencing, waiting, remembering.
//!
//! - knows: the policy, which requests wait for what, which tokens and keys are remembered
//! - must not know: the proxy, the clock, how a policy is written down
//! - in: request heads, replies, the time; out: steps, verdicts, callouts to send
//!
//! A request is opened and either settles at once or is parked; whoever drives the gate then sends what
//! [`Gate::asks`] returns, hands back the replies, and gets a verdict for every request that waited. A parked request
//! is never merely resumed: it goes through the same checks as at first, with what has been learned since.

mod admit;
mod callouts;
mod candidates;
mod case;
mod certificate;
mod circuit_breaker;
mod clock;
mod discovery;
mod engine;
mod fetched;
mod handover;
mod in_flight;
mod issuers;
mod key_ring;
mod keys;
mod memory;
mod metadata;
mod offer;
mod opening;
mod proofs;
mod refuse;
mod replays;
mod route;
mod schedule;
mod sealed;
pub mod shared;
pub mod step;
mod tokens;
mod topic;
mod validate;
mod verdict;

pub use engine::Gate;
pub use step::{Ask, AskId, Event, Facts, Note, RequestId, Step, Verdict, Woken};
