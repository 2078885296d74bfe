//! `./build.sh demo`: a real Envoy with scopegate in front of a small application, and what a client sees of it.
//!
//! The Envoy configuration and the policy are the file `envoy.yaml` beside this one; only its ports and the place of
//! the module are filled in.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its story on the terminal")]
#![allow(clippy::indexing_slicing, reason = "of JSON alone, which is null where there is nothing")]

use std::process::ExitCode;
use std::{env, io, thread};

#[path = "../../tests/support/mod.rs"]
mod support;

mod cast;
mod page;
mod stage;
mod story;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let keep = match &*arguments {
        [] => false,
        [only] if only == "--keep" => true,
        _ => {
            eprintln!("usage: demo [--keep]");
            return ExitCode::from(2);
        }
    };
    match run(keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(keep: bool) -> Result<(), String> {
    let cast = cast::Cast::mint()?;
    let stage = stage::Stage::set(&cast)?;
    let page = page::Page::for_terminal(io::IsTerminal::is_terminal(&io::stdout()));
    story::tell(&stage, &cast, page)?;
    story::invite(&stage, &cast, page, keep)?;
    if keep {
        loop {
            thread::park();
        }
    }
    Ok(())
}
