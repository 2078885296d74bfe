//! Ten thousand requests with one token that nobody has seen, all of them inside before the issuer says a word.

use std::thread;

use kit::bootstrap::{Listener, bootstrap};
use kit::deadline::{Gate, PATIENCE, poll, timed};
use kit::envoy::{Envoy, Launch};
use kit::http2::Session;
use kit::issuer::{Answer, Issuer};
use kit::{places, upstream};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::place::policy;
use crate::tokens::{ISSUER, QUESTIONS};

const REQUESTS: usize = 10_000;

/// Envoy gives each connection to one worker, whichever it likes; of so many it gives some to each.
const CONNECTIONS: usize = 100;

const WORKERS: usize = 4;

pub(crate) fn trial() -> Trial {
    Trial::test("faults::ten_thousand_requests_with_one_token_lead_to_one_question", || {
        crowd().map_err(Failed::from)
    })
}

fn crowd() -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let (upstream, issuer) = (upstream::start().map_err(failed)?, Issuer::start().map_err(failed)?);
    let held = Gate::default();
    let good = json!({"active": true, "iss": ISSUER, "scope": "orders", "aud": "orders-api"});
    issuer.answers(QUESTIONS, Answer::json(&good).held(&held));
    let envoy = start(upstream.port(), issuer.port())?;
    let port = envoy.port(NAME)?;

    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "api.example.com"),
        (":path", "/orders/1"),
        ("authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA"),
    ];
    let each = u32::try_from(REQUESTS / CONNECTIONS).map_err(|error| error.to_string())?;
    let sessions = (0..CONNECTIONS).map(|_| Session::open(port, each, &fields));
    let sessions: Vec<_> = sessions.collect::<Result<_, _>>().map_err(failed)?;
    let inside = || envoy.stat(&format!("http.{NAME}.downstream_rq_active"));
    let all = poll(PATIENCE, || (inside() == REQUESTS as u64).then_some(()));
    assert!(all.is_some(), "{} requests are inside, not {REQUESTS}", inside());
    let connections = (0..WORKERS)
        .map(|worker| envoy.stat(&format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_active")));
    let connections: Vec<_> = connections.collect();
    assert!(!connections.contains(&0), "a worker has nobody to serve: {connections:?}");
    assert!(issuer.wait_asked(QUESTIONS, 1));
    assert_eq!(upstream.count(), 0, "somebody did not wait");

    held.open();
    let (took, admitted) = timed(|| {
        let clients: Vec<_> =
            sessions.into_iter().map(|session| thread::spawn(|| session.good_responses().unwrap())).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    let questions = issuer.asked(QUESTIONS);
    println!(
        "{REQUESTS} requests with one token wait at once, {connections:?} connections at each worker: {questions} \
         question, and {took:?} after its answer all are served"
    );
    assert_eq!((admitted, upstream.count(), questions), (REQUESTS, REQUESTS, 1));
    assert_eq!(envoy.traps(), Vec::<String>::new());
    Ok(())
}

const NAME: &str = "crowd";

/// An Envoy in which so many may wait, in the gate and behind it.
fn start(upstream: u16, issuer: u16) -> Result<Envoy, String> {
    let mut policy = policy();
    // Those who wait for one token get a tenth of it.
    policy["limits"] = json!({"waiting_requests": REQUESTS * 10});
    policy["issuers"]["corp"]["introspection"]["timeout"] = json!("20s");
    let mut listener = Listener::guarded(NAME, upstream, policy, issuer);
    listener.manager.insert("stream_idle_timeout".to_owned(), json!("30s"));
    let (folder, module) = (places::scratch(NAME)?, places::module()?);
    let mut config = bootstrap(&[listener], &module, &folder);
    let thresholds =
        json!([{"max_connections": 64, "max_pending_requests": REQUESTS, "max_requests": REQUESTS}]);
    for cluster in config["static_resources"]["clusters"].as_array_mut().into_iter().flatten() {
        cluster["circuit_breakers"] = json!({"thresholds": thresholds});
    }
    Envoy::start(&folder, &config, Launch::workers(WORKERS))
}
