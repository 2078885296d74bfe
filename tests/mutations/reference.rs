//! Where a test is: a file and a name, and how it is run.

use std::fmt;

/// A test, as `file::name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reference {
    /// A unit test, by its path below the crate.
    Unit { path: String },
    /// A test of the ring in `tests/<name>.rs` or `tests/<name>/`.
    Ring { name: String, test: String },
    /// A test of a scenario file.
    Scenario { file: String, name: String },
    /// A test in a real Envoy.
    Envoy { test: String },
}

impl Reference {
    /// Reads `file::name`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (file, name) = text.split_once("::")?;
        if file.ends_with(".yaml") {
            return Some(Self::Scenario { file: file.to_owned(), name: name.to_owned() });
        }
        let path = file.strip_suffix(".rs")?;
        if let Some(module) = path.strip_prefix("src/") {
            let module = module.trim_end_matches("/mod").trim_end_matches("/tests").replace('/', "::");
            return Some(Self::Unit { path: format!("{module}::tests::{name}") });
        }
        let path = path.strip_prefix("tests/")?;
        let (ring, module) = path.split_once('/').unwrap_or((path, "main"));
        let test = match module.trim_end_matches("/mod") {
            "main" => name.to_owned(),
            module => format!("{}::{name}", module.replace('/', "::")),
        };
        Some(match ring {
            "envoy" => Self::Envoy { test },
            _ => Self::Ring { name: ring.to_owned(), test },
        })
    }

    /// Whether both are built by one command.
    #[allow(dead_code, reason = "the manual's test only reads references")]
    pub(crate) fn is_built_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ring { name, .. }, Self::Ring { name: other, .. }) => name == other,
            _ => core::mem::discriminant(self) == core::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit { path } => write!(f, "{path}"),
            Self::Ring { name, test } => write!(f, "{name}::{test}"),
            Self::Scenario { file, name } => write!(f, "{file}: {name}"),
            Self::Envoy { test } => write!(f, "envoy::{test}"),
        }
    }
}
