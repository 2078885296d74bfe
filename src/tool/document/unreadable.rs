//! Why a file cannot be read.

use core::fmt;

/// Why a file cannot be read. Shows the place, never the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable(pub(super) String);

impl Unreadable {
    pub(super) fn yaml(why: &str) -> Self {
        Self(format!("is not YAML: {why}"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
