//! A memory with two bounds: how many entries, and until when each of them.

use core::hash::Hash;
use std::collections::VecDeque;

use super::table::Table;
use super::time::UnixTime;

/// At most `capacity` entries, each with a deadline; when it is full the oldest entry makes room. Keys have to be such
/// that no stranger can choose them: see [`Table`].
pub struct Expiring<K, V> {
    entries: Table<K, Entry<V>>,
    /// Keys in the order of their insertion; an entry that was replaced or removed leaves a stale turn behind.
    order: VecDeque<(K, u64)>,
    capacity: usize,
    turn: u64,
}

struct Entry<V> {
    value: V,
    until: UnixTime,
    turn: u64,
}

impl<K: Hash + Eq + Copy, V> Expiring<K, V> {
    /// An empty memory for `capacity` entries; with 0 it remembers nothing.
    pub fn new(capacity: usize) -> Self {
        Self { entries: Table::default(), order: VecDeque::new(), capacity, turn: 0 }
    }

    /// The value of `key`, unless its deadline has come.
    pub fn get(&self, key: &K, now: UnixTime) -> Option<&V> {
        self.entries.get(key).filter(|entry| now < entry.until).map(|entry| &entry.value)
    }

    /// The value of `key`, also past its deadline: as long as nothing newer has taken its place.
    pub fn kept(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// All entries with their deadlines, in the order of their insertion, expired ones among them.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V, UnixTime)> {
        self.order.iter().filter_map(|(key, turn)| {
            let entry = self.entries.get(key).filter(|entry| entry.turn == *turn)?;
            Some((key, &entry.value, entry.until))
        })
    }

    /// Remembers `value` under `key` until the deadline `until`, in place of what was there.
    pub fn insert(&mut self, key: K, value: V, until: UnixTime) {
        if self.capacity == 0 {
            return;
        }
        self.turn += 1;
        self.entries.insert(key, Entry { value, until, turn: self.turn });
        self.order.push_back((key, self.turn));
        while self.entries.len() > self.capacity {
            self.drop_oldest();
        }
        if self.order.len() > self.capacity.saturating_mul(2) {
            let entries = &self.entries;
            self.order.retain(|(key, turn)| entries.get(key).is_some_and(|entry| entry.turn == *turn));
        }
    }

    /// Forgets every entry for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        self.entries.retain(|key, entry| keep(key, &entry.value));
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// How many entries are held, expired ones among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn drop_oldest(&mut self) {
        while let Some((key, turn)) = self.order.pop_front() {
            if self.entries.get(&key).is_some_and(|entry| entry.turn == turn) {
                self.entries.remove(&key);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn an_entry_is_gone_at_its_deadline() {
        let mut memory = Expiring::new(10);
        memory.insert(1, "one", at(5));
        assert_eq!(memory.get(&1, at(4)), Some(&"one"));
        assert_eq!(memory.get(&1, at(5)), None);
        assert_eq!(memory.kept(&1), Some(&"one"));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut memory = Expiring::new(2);
        for key in 1..=3 {
            memory.insert(key, key, at(100));
        }
        assert_eq!(
            (memory.get(&1, at(0)), memory.get(&2, at(0)), memory.get(&3, at(0))),
            (None, Some(&2), Some(&3))
        );
    }

    #[test]
    fn replacing_makes_an_entry_young_again_and_keeps_the_bounds() {
        let mut memory = Expiring::new(2);
        memory.insert(1, 1, at(100));
        memory.insert(2, 2, at(100));
        for _ in 0..1000 {
            memory.insert(1, 10, at(100));
        }
        memory.insert(3, 3, at(100));
        assert_eq!(memory.get(&1, at(0)), Some(&10));
        assert_eq!(memory.get(&2, at(0)), None);
        assert!(memory.len() <= 2 && memory.order.len() <= 4);
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut memory = Expiring::new(0);
        memory.insert(1, 1, at(100));
        assert!(memory.is_empty());
    }
}
