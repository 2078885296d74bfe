//! What readers of YAML read differently in one document, and where.

use std::rc::Rc;

use serde_json::Value;

use super::scalar::Reason;
use crate::document::{Diagnostic, member_place};

/// One step of the way from a document's root. Each difference has its way, and a name may be long: it is shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Member(Rc<str>),
    Item(usize),
}

impl Step {
    pub(super) fn is(&self, member: &str) -> bool {
        match self {
            Self::Member(name) => **name == *member,
            Self::Item(_) => false,
        }
    }
}

/// Line and column in a file, from 1 on.
pub(super) type Place = (usize, usize);

/// A value, a key or a notation that is not the same for every reader.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The way to it.
    pub(super) path: Vec<Step>,
    /// Where it stands in the file.
    pub(super) place: Place,
    /// What is wrong with it, and what to write instead.
    pub(super) reason: Reason,
}

impl Difference {
    /// The same, with its place within the part of the document that `way` leads to; `None` outside of that.
    pub(super) fn within(&self, way: &[Step]) -> Option<Diagnostic> {
        let rest = self.path.strip_prefix(way)?;
        let at = rest.iter().fold(String::new(), |at, step| match step {
            Step::Member(name) => member_place(&at, name),
            Step::Item(index) => format!("{at}[{index}]"),
        });
        let ((line, column), (problem, remedy)) = (self.place, self.reason);
        Some(Diagnostic {
            at: if at.is_empty() { "policy".to_owned() } else { at },
            problem: format!("{problem} (line {line}, column {column})"),
            remedy: remedy.to_owned(),
        })
    }
}

/// The way from `root` to `part`, which is a value inside it and not a copy of one.
pub(super) fn way(root: &Value, part: &Value) -> Option<Vec<Step>> {
    if core::ptr::eq(root, part) {
        return Some(Vec::new());
    }
    let (step, rest) = match root {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| Some((Step::Member(Rc::from(name.as_str())), way(value, part)?))),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, value)| Some((Step::Item(index), way(value, part)?)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }?;
    Some([vec![step], rest].concat())
}
