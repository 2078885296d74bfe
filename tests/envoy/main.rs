//! The ring on the real proxy: one Envoy, one listener for each policy, every request through the built module.
#![cfg(test)]

use std::process::ExitCode;

use libtest_mimic::Arguments;

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod harness;
mod policies;
mod ring;

/// Tests wait for the proxy far more than they compute.
const THREADS: usize = 8;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let mut ring = ring::Ring::default();
    bodies::add(&mut ring);
    let mut trials = harness::trials();
    trials.extend(ring.into_trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
