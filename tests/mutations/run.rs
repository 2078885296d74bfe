//! `./build.sh mutations`: takes each defence of `list.yaml` out of a copy of the code and has the test run that is to
//! notice. One that does not is the finding.
//!
//! Copies lie below `target/mutations` and are built there, so that nothing is left behind in the repository, however
//! this ends. There is one for each core, up to [`LANES`]: a build is mostly one thread's work.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its findings on the terminal")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

mod list;
mod reference;
mod tree;

use list::{Edit, Mutation};
use reference::Reference;
use tree::Tree;

/// How many mutations are tried at once at most; each copy is built in a folder of its own, of two gigabytes.
const LANES: usize = 4;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match run(&wanted) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("mutations: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Tries the mutations against the threats in `wanted`, or all; whether every one of them was noticed.
fn run(wanted: &[String]) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut list = list::read(root)?;
    list.retain(|mutation| wanted.is_empty() || wanted.contains(&mutation.threat));
    if list.is_empty() {
        return Err("there is no mutation against any of these threats".to_owned());
    }
    // Those that are built alike come one after the other.
    list.sort_by(|one, other| one.test.cmp(&other.test));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let benches: Vec<Bench> =
        (0..cores.min(LANES).min(list.len())).map(|lane| Bench::new(root, lane)).collect::<Result<_, _>>()?;
    let (first, others) = benches.split_first().ok_or("there is no core to run on")?;
    println!("{} to try; first their tests have to pass with nothing taken out (some minutes)", list.len());
    first.passes_all(&list)?;

    let count = list.len();
    let waiting = Mutex::new(VecDeque::from(list));
    let waiting = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let missed = thread::scope(|scope| {
        // From both ends, so that two seldom build the same kind of test.
        let others: Vec<_> = others
            .iter()
            .map(|bench| scope.spawn(move || bench.try_each(count, || waiting().pop_back())))
            .collect();
        let missed = first.try_each(count, || waiting().pop_front());
        others.into_iter().map(|lane| lane.join().unwrap_or(1)).sum::<usize>() + missed
    });
    println!("{count} tried, {missed} not noticed");
    Ok(missed == 0)
}

fn build_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Where mutations are tried.
struct Bench {
    tree: Tree,
    /// The build folder of the copy.
    target: PathBuf,
    envoy: PathBuf,
}

impl Bench {
    fn new(root: &Path, lane: usize) -> Result<Self, String> {
        let target = build_folder(root);
        let home = target.join("mutations").join(lane.to_string());
        let tree = Tree::copy(root, &home.join("tree"), &[])?;
        Ok(Self { tree, target: home.join("target"), envoy: target.join("tools/envoy") })
    }

    /// Each test passes before anything is taken out.
    fn passes_all(&self, list: &[Mutation]) -> Result<(), String> {
        for alike in list.chunk_by(|one, other| one.test.is_built_as(&other.test)) {
            let Some(program) = alike.first().map(|mutation| self.build(&mutation.test)).transpose()? else {
                continue;
            };
            for Mutation { test, .. } in alike {
                if !self.passes(&program, test)? {
                    return Err(format!("{test} fails already before anything is taken out"));
                }
            }
        }
        Ok(())
    }

    /// Tries one mutation after the other and tells what came of each; how many were not noticed.
    fn try_each(&self, count: usize, mut next: impl FnMut() -> Option<Mutation>) -> usize {
        let mut missed = 0;
        while let Some(mutation) = next() {
            let found = match self.notices(&mutation) {
                Ok(true) => "noticed by".to_owned(),
                Ok(false) => "NOT NOTICED by".to_owned(),
                Err(problem) => format!("COULD NOT BE TRIED ({problem}) with"),
            };
            println!("{}: {found} {} (of {count})", mutation.threat, mutation.test);
            missed += usize::from(found != "noticed by");
        }
        missed
    }

