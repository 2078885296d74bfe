//! `./build.sh bench`: what scopegate costs a real Envoy, beside what an operator would use instead.
//!
//! One Envoy with one worker on one core, the load on another; listeners that differ only in their HTTP filters, and
//! routes that the proxy answers itself. Where workers are compared, Envoys with one and with several of them, which
//! run wherever there is room: what they take from each other shows as CPU time. The figure is Envoy's CPU time for a request, less what the same request costs
//! on the listener without filters: of several rounds the median, and ratios round by round.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its figures on the terminal")]
#![allow(clippy::indexing_slicing, reason = "what is indexed is JSON, whose missing members are null")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[path = "../cast.rs"]
mod cast;
#[path = "../policy.rs"]
mod policy;

mod authorizer;
mod chart;
mod figures;
mod goals;
mod guard;
mod load;
mod machine;
mod measure;
mod paths;
mod progress;
mod record;
mod run;
mod sides;
mod sizes;
mod table;

/// What scopegate costs a real Envoy, beside what an operator would use instead.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// So many rounds.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only what is called so, or begins so.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// Writes the figures of every round there.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws a bar chart there.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// So many tokens once the tables are full, to see whether memory stays flat; five million take some ten minutes.
    #[arg(long, value_name = "NUMBER", default_value_t = 40_000)]
    tokens: usize,
    /// Ends with 2 where a goal was missed.
    #[arg(long)]
    goals: bool,
    /// Names what can be measured.
    #[arg(long)]
    list: bool,
    // What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let goals = arguments.goals;
    match run::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if !goals => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a goal was missed");
            ExitCode::from(2)
        }
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}
