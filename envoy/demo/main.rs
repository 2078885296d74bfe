//! `./build.sh demo`: a real Envoy with scopegate in front of a small application, and what a client sees of it. With
//! `--issuer oidc-provider` the tokens come from a real authorization server.
//!
//! The Envoy configuration and the policy are the files `envoy.yaml` and `oidc-provider.yaml` beside this one; only
//! their ports and the place of the module are filled in.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its story on the terminal")]
#![allow(clippy::indexing_slicing, reason = "of JSON alone, which is null where there is nothing")]

use std::process::ExitCode;
use std::{env, io, thread};

mod cast;
mod gateway;
mod issued;
mod page;
mod stage;
mod story;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = env::args().skip(1).collect();
    let keep = arguments.iter().any(|argument| argument == "--keep");
    arguments.retain(|argument| argument != "--keep");
    let told = match &*arguments {
        [] => scripted(keep),
        [option, issuer] if option == "--issuer" && issuer == "oidc-provider" => issued::run(keep),
        _ => {
            eprintln!("usage: demo [--issuer oidc-provider] [--keep]");
            return ExitCode::from(2);
        }
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn scripted(keep: bool) -> Result<(), String> {
    let cast = cast::Cast::mint()?;
    let stage = stage::Stage::set(&cast)?;
    let page = page();
    story::tell(&stage, &cast, page)?;
    story::invite(&stage, &cast, page, keep)?;
    stay(keep);
    Ok(())
}

fn page() -> page::Page {
    page::Page::for_terminal(io::IsTerminal::is_terminal(&io::stdout()))
}

/// Until Ctrl-C, if that is wanted.
fn stay(keep: bool) {
    if keep {
        loop {
            thread::park();
        }
    }
}
