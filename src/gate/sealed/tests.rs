use core::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

/// Slots into which somebody else writes right before the next write, if that is wanted.
#[derive(Default)]
struct Slots {
    all: RefCell<BTreeMap<u32, (Vec<u8>, u32)>>,
    quicker: RefCell<Option<Vec<u8>>>,
}

impl Slots {
    fn version(&self, slot: u32) -> Option<u32> {
        self.all.borrow().get(&slot).map(|(_, version)| *version)
    }

    fn put(&self, slot: u32, bytes: Vec<u8>) {
        let version = self.version(slot).unwrap_or(0) + 1;
        self.all.borrow_mut().insert(slot, (bytes, version));
    }
}

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.all.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        if let Some(quicker) = self.quicker.take() {
            self.put(slot, quicker);
        }
        let is_good = self.version(slot) == version;
        if is_good {
            self.put(slot, bytes.to_vec());
        }
        is_good
    }
}

const fn at(millis: i64) -> UnixTime {
    UnixTime::from_millis(millis)
}

fn identity() -> [String; 4] {
    ["uri", "https://idp.example.com/jwks", "idp", "https://idp.example.com"].map(str::to_owned)
}

fn secret(last: u8) -> Secret<Vec<u8>> {
    Secret::new([b"0123456789abcde".as_slice(), &[last]].concat())
}

fn seal() -> Seal {
    Seal::new(&secret(b'f'), &identity())
}

const ISSUER: IssuerId = IssuerId(0);
const TURNS_LENGTH: Duration = Duration::from_secs(2);

fn worker(slots: &Rc<Slots>, own: u8) -> SealedSets {
    let slots = Rc::clone(slots) as Rc<dyn SharedSlots>;
    SealedSets { slots, own: [own; 16], seals: vec![vec![Some(seal()), None]] }
}

fn record(fetched: i64, vouched: i64, document: &[u8]) -> Record {
    Record {
        fetched: at(fetched),
        vouched: at(vouched),
        lifetime: None,
        sought: false,
        document: Rc::from(document),
    }
}

#[test]
fn a_set_is_read_as_it_was_written() {
    for (sought, lifetime, document) in [
        (false, None, "{}"),
        (true, Some(Duration::ZERO), ""),
        (true, Some(Duration::from_millis(1)), "{}"),
        (false, Some(Duration::from_millis(u64::MAX - 1)), "{}"),
    ] {
        let record = Record { sought, lifetime, ..record(-5, 7, document.as_bytes()) };
        assert_eq!(Record::read(&record.write()), Some(record));
    }
    for lifetime in [Duration::from_millis(u64::MAX), Duration::MAX] {
        let longest = Record { lifetime: Some(lifetime), ..record(0, 0, b"{}") };
        let read = Record::read(&longest.write()).and_then(|read| read.lifetime);
        assert_eq!(read, Some(Duration::from_millis(u64::MAX - 1)), "so long, and not unsaid");
    }
}

#[test]
fn what_is_sealed_for_another_set_another_purpose_or_by_another_secret_is_nothing() {
    let written = seal().close(SET, b"content");
    assert_eq!(seal().open(SET, &written), Some(&b"content"[..]));
    assert_eq!(seal().open(TURN, &written), None);
    assert!(Seal::new(&secret(b'g'), &identity()).open(SET, &written).is_none());
    for part in 0..4 {
        let mut other = identity();
        other[part].push('x');
        assert!(Seal::new(&secret(b'f'), &other).open(SET, &written).is_none(), "{part}");
    }
}

/// While a proxy takes over another version of the module, both share the slots.
#[test]
fn the_slots_and_the_seal_of_a_set_stay_what_they_are() {
    assert_eq!(seal().slot, 237);
    let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
    worker(&slots, 1).tell(ISSUER, 0, record(0, 0, b"{}"), &clock, at(0));
    // Behind those for answers, for proofs, and for how old these may be; first the sets, then the turns.
    let first = 2048 + 4096 + 1;
    let used: Vec<u32> = slots.all.borrow().keys().copied().collect();
    assert_eq!(used, [first + 237, first + 1024 + 237]);
    assert_eq!(seal().close(SET, b"content").first_chunk(), Some(&[134, 89, 88, 37]));
}

