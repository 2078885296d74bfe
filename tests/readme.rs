//! README.md is true: the commands in it that are marked as checked run, one after the other, as they stand.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

/// Stands on the line before a block of commands that has to run.
const MARK: &str = "<!-- checked -->\n```sh\n";

fn read() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn main() -> ExitCode {
    let elsewhere = std::env::var_os("CARGO_TARGET_DIR")
        .is_some_and(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("target") != Path::new(&folder));
    let commands = if elsewhere {
        let name = "checked_commands_run (README.md speaks of target/, and CARGO_TARGET_DIR is elsewhere)";
        Trial::test(name, || Ok(())).with_ignored_flag(true)
    } else {
        trial("checked_commands_run", checked_commands_run)
    };
    let files = trial("every_file_that_it_names_is_there", every_file_that_it_names_is_there);
    libtest_mimic::run(&Arguments::from_args(), vec![commands, files]).exit_code()
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

fn checked_commands_run() {
    let readme = read();
    let blocks: Vec<_> = readme.split(MARK).skip(1).filter_map(|rest| rest.split_once("```\n")).collect();
    assert!(!blocks.is_empty(), "README.md has no block that is marked with {MARK:?}");
    let script: String = blocks.iter().map(|(commands, _)| *commands).collect();
    // Whatever is left running when a command fails ends with the shell.
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{}:\n{said}", output.status);
    for promised in ["HTTP/1.1 401", "HTTP/1.1 200", "HTTP/1.1 403"] {
        assert!(said.contains(promised), "no answer is {promised}:\n{said}");
    }
}

fn every_file_that_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for word in read().split(['`', '(', ')', ' ', '\n']) {
        // Of a test the file; `manual` looks for the test in it.
        let place = word.split("::").next().unwrap_or_default().trim_end_matches(['.', ',', '/']);
        let ours = ["src/", "tests/", "envoy/"].iter().any(|folder| place.starts_with(folder));
        assert!(!ours || place.contains('*') || root.join(place).exists(), "README.md names {place}");
    }
}
