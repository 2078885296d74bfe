//! The commands, one file each; `explain` has a room of its own.

pub(super) mod check;
pub(super) mod decide;
pub(super) mod mint;
pub(super) mod test;

use std::io;

use clap::Args;

use super::compiled::{self, Compiled};
use super::console::Console;
use super::policy_file::{self, PolicyDocument};

/// Where the policy of a command is.
#[derive(Args)]
pub(in crate::tool) struct PolicyArgs {
    /// The policy, or a file of Envoy, Istio or Envoy Gateway that holds exactly one.
    #[arg(long = "policy", value_name = "FILE")]
    pub(in crate::tool) file: String,
}

/// Loads and compiles the policy in `file`; says what is wrong, and which variables are not set, on standard error.
pub(super) fn load(file: &str, console: &mut Console<'_>) -> io::Result<Option<(PolicyDocument, Compiled)>> {
    let policy = match policy_file::single(file, console.stdin) {
        Ok(policy) => policy,
        Err(problem) => {
            writeln!(console.err, "{file}: {problem}")?;
            return Ok(None);
        }
    };
    let place = within(file, &policy.place);
    match compiled::compile(&policy.document, policy.differences.clone(), console.environment) {
        Ok(compiled) => {
            for name in &compiled.unset {
                writeln!(
                    console.err,
                    "warning: {place}: the variable {name} is not set: ${name} stands in its place"
                )?;
            }
            Ok(Some((policy, compiled)))
        }
        Err(problems) => {
            for problem in problems {
                writeln!(console.err, "{place}: {problem}")?;
            }
            Ok(None)
        }
    }
}

/// A file, and a place within it where there is one.
pub(super) fn within(file: &str, place: &str) -> String {
    if place.is_empty() { file.to_owned() } else { format!("{file}: {place}") }
}
