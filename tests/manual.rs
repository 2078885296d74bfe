//! The manual is true: what it names is there, and what it lists is complete.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what is not as expected has to stop the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use scopegate::config;
use serde_json::Value;

#[path = "bench/proxy/figures.rs"]
#[allow(dead_code, reason = "the benchmark has more use for it")]
mod figures;
#[path = "bench/proxy/goals.rs"]
#[allow(dead_code, reason = "the benchmark has more use for it")]
mod goals;
#[path = "bench/proxy/guard.rs"]
#[allow(dead_code, reason = "the benchmark has more use for it")]
mod guard;
#[path = "mutations/list.rs"]
mod list;
#[path = "mutations/reference.rs"]
mod reference;

#[path = "manual/claims.rs"]
mod claims;
#[path = "manual/figures.rs"]
mod figures_tests;

use reference::Reference;

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of all tables of a page, cell by cell.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::to_owned).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

struct Threat {
    places: Vec<String>,
    tests: Vec<String>,
}

fn threats() -> BTreeMap<String, Threat> {
    let mut threats = BTreeMap::new();
    for row in rows("src/manual/threats.md") {
        let [id, _, stops, tests] = row.as_slice() else { panic!("not four cells: {row:?}") };
        if !id.starts_with('T') {
            continue;
        }
        let places = quoted(stops).into_iter().filter(|text| text.starts_with("src/")).map(str::to_owned);
        let tests = quoted(tests).into_iter().map(str::to_owned);
        let threat = Threat { places: places.collect(), tests: tests.collect() };
        assert!(threats.insert(id.clone(), threat).is_none(), "{id} stands twice");
    }
    threats
}

/// Whether `file` has a test `name`: as a function, as the name of a trial (which may be put together from two texts),
/// or as a scenario.
fn has_test(file: &str, name: &str) -> bool {
    let text = read(file);
    if file.ends_with(".yaml") {
        let ends = [", request:", ", at:", "\n"];
        return ends.iter().any(|end| text.contains(&format!("name: {name}{end}")));
    }
    // `prefix::name{suffix}` is how trials are put together.
    let name_in = |part: &str| {
        let part = part.rsplit("::").next().unwrap_or(part);
        part.split('{').next().unwrap_or(part).to_owned()
    };
    let texts: BTreeSet<String> = text.split('"').map(name_in).filter(|text| text.len() > 5).collect();
    let is_put_together = || {
        let mut ends = texts.iter().filter_map(|start| name.strip_prefix(start.as_str()));
        ends.any(|end| texts.contains(end))
    };
    let is_function = text.contains("#[test]") && text.contains(&format!("fn {name}()"));
    is_function || texts.contains(name) || is_put_together()
}

#[test]
fn every_threat_is_there_with_its_defence_and_its_tests() {
    let threats = threats();
    let numbers = (1..=31).chain(40..=52).chain(60..=70).chain(80..=88).chain(150..=157).chain(190..=198);
    for number in numbers {
        assert!(threats.contains_key(&format!("T{number:02}")), "T{number:02} is missing");
    }
    for (id, Threat { places, tests }) in &threats {
        assert!(!places.is_empty() && !tests.is_empty(), "{id} names no file or no test");
        for place in places {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(place).is_file(), "{id}: there is no {place}");
        }
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{id}: {test} is no test"));
            assert!(has_test(file, name), "{id}: {file} has no test {name}");
        }
    }
    assert!(
        !has_test("tests/native/gate/mod.rs", "there_is_no_such_test"),
        "a test that is not there is found"
    );
}

#[test]
fn every_mutation_takes_out_something_that_is_there() {
    let threats = threats();
    let mutations = list::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut tried = BTreeSet::new();
    for mutation in &mutations {
        let known: Vec<_> = threats
            .get(&mutation.threat)
            .unwrap_or_else(|| panic!("{} is not in the manual", mutation.threat))
            .tests
            .iter()
            .filter_map(|test| Reference::read(test))
            .collect();
        assert!(
            known.contains(&mutation.test),
            "{}: the manual does not name {}",
            mutation.threat,
            mutation.test
        );
        tried.insert(mutation.threat.as_str());
        for edit in &mutation.edits {
            let text = read(&edit.file);
            let found = text.matches(&edit.from).count();
            assert_eq!(found, 1, "{}: {} has {:?} {found} times", mutation.threat, edit.file, edit.from);
            assert_ne!(edit.from, edit.to);
        }
    }
    // What is not tried is Envoy's own doing.
    let untried: Vec<_> = threats.keys().filter(|id| !tried.contains(id.as_str())).collect();
    assert_eq!(untried, ["T50"]);
}

/// Every `default` of the schema: the key with what it stands in, and its value.
fn defaults(schema: &Value, at: &[&str], found: &mut BTreeMap<String, String>) {
    let Value::Object(members) = schema else { return };
    if let (Some(default), Some(name)) = (members.get("default"), at.last())
        && members.contains_key("description")
    {
        let of = at.iter().rev().skip(1).take(2).rev().chain([name]).copied().collect::<Vec<_>>();
        found.insert(of.join("."), default.to_string());
    }
    for (name, inner) in members {
        if matches!(name.as_str(), "properties" | "$defs") {
            for (name, inner) in inner.as_object().into_iter().flatten() {
                defaults(inner, &[at, &[name]].concat(), found);
            }
        }
    }
}

#[test]
fn every_default_has_its_reason() {
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let mut wanted = BTreeMap::new();
    defaults(&schema, &[], &mut wanted);
    assert!(wanted.len() > 20, "{wanted:?}");
    let mut told = BTreeMap::new();
    for row in rows("src/manual/defaults.md") {
        let (key, default) = (quoted(&row[0]), quoted(&row[1]));
        if let ([key], [default]) = (key.as_slice(), default.as_slice()) {
            assert!(row.len() == 3 && row[2].len() > 10, "{key} has no reason");
            told.insert((*key).to_owned(), (*default).to_owned());
        }
    }
    // Members of an issuer stand by themselves in a policy.
    let plain = wanted.into_iter().map(|(key, value)| (key.trim_start_matches("issuer.").to_owned(), value));
    assert_eq!(told, plain.collect());
}

#[test]
fn every_reason_of_the_operations_page_is_one() {
    let page = read("src/manual/policy.md");
    for row in rows("src/manual/operations.md") {
        for name in quoted(&row[0]).into_iter().filter(|name| name.contains('_') && !name.contains('.')) {
            let known = page.contains(name) || name == "wasm_fail_stream";
            assert!(known, "src/manual/policy.md does not know {name}");
        }
    }
}
