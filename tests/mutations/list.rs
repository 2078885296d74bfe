//! The list of defences to take out.

use std::fs;
use std::path::Path;

use scopegate::tool::document;
use serde_json::Value;

use crate::reference::Reference;

/// A defence that is taken out, and the test that has to notice.
pub(crate) struct Mutation {
    pub(crate) threat: String,
    pub(crate) test: Reference,
    pub(crate) edits: Vec<Edit>,
}

/// One text in one file, and what stands in its place without the defence.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The list in the repository at `root`.
pub(crate) fn read(root: &Path) -> Result<Vec<Mutation>, String> {
    let file = root.join("tests/mutations/list.yaml");
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let documents = document::parse(&text).map_err(|problem| problem.to_string())?;
    let entries = documents.first().and_then(Value::as_array).ok_or("the list of mutations is no list")?;
    let entry = |entry: &Value| mutation(entry).ok_or_else(|| format!("cannot be understood: {entry}"));
    entries.iter().map(entry).collect()
}

fn mutation(entry: &Value) -> Option<Mutation> {
    let edit = |edit: &Value| {
        let text = |name: &str| edit.get(name)?.as_str().map(str::to_owned);
        Some(Edit { file: text("file")?, from: text("from")?, to: text("to")? })
    };
    Some(Mutation {
        threat: entry.get("threat")?.as_str()?.to_owned(),
        test: Reference::read(entry.get("test")?.as_str()?)?,
        edits: entry.get("edits")?.as_array()?.iter().map(edit).collect::<Option<_>>()?,
    })
}
