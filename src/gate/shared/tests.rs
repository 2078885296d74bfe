use core::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

const KEY: DigestKey = DigestKey::new([1; 16]);

fn record() -> Record {
    let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let fields = vec![
        field("content-type", b"application/json"),
        field("www-authenticate", b"Basic realm=\"a\""),
        field("www-authenticate", &[b'x'; 300]),
    ];
    let span = |at, until| Span { at: UnixTime::from_secs(at), until: UnixTime::from_secs(until) };
    let told = Told { kind: Kind::Good, span: span(5, 9), status: 200, fields, body: b"{}".to_vec() };
    Record { turn: span(7, 8), told: Some(told) }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let digest = KEY.digest(0, b"token");
    for record in [record(), Record { told: None, ..record() }, Record { turn: Span::NONE, ..record() }] {
        assert_eq!(Record::read(&record.write(&KEY, 7, digest), &KEY, 7, digest), Some(record));
    }
}

#[test]
fn a_record_that_was_touched_moved_or_meant_for_another_token_is_none() {
    let digest = KEY.digest(0, b"token");
    let bytes = record().write(&KEY, 7, digest);
    for at in 0..bytes.len() {
        let mut touched = bytes.clone();
        touched[at] ^= 1;
        assert!(Record::read(&touched, &KEY, 7, digest).is_none(), "{at}");
        assert!(Record::read(&bytes[..at], &KEY, 7, digest).is_none(), "{at}");
    }
    assert!(Record::read(&bytes, &KEY, 8, digest).is_none());
    assert!(Record::read(&bytes, &DigestKey::new([2; 16]), 7, digest).is_none());
    assert!(Record::read(&bytes, &KEY, 7, KEY.digest(0, b"other")).is_none());
}

#[derive(Default)]
struct Slots(RefCell<BTreeMap<u32, (Vec<u8>, u32)>>);

impl SharedSlots for Slots {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.0.borrow().get(&slot).cloned()
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let mut slots = self.0.borrow_mut();
        let found = slots.get(&slot).map(|(_, version)| *version);
        if found == version {
            slots.insert(slot, (bytes.to_vec(), found.unwrap_or(0) + 1));
        }
        found == version
    }
}

const ISSUER: IssuerId = IssuerId(0);
const PATIENCE: Duration = Duration::from_secs(2);

/// Two tokens of one slot.
fn neighbours() -> (Digest, Digest) {
    let one = KEY.digest(0, b"token");
    let same = |other: &Digest| slot(ISSUER, *other) == slot(ISSUER, one);
    (one, (1..).map(|number| KEY.digest(number, b"token")).find(same).unwrap())
}

fn shared() -> Shared {
    Shared { slots: Rc::new(Slots::default()), keys: vec![Some(KEY)] }
}

fn tell(shared: &Shared, digest: Digest, kind: Kind, at: i64) {
    let answer = Answer { status: 200, fields: &[], body: b"{}" };
    let span = Span { at: UnixTime::from_secs(at), until: UnixTime::from_secs(at + 60) };
    shared.tell(ISSUER, digest, kind, &answer, span, &Clock::default());
}

#[test]
fn a_good_answer_is_displaced_by_a_good_one_and_by_nothing_else_in_its_time() {
    let (clock, now) = (Clock::default(), UnixTime::from_secs);
    let (good, other) = neighbours();
    let shared = shared();
    let told = |digest, at| shared.told(ISSUER, digest).is_some_and(|told| told.span.holds(&clock, now(at)));
    tell(&shared, good, Kind::Good, 100);
    // As garbage comes in: a turn, then a refusal or nothing.
    assert_eq!(shared.take_turn(ISSUER, other, PATIENCE, &clock, now(101)), Turn::Ours);
    tell(&shared, other, Kind::Refused, 101);
    shared.give_turn_back(ISSUER, other);
    assert!(told(good, 101) && !told(other, 101));
    tell(&shared, other, Kind::Good, 102);
    assert!(told(other, 102) && !told(good, 102));
    tell(&shared, good, Kind::Refused, 162);
    assert!(told(good, 162), "the good answer's time was over");
}

#[test]
fn a_turn_lasts_no_longer_than_whoever_looks_would_wait() {
    let (clock, now) = (Clock::default(), UnixTime::from_secs);
    let digest = KEY.digest(0, b"token");
    let shared = shared();
    assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE * 100, &clock, now(100)), Turn::Ours);
    assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE, &clock, now(101)), Turn::Theirs);
    assert!(!shared.is_taken(ISSUER, digest, PATIENCE, &clock, now(102)));
    assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE, &clock, now(102)), Turn::Ours);
}

