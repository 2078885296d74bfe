//! `./build.sh mutants`: changes the code in every place where that can be done without reading it, and has the tests
//! notice. One that none does is the finding.
//!
//! A copy of the code below `target/mutants` has all changes in it, each behind a switch, so that it is built once. The tests
//! run once as they are and tell which of them comes by which change; then each change is tried with those alone.
#![allow(clippy::disallowed_methods, reason = "it measures how long tests take")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

mod compile;
mod compile_time;
mod constants;
mod find;
mod operators;
mod render;
mod site;
mod sources;
mod suite;
mod survivors;
mod table;
#[path = "../../mutations/tree.rs"]
#[allow(dead_code, reason = "what is changed by hand is read before it is written")]
mod tree;
mod values;

use compile::Workshop;
use site::{Mutant, Number};
use suite::{Fate, Pace, Suite};
use survivors::Change;
use tree::Tree;

/// The parts of the crate that decide, if none is named.
const ROOMS: [&str; 4] = ["http", "policy", "token", "gate"];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let rooms = if wanted.is_empty() { ROOMS.map(str::to_owned).to_vec() } else { wanted };
    match run(&rooms) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("mutants: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Tries the changes in these folders or files of `src`; whether all were noticed but those of the list.
fn run(rooms: &[String]) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let listed = survivors::read(root)?;
    let folder = build_folder(root).join("mutants");
    let (sources, mutants) = sources::find(root, rooms)?;
    println!("{} changes in {} files", mutants.len(), sources.len());
    let files: BTreeSet<String> = sources.iter().map(|source| source.file.clone()).collect();
    let written: Vec<&str> =
        files.iter().map(String::as_str).chain(["src/mutant.rs", "src/lib.rs", "Cargo.toml"]).collect();
    let tree = Tree::copy(root, &folder.join("tree"), &written)?;
    let workshop = Workshop { tree, target: folder.join("target") };
    add_switch(root, &workshop.tree)?;
    let began = Instant::now();
    let left_out = workshop.write(&sources)?;
    let tried: Vec<Mutant> =
        mutants.into_iter().filter(|mutant| !left_out.contains(&mutant.number)).collect();
    println!("{} of them are Rust", tried.len());
    let suite = Suite::record(&workshop)?;
    println!("built and run as it is in {} s", began.elapsed().as_secs());
    let fates = try_all(&suite, &tried)?;

    let mut survived = BTreeMap::new();
    for mutant in &tried {
        if let Some(fate @ (Fate::Survived | Fate::Unreached)) = fates.get(&mutant.number) {
            survived.insert(Change::of(mutant), fate.clone());
        }
    }
    let unlisted: Vec<&Change> = survived.keys().filter(|change| !listed.contains(change)).collect();
    let entries: String = unlisted.iter().map(|change| change.entry()).collect();
    fs::write(folder.join("survivors.toml"), entries).map_err(|error| format!("survivors: {error}"))?;
    let gone = |change: &&Change| files.contains(&change.file) && !survived.contains_key(*change);
    let gone: Vec<&Change> = listed.iter().filter(gone).collect();
    print!("{}", table::of(&tried, &fates, &listed));
    for change in &gone {
        println!("in the list, and noticed or no longer there:\n{}", change.entry());
    }
    println!(
        "{} not noticed and not in the list: {}",
        unlisted.len(),
        folder.join("survivors.toml").display()
    );
    Ok(unlisted.is_empty() && gone.is_empty())
}

fn build_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Gives the copy what the switches are made of, and takes out the lints, which are for people, and what debuggers need:
/// it is built once, and its tests run thousands of times.
fn add_switch(root: &Path, tree: &Tree) -> Result<(), String> {
    let read = |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
    tree.write("src/mutant.rs", &read("tests/mutants/switch.rs")?)?;
    let allow = "#![allow(warnings, clippy::all, arithmetic_overflow, unconditional_panic)]\n";
    tree.write("src/lib.rs", &format!("{allow}{}\npub mod mutant;\n", read("src/lib.rs")?))?;
    let manifest = read("Cargo.toml")?;
    let manifest = manifest.split("[lints.rust]").next().unwrap_or_default();
    let quick = "[profile.dev.package]\nscopegate.debug = false\nscopegate.opt-level = 1\nscopegate-fuzz.debug = false";
    tree.write("Cargo.toml", &manifest.replace("[profile.dev.package]", quick))
}

/// What becomes of each change: the slow tests are asked about those alone that no other notices.
fn try_all(suite: &Suite, mutants: &[Mutant]) -> Result<BTreeMap<Number, Fate>, String> {
    let all: Vec<&Mutant> = mutants.iter().collect();
    let mut fates = try_these(suite, &all, Pace::Quick)?;
    let left: Vec<&Mutant> = mutants
        .iter()
        .filter(|mutant| !matches!(fates.get(&mutant.number), Some(Fate::Noticed(_))))
        .collect();
    println!("{} of {} are noticed by no quick test", left.len(), mutants.len());
    for (number, fate) in try_these(suite, &left, Pace::Slow)? {
        // Whoever is reached by no slow test is what the quick ones left.
        if fate != Fate::Unreached {
            fates.insert(number, fate);
        }
    }
    Ok(fates)
}

/// As many at a time as there are processors.
fn try_these(suite: &Suite, mutants: &[&Mutant], pace: Pace) -> Result<BTreeMap<Number, Fate>, String> {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let fates = Mutex::new(BTreeMap::new());
    let work = || -> Result<(), String> {
        while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fate = suite.try_out(mutant.number, pace)?;
            let said = match (&fate, pace) {
                (Fate::Noticed(_), Pace::Quick) | (Fate::Unreached, Pace::Slow) => None,
                (Fate::Noticed(_), Pace::Slow) => Some("a slow test alone notices"),
                (Fate::Unreached, Pace::Quick) => Some("no quick test comes by"),
                (Fate::Survived, Pace::Quick) => Some("no quick test notices"),
                (Fate::Survived, Pace::Slow) => Some("no test notices"),
            };
            if let Some(said) = said {
                let Mutant { file, line, function, from, to, .. } = mutant;
                println!("{said}: {file}:{line} {function}: replaced {from} with {to}");
            }
            let mut fates = fates.lock().map_err(|_| "a thread has died".to_owned())?;
            fates.insert(mutant.number, fate);
            if fates.len().is_multiple_of(100) {
                println!("{} of {} tried in {} s", fates.len(), mutants.len(), began.elapsed().as_secs());
            }
        }
        Ok(())
    };
    let workers = std::thread::available_parallelism().map_or(2, core::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a thread has died".to_owned())?)
    })?;
    fates.into_inner().map_err(|_| "a thread has died".to_owned())
}
