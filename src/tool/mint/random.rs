//! Random bytes.

use super::error::MintError;

/// Fills an array from the system's random source.
pub(super) fn random<const N: usize>() -> Result<[u8; N], MintError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| MintError::new(format!("no random numbers from the system: {error}")))?;
    Ok(bytes)
}
