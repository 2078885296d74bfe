//! `scopegate test`: policy tests.

use std::io;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::tool::console::{Console, Exit};
use crate::tool::document::{self, STDIN};
use crate::tool::scenario;
use crate::tool::scenario::native::{self, Outcomes};

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Runs the tests in `files`, and counts them.
pub(in crate::tool) fn run(files: &[String], console: &mut Console<'_>) -> io::Result<Exit> {
    let mut tally = Tally::default();
    let mut exit = Exit::Good;
    for file in files {
        match outcomes(file, console) {
            Ok(outcomes) => {
                for outcome in outcomes {
                    tally.tell(file, &outcome, console)?;
                }
            }
            Err(problems) => {
                exit = Exit::Problems;
                for problem in problems {
                    writeln!(console.out, "{file}: {problem}")?;
                }
            }
        }
    }
    writeln!(console.out, "{} passed, {} failed", tally.passed, tally.failed)?;
    Ok(if tally.failed == 0 { exit } else { Exit::Problems })
}

fn outcomes(file: &str, console: &mut Console<'_>) -> Result<Vec<Outcomes>, Vec<String>> {
    let suite = if file == STDIN {
        let bytes = document::load(file, console.stdin).map_err(|error| vec![error.to_string()])?;
        scenario::parse(&bytes, Path::new(""), None)
    } else {
        scenario::load(Path::new(file), None)
    };
    let suite = suite.map_err(|error| error.to_string().lines().map(str::to_owned).collect::<Vec<_>>())?;
    native::run(&suite, console.environment)
        .map_err(|problems| problems.iter().map(|problem| format!("policy: {problem}")).collect())
}

impl Tally {
    fn tell(&mut self, file: &str, outcome: &Outcomes, console: &mut Console<'_>) -> io::Result<()> {
        const GREEN: Style = AnsiColor::Green.on_default();
        const RED: Style = AnsiColor::Red.on_default();
        let colours = console.colours;
        let name = format!("{file}: {}", outcome.name);
        if outcome.mismatches.is_empty() {
            self.passed += 1;
            return writeln!(console.out, "{} {name}", coloured("ok", GREEN, colours));
        }
        self.failed += 1;
        let mut why = outcome.mismatches.join("; ");
        if !outcome.detail.is_empty() {
            why = format!("{why} ({})", outcome.detail);
        }
        writeln!(console.out, "{} {name}: {why}", coloured("FAILED", RED, colours))
    }
}

fn coloured(text: &str, style: Style, colours: bool) -> String {
    if colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
