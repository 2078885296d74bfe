//! The command line tool; everything it does is in `scopegate::tool`.

/// There is no command line inside a proxy, but every target of the package has to build.
#[cfg(target_arch = "wasm32")]
const fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    native::main()
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write as _};
    use std::process::ExitCode;
    use std::time::{SystemTime, UNIX_EPOCH};

    use scopegate::base::time::UnixTime;
    use scopegate::tool::cli;
    use scopegate::tool::console::{Console, Exit};

    pub(crate) fn main() -> ExitCode {
        const BUFFER: usize = 64 * 1024;
        let stdout = io::stdout();
        let colours = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let mut console = Console {
            stdin: &mut io::stdin().lock(),
            out: &mut BufWriter::with_capacity(BUFFER, stdout.lock()),
            err: &mut io::stderr(),
            environment: &|name| std::env::var(name).ok(),
            clock: &now,
            colours,
        };
        let exit = cli::run(std::env::args_os(), &mut console).unwrap_or_else(|error| {
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
}
