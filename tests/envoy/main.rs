//! The ring on the real proxy: one Envoy, one listener for each policy, every request through the built module.
#![cfg(test)]

use std::process::ExitCode;

use libtest_mimic::Arguments;

mod algorithms;
mod authority;
mod beside;
mod bodies;
mod certificates;
mod configuration;
mod cors;
mod dialects;
mod dpop;
mod examples;
mod grpc;
mod harness;
mod hostile;
mod hosts;
mod identity;
mod issuers;
mod keys;
mod paths;
mod policies;
mod questions;
mod quiet;
mod reloads;
mod ring;
mod routes;
mod scenarios;
mod signing;
mod state;
mod tokens;
mod vectors;

/// Tests wait for the proxy far more than they compute.
const THREADS: usize = 8;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let mut ring = ring::Ring::default();
    beside::add(&mut ring);
    bodies::add(&mut ring);
    cors::add(&mut ring);
    issuers::add(&mut ring);
    questions::add(&mut ring);
    hostile::add(&mut ring);
    hosts::add(&mut ring);
    paths::add(&mut ring);
    identity::add(&mut ring);
    certificates::add(&mut ring);
    grpc::add(&mut ring);
    keys::add(&mut ring);
    algorithms::add(&mut ring);
    routes::add(&mut ring);
    signing::add(&mut ring);
    state::add(&mut ring);
    configuration::add(&mut ring);
    dialects::add(&mut ring);
    dpop::add(&mut ring);
    let (of_ring, running) = ring.into_trials(&arguments);
    let mut trials = harness::trials();
    trials.extend(beside::trials());
    trials.extend(questions::trials());
    trials.extend(grpc::trials());
    trials.extend(state::trials());
    trials.extend(dpop::trials());
    trials.extend(scenarios::trials());
    trials.extend(examples::trials());
    trials.extend(keys::trials());
    trials.extend(configuration::trials());
    trials.extend(reloads::trials());
    trials.extend(certificates::trials());
    trials.extend(quiet::trials());
    trials.extend(vectors::trials());
    trials.extend(of_ring);
    running.conclude(&arguments, trials)
}
