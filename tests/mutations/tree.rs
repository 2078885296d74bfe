//! A copy of the repository's code, to be changed and built.

use std::fs;
use std::path::{Path, PathBuf};

/// What of the repository is needed to build and test.
const PARTS: [&str; 8] =
    ["fuzz", "Cargo.toml", "Cargo.lock", ".clippy.toml", "README.md", "src", "tests", "envoy"];

/// The copy.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// Makes the copy of `from` at `to` what the original is, but for the files `without`, which are as they are to be,
    /// or will be. A file that is the same already is left alone, so that it is not built again.
    pub(crate) fn copy(from: &Path, to: &Path, without: &[&str]) -> Result<Self, String> {
        fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
        let without: Vec<PathBuf> = without.iter().map(|file| to.join(file)).collect();
        for part in PARTS {
            copy(&from.join(part), &to.join(part), &without).map_err(|error| format!("{part}: {error}"))?;
        }
        Ok(Self(to.to_path_buf()))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// What stands in `file`.
    pub(crate) fn read(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(self.0.join(file)).map_err(|error| format!("{file}: {error}"))
    }

    /// Puts `text` into `file`, if something else is there.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), String> {
        write(&self.0.join(file), text.as_bytes()).map_err(|error| format!("{file}: {error}"))
    }
}

fn copy(from: &Path, to: &Path, without: &[PathBuf]) -> std::io::Result<()> {
    if without.iter().any(|file| file == to) {
        return Ok(());
    }
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(to)? {
            let there = entry?;
            if !from.join(there.file_name()).exists() && !without.contains(&there.path()) {
                if there.path().is_dir() {
                    fs::remove_dir_all(there.path())?
                } else {
                    fs::remove_file(there.path())?
                }
            }
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), without)?;
        }
        return Ok(());
    }
    write(to, &fs::read(from)?)
}

fn write(to: &Path, text: &[u8]) -> std::io::Result<()> {
    if fs::read(to).is_ok_and(|there| there == text) { Ok(()) } else { fs::write(to, text) }
}