/// What is written to it is lost, or keeps its place whatever anybody writes.
struct Fixed(Option<(Vec<u8>, u32)>);

impl SharedSlots for Fixed {
    fn read(&self, _: u32) -> Option<(Vec<u8>, u32)> {
        self.0.clone()
    }

    fn write(&self, _: u32, _: &[u8], _: Option<u32>) -> bool {
        false
    }
}

#[test]
fn on_a_host_that_keeps_nothing_each_worker_asks_for_itself() {
    let clock = Clock::default();
    let digest = KEY.digest(0, b"token");
    for kept in [None, Some((b"another's".to_vec(), 7))] {
        let shared = Shared { slots: Rc::new(Fixed(kept)), keys: vec![Some(KEY)] };
        let turn = shared.take_turn(ISSUER, digest, PATIENCE, &clock, UnixTime::from_secs(100));
        assert_eq!(turn, Turn::Ours);
    }
}

/// Somebody else takes each slot between a look and what is written then.
#[derive(Default)]
struct Contended(Slots);

impl SharedSlots for Contended {
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.0.read(slot)
    }

    fn write(&self, slot: u32, bytes: &[u8], version: Option<u32>) -> bool {
        let current = self.0.read(slot).map(|(_, version)| version);
        self.0.write(slot, b"another's", current) && self.0.write(slot, bytes, version)
    }
}

#[test]
fn a_turn_that_another_takes_in_the_same_moment_is_theirs() {
    let shared = Shared { slots: Rc::new(Contended::default()), keys: vec![Some(KEY)] };
    let digest = KEY.digest(0, b"token");
    let turn = shared.take_turn(ISSUER, digest, PATIENCE, &Clock::default(), UnixTime::from_secs(100));
    assert_eq!(turn, Turn::Theirs);
}

#[test]
fn what_was_written_by_a_clock_that_is_set_back_since_does_not_count() {
    let now = UnixTime::from_secs;
    let digest = KEY.digest(0, b"token");
    for lease in [false, true] {
        let shared = shared();
        let clock = Clock::default();
        let holds = |at| {
            let told = shared.told(ISSUER, digest);
            told.is_some_and(|told| told.span.holds(&clock, now(at)))
        };
        clock.see(now(100));
        if lease {
            assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE, &clock, now(100)), Turn::Ours);
        } else {
            tell(&shared, digest, Kind::Good, 100);
        }
        for back in [99, 0, -1_000_000] {
            clock.see(now(back));
            assert!(!holds(back), "{back}");
            assert!(!shared.is_taken(ISSUER, digest, PATIENCE, &clock, now(back)), "{back}");
        }
        assert!(!holds(101), "when its time comes again");
        assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE, &clock, now(0)), Turn::Ours);
    }
}

#[test]
fn what_was_said_last_stays_under_a_turn_and_goes_when_something_longer_was_said() {
    let (clock, now) = (Clock::default(), UnixTime::from_secs);
    let digest = KEY.digest(0, b"token");
    let shared = shared();
    tell(&shared, digest, Kind::Refused, 100);
    let last = || shared.told(ISSUER, digest).map(|told| (told.kind, told.span.at));
    assert_eq!(shared.take_turn(ISSUER, digest, PATIENCE, &clock, now(200)), Turn::Ours);
    assert!(shared.is_taken(ISSUER, digest, PATIENCE, &clock, now(200)));
    assert_eq!(last(), Some((Kind::Refused, now(100))));
    shared.give_turn_back(ISSUER, digest);
    assert!(!shared.is_taken(ISSUER, digest, PATIENCE, &clock, now(200)));
    assert_eq!(last(), Some((Kind::Refused, now(100))));
    tell(&shared, digest, Kind::Good, 201);
    assert_eq!(last(), Some((Kind::Good, now(201))));
    let long = Answer { status: 401, fields: &[], body: &[b' '; 5000] };
    let span = Span { at: now(202), until: now(203) };
    shared.tell(ISSUER, digest, Kind::Refused, &long, span, &clock);
    assert_eq!(last(), None);
}

#[test]
fn answers_lie_in_all_of_their_slots_and_in_no_other() {
    let slots = (0..40_000).map(|number| slot(IssuerId(number % 3), KEY.digest(number, b"token")));
    let slots: std::collections::BTreeSet<u32> = slots.collect();
    assert_eq!((slots.len(), slots.first(), slots.last()), (2048, Some(&0), Some(&2047)));
}

#[test]
fn issuers_that_are_asked_about_one_token_have_a_slot_each() {
    let digest = KEY.digest(0, b"token");
    assert_ne!(slot(IssuerId(0), digest), slot(IssuerId(1), digest));
}

