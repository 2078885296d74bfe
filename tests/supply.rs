//! What comes into a build: licences, sources, versions, and each crate that reaches the module, held to `deny.toml`.
//!
//! cargo-deny checks most of this too, and known vulnerabilities besides; it takes minutes to build and its database is
//! nowhere but on GitHub, so that a build could not depend on it.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use toml::Table;

/// The crates whose code is in the module. One more is a decision, and made here.
const MODULE: &[&str] = &[
    "equivalent",
    "foldhash",
    "hashbrown",
    // JSON and base64
    "serde_json",
    "base64",
    "indexmap",
    "itoa",
    "memchr",
    "serde",
    "serde_core",
    "zmij",
    // signatures and digests, and what RustCrypto and dalek share
    "crypto-bigint",
    "ed25519-dalek",
    "hmac",
    "p256",
    "p384",
    "p521",
    "sha2",
    "siphasher",
    "base16ct",
    "block-buffer",
    "cfg-if",
    "cmov",
    "const-oid",
    "cpubits",
    "crypto-common",
    "ctutils",
    "curve25519-dalek",
    "der",
    "digest",
    "ecdsa",
    "ed25519",
    "elliptic-curve",
    "ff",
    "group",
    "hybrid-array",
    "num-traits",
    "primefield",
    "primeorder",
    "rand_core",
    "rfc6979",
    "sec1",
    "signature",
    "spki",
    "subtle",
    "typenum",
    "wnaf",
    "zeroize",
    // random numbers of the proxy
    "getrandom",
];

/// What only tests and benchmarks build, with lock files of its own: modules, and what changes the code for `mutants`.
const OTHERS: &[&str] = &["tests/bench/empty", "tests/mutants", "tests/probe"];

/// The second host and the library, for a part of the tests that is not quick. Nothing of it is handed out, and its licences
/// are not looked at: wasmtime's is Apache-2.0 with LLVM's exception.
const SECOND_HOST: &str = "tests/hosts";

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(path: &str) -> Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    String::from_utf8(output.stdout).unwrap()
}

/// Every crate that a build here or for the module could use, our own left out.
fn packages() -> Vec<Value> {
    let deny = table("deny.toml");
    let mut arguments = vec!["metadata", "--format-version", "1", "--locked"];
    for target in texts(&deny["graph"]["targets"]) {
        arguments.extend(["--filter-platform", target]);
    }
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().filter(|package| !package["source"].is_null()).cloned().collect()
}

/// The packages of a lock file.
fn locked(folder: &str) -> Vec<Table> {
    let lock = table(&format!("{folder}/Cargo.lock"));
    lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone()).collect()
}

fn text<'t>(package: &'t Table, member: &str) -> &'t str {
    package.get(member).and_then(toml::Value::as_str).unwrap_or_default()
}

#[test]
fn every_licence_is_allowed_and_every_allowance_is_used() {
    let deny = table("deny.toml");
    let allowed = texts(&deny["licenses"]["allow"]);
    let mut used = BTreeSet::new();
    let packages = packages();
    for package in &packages {
        // The slash is how crates.io had it before SPDX.
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let expression = spdx::Expression::parse(&licence);
        let expression =
            expression.unwrap_or_else(|fault| panic!("{}: {licence:?}: {fault}", package["name"]));
        let fits = |requirement: &spdx::LicenseReq| {
            let name = requirement.to_string();
            let fits = allowed.get(&*name).copied();
            used.extend(fits);
            fits.is_some()
        };
        assert!(expression.evaluate(fits), "{} {}: {licence}", package["name"], package["version"]);
    }
    assert!(packages.len() > 90, "only {} crates were seen", packages.len());
    assert_eq!(used, allowed, "deny.toml allows what nothing needs");
}

#[test]
fn no_crate_is_there_in_two_versions_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        let of = |member: &str| package[member].as_str().unwrap().to_owned();
        versions.entry(of("name")).or_default().insert(of("version"));
    }
    versions.retain(|_, versions| versions.len() > 1);
    let deny = table("deny.toml");
    for exception in deny["bans"]["skip"].as_array().unwrap() {
        let (name, version) = exception["crate"].as_str().unwrap().split_once('@').unwrap();
        assert!(
            exception["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
            "{name} has no reason"
        );
        let twice = versions.get_mut(name).unwrap_or_else(|| panic!("{name} is no longer there twice"));
        let before = twice.len();
        twice.retain(|there| !there.starts_with(&format!("{version}.")));
        assert_eq!(twice.len() + 1, before, "there is no {name} {version}");
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert_eq!(versions, BTreeMap::new());
}

#[test]
fn every_crate_is_from_crates_io_with_a_checksum() {
    let deny = table("deny.toml");
    assert_eq!(
        texts(&deny["sources"]["allow-registry"]),
        BTreeSet::from([CRATES_IO.trim_start_matches("registry+")])
    );
    for folder in OTHERS.iter().chain(&[".", SECOND_HOST]) {
        let packages = locked(folder);
        let (ours, theirs): (Vec<_>, Vec<_>) =
            packages.iter().partition(|package| !package.contains_key("source"));
        let ours: Vec<&str> = ours.iter().map(|package| text(package, "name")).collect();
        let expected = match *folder {
            "." => 3,
            SECOND_HOST => 2,
            _ => 1,
        };
        assert_eq!(ours.len(), expected, "{folder}: a crate is from a folder: {ours:?}");
        for package in theirs {
            let name = text(package, "name");
            assert_eq!(text(package, "source"), CRATES_IO, "{folder}: {name}");
            assert_eq!(text(package, "checksum").len(), 64, "{folder}: {name} has no checksum");
        }
    }
}

/// The proxy's SDK and what it needs: ours does without, the others have nothing but a callback or two.
const SDK: [&str; 4] = ["allocator-api2", "hashbrown", "log", "proxy-wasm"];

/// Or what is tested or measured beside the module would not be what is in it.
#[test]
fn what_has_a_lock_file_of_its_own_is_built_from_the_same_crates() {
    let ours: BTreeSet<_> = locked(".").iter().map(|package| text(package, "checksum").to_owned()).collect();
    for folder in OTHERS {
        for package in locked(folder).iter().filter(|package| package.contains_key("checksum")) {
            let known = ours.contains(text(package, "checksum"));
            assert!(
                known || SDK.contains(&text(package, "name")),
                "{folder}: {} {} is not ours",
                text(package, "name"),
                text(package, "version")
            );
        }
    }
}

/// Or the scenarios would be read there by another library than here. What wasmtime alone brings is its own.
#[test]
fn the_second_host_has_the_modules_crates_as_they_are_here() {
    let ours: BTreeSet<_> = locked(".").iter().map(|package| text(package, "checksum").to_owned()).collect();
    let theirs = locked(SECOND_HOST);
    for name in MODULE {
        let mut found = theirs.iter().filter(|package| text(package, "name") == *name);
        assert!(found.any(|package| ours.contains(text(package, "checksum"))), "{name} is another one");
    }
}

#[test]
fn the_module_is_made_of_these_crates_alone() {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--target",
        "wasm32-wasip1",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let found: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected: BTreeSet<_> = MODULE.iter().copied().chain(["scopegate"]).collect();
    let new: Vec<_> = found.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:?}; no longer there: {gone:?}");
}
