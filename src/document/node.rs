//! A value of the document, where it stands, and where to say what is wrong with it.

use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::names::{member_place, nearest};
use crate::base::json::Object;

/// A value and its place. Reading gives `None` when the value is not what is asked for, which then has been said.
#[derive(Clone)]
pub struct Node<'d> {
    value: &'d Value,
    at: String,
    position: Vec<usize>,
    found: &'d Diagnostics,
}

/// An object all of whose keys are known.
pub struct Members<'d> {
    node: Node<'d>,
    object: &'d Object,
}

/// Reads a document that is called `root` as `read` does.
///
/// # Errors
/// Everything that is wrong with it, in its order.
pub fn read<T>(
    root: &'static str,
    document: &Value,
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<T, Vec<Diagnostic>> {
    let found = Diagnostics::of(root);
    let read = read(&Node { value: document, at: String::new(), position: Vec::new(), found: &found });
    match (read, found.into_sorted()) {
        (Some(read), found) if found.is_empty() => Ok(read),
        (_, found) => Err(found),
    }
}

impl<'d> Node<'d> {
    /// Says what is wrong here, and what to write instead.
    pub fn refuse(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.found.add(&self.position, &self.at, problem.into(), remedy.into());
    }

    /// As [`Self::refuse`], for whoever has nothing to give then.
    pub fn refused<T>(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Option<T> {
        self.refuse(problem, remedy);
        None
    }

    /// This place with another value, which was made of the one that is written there.
    pub fn with<'o>(&self, value: &'o Value) -> Node<'o>
    where
        'd: 'o,
    {
        Node { value, ..self.clone() }
    }

    /// The place, as it is shown.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The value.
    pub const fn value(&self) -> &'d Value {
        self.value
    }

    /// Text that is not empty; `what` says what is meant.
    pub fn text(&self, what: &str) -> Option<&'d str> {
        match self.value {
            Value::String(text) if text.is_empty() => {
                self.refuse("is empty", format!("write {what}"));
                None
            }
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong_type(what)
            }
        }
    }

    /// Text, which may be empty.
    pub fn string(&self) -> Option<&'d str> {
        self.value.as_str().or_else(|| self.wrong_type("a string"))
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// The members of a list; `what` says what is meant.
    pub fn items(&self, what: &str) -> Option<Vec<Self>> {
        let Some(list) = self.value.as_array() else { return self.wrong_type(what) };
        let item = |(index, value)| self.inner(value, format!("{}[{index}]", self.at), index);
        Some(list.iter().enumerate().map(item).collect())
    }

    /// As [`Node::items`]; an empty list is refused: it could mean nothing or everything.
    pub fn some_items(&self, what: &str) -> Option<Vec<Self>> {
        let items = self.items(what)?;
        if items.is_empty() {
            self.refuse(
                "is an empty list",
                format!("write {what} with at least one entry, or leave the key out"),
            );
            return None;
        }
        Some(items)
    }

    /// Names chosen by the author, and what stands under each of them.
    pub fn entries(&self, what: &str) -> Option<Vec<(&'d str, Self)>> {
        let Some(object) = self.value.as_object() else { return self.wrong_type(what) };
        let entry = |(index, (name, value)): (usize, (&'d String, &'d Value))| {
            (name.as_str(), self.inner(value, self.place_of(name), index))
        };
        Some(object.iter().enumerate().map(entry).collect())
    }

    /// The members of an object that may have the keys in `known` and no others.
    pub fn members(&self, known: &[&str]) -> Option<Members<'d>> {
        let Some(object) = self.value.as_object() else {
            return self.wrong_type(&format!("an object with the keys {}", known.join(", ")));
        };
        for (index, (name, value)) in object.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let hint =
                    nearest(name, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                let remedy = format!("{hint}known here are {}", known.join(", "));
                self.inner(value, self.place_of(name), index).refuse("is not a known key", remedy);
            }
        }
        Some(Members { node: self.clone(), object })
    }

    /// Says that the value has the wrong type; `what` says what is meant.
    pub fn wrong_type<T>(&self, what: &str) -> Option<T> {
        let kind = match self.value {
            Value::Null => "is null",
            Value::Bool(_) => "is a boolean",
            Value::Number(_) => "is a number",
            Value::String(_) => "is a string",
            Value::Array(_) => "is a list",
            Value::Object(_) => "is an object",
        };
        self.refuse(kind, format!("write {what}"));
        None
    }

    fn inner(&self, value: &'d Value, at: String, index: usize) -> Self {
        let position = self.position.iter().copied().chain([index]).collect();
        Self { value, at, position, found: self.found }
    }

    fn place_of(&self, name: &str) -> String {
        member_place(&self.at, name)
    }
}

impl<'d> Members<'d> {
    /// The object itself.
    pub const fn node(&self) -> &Node<'d> {
        &self.node
    }

    /// The member `name`, where it is there.
    pub fn get(&self, name: &str) -> Option<Node<'d>> {
        let (index, (_, value)) = self.object.iter().enumerate().find(|(_, (found, _))| *found == name)?;
        Some(self.node.inner(value, self.node.place_of(name), index))
    }

    /// The member `name` as `read` reads it, where it is there and not null.
    pub fn read<T>(&self, name: &str, read: impl FnOnce(&Node<'d>) -> Option<T>) -> Option<T> {
        self.get(name).filter(|node| !node.value.is_null()).and_then(|node| read(&node))
    }

    /// The member `name`, which must be there; `what` says what is meant.
    pub fn need(&self, name: &str, what: &str) -> Option<Node<'d>> {
        self.get(name).or_else(|| self.missing(name, what))
    }

    /// Says that the member `name` is missing.
    pub fn missing<T>(&self, name: &str, what: &str) -> Option<T> {
        let absent = Node { at: self.node.place_of(name), ..self.node.clone() };
        absent.refuse("is missing", format!("write {what}"));
        None
    }

    /// Says that the member `name`, where it is there, has no business beside `other`.
    pub fn forbid(&self, names: &[&str], problem: &str, remedy: &str) {
        for node in names.iter().filter_map(|name| self.get(name)) {
            node.refuse(problem, remedy);
        }
    }
}
