//! The kit itself, without the filter: what it reports is what happened.

use std::time::Duration;

use kit::bootstrap::{Listener, bootstrap};
use kit::client::{Connection, Request, exchange};
use kit::deadline::stays;
use kit::envoy::{Envoy, Launch, validate};
use kit::issuer::{Answer, Issuer};
use kit::{places, upstream};
use libtest_mimic::Trial;
use serde_json::json;

use crate::ring::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("harness::a_request_is_forwarded_recorded_and_logged", forwarded_recorded_and_logged),
        trial("harness::an_issuer_follows_its_script", an_issuer_follows_its_script),
        trial(
            "harness::a_configuration_that_envoy_refuses_is_reported_with_its_words",
            refused_configuration,
        ),
    ]
}

fn forwarded_recorded_and_logged() {
    let application = upstream::start().unwrap();
    let folder = places::scratch("harness-forwarded").unwrap();
    let listener = Listener::open("open", application.port());
    let envoy = Envoy::start(&folder, &bootstrap(&[listener], &folder, &folder), Launch::workers(1)).unwrap();
    let port = envoy.port("open").unwrap();

    let request =
        Request::post("/orders?x=y").field("x-odd", b"\xff").chunks(&[b"one", b"two"], &[("x-end", "1")]);
    let response = exchange(port, &request).unwrap();
    assert_eq!((response.status, response.json()["target"].as_str()), (200, Some("/orders?x=y")));

    let logged = envoy.logged("open", response.origin).unwrap();
    assert_eq!(logged.get("details"), "via_upstream");
    assert!(logged.went_upstream());

    let received = application.received();
    assert_eq!(received[0].head.all("x-odd"), ["\\xff"]);
    assert_eq!((&*received[0].body, received[0].complete), (&b"onetwo"[..], true));

    let mut unfinished = Connection::open(port).unwrap();
    unfinished.send(b"GET / HT").unwrap();
    assert!(stays(Duration::from_millis(50), || application.count() == 1));
    unfinished.leave();
    assert_eq!(envoy.traps(), Vec::<String>::new());
    assert_eq!(envoy.stat("listener_manager.listener_create_success"), 1);
}

fn an_issuer_follows_its_script() {
    let issuer = Issuer::start().unwrap();
    let ask = |path: &str| exchange(issuer.port(), &Request::get(path));

    issuer.answers_in_turn("/turns", vec![Answer::json(&json!(1)), Answer::json(&json!(2))]);
    assert_eq!([(); 3].map(|()| ask("/turns?x").unwrap().json()), [json!(1), json!(2), json!(2)]);
    assert_eq!(ask("/unknown").unwrap().status, 404);

    for broken in [Answer::CutShort(b"{}".to_vec()), Answer::BrokenChunk(b"{}".to_vec()), Answer::Reset] {
        issuer.answers("/broken", broken);
        assert!(ask("/broken").is_err());
    }
    assert_eq!((issuer.asked("/turns"), issuer.asked("/broken")), (3, 3));
}

fn refused_configuration() {
    let folder = places::scratch("harness-refused").unwrap();
    let nonsense = json!({"nonsense": 1});
    let (good, said) = validate(&folder, &nonsense).unwrap();
    assert!(!good && said.contains("nonsense"), "{said}");
    let problem = Envoy::start(&folder, &nonsense, Launch::workers(1)).err().unwrap();
    assert!(problem.contains("Envoy ended") && problem.contains("nonsense"), "{problem}");
}
