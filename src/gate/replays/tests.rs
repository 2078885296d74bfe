use std::collections::BTreeMap;

use super::*;
use crate::jose::algorithm::Algorithms;

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
    Replays::new(1000, &terms(LIFETIME), KEY, shared)
}

fn terms(lifetime: Duration) -> Terms {
    Terms { algorithms: Algorithms::of([]), lifetime, clock_skew: SKEW }
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

/// Proofs that are kept in the same slot.
fn of_one_slot() -> impl Iterator<Item = u32> {
    let slot = |number: &u32| KEY.digest(IDENTITIES, &number.to_le_bytes()).as_u128() as u32 % SLOTS;
    (1..).filter(move |number| slot(number) == slot(&1))
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
    let replays = Replays::new(100_000, &terms(LIFETIME), KEY, None);
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
fn a_holder_of_one_key_leaves_others_their_part_of_a_small_memory_too() {
    for capacity in [1, 1000, 8192, 40_960] {
        let replays = Replays::new(capacity, &terms(LIFETIME), KEY, None);
        let flood: Vec<u32> = of_one_slot().take(replays.room + 4).collect();
        let (others, flood) = flood.split_at(4);
        for number in flood {
            note_of(&replays, 0, *number, (0, LIFETIME), 0);
        }
        for number in others {
            assert_eq!(note_of(&replays, *number, *number, (0, LIFETIME), 0), Seen::Never, "{capacity}");
        }
    }
}

#[test]
fn two_policies_of_which_one_takes_older_proofs_refuse_no_good_one() {
    let (short, long) = (Duration::from_secs(10), Duration::from_secs(600));
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (quick, patient) = (shared(short), shared(long));
    let agree = |second| [&quick, &patient, &quick].map(|replays| replays.agree(at(second)));
    let numbers: Vec<u32> = of_one_slot().take(5).collect();
    let [first, second, third, fourth, fifth] = numbers[..] else { panic!("five") };
    agree(1000);
    assert_eq!(note_of(&quick, 1, first, (1000, short), 1000), Seen::Never);
    for now in (1030..=1500).step_by(30) {
        agree(now);
    }
    assert_eq!(note_of(&quick, 1, second, (1500, short), 1500), Seen::Never);
    assert_eq!(
        note_of(&patient, 2, third, (990, long), 1510),
        Seen::Never,
        "it is good, and nobody has used it"
    );
    assert_eq!(note_of(&patient, 2, first, (1000, long), 1510), Seen::Before, "used under the other policy");
    // The patient one is gone. Its terms count a minute more.
    for now in (1530..=1620).step_by(30) {
        quick.agree(at(now));
    }
    assert_eq!(note_of(&quick, 1, fourth, (1620, short), 1620), Seen::Never);
    let later = shared(long);
    later.agree(at(1620));
    assert_eq!(
        note_of(&later, 2, fifth, (1500, long), 1621),
        Seen::Before,
        "what was dropped counts as used"
    );
    assert_eq!(note_of(&later, 2, fifth, (1501, long), 1621), Seen::Never);
}

#[test]
fn how_old_proofs_may_be_is_believed_of_ourselves_and_while_its_time_lasts() {
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (quick, patient) = (shared(Duration::from_secs(10)), shared(Duration::from_secs(600)));
    let oldest = |now| {
        quick.agree(at(now));
        quick.longest.get().as_secs()
    };
    assert_eq!(oldest(0), 15);
    patient.agree(at(0));
    assert_eq!((oldest(0), oldest(59), oldest(60), oldest(61)), (605, 605, 15, 15));
    patient.agree(at(62));
    let (bytes, _) = slots.read(OLDEST).unwrap();
    for cut in 0..bytes.len() {
        slots.values.borrow_mut().insert(OLDEST, (bytes[..cut].to_vec(), u32::MAX));
        assert_eq!(oldest(62), 15, "{cut}");
        slots.values.borrow_mut().insert(OLDEST, (bytes.clone(), u32::MAX));
        assert_eq!(oldest(62), 605);
    }
    // Whoever wrote it has seen the clock before it was set back: proofs are remembered for longer, and that is all.
    assert_eq!(oldest(50), 605, "from a time to come");
}

#[test]
fn a_used_proof_stays_used_under_a_policy_that_takes_older_ones() {
    let (short, long) = (Duration::from_secs(10), Duration::from_secs(600));
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (old, new) = (shared(short), shared(long));
    let numbers: Vec<u32> = of_one_slot().take(3).collect();
    let [first, second, third] = numbers[..] else { panic!("three") };
    assert_eq!(note_of(&old, 1, first, (0, short), 0), Seen::Never);
    assert_eq!(note_of(&new, 1, first, (0, long), 14), Seen::Before);
    assert_eq!(note_of(&old, 1, second, (20, short), 20), Seen::Never, "and the first is dropped");
    for now in [20, 60, 604] {
        assert_eq!(note_of(&new, 1, first, (0, long), now), Seen::Before, "{now}");
    }
    assert_eq!(note_of(&new, 1, third, (1, long), 604), Seen::Never, "one that was made later is another");
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

#[test]
fn there_is_room_for_as_many_proofs_as_the_policy_says() {
    let replays = Replays::new(20_480, &terms(LIFETIME), KEY, None);
    for number in 0..20_480 {
        assert_eq!(note(&replays, number, 0, 0), Seen::Never, "{number}");
    }
}

#[test]
fn a_key_has_a_tenth_of_a_slot_or_half_of_a_small_one() {
    for (capacity, part) in [(1, 5), (1000, 5), (40_960, 10), (45_056, 12)] {
        let replays = Replays::new(capacity, &terms(LIFETIME), KEY, None);
        for (taken, number) in of_one_slot().take(part + 1).enumerate() {
            let due = if taken < part { Seen::Never } else { Seen::Unknown };
            assert_eq!(note_of(&replays, 0, number, (0, LIFETIME), 0), due, "{taken} of {capacity}");
        }
    }
}

#[test]
fn proofs_lie_in_slots_of_their_own() {
    let slots = Rc::new(Slots::default());
    let replays = replays(Some(slots.clone()));
    for number in 0..20_000 {
        note(&replays, number, 0, 0);
    }
    let values = slots.values.borrow();
    let (first, last) = (values.keys().next(), values.keys().next_back());
    assert!(first.is_some_and(|first| *first >= super::super::shared::SLOTS), "{first:?}");
    assert!(last.is_some_and(|last| *last < OLDEST) && END == OLDEST + 1, "{last:?}");
}

/// Slots that read as if there were nothing, for the second time that they are looked at.
struct Faltering(Rc<Slots>, Cell<usize>);

impl SharedSlots for Faltering {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.1.set(self.1.get() + 1);
        if self.1.get() == 2 { None } else { self.0.read(slot) }
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        self.0.write(slot, bytes, version)
    }
}

#[test]
fn a_slot_that_was_there_and_cannot_be_read_for_once_is_shared_all_the_same() {
    let slots = Rc::new(Slots::default());
    let [first, second] = of_one_slot().take(2).collect::<Vec<_>>()[..] else { panic!("two") };
    let other = replays(Some(slots.clone()));
    assert_eq!(note(&other, first, 0, 0), Seen::Never);
    let faltering = replays(Some(Rc::new(Faltering(slots.clone(), Cell::new(0)))));
    slots.beaten.set(1);
    assert_eq!(note(&faltering, second, 0, 0), Seen::Never);
    assert_eq!(note(&other, second, 0, 0), Seen::Before);
}

#[test]
fn how_old_proofs_may_be_is_said_at_once_and_again_before_it_is_forgotten() {
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (quick, patient) = (shared(Duration::from_secs(10)), shared(Duration::from_secs(600)));
    let version = || slots.read(OLDEST).map(|(_, version)| version);
    let says = |replays: &Replays, second| {
        let before = version();
        replays.agree(at(second));
        version() != before
    };
    assert!(says(&quick, 0) && !says(&quick, 29) && says(&quick, 30));
    assert!(says(&patient, 31), "it takes older ones");
    assert!(!says(&patient, 60) && !says(&quick, 60) && !says(&quick, 90));
    assert_eq!(quick.longest.get().as_secs(), 605);
    assert!(says(&quick, 91), "whoever takes older ones is gone");
    assert!(says(&patient, 92) && says(&patient, 122));
}

#[test]
fn looking_tells_how_old_proofs_may_be_and_says_nothing() {
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (quick, patient) = (shared(Duration::from_secs(10)), shared(Duration::from_secs(600)));
    quick.look(at(0));
    assert!(slots.values.borrow().is_empty() && quick.longest.get().as_secs() == 15);
    patient.agree(at(0));
    let said = slots.read(OLDEST);
    quick.look(at(59));
    assert_eq!((quick.longest.get().as_secs(), slots.read(OLDEST)), (605, said));
    quick.look(at(60));
    assert_eq!(quick.longest.get().as_secs(), 15);
}

#[test]
fn what_a_neighbour_says_of_how_old_proofs_may_be_is_not_believed() {
    let slots = Rc::new(Slots::default());
    let shared = |lifetime| Replays::new(1000, &terms(lifetime), KEY, Some(slots.clone()));
    let (quick, patient) = (shared(Duration::from_secs(10)), shared(Duration::from_secs(600)));
    patient.agree(at(0));
    let (said, version) = slots.read(OLDEST).unwrap();
    for place in 0..said.len() {
        let mut forged = said.clone();
        forged[place] ^= 1;
        slots.values.borrow_mut().insert(OLDEST, (forged, version));
        quick.look(at(0));
        assert_eq!(quick.longest.get().as_secs(), 15, "{place}");
    }
}

#[test]
fn what_was_made_before_the_latest_that_was_dropped_counts_as_used() {
    let replays = replays(None);
    let [first, other, early, late] = of_one_slot().take(4).collect::<Vec<_>>()[..] else { panic!("four") };
    assert_eq!(note(&replays, first, 5, 5), Seen::Never);
    assert_eq!(note(&replays, other, 3600, 3600), Seen::Never, "and the first is dropped");
    assert_eq!((note(&replays, early, 3, 10), note(&replays, late, 6, 10)), (Seen::Before, Seen::Never));
}

#[test]
fn a_policy_with_a_smaller_memory_finds_a_slot_full_that_another_has_filled_further() {
    let slots = Rc::new(Slots::default());
    let shared = |capacity| Replays::new(capacity, &terms(LIFETIME), KEY, Some(slots.clone()));
    let (large, small) = (shared(40_960), shared(1000));
    let numbers: Vec<u32> = of_one_slot().take(20).collect();
    let (of_one, of_others) = numbers.split_at(6);
    for number in of_one {
        assert_eq!(note_of(&large, 0, *number, (0, LIFETIME), 0), Seen::Never);
    }
    assert_eq!(note_of(&small, 0, of_others[0], (0, LIFETIME), 0), Seen::Unknown, "more than its part there");
    assert_eq!(note(&small, of_others[0], 0, 0), Seen::Never, "another key has its own");
    for number in &of_others[1..12] {
        assert_eq!(note(&large, *number, 0, 0), Seen::Never);
    }
    assert_eq!(note(&small, of_others[13], 0, 0), Seen::Unknown);
}
