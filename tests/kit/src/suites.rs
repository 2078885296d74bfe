//! The scenarios of `tests/scenarios`, as those take them who run the built module in a proxy.

use std::fs;
use std::path::{Path, PathBuf};

use scopegate::tool::scenario::{Case, Expectation, Suite};
use serde_json::{Value, json};

/// What a scenario's policy may ask for of the environment.
pub const SECRET: &str = "s3cret";

/// All files of scenarios in the repository at `root`, in order.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("tests/scenarios")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "there are no scenarios");
    files
}

/// The name of a file of scenarios.
pub fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The suite's policy with all of the filter state, so that the proxy tells what the engine noted. Nothing else changes.
pub fn policy(suite: &Suite) -> Value {
    let mut policy = suite.policy.clone();
    policy["upstream"]["filter_state"] = json!(["issuer", "rule", "reason"]);
    policy
}

/// Every `{env: NAME}` of the policy.
pub fn variables(policy: &Value) -> Vec<String> {
    match policy {
        Value::Object(members) => {
            let own = members.get("env").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(variables)).collect()
        }
        Value::Array(values) => values.iter().flat_map(variables).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// What of a test can be expected of a running filter. It fetches keys in the background at times of its own: only what
/// requests cause can be counted.
pub fn expectation(suite: &Suite, case: &Case) -> Expectation {
    let mut expect = case.expect.clone();
    expect.asked.retain(|path, _| !key_sets(&suite.policy).iter().any(|uri| uri.ends_with(path.as_str())));
    expect
}

/// Every URI of a key set in the policy.
fn key_sets(policy: &Value) -> Vec<&str> {
    let issuers = policy["issuers"].as_object().into_iter().flatten();
    let sets = issuers.flat_map(|(_, issuer)| {
        let sets = &issuer["jwt"]["jwks"];
        sets.as_array().map_or_else(|| vec![sets], |sets| sets.iter().collect())
    });
    sets.filter_map(|set| set["uri"].as_str()).collect()
}
