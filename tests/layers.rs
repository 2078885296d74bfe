//! Imports run one way: the layer table in `src/lib.rs` is read, and every `crate::` path in `src` is checked
//! against it. Inside a room no file imports one that imports it. Crypto crates are named where they belong.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "what is not as expected has to stop the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "layers/knots.rs"]
mod knots;

/// Crates that are named in one file, or below one folder, alone: where the engine verifies; RSA, with which it does not sign, where `mint` does.
const HOMES: &[(&str, &[&str])] = &[
    ("crypto_bigint", &["jose/rsa/"]),
    ("p256", &["jose/ecdsa.rs"]),
    ("curve25519_dalek", &["jose/eddsa.rs"]),
    ("ed25519_dalek", &["jose/eddsa.rs"]),
    ("hmac", &["jose/hmac.rs"]),
    ("rsa", &["tool/mint/rsa.rs"]),
    ("siphasher", &["base/digest.rs"]),
    ("subtle", &["base/secret.rs"]),
    ("zeroize", &["base/secret.rs"]),
    ("base64", &["base/base64url.rs"]),
    ("clap", &["tool/"]),
    ("granit_parser", &["tool/document/tree.rs"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Module to layer, from rows such as `| L1 | `http`, `jose` | … |`.
fn table() -> BTreeMap<String, usize> {
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    let mut table = BTreeMap::new();
    for row in map.lines().filter_map(|line| line.strip_prefix("//! | L")) {
        let mut cells = row.split('|');
        let layer: usize = cells.next().unwrap().trim().parse().unwrap();
        for module in cells.next().unwrap().split('`').skip(1).step_by(2) {
            table.insert(module.to_owned(), layer);
        }
    }
    table
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file below `src` but the crate's roots: its path from there, and its text without tests and comments.
fn modules() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&source(), &mut found);
    let relative = |path: &Path| path.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
    let code = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    let modules: Vec<_> = found.iter().map(|path| (relative(path), code(path))).collect();
    modules.into_iter().filter(|(path, _)| path != "lib.rs" && !path.starts_with("bin/")).collect()
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn imports_run_one_way() {
    let table = table();
    assert!(table.len() >= 8, "the layer table was not found in lib.rs: {table:?}");
    let mut checked = 0;
    for (path, code) in modules() {
        let own = path.split(['/', '.']).next().unwrap();
        let layer = table.get(own).unwrap_or_else(|| panic!("{path}: `{own}` is not in the layer table"));
        assert!(
            !code.contains("crate::{"),
            "{path}: write one import a module, so that this test can read it"
        );
        for used in code.split("crate::").skip(1).map(first_word).filter(|used| *used != own) {
            let below = table
                .get(used)
                .unwrap_or_else(|| panic!("{path}: `crate::{used}` is not in the layer table"));
            assert!(below < layer, "{path}: `{own}` (L{layer}) must not import `{used}` (L{below})");
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} imports were seen");
}

/// Files that import each other, to be untangled. There are to be no others, and none that is gone.
const KNOTS: &[&[&str]] = &[
    &["gate/fetched", "gate/key_ring", "gate/keys", "gate/sealed"],
    &["policy/index", "policy/rules"],
    &["token/binding", "token/claims", "token/dpop", "token/fault", "token/grant"],
    &[
        "token/introspection/client",
        "token/introspection/endpoint",
        "token/introspection/google",
        "token/introspection/mod",
        "token/introspection/mule",
        "token/introspection/openam",
        "token/introspection/pingfederate",
        "token/introspection/reply",
        "token/introspection/rfc7662",
        "token/introspection/said",
        "token/introspection/signed",
        "token/introspection/userinfo",
    ],
];

#[test]
fn no_file_imports_one_that_imports_it() {
    let known: Vec<Vec<String>> =
        KNOTS.iter().map(|knot| knot.iter().map(|path| format!("{path}.rs")).collect()).collect();
    assert_eq!(knots::knots(&modules()), known);
}

#[test]
fn every_folder_is_in_the_table() {
    let table = table();
    for entry in fs::read_dir(source()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(
            !path.is_dir() || name == "bin" || table.contains_key(&name),
            "src/{name} is not in the layer table"
        );
    }
}

#[test]
fn each_crate_has_its_home() {
    let modules = modules();
    for (name, homes) in HOMES {
        // A module may be called like a crate: what counts is the import, and a path from the crate's root.
        let named =
            |code: &str| code.contains(&format!("use {name}::")) || code.contains(&format!(" {name}::main!"));
        for home in *homes {
            assert!(
                modules.iter().any(|(path, code)| path.starts_with(home) && named(code)),
                "{name} is not used in {home}"
            );
        }
        for (path, code) in &modules {
            let at_home = homes.iter().any(|home| path.starts_with(home));
            assert!(at_home || !named(code), "{path} names {name}, whose home is {homes:?}");
        }
    }
}

/// What reaches outside: the proxy, clocks, files, the network, the terminal.
const OUTSIDE: [&str; 13] = [
    "extern \"C\"",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
    "print!(",
    "println!(",
    "dbg!(",
    "log::",
];

/// The layers below the skins: without them, and without tests.
fn engine() -> Vec<(String, String)> {
    let is_skin = |path: &str| ["filter", "tool"].iter().any(|skin| path.starts_with(skin));
    let is_test = |path: &str| path.ends_with("tests.rs");
    modules().into_iter().filter(|(path, _)| !is_skin(path) && !is_test(path)).collect()
}

#[test]
fn nothing_below_the_skins_reaches_outside() {
    let engine = engine();
    assert!(engine.len() > 80, "only {} files were read", engine.len());
    for (path, code) in &engine {
        for word in OUTSIDE {
            assert!(!code.contains(word), "{path} names {word}");
        }
    }
    let callers: Vec<_> = modules().into_iter().filter(|(_, code)| code.contains(OUTSIDE[0])).collect();
    assert!(!callers.is_empty() && callers.iter().all(|(path, _)| path.starts_with("filter/abi/")));
}

/// Nothing runs tests on Wasm: one in a file that is built for it alone would never run.
#[test]
fn no_test_stands_where_only_wasm_is_built() {
    const ONLY_WASM: &str = "#[cfg(target_arch = \"wasm32\")]\nmod ";
    let mut found = Vec::new();
    files(&source(), &mut found);
    let mut checked = 0;
    for path in &found {
        let text = fs::read_to_string(path).unwrap();
        for name in text.split(ONLY_WASM).skip(1).map(first_word) {
            let module = path.with_file_name(name);
            let is_in_it =
                |file: &&PathBuf| **file == module.with_extension("rs") || file.starts_with(&module);
            let inside: Vec<_> = found.iter().filter(is_in_it).collect();
            assert!(!inside.is_empty(), "{name} of {} was not found", path.display());
            for file in inside {
                let text = fs::read_to_string(file).unwrap();
                assert!(!text.contains("#[test]"), "{}: its tests never run", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 5, "only {checked} files were read");
}

#[test]
fn one_file_makes_permits() {
    let makes = |code: &str| code.contains("Permit(()");
    let makers: Vec<_> =
        modules().into_iter().filter(|(_, code)| makes(code)).map(|(path, _)| path).collect();
    assert_eq!(makers, ["policy/authorize.rs"]);
    // It holds nothing that another file could fill in.
    let (_, code) = engine().into_iter().find(|(path, _)| path == "policy/authorize.rs").unwrap();
    assert!(code.contains("pub struct Permit(());"), "others can make one");
}
