//! The policies in a file: the file is one, or a proxy's file that holds some.

use core::fmt;
use std::borrow::Cow;
use std::io::Read;

use serde_json::Value;

use super::document::{Documents, Unreadable};
use super::envoy::{self, Configuration};
use crate::config;
use crate::document::Diagnostic;

/// A policy, and where in its file it stands.
#[derive(Debug)]
pub struct PolicyDocument {
    /// The way to it; empty where the file is the policy.
    pub place: String,
    /// The policy as it is written, secrets and all.
    pub document: Value,
    /// What others than the tool read otherwise in it.
    pub differences: Vec<Diagnostic>,
}

/// Why a file does not hold the one policy that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoPolicy {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// There is none in it.
    None,
    /// There are several; where.
    Several(Vec<String>),
    /// The filter has a configuration that it cannot read; where, and what is wrong.
    Wrong(String, String),
}

impl fmt::Display for NoPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::None => f.write_str(NONE),
            Self::Several(places) => {
                write!(f, "holds {} policies ({}): give a file with one", places.len(), places.join("; "))
            }
            Self::Wrong(place, problem) => write!(f, "{place}: {problem}"),
        }
    }
}

/// What is said of a file in which there is no policy.
pub const NONE: &str = "holds no policy: give a policy, or a file of Envoy, Istio or Envoy Gateway with a scopegate filter in it";

/// The one policy in `file` (`-` = `stdin`).
///
/// # Errors
/// When the file cannot be read, or holds none or several.
pub fn single(file: &str, stdin: &mut dyn Read) -> Result<PolicyDocument, NoPolicy> {
    single_in(&Documents::read(file, stdin).map_err(NoPolicy::Unreadable)?)
}

fn single_in(documents: &Documents) -> Result<PolicyDocument, NoPolicy> {
    let mut found = Vec::new();
    for (index, document) in documents.values.iter().enumerate() {
        let prefix = prefix(&documents.values, index);
        if !envoy::is_of_a_proxy(document) {
            if config::is_policy(document) {
                found.push((prefix, Configuration::Policy(Cow::Borrowed(document))));
            }
            continue;
        }
        let filters = envoy::find(document).into_iter();
        found.extend(filters.map(|filter| (format!("{prefix}{}", filter.place), filter.configuration)));
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(NoPolicy::None),
        (Some((place, Configuration::Policy(document))), None) => {
            let differences = documents.differences_in(&document);
            Ok(PolicyDocument { place, document: document.into_owned(), differences })
        }
        (Some((place, Configuration::Unreadable(problem))), None) => Err(NoPolicy::Wrong(place, problem)),
        (Some((first, _)), Some((second, _))) => {
            Err(NoPolicy::Several([first, second].into_iter().chain(found.map(|(place, _)| place)).collect()))
        }
    }
}

/// How a place begins in one of several documents.
pub(super) fn prefix(documents: &[Value], index: usize) -> String {
    if documents.len() > 1 { format!("document {}: ", index + 1) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plugin(policy: &Value) -> Value {
        json!({"kind": "WasmPlugin", "metadata": {"name": "scopegate"}, "spec": {"pluginConfig": policy}})
    }

    fn documents(values: &[Value]) -> Documents {
        let texts: Vec<String> = values.iter().map(|value| format!("---\n{value}\n")).collect();
        Documents::parse(texts.concat().as_bytes()).unwrap()
    }

    #[test]
    fn what_others_read_otherwise_goes_with_the_policy() {
        let found = |text: &str| single_in(&Documents::parse(text.as_bytes()).unwrap()).unwrap().differences;
        let told = found(
            "kind: WasmPlugin\nmetadata: {name: scopegate, y: 0123}\nspec: {pluginConfig: {rules: [NO]}}\n",
        );
        assert_eq!(told.iter().map(|told| told.at.as_str()).collect::<Vec<_>>(), ["rules[0]"]);
        assert!(found("kind: a\n---\nkind: WasmPlugin\nspec: {pluginConfig: {rules: []}}\n").is_empty());
        assert!(found("---\nrules: []\n---\n").is_empty());
        assert!(found("---\n---\nkind: WasmPlugin\nspec: {pluginConfig: {rules: []}}\n").is_empty());
        // Envoy reads the first document, and there the policy is not.
        for text in ["rules: []\n---\nkind: a\n", "---\n---\nrules: []\n", "null\n---\nrules: []\n"] {
            let several = found(text);
            assert!(several[0].problem.contains("several documents"), "{text}: {several:?}");
        }
    }

    #[test]
    fn what_is_no_policy_is_none_whatever_is_in_it() {
        for text in [
            "root:$y$j9T$hunter2:19000:0:99999:7:::\n",
            "hunter2: hunter2\n",
            "{\"hunter2\": 1}",
            "hunter2",
            "[1]",
        ] {
            let problem = single_in(&Documents::parse(text.as_bytes()).unwrap()).unwrap_err();
            assert_eq!(problem, NoPolicy::None, "{text}");
        }
    }

    #[test]
    fn a_file_is_a_policy_or_holds_one() {
        let policy = json!({"rules": []});
        let found = single_in(&documents(core::slice::from_ref(&policy))).unwrap();
        assert!(found.document == policy && found.place.is_empty());
        let found = single_in(&documents(&[json!({"kind": "Service"}), plugin(&policy)])).unwrap();
        assert!(found.document == policy && found.place == "document 2: spec.pluginConfig");
    }

    #[test]
    fn none_and_several_are_refused() {
        let policy = json!({"rules": []});
        assert_eq!(single_in(&documents(&[json!({"kind": "Service"})])).unwrap_err(), NoPolicy::None);
        let several = single_in(&documents(&[plugin(&policy), plugin(&policy)])).unwrap_err().to_string();
        assert!(several.contains("document 1: spec.pluginConfig; document 2: "), "{several}");
        let wrong = single_in(&documents(&[plugin(&json!("text"))])).unwrap_err().to_string();
        assert!(wrong.starts_with("spec.pluginConfig: is not an object"), "{wrong}");
    }
}
