//! Faults of an issuer while requests keep coming: what is let through, what is refused, and how soon it is over.
//!
//! One line for each fault is printed at the end. `SCOPEGATE_SOAK=SECONDS` makes every fault last so long.
#![cfg(test)]

use std::process::ExitCode;

use libtest_mimic::Arguments;

mod account;
mod crowd;
mod fault;
mod load;
mod names;
mod place;
mod plug;
mod stranger;
mod tls;
mod tokens;

/// How many faults are tried at once: more would compete for the processor, and the figures would say so.
const THREADS: usize = 3;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let (mut trials, accounts) = fault::trials();
    trials.push(crowd::trial());
    trials.extend(stranger::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    account::print(&accounts);
    conclusion.exit_code()
}
