//! Keys and tokens, made once: below callgrind that would take minutes.

use std::fs;
use std::path::{Path, PathBuf};

use kit::places;
use scopegate::jose::algorithm::Algorithm;
use serde_json::{Value, json};

use crate::cases::TIMES;
use crate::cast::{ALGORITHMS, Cast};

/// The time at which everything happens.
pub(crate) const NOW: i64 = 1_760_000_000;

/// How many tokens there are of each algorithm: each time that a case is done has one that was not seen before.
const TOKENS: usize = 1 + TIMES as usize;

/// Makes everything; the file that it is in.
pub(crate) fn write() -> Result<PathBuf, String> {
    let cast = Cast::new(NOW)?;
    let mut tokens = serde_json::Map::new();
    for algorithm in ALGORITHMS {
        tokens.insert(algorithm.name().to_owned(), json!(cast.tokens(algorithm, 0..TOKENS)?));
    }
    let material = json!({
        "keys": cast.key_set(),
        "tokens": tokens,
        "insufficient": cast.insufficient()?,
        "expired": cast.expired(0)?,
    });
    let file = places::scratch("bench-engine")?.join("material.json");
    fs::write(&file, material.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// What [`write`] made.
pub(crate) struct Material(Value);

impl Material {
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_slice(&text).map(Self).map_err(|error| error.to_string())
    }

    pub(crate) fn key_set(&self) -> &Value {
        &self.0["keys"]
    }

    pub(crate) fn tokens(&self, algorithm: Algorithm) -> Vec<String> {
        let tokens = self.0["tokens"][algorithm.name()].as_array();
        tokens.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(crate) fn insufficient(&self) -> String {
        self.0["insufficient"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn expired(&self) -> String {
        self.0["expired"].as_str().unwrap_or_default().to_owned()
    }
}
