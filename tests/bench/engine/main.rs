//! `./build.sh bench engine`: how many instructions the engine takes for what it does most.
//!
//! Counted by callgrind, so that neither other work on the machine nor its clock plays a part. The counts are those of
//! this machine's processor, not of Wasm: they tell a change of the engine, not what it costs a proxy.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its figures on the terminal")]
#![allow(clippy::indexing_slicing, reason = "what is indexed is JSON, whose missing members are null")]

use std::process::ExitCode;

use clap::Parser;

#[path = "../cast.rs"]
mod cast;
#[path = "../policy.rs"]
mod policy;

mod baseline;
mod callgrind;
mod cases;
mod material;

/// Counts the engine's instructions and compares them with the baseline.
#[derive(Parser)]
#[command(name = "bench engine")]
struct Arguments {
    /// Writes the counts to the baseline instead.
    #[arg(long)]
    record: bool,
    /// Only what is called so, or begins so.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    // What runs below callgrind: the case, and the file with its material.
    #[arg(long, hide = true, num_args = 2)]
    case: Option<Vec<String>>,
    // What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.case.as_deref() {
        Some([name, file]) => cases::run(name, file).map(|()| true),
        Some(_) | None => compare(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("bench engine: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Counts everything; whether nothing grew.
fn compare(arguments: &Arguments) -> Result<bool, String> {
    let mut names = cases::names();
    let only = &arguments.only;
    names.retain(|name| only.is_empty() || only.iter().any(|wanted| name.starts_with(wanted.as_str())));
    if names.is_empty() {
        return Err(format!("no case is called {}; there are {}", only.join(" "), cases::names().join(", ")));
    }
    let material = material::write()?;
    let mut baseline = baseline::Baseline::read()?;
    let compiler = baseline::compiler()?;
    let comparable = baseline.compiler() == Some(&compiler);
    let mut good = true;
    println!("{:<22} {:>14} {:>14} {:>8}", "case", "instructions", "baseline", "change");
    for name in &names {
        let count = callgrind::count(name, &material)? / cases::TIMES;
        let judged = baseline.judge(name, count);
        println!("{name:<22} {count:>14} {judged}");
        good &= arguments.record || judged.is_good();
        baseline.set(name, count);
    }
    if arguments.record {
        baseline.set_compiler(compiler);
        baseline.write()?;
    } else if !comparable {
        let before = baseline.compiler().unwrap_or("nobody knows what");
        println!("\nThe baseline was taken with {before}, and this with {compiler}: more is no fault here.");
        return Ok(true);
    }
    if !good {
        println!(
            "\nWhat grew by more than {} % is marked. If it has to be: ./build.sh bench engine --record",
            baseline::TOLERANCE
        );
    }
    Ok(good)
}
