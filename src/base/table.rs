//! Tables whose keys no stranger can choose.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A hash table with a quick hash and no seed: for keys that an operator wrote, and for keyed digests. Whoever could
/// choose the keys that are put in could make them collide.
pub type Table<K, V> = HashMap<K, V, FixedState>;
