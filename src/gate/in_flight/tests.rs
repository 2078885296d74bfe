use super::super::memory::Inquiry;
use super::super::topic::Topic;
use super::*;
use crate::base::digest::DigestKey;
use Standing::{ActiveLately, Unknown};

const IDP: IssuerId = IssuerId(0);
const OTHER: IssuerId = IssuerId(1);

const fn at(milliseconds: i64) -> UnixTime {
    UnixTime::from_millis(milliseconds)
}

fn digest(number: u32) -> Digest {
    DigestKey::new([1; 16]).digest(number, b"token")
}

fn token(issuer: IssuerId, number: u32) -> Topic {
    Topic::Token(issuer, Inquiry::plain(digest(number)))
}

fn keys(issuer: IssuerId) -> Topic {
    Topic::Keys(issuer, 0)
}

/// Questions, and requests with numbers of their own.
#[derive(Default)]
struct World {
    in_flight: InFlight<Topic, RequestId>,
    last: u32,
}

impl World {
    /// Parks one more request at the time 0, for two seconds.
    fn park(&mut self, topic: Topic) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        self.in_flight.park(id, id, topic, at(2000), at(0));
        id
    }

    /// Puts the questions that are due, as if each were about a token that was active lately.
    fn put(&mut self) -> Vec<AskId> {
        let topics = self.in_flight.take_wanted(at(0), |_| true);
        topics.into_iter().map(|topic| self.in_flight.send(topic, at(0), at(2000))).collect()
    }

    /// Asks about tokens for which nobody waits any longer.
    fn abandon(&mut self, issuer: IssuerId, numbers: core::ops::Range<u32>) -> Vec<AskId> {
        let ids: Vec<_> = numbers.map(|number| self.park(token(issuer, number))).collect();
        let asks = self.put();
        for id in &ids {
            assert!(self.in_flight.remove(*id).is_some());
        }
        asks
    }

    fn asks_at_once(&mut self, topic: Topic, now: i64, is_known: bool) -> bool {
        self.in_flight.take_wanted(at(now), |_| is_known).contains(&topic)
    }
}

#[test]
fn a_reply_is_waited_for_a_moment_longer_than_its_callout_takes() {
    let mut world = World::default();
    let id = world.park(token(IDP, 1));
    let ask = world.put()[0];
    assert!(world.in_flight.overdue(at(2199)).is_empty() && world.in_flight.expire(at(2199)).is_empty());
    assert_eq!(world.in_flight.overdue(at(2200)), [token(IDP, 1)]);
    assert_eq!(world.in_flight.receive(ask), None, "too late");
    let gone: Vec<_> = world.in_flight.expire(at(2200)).into_iter().map(|(id, _)| id).collect();
    assert_eq!(gone, [id]);
}

#[test]
fn a_reply_tells_what_it_is_about_and_when_that_was_asked_and_comes_once() {
    let mut world = World::default();
    world.park(token(IDP, 1));
    world.in_flight.take_wanted(at(0), |_| true);
    let ask = world.in_flight.send(token(IDP, 1), at(7), at(2000));
    assert!(world.in_flight.is_open(token(IDP, 1)) && !world.in_flight.is_open(token(IDP, 2)));
    assert_eq!(world.in_flight.receive(ask), Some((token(IDP, 1), at(7))));
    assert!(!world.in_flight.is_open(token(IDP, 1)));
    assert_eq!(world.in_flight.receive(ask), None);
}

#[test]
fn an_issuer_is_asked_about_so_many_tokens_at_a_time_and_a_quarter_is_for_those_that_were_active_lately() {
    let mut world = World::default();
    for number in 0..512 {
        assert!(world.in_flight.may_ask(IDP, ActiveLately), "{number}");
        assert_eq!(world.in_flight.may_ask(IDP, Unknown), number < 384, "{number}");
        world.park(token(IDP, number));
        if number % 2 == 0 {
            world.put();
        }
    }
    assert!(!world.in_flight.may_ask(IDP, ActiveLately));
    assert!(world.in_flight.may_ask(OTHER, Unknown), "another issuer has places of its own");
}

