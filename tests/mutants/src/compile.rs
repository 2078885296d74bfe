//! Building the code with its switches, without the changes that are no Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::render::{Rendered, render};
use crate::site::{Kind, Number, Site};
use crate::tree::Tree;

/// A file with the places in it.
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) sites: Vec<Site>,
}

/// The copy of the code, and where it is built.
pub(crate) struct Workshop {
    pub(crate) tree: Tree,
    pub(crate) target: PathBuf,
}

/// A program that tests.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Workshop {
    /// Writes the sources with their switches, so that they compile; the changes that had to be left out for that.
    pub(crate) fn write(&self, sources: &[Source]) -> Result<BTreeSet<Number>, String> {
        let mut left_out = self.left_out_before(sources);
        let mut rendered = BTreeMap::new();
        loop {
            for source in sources {
                self.render(source, &left_out, &mut rendered)?;
            }
            let mistakes = self.mistakes()?;
            if mistakes.is_empty() {
                self.remember(sources, &left_out)?;
                return Ok(left_out);
            }
            let before = left_out.len();
            for (said, places) in &mistakes {
                let blamed = places.iter().find_map(|(file, range)| {
                    let blamed = rendered.get(file)?.blame(range);
                    (!blamed.is_empty()).then_some(blamed)
                });
                left_out
                    .extend(blamed.ok_or_else(|| format!("the code with switches does not build: {said}"))?);
            }
            println!("{} changes are no Rust ({} mistakes)", left_out.len() - before, mistakes.len());
        }
    }

    /// What had to be left out when the code was the same.
    fn left_out_before(&self, sources: &[Source]) -> BTreeSet<Number> {
        let notes = fs::read_to_string(self.notes()).unwrap_or_default();
        let numbers = notes.strip_prefix(&fingerprint(sources)).unwrap_or_default();
        numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    fn remember(&self, sources: &[Source], left_out: &BTreeSet<Number>) -> Result<(), String> {
        let numbers: Vec<String> = left_out.iter().map(Number::to_string).collect();
        let notes = format!("{}{}", fingerprint(sources), numbers.join(" "));
        fs::write(self.notes(), notes).map_err(|error| format!("{}: {error}", self.notes().display()))
    }

    fn notes(&self) -> PathBuf {
        self.target.join("left-out")
    }

    fn render(
        &self,
        source: &Source,
        left_out: &BTreeSet<Number>,
        rendered: &mut BTreeMap<String, Rendered>,
    ) -> Result<(), String> {
        let mut sites = source.sites.clone();
        for site in &mut sites {
            site.changes.retain(|(number, _)| !left_out.contains(number));
        }
        sites.retain(|site| !site.changes.is_empty() || site.kind == Kind::Gone);
        let new = render(&source.text, sites);
        self.tree.write(&source.file, &new.text)?;
        rendered.insert(source.file.clone(), new);
        Ok(())
    }

    /// What the compiler says against the crate, with the places that it points to, the most important first.
    fn mistakes(&self) -> Result<Vec<Mistake>, String> {
        let messages = self.cargo(&["check", "--lib"])?;
        let errors = messages.iter().filter_map(|message| message.get("message"));
        let errors = errors.filter(|error| error.get("level").and_then(Value::as_str) == Some("error"));
        Ok(errors
            .filter_map(|error| {
                let said = error.get("rendered").and_then(Value::as_str).unwrap_or_default().to_owned();
                let mut spans: Vec<&Value> = error.get("spans")?.as_array()?.iter().collect();
                spans.sort_by_key(|span| span.get("is_primary").and_then(Value::as_bool) != Some(true));
                let places: Vec<_> = spans.into_iter().filter_map(place).collect();
                // What sums up the others points nowhere.
                (!places.is_empty()).then_some((said, places))
            })
            .collect())
    }

    /// Builds the programs that test: the unit tests, and the ring of this name.
    pub(crate) fn programs(&self, ring: &str) -> Result<Vec<Program>, String> {
        let mut programs = Vec::new();
        for message in self.cargo(&["test", "--no-run", "--lib", "--test", ring])? {
            let said = message.pointer("/message/rendered").and_then(Value::as_str);
            if message.pointer("/message/level").and_then(Value::as_str) == Some("error") {
                return Err(format!("the tests do not build: {}", said.unwrap_or_default()));
            }
            let Some(path) = message.get("executable").and_then(Value::as_str).map(PathBuf::from) else {
                continue;
            };
            let kind = message.pointer("/target/kind/0").and_then(Value::as_str).unwrap_or_default();
            let name = message.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
            match kind {
                // Which a ring runs.
                "bin" => (),
                "test" => programs.push(Program { name: name.to_owned(), path }),
                _ => programs.push(Program { name: "lib".to_owned(), path }),
            }
        }
        Ok(programs)
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Vec<Value>, String> {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--quiet", "--message-format=json"])
            .current_dir(self.tree.root())
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        let said = String::from_utf8(output.stdout).unwrap_or_default();
        let messages: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if messages.is_empty() && !output.status.success() {
            return Err(String::from_utf8(output.stderr).unwrap_or_default());
        }
        Ok(messages)
    }

    pub(crate) fn root(&self) -> &Path {
        self.tree.root()
    }
}

/// What is the same for the same code.
fn fingerprint(sources: &[Source]) -> String {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        (&source.file, &source.text, format!("{:?}", source.sites)).hash(&mut hasher);
    }
    format!("{:016x}\n", hasher.finish())
}

/// What was said, and where.
type Mistake = (String, Vec<(String, core::ops::Range<usize>)>);

fn place(span: &Value) -> Option<(String, core::ops::Range<usize>)> {
    let number = |name: &str| usize::try_from(span.get(name)?.as_u64()?).ok();
    Some((span.get("file_name")?.as_str()?.to_owned(), number("byte_start")?..number("byte_end")?))
}
