//! A clock that a test moves, for a program that reads the system's: a library of a page of C stands before its C library.
//!
//! libfaketime does the same for many programs; Envoy, whose allocator reads the clock before anything else, hangs under
//! it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::deadline::unix_millis;
use super::places;

/// A clock of one program's own.
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// What is not here that it takes.
    pub fn missing() -> Option<&'static str> {
        if !cfg!(target_os = "linux") {
            return Some("only Linux takes a library of ours before its own");
        }
        let has_compiler =
            Command::new("cc").arg("--version").output().is_ok_and(|said| said.status.success());
        (!has_compiler).then_some("there is no C compiler: on Debian, apt-get install gcc")
    }

    /// A clock below `folder`, which shows `now`, in milliseconds since the epoch, and goes on from there.
    pub fn new(folder: &Path, now: i64) -> Result<Self, String> {
        let clock = Self { library: folder.join("clock.so"), file: folder.join("clock") };
        fs::write(&clock.file, ahead(now).to_ne_bytes())
            .map_err(|error| format!("{}: {error}", clock.file.display()))?;
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&clock.library)
            .arg(places::root().join("tests/kit/src/clock.c"))
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if compiled.status.success() { Ok(clock) } else { Err(super::wire::text(&compiled.stderr)) }
    }

    /// What has to be in the environment of the program.
    pub fn environment(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("SCOPEGATE_TEST_CLOCK", &self.file)]
    }

    /// It shows `now`, and goes on from there. In place: whoever has the file mapped must not find it empty.
    pub fn set(&self, now: i64) -> Result<(), String> {
        let written = OpenOptions::new().write(true).open(&self.file);
        written
            .and_then(|mut file| file.write_all(&ahead(now).to_ne_bytes()))
            .map_err(|error| format!("{}: {error}", self.file.display()))
    }
}

/// By how much a clock that shows `now` is ahead of the system's.
fn ahead(now: i64) -> i64 {
    now - unix_millis()
}
