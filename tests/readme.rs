//! README.md is true: the commands in it that are marked as checked run, one after the other, as they stand.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Stands on the line before a block of commands that has to run.
const MARK: &str = "<!-- checked -->\n```sh\n";

fn read() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

#[test]
fn checked_commands_run() {
    let elsewhere = std::env::var_os("CARGO_TARGET_DIR")
        .is_some_and(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("target") != Path::new(&folder));
    if elsewhere {
        println!("README.md's commands are not run: it speaks of target/, and CARGO_TARGET_DIR is elsewhere");
        return;
    }
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

#[test]
fn every_file_that_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for word in read().split(['`', '(', ')', ' ', '\n']) {
        let place = word.trim_end_matches(['.', ',', '/']);
        let ours = ["src/", "tests/", "envoy/"].iter().any(|folder| place.starts_with(folder));
        assert!(!ours || place.contains('*') || root.join(place).exists(), "README.md names {place}");
    }
}
