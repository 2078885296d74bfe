//! The built module on a second host: the crate `proxy-wasm-host`, which runs it on wasmtime and has nothing of Envoy. It
//! has no `verify_signature`, and is run with queues, with ticks alone, and with nothing that workers share.
//!
//! - [`worker`]: an instance of the module and its requests, each to its end; [`streams`] and [`services`]: what the host
//!   does for it
//! - [`scenarios`]: the files of `tests/scenarios`; [`odd`]: what a host may do that Envoy does not, or not often

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;

mod odd;
mod scenarios;
mod services;
mod streams;
#[path = "../../kit/src/suites.rs"]
mod suites;
mod worker;

/// The folder of the repository.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `bytes` as text; where they are none, with escapes.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = match worker::Program::load() {
        Ok(program) => Arc::new(program),
        Err(problem) => {
            eprintln!("{problem}: run ./build.sh module first, or set SCOPEGATE_WASM");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = scenarios::trials(&program);
    trials.extend(odd::trials(&program));
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!(
        "proxy-wasm-host 0.2.0: {} scenarios, {} tests passed, {} failed, {} skipped",
        scenarios::count(),
        conclusion.num_passed,
        conclusion.num_failed,
        conclusion.num_ignored,
    );
    conclusion.exit_code()
}
