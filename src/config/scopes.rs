//! Scopes, and `scope_implies`.

use std::collections::{HashMap, HashSet};

use crate::document::values::texts;
use crate::document::{Members, Node, quoted};
use crate::policy::Vocabulary;
use crate::token::scope::is_scope_token;

/// A list of scopes, at least one.
pub(super) fn scopes(node: &Node<'_>) -> Option<Vec<String>> {
    let scopes = texts(node)?;
    Some(
        scopes
            .into_iter()
            .filter(|(node, text)| check_scope(node, text))
            .map(|(_, text)| text.to_owned())
            .collect(),
    )
}

/// `scope_implies`: each left side and its right sides.
pub(super) fn implications(policy: &Members<'_>) -> Vec<(String, Vec<String>)> {
    let Some(node) = policy.get("scope_implies") else { return Vec::new() };
    let entries =
        node.entries("an object of scopes and the lists of scopes that they imply").unwrap_or_default();
    let mut implications = Vec::new();
    for (scope, implied) in &entries {
        if check_scope(implied, scope) {
            implications.push(((*scope).to_owned(), scopes(implied).unwrap_or_default()));
        }
    }
    if let Some(circle) = circle(&implications) {
        let problem = format!("has a circle: {}", told(&circle));
        node.refuse(problem, "remove one of these implications");
        return Vec::new();
    }
    implications
}

/// `circle` in words, its middle left out when it is long.
fn told(circle: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> = circle.iter().take(SHOWN).map(|scope| quoted(scope, '`')).collect();
    if let Some(last) = circle.last().filter(|_| circle.len() > SHOWN) {
        names.push("…".to_owned());
        names.push(quoted(last, '`'));
    }
    names.join(" implies ")
}

fn check_scope(node: &Node<'_>, scope: &str) -> bool {
    let is_scope = is_scope_token(scope);
    if scope.contains(' ') {
        node.refuse("a scope cannot contain a space", "list them separately");
    } else if !is_scope {
        node.refuse("is not a scope", "write visible ASCII without quotes and backslashes");
    }
    is_scope
}

/// The first circle of implications, from a scope back to itself.
fn circle(implications: &[(String, Vec<String>)]) -> Option<Vec<&str>> {
    let direct: HashMap<&str, &[String]> =
        implications.iter().map(|(left, right)| (left.as_str(), right.as_slice())).collect();
    let implied = |scope: &str| direct.get(scope).copied().unwrap_or_default().iter();
    let (mut on_path, mut harmless) = (HashSet::new(), HashSet::new());
    for (start, _) in implications.iter().filter(|(left, _)| left != Vocabulary::EVERYTHING) {
        let mut path = vec![(start.as_str(), implied(start))];
        on_path.insert(start.as_str());
        while let Some((scope, rest)) = path.last_mut() {
            let Some(next) = rest.next() else {
                on_path.remove(scope);
                harmless.insert(*scope);
                path.pop();
                continue;
            };
            if next == Vocabulary::EVERYTHING || harmless.contains(next.as_str()) {
                continue;
            }
            if !on_path.insert(next) {
                let circle = path.iter().map(|(scope, _)| *scope).skip_while(|scope| scope != next);
                return Some(circle.chain([next.as_str()]).collect());
            }
            path.push((next, implied(next)));
        }
    }
    None
}
