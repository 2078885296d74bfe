//! The files in which something is changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::compile::Source;
use crate::compile_time::CompileTime;
use crate::constants::Constants;
use crate::find::{Finder, modules_of_tests};
use crate::site::Mutant;

/// The files of these folders or files below `src`, and all changes in them.
pub(crate) fn find(root: &Path, wanted: &[String]) -> Result<(Vec<Source>, Vec<Mutant>), String> {
    let mut files = Vec::new();
    read(root, "src", &mut files).map_err(|error| format!("src: {error}"))?;
    let mut others = files.clone();
    for folder in ["tests", "fuzz", "envoy"] {
        read(root, folder, &mut others).map_err(|error| format!("{folder}: {error}"))?;
    }
    let mut compile_time = CompileTime::default();
    for (file, text) in &others {
        compile_time.read(file, text)?;
    }
    let compile_time = compile_time.functions();
    let mut tests = BTreeSet::new();
    let mut constants = Constants::default();
    for (file, text) in &files {
        let folder = file.trim_end_matches("/mod.rs").trim_end_matches("/lib.rs").trim_end_matches(".rs");
        tests.extend(modules_of_tests(text)?.into_iter().map(|name| format!("{folder}/{name}.rs")));
    }
    files.retain(|(file, _)| !tests.contains(file));
    for (file, text) in &files {
        constants.read(file, text)?;
    }
    let is_wanted = |file: &str, name: &String| {
        let name = name.trim_start_matches("src/").trim_end_matches('/');
        file.strip_prefix("src/")
            .and_then(|file| file.strip_prefix(name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(name) = wanted.iter().find(|name| !files.iter().any(|(file, _)| is_wanted(file, name))) {
        return Err(format!("there is no '{name}' below src"));
    }
    files.retain(|(file, _)| wanted.iter().any(|name| is_wanted(file, name)));
    files.sort_by_key(|(file, _)| wanted.iter().position(|name| is_wanted(file, name)));
    let mut finder = Finder::new(&constants, &compile_time);
    let mut found = Vec::new();
    for (file, text) in &files {
        found.push(finder.find(file, text)?);
    }
    let mutants = finder.mutants;
    let sources = files.into_iter().zip(found).map(|((file, text), sites)| Source { file, text, sites });
    Ok((sources.collect(), mutants))
}

/// The files below a folder, each with its text.
fn read(root: &Path, folder: &str, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(root.join(folder))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            read(root, &path, files)?;
        } else if name.ends_with(".rs") {
            files.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}