#[test]
fn an_answer_that_came_just_now_keeps_the_turn_from_whoever_has_not_seen_it() {
    let millis = UnixTime::from_millis;
    let digest = KEY.digest(0, b"token");
    // How long who looks would wait, for how long the answer counts, and until when it is new.
    for (patience, lasts, new_until) in [(2000, 60_000, 1000), (500, 60_000, 500), (2000, 300, 300)] {
        for (now, turn) in [(0, Turn::Theirs), (new_until - 1, Turn::Theirs), (new_until, Turn::Ours)] {
            let (clock, shared) = (Clock::default(), shared());
            let answer = Answer { status: 200, fields: &[], body: b"{}" };
            let span = Span { at: millis(0), until: millis(lasts) };
            shared.tell(ISSUER, digest, Kind::Refused, &answer, span, &clock);
            let patience = Duration::from_millis(patience);
            assert_eq!(shared.take_turn(ISSUER, digest, patience, &clock, millis(now)), turn, "{now}");
        }
    }
}

#[test]
fn an_answer_of_4_kib_is_shared_and_no_longer_one_with_the_fields_that_are_shared_of_it() {
    let field = |name: &str, length: usize| (name.to_owned(), vec![b'x'; length]);
    let digest = KEY.digest(0, b"token");
    for (more, is_shared) in [(0, true), (1, false)] {
        let fields = [field("content-type", 96), field("date", 5000), field("www-authenticate", 1000)];
        let body = vec![b' '; 3000 + more];
        let answer = Answer { status: 403, fields: &fields, body: &body };
        let (clock, shared) = (Clock::default(), shared());
        let span = Span { at: UnixTime::from_secs(0), until: UnixTime::from_secs(9) };
        shared.tell(ISSUER, digest, Kind::Refused, &answer, span, &clock);
        let told = shared.told(ISSUER, digest);
        let told = told.map(|told| (told.status, told.fields, told.body));
        let [content, _, challenge] = fields.clone();
        assert_eq!(told, is_shared.then(|| (403, vec![content, challenge], body.clone())));
    }
}

#[test]
fn a_refusal_ends_the_good_answer_about_its_own_token_and_what_is_too_long_that_of_no_other() {
    let now = UnixTime::from_secs;
    let (one, other) = neighbours();
    let (clock, shared) = (Clock::default(), shared());
    let kind = |digest| shared.told(ISSUER, digest).map(|told| told.kind);
    tell(&shared, one, Kind::Good, 100);
    tell(&shared, one, Kind::Refused, 101);
    assert_eq!(kind(one), Some(Kind::Refused));
    for (was, is) in [(Kind::Refused, Kind::Good), (Kind::Good, Kind::Good)] {
        tell(&shared, one, was, 102);
        let long = Answer { status: 200, fields: &[], body: &[b' '; 5000] };
        shared.tell(ISSUER, other, is, &long, Span { at: now(103), until: now(104) }, &clock);
        assert_eq!((kind(one), kind(other)), (Some(was), None));
    }
    // What was said of a good one lies still where it lay.
    assert_eq!(shared.take_turn(ISSUER, other, PATIENCE, &clock, now(103)), Turn::Ours);
    assert!(!shared.is_taken(ISSUER, other, PATIENCE, &clock, now(103)));
    tell(&shared, one, Kind::Refused, 104);
    assert_eq!(shared.take_turn(ISSUER, other, PATIENCE, &clock, now(105)), Turn::Ours);
    assert!(shared.is_taken(ISSUER, other, PATIENCE, &clock, now(105)) && kind(one).is_none());
}

/// While a proxy takes over another version of the module, both share the slots.
#[test]
fn the_bytes_of_a_record_stay_what_they_are() {
    let digest = KEY.digest(0, b"token");
    let written = |told| Record { told, ..record() }.write(&KEY, 7, digest).split_off(TAG);
    let time = |seconds: i64| (seconds * 1000).to_le_bytes();
    let about = [&digest.as_u128().to_le_bytes()[..], &time(7), &time(8)].concat();
    assert_eq!(written(None), [&about[..], &[1]].concat());
    for (kind, number) in [(Kind::Refused, 2), (Kind::Good, 3)] {
        let told = Told { kind, ..record().told.unwrap() };
        let answer = [
            &[number][..],
            &time(5),
            &time(9),
            &200u16.to_le_bytes(),
            &[0, 16, 0],
            b"application/json",
            &[1, 15, 0],
            b"Basic realm=\"a\"",
            &[1, 44, 1],
            &[b'x'; 300],
            &[255],
            b"{}",
        ];
        assert_eq!(written(Some(told)), [&about[..], &answer.concat()].concat(), "{kind:?}");
    }
}
