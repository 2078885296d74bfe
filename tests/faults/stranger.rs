//! A stranger who sends token after token over which the issuer stumbles, and good users beside him: he keeps nobody
//! out but himself, and nobody whose token was revoked in.

use std::collections::HashSet;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kit::bootstrap::{Listener, bootstrap};
use kit::client::{Connection, Request};
use kit::deadline::{Stopwatch, last, lock, poll};
use kit::envoy::{Envoy, Launch};
use kit::issuer::{Answer, Issuer};
use kit::server::Server;
use kit::{places, upstream};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::place::policy;
use crate::tokens::{QUESTIONS, asked_about};

/// Users who send one token again and again, and as many who send another one each time; each a request a second.
const USERS: usize = 25;

/// The stranger's tokens a second, and the connections on which they come: each may wait for its answer.
const STRANGERS: usize = 20;
const CONNECTIONS: usize = 60;

/// What the policy lets answers live, and callouts take.
const TTL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a busy machine adds.
const GRACE: Duration = Duration::from_secs(1);

/// How soon an issuer that fails for all is left alone.
const OPENS: Duration = Duration::from_secs(3);

/// What the issuer does with a token that it does not like.
type Stumble = fn() -> Answer;

const WAYS: [(&str, Stumble); 3] = [
    ("fails", || Answer::status(500)),
    ("asks_for_patience", || Answer::Reply {
        status: 429,
        headers: vec![("retry-after".to_owned(), "2".to_owned())],
        body: Vec::new(),
    }),
    ("hangs", || Answer::status(200).later(Duration::from_secs(5))),
];

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(way, stumble): (&'static str, Stumble)| {
        Trial::test(
            format!("faults::a_stranger_over_whose_tokens_the_issuer_{way}_keeps_nobody_out"),
            move || endure(way, stumble).map_err(Failed::from),
        )
    };
    WAYS.into_iter().map(trial).collect()
}

/// Who sends a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sender {
    Regular,
    Newcomer,
    Revoked,
    Stranger,
}

struct Sample {
    sender: Sender,
    status: u16,
    ended: Duration,
}

/// What the issuer knows and does.
#[derive(Default)]
struct Moods {
    revoked: Mutex<HashSet<String>>,
    /// It stumbles over every token.
    over_all: AtomicBool,
}

struct Scene {
    port: u16,
    clock: Stopwatch,
    over: AtomicBool,
    serial: AtomicUsize,
    samples: Mutex<Vec<Sample>>,
}

/// The revoked token's name.
const REVOKED: &str = "good-revoked";

fn endure(way: &str, stumble: Stumble) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let seconds = env::var("SCOPEGATE_SOAK").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let (time, revoked_after) = (Duration::from_secs(seconds), Duration::from_secs(seconds / 3));
    let (upstream, issuer) = (upstream::start().map_err(failed)?, Issuer::start().map_err(failed)?);
    let moods = Arc::new(Moods::default());
    issuer.answers(QUESTIONS, made(&moods, stumble));
    let name = format!("stranger-{way}");
    let envoy = start(&name, upstream.port(), issuer.port())?;
    let scene = Arc::new(Scene {
        port: envoy.port(&name)?,
        clock: Stopwatch::start(),
        over: AtomicBool::new(false),
        serial: AtomicUsize::new(0),
        samples: Mutex::default(),
    });
    let second = Duration::from_secs(1);
    let mut senders = Vec::new();
    for (sender, count, each) in [
        (Sender::Regular, USERS, second),
        (Sender::Newcomer, USERS, second),
        (Sender::Revoked, 1, second / 4),
        (Sender::Stranger, CONNECTIONS, second * (CONNECTIONS / STRANGERS) as u32),
    ] {
        for number in 0..count {
            let scene = Arc::clone(&scene);
            let first = each * number as u32 / count as u32;
            senders.push(thread::spawn(move || scene.keep_sending(sender, number, first, each)));
        }
    }
    last(revoked_after);
    lock(&moods.revoked).insert(REVOKED.to_owned());
    let revoked = scene.clock.passed();
    last(time.saturating_sub(scene.clock.passed()));
    let (ended, opened_before) = (scene.clock.passed(), opened(&envoy));

    moods.over_all.store(true, Ordering::SeqCst);
    let failing = Stopwatch::start();
    let opens = way == "asks_for_patience" || poll(OPENS * 2, || opened(&envoy).then_some(())).is_some();
    let opened_after = failing.passed();
    scene.over.store(true, Ordering::SeqCst);
    senders.into_iter().for_each(|sender| sender.join().unwrap());

    let samples = lock(&scene.samples);
    let during = || samples.iter().filter(|sample| sample.ended <= ended);
    let users = |sample: &&Sample| matches!(sample.sender, Sender::Regular | Sender::Newcomer);
    let good = during().filter(users).count();
    let refused = during().filter(users).filter(|sample| sample.status != 200).count();
    let let_in = during().filter(|sample| sample.sender == Sender::Stranger && sample.status == 200).count();
    let admitted = |sample: &&Sample| sample.sender == Sender::Revoked && sample.status == 200;
    let last_admitted = samples.iter().filter(admitted).map(|sample| sample.ended).max().unwrap_or_default();
    println!(
        "the issuer {way} over {} tokens of a stranger in {time:?}: {refused} of {good} good requests refused; a \
         revoked token admitted until {:?} after; fails for all: its circuit breaker opens after {opened_after:?}",
        during().filter(|sample| sample.sender == Sender::Stranger).count(),
        last_admitted.saturating_sub(revoked),
    );
    assert!(good > USERS * time.as_secs() as usize, "{good} good requests only");
    assert!(refused * 50 <= good, "more than 2 % of good requests were refused");
    assert!(!opened_before, "the circuit breaker was opened by a stranger");
    assert!(last_admitted <= revoked + TTL + TIMEOUT + GRACE, "a revoked token was served for too long");
    assert!(last_admitted > Duration::from_secs(1), "the revoked token was never admitted");
    assert!(opens && opened_after <= OPENS + GRACE, "an issuer that fails for all is asked on and on");
    assert_eq!(let_in, 0);
    assert!(!passed_upstream(&upstream, Sender::Stranger), "a stranger's request went upstream");
    assert_eq!(envoy.traps(), Vec::<String>::new());
    Ok(())
}

