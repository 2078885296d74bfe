use std::collections::BTreeMap;

use super::*;

const KEY: DigestKey = DigestKey::new([1; 16]);
const SKEW: Duration = Duration::from_secs(5);
const LIFETIME: Duration = Duration::from_secs(60);

const fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

/// Slots as a proxy shares them: each write has a version of its own.
#[derive(Default)]
struct Slots {
    values: RefCell<BTreeMap<u32, (Vec<u8>, u32)>>,
    versions: Cell<u32>,
    /// So many writes are beaten by another worker's, which changes nothing but the version.
    beaten: Cell<usize>,
}

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.values.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut values = self.values.borrow_mut();
        self.versions.set(self.versions.get() + 1);
        if self.beaten.get() > 0 {
            self.beaten.set(self.beaten.get() - 1);
            let nothing = Bucket::default().write(&KEY, slot);
            values.entry(slot).or_insert((nothing, 0)).1 = self.versions.get();
        }
        if values.get(&slot).map(|(_, version)| *version) != version {
            return false;
        }
        values.insert(slot, (bytes.to_vec(), self.versions.get()));
        true
    }
}

/// A host without a memory to share.
struct Nothing;

impl SharedSlots for Nothing {
    fn read(&self, _: u32) -> Option<(Vec<u8>, u32)> {
        None
    }

    fn write(&self, _: u32, _: &[u8], _: Option<u32>) -> bool {
        false
    }
}

fn replays(shared: Option<Rc<dyn SharedSlots>>) -> Replays {
    Replays::new(1000, SKEW, KEY, shared)
}

/// Notes the proof `number`, which was made at `made`, each with a key of its own.
fn note(replays: &Replays, number: u32, made: i64, now: i64) -> Seen {
    note_of(replays, number, number, (made, LIFETIME), now)
}

/// Notes the proof `number` of `holder`, which was made then and lives for so long.
fn note_of(replays: &Replays, holder: u32, number: u32, (made, lifetime): (i64, Duration), now: i64) -> Seen {
    let until = at(made).plus(lifetime).plus(SKEW);
    let (identity, holder) = (&number.to_le_bytes()[..], &holder.to_le_bytes()[..]);
    replays.note(&Use { identity, holder, made: at(made), until }, at(now))
}

#[test]
fn a_proof_is_used_once() {
    let slots = Rc::new(Slots::default());
    for replays in [replays(None), replays(Some(slots)), replays(Some(Rc::new(Nothing)))] {
        for number in 0..1000 {
            assert_eq!(note(&replays, number, 0, 0), Seen::Never);
        }
        for number in 0..1000 {
            assert_eq!(note(&replays, number, 0, 64), Seen::Before, "{number}");
        }
    }
}

#[test]
fn of_two_workers_one_is_first() {
    let slots = Rc::new(Slots::default());
    let (one, other) = (replays(Some(slots.clone())), replays(Some(slots.clone())));
    assert_eq!((note(&one, 1, 0, 0), note(&other, 1, 0, 0)), (Seen::Never, Seen::Before));
    slots.beaten.set(TRIES - 1);
    assert_eq!((note(&other, 2, 0, 0), note(&one, 2, 0, 0)), (Seen::Never, Seen::Before));
    slots.beaten.set(TRIES);
    assert_eq!(note(&one, 3, 0, 0), Seen::Unknown, "who never gets through admits nobody");
}

#[test]
fn what_is_too_old_makes_room_and_nothing_else_does() {
    let replays = replays(None);
    let in_first_slot: Vec<u32> = (0..)
        .filter(|number: &u32| {
            (KEY.digest(IDENTITIES, &number.to_le_bytes()).as_u128() as u32).is_multiple_of(SLOTS)
        })
        .take(replays.room + 1)
        .collect();
    let (last, first) = in_first_slot.split_last().unwrap();
    for number in first {
        assert_eq!(note(&replays, *number, 0, 0), Seen::Never);
    }
    assert_eq!(note(&replays, *last, 0, 0), Seen::Unknown);
    assert_eq!(note(&replays, first[0], 0, 0), Seen::Before);
    assert_eq!(note(&replays, *last, 64, 64), Seen::Unknown);
    assert_eq!(note(&replays, *last, 65, 65), Seen::Never);
}

