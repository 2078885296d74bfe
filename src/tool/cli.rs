//! The command line itself.

use std::ffi::OsString;
use std::io;

use clap::{Parser, Subcommand};

use super::command::{PolicyArgs, check, decide, mint, test};
use super::console::{Console, Exit};
use super::explain;
use super::help;
use crate::config;

/// Tests policies for scopegate, the OAuth 2.0 filter for Envoy, with the engine of the filter itself.
#[derive(Parser)]
#[command(
    name = "scopegate",
    version,
    after_help = "Exit codes: 0 all is well, 1 there are problems, 2 the command was called in a wrong way.\n\
                  A FILE of `-` is standard input. A policy may be JSON or YAML, or stand inside a file of Envoy, Istio \
                  or Envoy Gateway."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell every problem of the policies in files.
    ///
    /// A file is a policy (JSON or YAML), or an Envoy bootstrap, listener or LDS file, an Istio WasmPlugin or an Envoy
    /// Gateway EnvoyExtensionPolicy that holds some; several YAML documents in one file are fine.
    ///
    /// A problem is a line `FILE: PLACE: what is wrong: what to write instead`, PLACE as in `rules[2].require.scopes[0]`.
    /// Where the policy stands inside another file, the way to it comes before, `FILE: WAY: PLACE: …`, as in
    /// `envoy.yaml: static_resources.listeners[0].filter_chains[0].filters[0].http_filters[1]: rules[0].match: …` (without
    /// the `typed_config`s on the way), and `document N: ` before that where the file has several. `warning:` lines are about what stands around the policy, and
    /// change the exit code with `--deny-warnings` alone.
    Check {
        /// Exit with 1 where there is a warning, too.
        #[arg(long)]
        deny_warnings: bool,
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Decide about requests: JSON Lines in, JSON Lines out.
    ///
    /// Reads one request a line from standard input and writes one decision a line, in the same order. Caches, keys and
    /// replays are kept from line to line, as in one worker of Envoy. A line that is not a request yields
    /// {"id", "error"} and exit code 1 at the end; empty lines are passed over.
    #[command(after_long_help = help::DECIDE)]
    Decide {
        #[command(flatten)]
        policy: PolicyArgs,
        /// The clock for lines without `now`, in seconds since 1970; the wall clock by default.
        #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
        now: Option<f64>,
    },
    /// Run policy tests.
    ///
    /// A test file (YAML) has a policy, keys, tokens, what issuers answer, and requests with what is expected of them.
    #[command(after_long_help = help::TEST)]
    Test {
        /// The test files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Tell, for one request, every step of the decision in words.
    ///
    /// Tokens and secrets are never shown, so that the text can be passed on.
    Explain(Box<explain::Arguments>),
    /// Make keys and signed tokens, for tests and demonstrations.
    #[command(subcommand)]
    Mint(mint::Command),
    /// Print the JSON Schema of a policy.
    Schema,
}

/// Runs the command that `arguments` (the program's name first) ask for.
///
/// # Errors
/// When a standard stream fails.
pub fn run(arguments: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> io::Result<Exit> {
    let command = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.command,
        Err(error) if error.use_stderr() => {
            write!(console.err, "{}", error.render())?;
            return Ok(Exit::Usage);
        }
        Err(help) => {
            write!(console.out, "{}", help.render())?;
            return Ok(Exit::Good);
        }
    };
    let exit = match command {
        Command::Check { files, deny_warnings } => {
            check::run(&files, if deny_warnings { Exit::Problems } else { Exit::Good }, console)
        }
        Command::Decide { policy, now } => decide::run(&policy.file, now, console),
        Command::Test { files } => test::run(&files, console),
        Command::Explain(arguments) => explain::run(&arguments, console),
        Command::Mint(command) => mint::run(&command, console),
        Command::Schema => writeln!(console.out, "{}", config::SCHEMA.trim_end()).map(|()| Exit::Good),
    }?;
    console.out.flush()?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::console::fake;
    use clap::CommandFactory as _;

    fn exit(arguments: &[&str]) -> (Exit, String, String) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let run = fake::run("", |console| run(arguments, console));
        (run.exit, run.out, run.err)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_calls_are_usage_and_help_is_not() {
        for arguments in
            [&["scopegate"][..], &["scopegate", "chek"], &["scopegate", "check"], &["scopegate", "decide"]]
        {
            let (exit, out, err) = exit(arguments);
            assert!(exit == Exit::Usage && out.is_empty() && err.contains("Usage"), "{arguments:?}: {err}");
        }
        let (exit, out, err) = exit(&["scopegate", "--help"]);
        assert!(exit == Exit::Good && out.contains("decide") && err.is_empty());
    }
}
