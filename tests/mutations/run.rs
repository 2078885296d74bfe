//! `./build.sh mutations`: takes each defence of `list.yaml` out of a copy of the code and has the test run that is to
//! notice. One that does not is the finding.
//!
//! The copy lies below `target/mutations` and is built there, so that nothing is left behind in the repository, however
//! this ends.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells its findings on the terminal")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

mod list;
mod reference;
mod tree;

use list::Mutation;
use reference::Reference;
use tree::Tree;

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
    let bench = Bench {
        tree: Tree::copy(root, &build_folder(root).join("mutations/tree"))?,
        target: build_folder(root),
    };
    let mut missed = 0;
    // Those that are built alike come one after the other.
    list.sort_by(|one, other| one.test.cmp(&other.test));
    for together in list.chunk_by(|one, other| one.test.is_built_as(&other.test)) {
        for test in together.iter().map(|mutation| &mutation.test) {
            if !bench.passes(test)? {
                return Err(format!("{test} fails already before anything is taken out"));
            }
        }
        for mutation in together {
            let found = match bench.notices(mutation) {
                Ok(true) => "noticed by".to_owned(),
                Ok(false) => "NOT NOTICED by".to_owned(),
                Err(problem) => format!("COULD NOT BE TRIED ({problem}) with"),
            };
            println!("{}: {found} {}", mutation.threat, mutation.test);
            missed += usize::from(found != "noticed by");
        }
    }
    println!("{} tried, {missed} not noticed", list.len());
    Ok(missed == 0)
}

fn build_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Where mutations are tried.
struct Bench {
    tree: Tree,
    /// The build folder of the code as it is; it has Envoy.
    target: PathBuf,
}

impl Bench {
    /// Whether the test fails once the edits are made. They are undone afterwards.
    fn notices(&self, mutation: &Mutation) -> Result<bool, String> {
        let originals = self.tree.edit(&mutation.edits)?;
        let passes = self.passes(&mutation.test);
        for (file, text) in originals {
            self.tree.write(&file, &text)?;
        }
        passes
            .map(|passes| !passes)
            .map_err(|problem| format!("{} without {:?}: {problem}", mutation.threat, mutation.edits))
    }

    /// Whether a test passes that is there, of code that builds.
    fn passes(&self, test: &Reference) -> Result<bool, String> {
        match test {
            Reference::Unit { path } => self.cargo_test(&["--lib"], path),
            Reference::Ring { name, test } => self.cargo_test(&["--test", name], test),
            Reference::Scenario { file, name } => {
                self.build(&["build", "--bin", "scopegate"])?;
                let tool = self.own_target().join("debug/scopegate");
                let output = self.output(Command::new(tool).args(["test", file]))?;
                let said = text(output.stdout);
                let place = format!(" {file}: {name}");
                let is_it = |line: &str| line.ends_with(&place) || line.contains(&format!("{place}: "));
                let line = said.lines().find(|line| is_it(line));
                line.map(|line| line.starts_with("ok ")).ok_or_else(|| format!("{test} was not run: {said}"))
            }
            Reference::Envoy { test } => {
                self.build(&[
                    "rustc",
                    "--lib",
                    "--crate-type",
                    "cdylib",
                    "--target",
                    "wasm32-wasip1",
                    "--profile",
                    "measure",
                ])?;
                self.cargo_test(&["--test", "envoy"], test)
            }
        }
    }

    fn cargo_test(&self, which: &[&str], test: &str) -> Result<bool, String> {
        self.build(&[&["test", "--no-run"], which].concat())?;
        let output = self.output(self.cargo().arg("test").args(which).args(["--", "--exact", test]))?;
        let said = text(output.stdout);
        if said.contains("running 1 test") {
            Ok(output.status.success())
        } else {
            Err(format!("{test} is no test that could be run: {said}"))
        }
    }

    fn build(&self, arguments: &[&str]) -> Result<(), String> {
        let output = self.output(self.cargo().args(arguments))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("it does not build: {}", text(output.stderr)))
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg("--quiet");
        cargo
    }

    fn output(&self, command: &mut Command) -> Result<Output, String> {
        command
            .current_dir(self.tree.root())
            .env("CARGO_TARGET_DIR", self.own_target())
            .env("SCOPEGATE_WASM", self.own_target().join("wasm32-wasip1/measure/scopegate.wasm"))
            .env("SCOPEGATE_ENVOY", self.target.join("tools/envoy"))
            .output()
            .map_err(|error| format!("{command:?}: {error}"))
    }

    fn own_target(&self) -> PathBuf {
        self.target.join("mutations/target")
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}