#[test]
fn what_a_neighbour_writes_lets_no_proof_through_twice() {
    let slots = Rc::new(Slots::default());
    let replays = replays(Some(slots.clone()));
    assert_eq!(note(&replays, 1, 0, 0), Seen::Never);
    let (slot, good) =
        slots.values.borrow().iter().map(|(slot, (bytes, _))| (*slot, bytes.clone())).next().unwrap();
    for garbage in [vec![], vec![0; 7], vec![0; 1000], good[..good.len() - 1].to_vec(), good[24..].to_vec()] {
        slots.values.borrow_mut().insert(slot, (garbage, u32::MAX));
        assert_eq!(note(&replays, 1, 0, 0), Seen::Unknown);
        assert_eq!(note(&replays, 1, 0, 1), Seen::Unknown, "and it stays so");
        assert_eq!(note(&replays, 1, 5, 10), Seen::Unknown, "made by the fastest clock that is taken");
    }
    assert_eq!(note(&replays, 1, 6, 6), Seen::Never, "what was made later cannot have been lost");
    assert_eq!(note(&replays, 1, 6, 7), Seen::Before);
}

#[test]
fn a_bucket_is_read_as_it_was_written_by_whoever_has_the_key() {
    let used = |digest, until| Used { digest, holder: u64::MAX, made: at(until - 60), until: at(until) };
    let bucket = Bucket { lost: Some(at(3)), over: Some(at(2)), used: vec![used(1, 5), used(u128::MAX, -5)] };
    let bytes = bucket.write(&KEY, 7);
    assert_eq!(Bucket::read(&bytes, &KEY, 7), Some(bucket));
    assert_eq!(Bucket::read(&bytes, &KEY, 8), None);
    assert_eq!(Bucket::read(&bytes, &DigestKey::new([2; 16]), 7), None);
    for end in 0..bytes.len() {
        assert_eq!(Bucket::read(&bytes[..end], &KEY, 7), None, "{end}");
    }
}

#[test]
fn a_holder_of_one_key_fills_no_more_than_its_part() {
    let replays = Replays::new(100_000, SKEW, KEY, None);
    let mut taken = 0;
    for number in 0..120_000 {
        taken += usize::from(note_of(&replays, 0, number, (0, LIFETIME), 0) == Seen::Never);
    }
    assert!(taken >= 10_000 && taken * 4 <= SLOTS as usize * replays.room, "{taken}");
    for number in 0..1000u32 {
        let seen = note_of(&replays, number + 1, u32::MAX - number, (0, LIFETIME), 0);
        assert_eq!(seen, Seen::Never, "{number}");
    }
    assert_eq!(note_of(&replays, 0, 0, (0, LIFETIME), 0), Seen::Before, "and what was used stays so");
}

#[test]
fn a_used_proof_stays_used_under_a_policy_that_takes_older_ones() {
    let (short, long) = (Duration::from_secs(10), Duration::from_secs(600));
    let slots = Rc::new(Slots::default());
    let (old, new) = (replays(Some(slots.clone())), replays(Some(slots)));
    assert_eq!(note_of(&old, 1, 1, (0, short), 0), Seen::Never);
    for now in [14, 15, 16, 60, 604] {
        assert_eq!(note_of(&new, 1, 1, (0, long), now), Seen::Before, "{now}");
    }
    assert_eq!(note_of(&new, 1, 1, (16, long), 16), Seen::Never, "one that was made later is another");
}

#[test]
fn proofs_that_were_dropped_by_a_clock_ahead_count_as_used_when_it_is_set_back() {
    let replays = replays(None);
    assert_eq!(note(&replays, 1, 0, 0), Seen::Never);
    // Another proof in the same slot has it looked at while the clock is ahead.
    let slot = |number: u32| KEY.digest(IDENTITIES, &number.to_le_bytes()).as_u128() as u32 % SLOTS;
    let other = (2..).find(|number| slot(*number) == slot(1)).unwrap();
    assert_eq!(note(&replays, other, 3600, 3600), Seen::Never);
    assert_eq!(note(&replays, 1, 0, 10), Seen::Before);
}