#[test]
fn a_question_that_was_answered_or_is_not_put_has_its_place_given_back() {
    let mut world = World::default();
    for number in 0..383 {
        world.park(token(IDP, number));
    }
    world.put();
    let last = |world: &mut World| {
        assert!(world.in_flight.may_ask(IDP, Unknown));
        let id = world.park(token(IDP, 500));
        assert!(!world.in_flight.may_ask(IDP, Unknown));
        id
    };
    last(&mut world);
    let ask = world.put()[0];
    assert!(world.in_flight.receive(ask).is_some());
    world.in_flight.wake(token(IDP, 500));
    let id = last(&mut world);
    world.in_flight.remove(id);
    last(&mut world);
    world.in_flight.drop_topic(token(IDP, 500));
    assert!(world.in_flight.may_ask(IDP, Unknown));
    world.in_flight.drop_topic(token(IDP, 500));
    world.in_flight.wake(token(IDP, 500));
    last(&mut world);
}

#[test]
fn keys_take_no_place_of_questions_about_tokens() {
    let mut world = World::default();
    for number in 0..383 {
        world.park(token(IDP, number));
    }
    world.park(keys(IDP));
    assert!(world.in_flight.may_ask(IDP, Unknown));
}

#[test]
fn abandoned_questions_keep_strangers_out_when_they_are_too_many_and_nobody_else() {
    let mut world = World::default();
    let asks = world.abandon(IDP, 0..511);
    assert!(world.in_flight.may_ask(IDP, Unknown));
    world.abandon(IDP, 511..512);
    assert!(!world.in_flight.may_ask(IDP, Unknown) && world.in_flight.may_ask(IDP, ActiveLately));
    world.in_flight.receive(asks[0]);
    assert!(world.in_flight.may_ask(IDP, Unknown), "one was answered");
    world.abandon(IDP, 512..513);
    assert!(!world.in_flight.may_ask(IDP, Unknown));
    // Whoever takes one up waits for it again.
    world.park(token(IDP, 1));
    assert!(world.in_flight.may_ask(IDP, Unknown));
    assert!(world.put().is_empty(), "it is out");
    assert_eq!(world.in_flight.load[&IDP].asked, 1);
}

#[test]
fn where_many_questions_are_abandoned_an_unknown_token_has_to_be_waited_for_a_moment() {
    let mut world = World::default();
    world.abandon(IDP, 0..31);
    world.park(token(IDP, 100));
    assert!(world.asks_at_once(token(IDP, 100), 0, false), "these are not many");
    for (abandoned, number) in [(31..32, 101), (32..40, 102)] {
        world.abandon(IDP, abandoned);
        let topic = token(IDP, number);
        world.park(topic);
        assert!(!world.asks_at_once(topic, 99, false));
        assert!(world.asks_at_once(topic, 100, false));
        assert!(!world.asks_at_once(topic, 100, false), "each is asked about once");
    }
    for (topic, is_known) in [(token(IDP, 103), true), (keys(IDP), false), (token(OTHER, 104), false)] {
        world.park(topic);
        assert!(world.asks_at_once(topic, 0, is_known), "{topic:?}");
    }
}

#[test]
fn a_token_has_a_tenth_of_the_room_or_a_few_places_in_a_small_one() {
    for (limit, part) in [(1000, 100), (170, 17), (160, 16), (100, 16), (17, 16)] {
        let mut world = World::default();
        for number in 0..part {
            assert!(world.in_flight.has_room(token(IDP, 1), Unknown, limit), "{number} of {limit}");
            world.park(token(IDP, 1));
        }
        assert!(!world.in_flight.has_room(token(IDP, 1), Unknown, limit), "{limit}");
        assert!(world.in_flight.has_room(token(IDP, 2), Unknown, limit));
        assert!(world.in_flight.has_room(keys(IDP), ActiveLately, limit));
        world.in_flight.remove(RequestId(1));
        assert!(world.in_flight.has_room(token(IDP, 1), Unknown, limit), "one is gone");
        world.park(token(IDP, 1));
        assert!(!world.in_flight.has_room(token(IDP, 1), Unknown, limit));
    }
}

