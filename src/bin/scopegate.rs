//! The command line tool; everything it does is in `scopegate::tool`.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use scopegate::base::time::UnixTime;
use scopegate::tool::cli;
use scopegate::tool::console::{Console, Exit};

fn main() -> ExitCode {
    let stdout = io::stdout();
    let colours = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut err = io::stderr().lock();
    let mut console = Console {
        stdin: &mut io::stdin().lock(),
        out: &mut BufWriter::with_capacity(64 * 1024, stdout.lock()),
        err: &mut err,
        environment: &|name| std::env::var(name).ok(),
        clock: &now,
        colours,
    };
    let exit = cli::run(std::env::args_os(), &mut console);
    let exit = exit.unwrap_or_else(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            // Whoever read our output has seen enough.
            return Exit::Good;
        }
        // There is nowhere left to tell that this fails.
        let _ = writeln!(io::stderr(), "scopegate: {error}");
        Exit::Problems
    });
    ExitCode::from(exit.code())
}

#[allow(clippy::disallowed_methods, reason = "this is the skin that hands the clock down")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