    /// Whether the test fails once the edits are made. They are undone afterwards.
    fn notices(&self, mutation: &Mutation) -> Result<bool, String> {
        let originals = self.edit(&mutation.edits)?;
        let passes = self.build(&mutation.test).and_then(|program| self.passes(&program, &mutation.test));
        for (file, text) in originals {
            self.tree.write(&file, &text)?;
        }
        passes
            .map(|passes| !passes)
            .map_err(|problem| format!("{} without {:?}: {problem}", mutation.threat, mutation.edits))
    }

    /// Makes all `edits`; the files as they were before.
    ///
    /// # Errors
    /// A text to be replaced is not there, or more than once; then nothing is changed.
    fn edit(&self, edits: &[Edit]) -> Result<BTreeMap<String, String>, String> {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        for Edit { file, from, to } in edits {
            if !after.contains_key(file) {
                let text = self.tree.read(file)?;
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
        after.iter().try_for_each(|(file, text)| self.tree.write(file, text))?;
        Ok(before)
    }

    /// Whether a test passes that `program` has.
    fn passes(&self, program: &Path, test: &Reference) -> Result<bool, String> {
        let name = match test {
            Reference::Unit { path } => path,
            Reference::Ring { test, .. } | Reference::Envoy { test } => test,
            Reference::Scenario { file, name } => {
                let said = text(self.output(Command::new(program).args(["test", file]))?.stdout);
                let place = format!(" {file}: {name}");
                let is_it = |line: &str| line.ends_with(&place) || line.contains(&format!("{place}: "));
                let line = said.lines().find(|line| is_it(line));
                return line
                    .map(|line| line.starts_with("ok "))
                    .ok_or_else(|| format!("{test} was not run: {said}"));
            }
        };
        let output = self.output(Command::new(program).args(["--exact", name]))?;
        let said = text(output.stdout);
        if said.contains("running 1 test") {
            Ok(output.status.success())
        } else {
            Err(format!("{test} is no test that could be run: {said}"))
        }
    }

    /// Builds what a test needs, of the code as it now is; the program that runs it.
    fn build(&self, test: &Reference) -> Result<PathBuf, String> {
        match test {
            Reference::Unit { .. } => self.cargo(&["test", "--no-run", "--lib"]),
            Reference::Ring { name, .. } => self.cargo(&["test", "--no-run", "--test", name]),
            Reference::Scenario { .. } => self.cargo(&["build", "--bin", "scopegate"]),
            Reference::Envoy { .. } => {
                let module =
                    ["rustc", "--lib", "--crate-type", "cdylib", "--target", "wasm32-wasip1", "--profile"];
                self.output_of_cargo(&[&module[..], &["measure"]].concat())?;
                self.cargo(&["test", "--no-run", "--test", "envoy"])
            }
        }
    }

    /// Has cargo build one program. Nobody debugs it.
    fn cargo(&self, arguments: &[&str]) -> Result<PathBuf, String> {
        let told = ["--config", "profile.dev.package.scopegate.debug=0", "--message-format", "json"];
        let said = self.output_of_cargo(&[arguments, &told].concat())?;
        let is_test = arguments.first() == Some(&"test");
        let program = said.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            // A test may have the tool built beside it.
            let fits = message.pointer("/profile/test")?.as_bool() == Some(is_test);
            message.get("executable")?.as_str().filter(|_| fits).map(PathBuf::from)
        });
        program.ok_or_else(|| format!("cargo {arguments:?} made no program"))
    }

    fn output_of_cargo(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(Command::new(env!("CARGO")).arg("--quiet").args(arguments))?;
        if output.status.success() {
            return Ok(text(output.stdout));
        }
        Err(format!("it does not build: {}", text(output.stderr)))
    }

    fn output(&self, command: &mut Command) -> Result<Output, String> {
        command
            .current_dir(self.tree.root())
            .env("CARGO_TARGET_DIR", &self.target)
            .env("SCOPEGATE_WASM", self.target.join("wasm32-wasip1/measure/scopegate.wasm"))
            .env("SCOPEGATE_ENVOY", &self.envoy)
            .output()
            .map_err(|error| format!("{command:?}: {error}"))
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}
