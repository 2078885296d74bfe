//! What is wrong with a document, all of it.

use core::cell::RefCell;
use core::fmt;

/// One thing that is wrong with a document. Shows no secret: values are quoted only where a name or an algorithm is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The place, as `rules[2].require.scopes[0]`.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.at, self.problem, self.remedy)
    }
}

impl core::error::Error for Diagnostic {}

/// What was found so far, each with its position in the document.
pub(super) struct Diagnostics {
    /// What the document as a whole is called.
    root: &'static str,
    found: RefCell<Vec<(Vec<usize>, Diagnostic)>>,
}

impl Diagnostics {
    /// None, of the document that is called `root`.
    pub(super) const fn of(root: &'static str) -> Self {
        Self { root, found: RefCell::new(Vec::new()) }
    }

    /// That `problem` is at `at`, which is empty for the document itself.
    pub(super) fn add(&self, position: &[usize], at: &str, problem: String, remedy: String) {
        let at = if at.is_empty() { self.root } else { at }.to_owned();
        self.found.borrow_mut().push((position.to_vec(), Diagnostic { at, problem, remedy }));
    }

    /// All in document order; those of one place in the order in which they were found.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}
