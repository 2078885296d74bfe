//! What can be wrong with what is to be made.

use core::fmt;

use crate::jose::fault::KeyFault;

/// Why a key cannot be made, read or used. Shows no key material.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MintError(String);

impl MintError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl From<KeyFault> for MintError {
    fn from(fault: KeyFault) -> Self {
        Self(fault.to_string())
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for MintError {}
