//! What all keys have in common: members of a JSON Web Key, random bytes, and what can be wrong.

use core::fmt;

use serde_json::{Map, Value};

use crate::base::base64url;

/// Why a key cannot be made, read or used. Shows no key material.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MintError(String);

impl MintError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for MintError {}

/// The text of the member `name`.
pub(super) fn text<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    members.get(name)?.as_str()
}

/// The bytes of the base64url member `name`.
pub(super) fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, MintError> {
    let problem = || MintError::new(format!("`{name}` is missing or not base64url: is this a private JWK?"));
    base64url::decode(text(members, name).ok_or_else(problem)?).ok_or_else(problem)
}

/// Fills an array from the system's random source.
pub(super) fn random<const N: usize>() -> Result<[u8; N], MintError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| MintError::new(format!("no random numbers from the system: {error}")))?;
    Ok(bytes)
}
