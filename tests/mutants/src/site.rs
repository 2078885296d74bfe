//! Places in the code, and what is put there instead.

use std::ops::Range;

/// The number by which a change is switched on.
pub(crate) type Number = u32;

/// A change of the code that a test should notice.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) number: Number,
    /// From the root of the repository.
    pub(crate) file: String,
    pub(crate) line: usize,
    /// With the type that it belongs to.
    pub(crate) function: String,
    /// What stands there, in one line.
    pub(crate) from: String,
    /// And what instead.
    pub(crate) to: String,
}

/// A place in a file, in bytes, where changes are switched on.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
    /// Each with the code that is put there.
    pub(crate) changes: Vec<(Number, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Where a function's body begins: the code is run and the rest is not.
    Body,
    /// A statement, which is left out.
    Statement,
    /// An expression, instead of which the code stands.
    Expression,
    /// Where a pattern ends, which no longer matches.
    Arm,
    /// A word that is left out whatever is switched on.
    Gone,
}

/// A text in one line, cut where it is long.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(str::split_whitespace)
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= 100 { line } else { line.chars().take(99).chain(['…']).collect() }
}