#[test]
fn a_set_of_64_kib_is_shared_and_a_longer_one_only_ends_the_turn() {
    for (length, is_shared) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
        let (one, two) = (worker(&slots, 1), worker(&slots, 2));
        assert_eq!(one.take_turn(ISSUER, 0, TURNS_LENGTH, &clock, at(0)), Turn::Ours);
        assert!(two.is_taken(ISSUER, 0, &clock, at(1)));
        one.tell(ISSUER, 0, record(0, 0, &vec![b' '; length]), &clock, at(1));
        assert_eq!(two.read(ISSUER, 0, &clock, at(1)).is_some(), is_shared, "{length}");
        assert!(!two.is_taken(ISSUER, 0, &clock, at(1)), "{length}");
    }
}

#[test]
fn a_set_counts_only_where_it_is_known_when_it_was_fetched_and_when_that_was_said() {
    for (fetched, vouched, counts) in [(0, 5000, true), (0, 6000, false), (6000, 5000, false)] {
        let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
        worker(&slots, 1).tell(ISSUER, 0, record(fetched, vouched, b"{}"), &clock, at(0));
        let read = worker(&slots, 2).read(ISSUER, 0, &clock, at(5000));
        assert_eq!(read.is_some(), counts, "{fetched} {vouched}");
    }
}

#[test]
fn a_turn_is_one_workers_until_it_ends_or_is_given_back_by_it() {
    let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
    let [one, two, three] = [1, 2, 3].map(|own| worker(&slots, own));
    let take = |worker: &SealedSets, now| worker.take_turn(ISSUER, 0, TURNS_LENGTH, &clock, at(now));
    assert_eq!(take(&one, 0), Turn::Ours);
    assert!(!one.is_taken(ISSUER, 0, &clock, at(0)), "its own keeps it from nothing");
    assert_eq!((take(&one, 500), take(&two, 2499)), (Turn::Ours, Turn::Theirs));
    assert_eq!(take(&two, 2500), Turn::Ours);
    one.give_turn_back(ISSUER, 0, &clock, at(2501));
    assert_eq!(take(&three, 2501), Turn::Theirs, "the turn is the second's by now");
    two.give_turn_back(ISSUER, 0, &clock, at(2502));
    assert_eq!(take(&three, 2502), Turn::Ours);
}

#[test]
fn who_is_quicker_has_the_turn_and_a_neighbour_keeps_nobody_from_it() {
    let lease = |own, until| seal().close(TURN, &lease(&[own; 16], Span { at: at(0), until: at(until) }));
    for (quicker, turn) in [
        (lease(2, 2000), Turn::Theirs),
        (lease(2, 10), Turn::Ours),
        (lease(1, 2000), Turn::Ours),
        (b"a neighbour's".to_vec(), Turn::Ours),
    ] {
        let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
        slots.quicker.replace(Some(quicker.clone()));
        assert_eq!(worker(&slots, 1).take_turn(ISSUER, 0, TURNS_LENGTH, &clock, at(10)), turn);
        // As it is found by whoever comes later.
        assert_eq!(worker(&slots, 1).take_turn(ISSUER, 0, TURNS_LENGTH, &clock, at(10)), turn);
    }
}

#[test]
fn a_set_that_is_not_shared_is_read_from_nobody_and_fetched_by_everybody() {
    let (slots, clock) = (Rc::new(Slots::default()), Clock::default());
    let worker = worker(&slots, 1);
    for (issuer, set) in [(ISSUER, 1), (ISSUER, 2), (IssuerId(1), 0)] {
        assert_eq!(worker.take_turn(issuer, set, TURNS_LENGTH, &clock, at(0)), Turn::Ours);
        worker.tell(issuer, set, record(0, 0, b"{}"), &clock, at(0));
        assert!(worker.read(issuer, set, &clock, at(0)).is_none());
        assert!(!worker.is_taken(issuer, set, &clock, at(0)));
    }
    assert!(slots.all.borrow().is_empty());
}
