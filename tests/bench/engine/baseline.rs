//! The counts that were there before.

use core::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kit::places;
use serde_json::{Map, Value};

/// How many percent a count may grow.
pub(crate) const TOLERANCE: f64 = 5.0;

/// The member that is no case.
const COMPILER: &str = "compiler";

/// The compiler that is here, and what it compiles for: another one makes other code of the same source.
pub(crate) fn compiler() -> Result<String, String> {
    let told = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8(told.stdout).map_err(|error| format!("rustc: {error}"))?;
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
    Ok(format!("rustc {} for {}", line("release: "), line("host: ")))
}

/// Counts by case, as `tests/bench/baseline.json` has them.
pub(crate) struct Baseline(Map<String, Value>);

/// What a count is beside the one before.
pub(crate) struct Judged {
    before: Option<u64>,
    /// In percent.
    change: f64,
}

impl Baseline {
    /// The stored counts; none where there is no file.
    pub(crate) fn read() -> Result<Self, String> {
        match fs::read(file()) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Self)
                .map_err(|error| format!("{}: {error}", file().display())),
            Err(_) => Ok(Self(Map::new())),
        }
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        let text = format!("{:#}\n", Value::Object(self.0.clone()));
        fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()))
    }

    pub(crate) fn judge(&self, case: &str, count: u64) -> Judged {
        let before = self.0.get(case).and_then(Value::as_u64);
        let change = before.map_or(0.0, |before| (count as f64 / before as f64 - 1.0) * 100.0);
        Judged { before, change }
    }

    pub(crate) fn set(&mut self, case: &str, count: u64) {
        self.0.insert(case.to_owned(), count.into());
    }

    /// What the counts were taken with, if anybody said so.
    pub(crate) fn compiler(&self) -> Option<&str> {
        self.0.get(COMPILER).and_then(Value::as_str)
    }

    pub(crate) fn set_compiler(&mut self, compiler: String) {
        self.0.insert(COMPILER.to_owned(), compiler.into());
    }
}

impl Judged {
    pub(crate) fn is_good(&self) -> bool {
        self.change <= TOLERANCE
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            None => write!(f, "{:>14} {:>8}", "-", "new"),
            Some(before) => {
                let mark = if self.is_good() { "" } else { "  TOO MUCH" };
                write!(f, "{before:>14} {:>+7.1}%{mark}", self.change)
            }
        }
    }
}

fn file() -> PathBuf {
    places::root().join("tests/bench/baseline.json")
}