#[test]
fn tokens_that_were_active_lately_share_half_of_the_room_beyond_their_parts() {
    let mut world = World::default();
    for _ in 0..100 {
        world.park(token(IDP, 1));
        world.park(token(OTHER, 2));
    }
    // Their parts are a hundred each, and what is beyond may be four hundred.
    for number in 0..400 {
        let other = token(IDP, 1 + number % 2);
        assert!(world.in_flight.has_room(other, ActiveLately, 1000), "{number}");
        world.park(other);
    }
    assert!(!world.in_flight.has_room(token(IDP, 1), ActiveLately, 1000));
    assert!(world.in_flight.has_room(token(IDP, 3), ActiveLately, 1000), "its own part");
}

#[test]
fn an_issuer_has_a_fifth_of_the_room_whoever_else_waits() {
    let mut world = World::default();
    for number in 0..100 {
        assert!(world.in_flight.has_room(token(IDP, number), Unknown, 100));
        world.park(token(IDP, number));
    }
    assert_eq!(world.in_flight.len(), 100);
    assert!(!world.in_flight.has_room(token(IDP, 100), Unknown, 100));
    for number in 200..220 {
        assert!(world.in_flight.has_room(token(OTHER, number), Unknown, 100), "{number}");
        world.park(token(OTHER, number));
    }
    assert!(!world.in_flight.has_room(token(OTHER, 220), Unknown, 100));
    assert!(!world.in_flight.has_room(keys(OTHER), ActiveLately, 100));
    world.in_flight.wake(token(OTHER, 200));
    assert!(world.in_flight.has_room(token(OTHER, 200), Unknown, 100));
}

#[test]
fn everybody_who_waits_for_a_topic_is_woken_or_given_up_in_the_order_of_coming_and_nobody_else() {
    let mut world = World::default();
    let [first, other, second] = [1, 2, 1].map(|number| world.park(token(IDP, number)));
    let mut told = 0;
    world.in_flight.give_up(token(IDP, 1), at(5), |_| told += 1);
    assert_eq!((told, world.in_flight.is_open(token(IDP, 1))), (2, false));
    let ids = |found: Vec<(RequestId, RequestId)>| found.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert!(world.in_flight.expire(at(4)).is_empty());
    assert_eq!(ids(world.in_flight.expire(at(5))), [first, second]);
    assert!(world.in_flight.is_parked(other) && !world.in_flight.is_parked(first));
    let third = world.park(token(IDP, 2));
    assert_eq!(ids(world.in_flight.wake(token(IDP, 2))), [other, third]);
    assert!(world.in_flight.waiter(token(IDP, 2)).is_none() && world.in_flight.len() == 0);
}

#[test]
fn nothing_is_left_of_requests_and_questions_that_are_gone() {
    let mut world = World::default();
    world.park(token(IDP, 1));
    let answered = world.put()[0];
    let [leader, follower] = [2, 2].map(|number| world.park(token(IDP, number)));
    world.in_flight.remove(leader);
    assert_eq!(world.in_flight.waiter(token(IDP, 2)), Some(&follower));
    world.in_flight.remove(follower);
    let abandoned = world.abandon(IDP, 3..4)[0];
    let waits = world.park(keys(IDP));
    world.in_flight.remove(waits);
    assert!(world.in_flight.is_open(keys(IDP)), "keys are good for others too");
    let keys = world.put()[0];
    for ask in [answered, abandoned, keys] {
        let (topic, _) = world.in_flight.receive(ask).unwrap();
        world.in_flight.wake(topic);
    }
    assert!(world.in_flight.remove(leader).is_none());
    let InFlight { parked, waiting, crowds, wanted, open, load, out, last: _ } = &world.in_flight;
    assert!(parked.is_empty() && waiting.is_empty() && crowds.is_empty());
    assert!(wanted.is_empty() && open.is_empty() && out.is_empty());
    let load = &load[&IDP];
    assert_eq!((load.parked, load.asked, load.abandoned), (0, 0, 0));
}
