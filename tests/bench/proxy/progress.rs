//! What is being done, for whoever waits: on one line of a terminal, on one line a stage elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

/// A stage begins.
pub(crate) fn stage(what: &str) {
    if io::stderr().is_terminal() {
        overwrite(what);
    } else {
        eprintln!("{what}");
    }
}

/// A part of a stage begins.
pub(crate) fn detail(what: &str) {
    if io::stderr().is_terminal() {
        overwrite(what);
    }
}

/// Everything is done.
pub(crate) fn end() {
    detail("");
}

fn overwrite(what: &str) {
    let mut terminal = io::stderr().lock();
    // Nothing depends on it.
    drop(write!(terminal, "\r\x1b[K{what}").and_then(|()| terminal.flush()));
}
