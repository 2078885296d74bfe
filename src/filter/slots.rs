//! The memory that the workers of one proxy share: the host's shared data under this VM's id.

use super::abi;
use crate::gate::shared::SharedSlots;

/// No value ever has this version: whoever writes with it only writes where nothing is yet.
const ABSENT: u32 = u32::MAX;

/// Slots as values of the host's shared data. They are never deleted; their number is fixed.
pub(super) struct SharedData;

impl SharedData {
    /// The seed that all workers know: `fresh` for the first of them, and the first's for the others. A worker that
    /// cannot agree keeps its own, and shares nothing that others can read.
    pub(super) fn agree(fresh: [u8; 16]) -> [u8; 16] {
        const NAME: &str = "scopegate.seed";
        // Whether this one was the first shows in what is read.
        let _ = abi::set_shared_data(NAME, &fresh, ABSENT);
        abi::shared_data(NAME).ok().and_then(|(seed, _)| seed.try_into().ok()).unwrap_or(fresh)
    }
}

impl SharedSlots for SharedData {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        abi::shared_data(&name(slot)).ok()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        abi::set_shared_data(&name(slot), bytes, version.unwrap_or(ABSENT)).is_ok()
    }
}

fn name(slot: u32) -> String {
    format!("scopegate.slot.{slot}")
}
