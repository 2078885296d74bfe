//! The list of changes that no test notices, each with the reason why none should.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::site::Mutant;

/// What a change is known by: not by its line, which moves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Change {
    pub(crate) file: String,
    pub(crate) function: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Change {
    pub(crate) fn of(mutant: &Mutant) -> Self {
        let Mutant { file, function, from, to, .. } = mutant.clone();
        Self { file, function, from, to }
    }

    /// As it stands in the list, but for its reason.
    pub(crate) fn entry(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            "[[survivor]]\nfile = {}\nfunction = {}\nfrom = {}\nto = {}\n\n",
            text(&self.file),
            text(&self.function),
            text(&self.from),
            text(&self.to)
        )
    }
}

/// The list in the repository at `root`.
///
/// # Errors
/// It cannot be read, or an entry has no reason, or stands there twice.
pub(crate) fn read(root: &Path) -> Result<BTreeSet<Change>, String> {
    let file = root.join("tests/mutants/survivors.toml");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let table: Table = text.parse().map_err(|error| format!("{}: {error}", file.display()))?;
    let mut list = BTreeSet::new();
    for entry in table.get("survivor").and_then(Value::as_array).into_iter().flatten() {
        let change =
            change(entry).ok_or_else(|| format!("cannot be understood, or has no reason: {entry:?}"))?;
        if !list.insert(change) {
            return Err(format!("stands there twice: {entry:?}"));
        }
    }
    Ok(list)
}

fn change(entry: &Value) -> Option<Change> {
    let text = |name: &str| entry.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    text("reason")?;
    Some(Change { file: text("file")?, function: text("function")?, from: text("from")?, to: text("to")? })
}
