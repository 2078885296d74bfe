//! The ring on the real proxy: one Envoy, one listener for each policy, every request through the built module.
#![cfg(test)]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[path = "../support/mod.rs"]
mod support;

mod harness;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = harness::trials();
    libtest_mimic::run(&arguments, trials).exit_code()
}
