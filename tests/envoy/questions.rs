//! One question however many wait for its answer, and nothing left behind by those who leave.

use std::sync::Arc;
use std::time::Duration;

use kit::client::{Connection, Request};
use kit::envoy::Launch;
use kit::issuer::Answer;
use kit::server::Received;
use libtest_mimic::Trial;
use serde_json::json;

use crate::policies::{ASKED, held, introspected_with, opaque};
use crate::ring::{Plan, Ring, Site, alone};

/// More requests than any pool or queue on the way has room for by chance.
const CROWD: usize = 240;

const WORKERS: usize = 3;

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, run: fn(&Site)| ring.test(&format!("questions::{name}"), patient(), run);
    test("a_crowd_at_one_worker_leads_to_one_question", crowd_at_one_worker);
    test("followers_survive_the_leader", followers_survive);
    test("an_answer_for_a_client_that_left_is_remembered_for_the_next", nobody_waits);
    test("clients_that_go_at_once_leave_room_for_others", leaving_at_once);
    let mut bounded = patient();
    bounded.filter.policy["limits"] = json!({"waiting_requests": 4});
    ring.test("questions::no_more_than_the_limit_wait", bounded.clone(), bounded_waiting);
    ring.test("questions::clients_that_leave_make_room", bounded, leaving_makes_room);
}

pub(crate) fn trials() -> Vec<Trial> {
    let several = Launch::workers(WORKERS);
    vec![
        alone(
            "questions::a_crowd_at_all_workers_leads_to_one_question",
            patient(),
            several,
            crowd_at_all_workers,
        ),
        alone("questions::workers_share_an_answer", patient(), several, shared_answer),
    ]
}

/// An issuer that may take its time, and room for the crowd: those who wait for one token get a tenth of it.
fn patient() -> Plan {
    let mut plan = introspected_with(json!({"timeout": "6s"}));
    plan.filter.policy["limits"] = json!({"waiting_requests": 10 * CROWD});
    plan
}

fn crowd_at_one_worker(site: &Site) {
    assert_eq!(crowd(site), 1);
}

fn crowd_at_all_workers(site: &Site) {
    assert_eq!(crowd(site), 1);
}

fn shared_answer(site: &Site) {
    for _ in 0..CROWD / 4 {
        site.admits(&order("shared"));
    }
    assert_eq!(site.issuer.asked(ASKED), 1);
    site.issuer.answers(ASKED, Answer::json(&json!({"active": false})));
    for _ in 0..CROWD / 4 {
        site.refuses(&order("inactive"), 401, "token_inactive");
    }
    assert_eq!(site.issuer.asked(ASKED), 2);
}

/// How many questions the crowd leads to, all of it let in.
fn crowd(site: &Site) -> usize {
    let answer = held(site, Answer::json(&opaque("alice")));
    let mut clients: Vec<_> = (0..CROWD).map(|_| sent(site, "shared")).collect();
    site.wait_inside(CROWD as u64);
    answer.open();
    for client in &mut clients {
        assert_eq!(client.response().unwrap().status, 200);
    }
    assert_eq!(site.upstream.count(), CROWD);
    site.issuer.asked(ASKED)
}

fn followers_survive(site: &Site) {
    let answer = held(site, Answer::json(&opaque("alice")));
    let leader = sent(site, "shared");
    assert!(site.issuer.wait_asked(ASKED, 1));
    let mut followers: Vec<_> = (0..5).map(|_| sent(site, "shared")).collect();
    site.wait_inside(6);
    leader.leave();
    site.wait_inside(5);
    answer.open();
    for follower in &mut followers {
        assert_eq!(follower.response().unwrap().status, 200);
    }
    assert_eq!((site.issuer.asked(ASKED), site.upstream.count()), (1, 5));
}

fn nobody_waits(site: &Site) {
    let answer = held(site, Answer::json(&opaque("alice")));
    let client = sent(site, "left");
    assert!(site.issuer.wait_asked(ASKED, 1));
    client.leave();
    site.wait_inside(0);
    answer.open();
    site.admits(&order("left"));
    assert_eq!((site.issuer.asked(ASKED), site.upstream.count()), (1, 1));
}

fn bounded_waiting(site: &Site) {
    let answer = held(site, Answer::json(&opaque("alice")));
    let mut waiting: Vec<_> = (0..4).map(|number| sent(site, &format!("token-{number}"))).collect();
    assert!(site.issuer.wait_asked(ASKED, 4));
    let refused = site.refuses(&order("one-too-many"), 503, "overloaded");
    assert_eq!(refused.head.get("retry-after").as_deref(), Some("1"));
    answer.open();
    for client in &mut waiting {
        assert_eq!(client.response().unwrap().status, 200);
    }
    site.admits(&order("one-too-many"));
}

fn leaving_makes_room(site: &Site) {
    let answer = held(site, Answer::json(&json!({"active": false})));
    for round in 0..10 {
        let clients: Vec<_> = (0..4).map(|number| sent(site, &format!("token-{round}-{number}"))).collect();
        site.wait_inside(4);
        clients.into_iter().for_each(Connection::leave);
        site.wait_inside(0);
    }
    answer.open();
    site.refuses(&order("after-all"), 401, "token_inactive");
}

/// More clients than an issuer is asked about tokens at a time, each with a new one, and none of them stays.
fn leaving_at_once(site: &Site) {
    let slow_for_those = |question: &Received| {
        let answer = Answer::json(&opaque("alice"));
        let is_theirs = question.body.windows(5).any(|window| window == b"gone-");
        if is_theirs { answer.later(Duration::from_secs(5)) } else { answer }
    };
    site.issuer.answers(ASKED, Answer::Made(Arc::new(slow_for_those)));
    for number in 0..700 {
        sent(site, &format!("gone-{number}")).leave();
    }
    site.wait_inside(0);
    for number in 0..10 {
        site.admits(&order(&format!("user-{number}")));
    }
    let asked = site.issuer.asked(ASKED);
    assert!(asked < 300, "{asked} questions, nearly all of them for nobody");
}

fn order(token: &str) -> Request {
    Request::get("/orders/1").bearer(token)
}

/// A client that has asked for an order and waits.
fn sent(site: &Site, token: &str) -> Connection {
    let mut client = site.connect();
    client.send(&order(token).head_bytes()).unwrap();
    client
}
