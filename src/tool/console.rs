//! Everything that a command touches outside itself, passed in, so that tests can hold both ends.

use std::io::{BufRead, Write};

use crate::base::time::UnixTime;

/// Standard streams, environment and clock.
pub struct Console<'c> {
    /// Standard input.
    pub stdin: &'c mut dyn BufRead,
    /// Standard output.
    pub out: &'c mut dyn Write,
    /// Standard error.
    pub err: &'c mut dyn Write,
    /// Environment variables.
    pub environment: &'c dyn Fn(&str) -> Option<String>,
    /// The wall clock.
    pub clock: &'c dyn Fn() -> UnixTime,
    /// Whether standard output is a terminal that shows colours.
    pub colours: bool,
}

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All is well.
    Good,
    /// There are problems; they were told.
    Problems,
    /// The command was called in a wrong way; it was told how.
    Usage,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Problems => 1,
            Self::Usage => 2,
        }
    }

    /// The worse of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if other.code() > self.code() { other } else { self }
    }
}

#[cfg(test)]
pub(super) mod fake {
    use super::*;

    /// What a command wrote, and how it ended.
    pub(in crate::tool) struct Run {
        pub(in crate::tool) exit: Exit,
        pub(in crate::tool) out: String,
        pub(in crate::tool) err: String,
    }

    /// Runs `command` on a console with `stdin`, an empty environment and the clock at 1 760 000 000.
    pub(in crate::tool) fn run(
        stdin: &str,
        command: impl FnOnce(&mut Console<'_>) -> std::io::Result<Exit>,
    ) -> Run {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = command(&mut Console {
            stdin: &mut stdin.as_bytes(),
            out: &mut out,
            err: &mut err,
            environment: &|_| None,
            clock: &|| UnixTime::from_secs(1_760_000_000),
            colours: false,
        });
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { exit: exit.unwrap(), out: text(out), err: text(err) }
    }
}
