//! Others who read the same bytes: servers, browsers and YAML readers, each the real one, beside scopegate.
//!
//! What a reader takes to mean one thing and scopegate another is either refused or judged as both. A reader that is not
//! installed, and cannot be, is told by name and counts as ignored, never as passed.
#![cfg(test)]

use std::process::ExitCode;

use libtest_mimic::Arguments;

mod browser;
mod upstreams;
mod yaml;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = browser::trials().into_iter().chain(upstreams::trials()).chain(yaml::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
