//! The memory that workers share, and what becomes of it in a neighbour's hands.

use core::cell::RefCell;
use std::collections::BTreeMap;

use scopegate::gate::shared::SharedSlots;

/// What the workers share, and a neighbour who writes into it.
#[derive(Default)]
pub(super) struct Slots {
    now: RefCell<BTreeMap<u32, (Vec<u8>, u32)>>,
    /// All that was ever written, to be written again.
    written: RefCell<Vec<Vec<u8>>>,
}

impl Slots {
    /// Whether there was something to write into.
    pub(super) fn garble(&self, slot: usize, how: usize) -> bool {
        let mut slots = self.now.borrow_mut();
        let count = slots.len().max(1);
        let other = slots.values().nth((slot + 1) % count).map(|(bytes, _)| bytes.clone());
        let Some((bytes, version)) = slots.values_mut().nth(slot % count) else { return false };
        let written = self.written.borrow();
        match (how % 5, other) {
            (0, _) => *bytes = written[how / 5 % written.len()].clone(),
            (1, Some(other)) => *bytes = other,
            (2, _) => bytes.truncate(how / 5),
            (3, _) => bytes.clear(),
            _ => {
                let at = how / 5 % bytes.len().max(1);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            }
        }
        *version += 1;
        true
    }
}

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.now.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut slots = self.now.borrow_mut();
        let found = slots.get(&slot).map(|(_, version)| *version);
        if found == version {
            slots.insert(slot, (bytes.to_vec(), found.unwrap_or(0) + 1));
            self.written.borrow_mut().push(bytes.to_vec());
        }
        found == version
    }
}
