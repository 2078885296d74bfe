//! A copy of the repository's code, to be changed and built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::list::Edit;

/// What of the repository is needed to build and test.
const PARTS: [&str; 8] =
    ["fuzz", "Cargo.toml", "Cargo.lock", ".clippy.toml", "README.md", "src", "tests", "envoy"];

/// The copy.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// Makes the copy of `from` at `to` what the original is. A file that is the same already is left alone, so that
    /// it is not built again.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<Self, String> {
        fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
        for part in PARTS {
            copy(&from.join(part), &to.join(part)).map_err(|error| format!("{part}: {error}"))?;
        }
        Ok(Self(to.to_path_buf()))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// Makes all `edits`; the files as they were before.
    ///
    /// # Errors
    /// A text to be replaced is not there, or more than once; then nothing is changed.
    pub(crate) fn edit(&self, edits: &[Edit]) -> Result<BTreeMap<String, String>, String> {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        for Edit { file, from, to } in edits {
            if !after.contains_key(file) {
                let text =
                    fs::read_to_string(self.0.join(file)).map_err(|error| format!("{file}: {error}"))?;
                before.insert(file.clone(), text.clone());
                after.insert(file.clone(), text);
            }
            let text = after.entry(file.clone()).or_default();
            let found = text.matches(from).count();
            if found != 1 {
                return Err(format!("{file} has the text to be taken out {found} times: {from}"));
            }
            *text = text.replacen(from, to, 1);
        }
        after.iter().try_for_each(|(file, text)| self.write(file, text))?;
        Ok(before)
    }

    /// Puts `text` into `file`.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), String> {
        fs::write(self.0.join(file), text).map_err(|error| format!("{file}: {error}"))
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(to)? {
            let there = entry?;
            if !from.join(there.file_name()).exists() {
                if there.path().is_dir() {
                    fs::remove_dir_all(there.path())?
                } else {
                    fs::remove_file(there.path())?
                }
            }
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == text) { Ok(()) } else { fs::write(to, text) }
}