impl Scene {
    fn keep_sending(&self, sender: Sender, number: usize, first: Duration, each: Duration) {
        let mut connection = None;
        let mut next = first;
        while !self.over.load(Ordering::SeqCst) {
            last(next.saturating_sub(self.clock.passed()));
            next += each;
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let token = match sender {
                Sender::Regular => format!("good-regular-{number}"),
                Sender::Newcomer => format!("good-{serial}"),
                Sender::Revoked => REVOKED.to_owned(),
                Sender::Stranger => format!("W10.{serial}"),
            };
            let request = Request::get("/orders/1").bearer(&token).field("x-label", format!("{sender:?}"));
            let status = send(self.port, &mut connection, &request).unwrap_or_else(|_| {
                connection = None;
                0
            });
            lock(&self.samples).push(Sample { sender, status, ended: self.clock.passed() });
        }
    }
}

fn send(port: u16, connection: &mut Option<Connection>, request: &Request) -> std::io::Result<u16> {
    let open = match connection.take() {
        Some(open) => open,
        None => Connection::open(port)?,
    };
    let open = connection.insert(open);
    open.send(&request.head_bytes())?;
    Ok(open.response()?.status)
}

/// Whether the filter has said that it leaves the issuer alone.
fn opened(envoy: &Envoy) -> bool {
    envoy.log().contains("its circuit breaker is open")
}

fn passed_upstream(upstream: &Server, sender: Sender) -> bool {
    let label = format!("{sender:?}");
    upstream.received().iter().any(|request| request.head.get("x-label").as_deref() == Some(&*label))
}

fn made(moods: &Arc<Moods>, stumble: Stumble) -> Answer {
    let moods = Arc::clone(moods);
    Answer::Made(Arc::new(move |question| {
        let token = asked_about(question);
        if moods.over_all.load(Ordering::SeqCst) || !token.starts_with("good-") {
            return stumble();
        }
        let active = !lock(&moods.revoked).contains(&token);
        Answer::json(&json!({"active": active, "sub": token, "scope": "orders", "aud": "orders-api"}))
    }))
}

fn start(name: &str, upstream: u16, issuer: u16) -> Result<Envoy, String> {
    let mut policy = policy();
    let corp = &mut policy["issuers"]["corp"];
    if let Some(corp) = corp.as_object_mut() {
        corp.remove("jwt");
        corp.remove("issuer");
    }
    let asked: &mut Value = &mut corp["introspection"];
    asked["timeout"] = json!(format!("{}s", TIMEOUT.as_secs()));
    asked["cache"] = json!({"ttl": format!("{}s", TTL.as_secs())});
    asked["on_outage"] = json!({"serve_stale": "5m"});
    let (folder, module) = (places::scratch(name)?, places::module()?);
    let config = bootstrap(&[Listener::guarded(name, upstream, policy, issuer)], &module, &folder);
    Envoy::start(&folder, &config, Launch::workers(1))
}
