//! What is wrong with a document, all of it.

use core::cell::RefCell;
use core::fmt;

/// One problem of a document. Shows no secret: values are quoted only where a name or an algorithm is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The place, as `rules[2].require.scopes[0]`.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.at, self.problem, self.remedy)
    }
}

impl core::error::Error for ConfigError {}

/// The problems found so far, each with its position in the document.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<(Vec<usize>, ConfigError)>>);

impl Problems {
    pub(super) fn add(&self, position: &[usize], error: ConfigError) {
        self.0.borrow_mut().push((position.to_vec(), error));
    }

    /// All problems in document order; those of one place in the order in which they were found.
    pub(super) fn into_sorted(self) -> Vec<ConfigError> {
        let mut problems = self.0.into_inner();
        problems.sort_by(|(one, _), (other, _)| one.cmp(other));
        problems.into_iter().map(|(_, error)| error).collect()
    }
}
