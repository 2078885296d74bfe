//! The faults, one after the other or a few at once, each with its load.

use std::env;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kit::client::{Request, exchange};
use kit::deadline::{PATIENCE, Stopwatch, last, lock, poll};
use kit::issuer::Answer;
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::account::{Account, Span};
use crate::load::{CLIENTS, FLOOD, Load, MIXED, Mix, QUIET};
use crate::place::{COOLDOWN, Place, REFRESH, TIMEOUT, Way, open};
use crate::tls::Authority;
use crate::tokens::{Class, KEYS, REGULARS, Token, key};

/// How long a fault lasts, unless `SCOPEGATE_SOAK` says otherwise.
const LASTS: Duration = Duration::from_millis(2500);

/// A fault: from its beginning to its end, and what is special about it.
struct Fault {
    name: &'static str,
    way: Way,
    mix: Mix,
    run: fn(&Place, Duration),
    /// Somebody is turned away for the time being.
    felt: bool,
    /// Known tokens, and signed ones, pass all along.
    spares_known: bool,
}

const FAULT: Fault =
    Fault { name: "", way: Way::Plain, mix: MIXED, run: |_, _| {}, felt: true, spares_known: true };

/// In the order of the table. The first one begins with the first request.
const FAULTS: [Fault; 19] = [
    Fault { name: "down at start", way: Way::Unplugged, run: down_at_start, spares_known: false, ..FAULT },
    Fault { name: "down", run: down, ..FAULT },
    Fault { name: "flapping", run: flapping, ..FAULT },
    Fault { name: "slow", run: slow, ..FAULT },
    Fault { name: "silent", run: |place, time| habit(place, time, |_| Answer::Silence), ..FAULT },
    Fault { name: "closes connections", run: |place, time| habit(place, time, |_| Answer::Reset), ..FAULT },
    Fault { name: "wrong content type", run: wrong_content_type, ..FAULT },
    Fault { name: "truncated", run: truncated, ..FAULT },
    Fault { name: "huge", run: huge, ..FAULT },
    Fault { name: "status 429", run: |place, time| habit(place, time, |_| busy(429)), ..FAULT },
    Fault { name: "status 500", run: |place, time| habit(place, time, |_| Answer::status(500)), ..FAULT },
    Fault { name: "status 503", run: |place, time| habit(place, time, |_| busy(503)), ..FAULT },
    Fault { name: "refuses our credentials", run: |place, time| habit(place, time, |_| busy(401)), ..FAULT },
    Fault { name: "TLS: unknown authority", way: Way::Tls, run: unknown_authority, ..FAULT },
    Fault { name: "DNS: no such name", way: Way::Name, run: no_such_name, ..FAULT },
    Fault { name: "keys rotate with overlap", run: rotates_with_overlap, felt: false, ..FAULT },
    Fault { name: "keys rotate at once", mix: QUIET, run: rotates_at_once, felt: false, ..FAULT },
    Fault {
        name: "keys rotate while they cannot be had",
        mix: QUIET,
        run: rotates_unseen,
        spares_known: false,
        ..FAULT
    },
    Fault { name: "flood of unknown keys", mix: FLOOD, run: |_, time| last(time), felt: false, ..FAULT },
];

/// The tests, and where their figures will be.
pub(crate) fn trials() -> (Vec<Trial>, Arc<Mutex<Vec<Account>>>) {
    let accounts: Arc<Mutex<Vec<Account>>> = Arc::default();
    let places: Arc<OnceLock<Result<Vec<Arc<Place>>, String>>> = Arc::default();
    let trial = |(number, fault): (usize, Fault)| {
        let (accounts, places) = (Arc::clone(&accounts), Arc::clone(&places));
        Trial::test(format!("faults::{}", fault.name.replace([' ', ':'], "_")), move || {
            let opened = places.get_or_init(|| {
                let wanted = FAULTS.map(|fault| (fault.name, fault.way));
                Ok(open("faults", &wanted)?.into_iter().map(Arc::new).collect())
            });
            let place = opened.as_ref().map_err(Failed::from)?.get(number).ok_or("no place")?;
            endure(number, &fault, place, &accounts)
        })
    };
    (FAULTS.into_iter().enumerate().map(trial).collect(), accounts)
}

fn endure(
    number: usize,
    fault: &Fault,
    place: &Arc<Place>,
    accounts: &Mutex<Vec<Account>>,
) -> Result<(), Failed> {
    let seconds = env::var("SCOPEGATE_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    let time = seconds.map_or(LASTS, Duration::from_secs);
    let fetched_before = place.issuer.asked(KEYS);
    let load = Load::start(place, fault.mix);
    if place.plug.is_in() {
        // Every client, and so every worker, has shown a token of each class before the fault.
        let turn = fault.mix.iter().map(|(_, often)| often).sum::<usize>();
        let warm = || {
            (succeeded(&load, Class::Signed, Duration::ZERO)
                && succeeded(&load, Class::Fresh, Duration::ZERO)
                && load.samples().len() >= CLIENTS * (REGULARS + turn)
                && quiet(&load))
            .then_some(())
        };
        poll(PATIENCE, warm).ok_or("nothing is admitted before the fault")?;
    }
    let began = load.now();
    (fault.run)(place, time);
    let healed = load.now();
    let well = || {
        (succeeded(&load, Class::Signed, healed) && succeeded(&load, Class::Fresh, healed) && quiet(&load))
            .then_some(())
    };
    let recovered = poll(PATIENCE, well);
    let ended = load.now();
    let samples = load.end();
    let account = Account::of(place, &samples, &Span { number, began, healed, ended, fetched_before });
    let mut problems = account.problems();
    let mut hold = |holds: bool, problem: &str| {
        if !holds {
            problems.push(problem.to_owned())
        }
    };
    hold(recovered.is_some(), "it has not recovered");
    hold(account.felt == fault.felt, if fault.felt { "nobody felt it" } else { "somebody was turned away" });
    hold(
        !fault.spares_known || account.known_refused == 0,
        &format!("{} known or signed tokens were turned away", account.known_refused),
    );
    problems.extend(place.envoy.traps());
    lock(accounts).push(account);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// Whether a token of `class` was good at or after `since`.
fn succeeded(load: &Load, class: Class, since: Duration) -> bool {
    load.samples().iter().any(|sample| {
        sample.class == class && sample.status == 200 && sample.ended >= since && !sample.outdated
    })
}

/// Whether nobody was turned away in the last second.
fn quiet(load: &Load) -> bool {
    let since = load.now().saturating_sub(Duration::from_secs(1));
    !load.samples().iter().any(|sample| sample.status == 503 && sample.ended >= since)
}

fn down_at_start(place: &Place, time: Duration) {
    last(time);
    place.plug.put_back();
}

fn down(place: &Place, time: Duration) {
    place.plug.pull();
    last(time);
    place.plug.put_back();
}

fn flapping(place: &Place, time: Duration) {
    let clock = Stopwatch::start();
    while clock.passed() < time {
        place.plug.pull();
        last(Duration::from_millis(400));
        place.plug.put_back();
        last(Duration::from_millis(400));
    }
}

/// The issuer does this with all its answers, for a while.
fn habit(place: &Place, time: Duration, habit: fn(Answer) -> Answer) {
    place.tokens.behave(Some(Arc::new(habit)));
    last(time);
    place.tokens.behave(None);
}

fn slow(place: &Place, time: Duration) {
    habit(place, time, |answer| answer.later(TIMEOUT * 2));
}

fn wrong_content_type(place: &Place, time: Duration) {
    habit(place, time, |answer| Answer::with_type("text/html", body(answer)));
}

fn truncated(place: &Place, time: Duration) {
    habit(place, time, |answer| Answer::CutShort(body(answer)));
}

/// Longer than anything that is read.
fn huge(place: &Place, time: Duration) {
    habit(place, time, |answer| {
        let blanks = vec![b' '; 1 << 20];
        Answer::with_type("application/json", [blanks, body(answer)].concat())
    });
}

fn body(answer: Answer) -> Vec<u8> {
    let Answer::Reply { body, .. } = answer else { return Vec::new() };
    body
}

fn busy(status: u16) -> Answer {
    let headers = vec![
        ("retry-after".to_owned(), "2".to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    Answer::Reply { status, headers, body: json!({"error": "busy"}).to_string().into_bytes() }
}

fn unknown_authority(place: &Place, time: Duration) {
    place.trust.put(Authority::Other).unwrap();
    // Connections that were made in good faith would go on.
    let clock = Stopwatch::start();
    while clock.passed() < time {
        place.plug.cut();
        last(Duration::from_millis(100));
    }
    place.trust.put(Authority::Trusted).unwrap();
    assert!(
        place.envoy.stat("cluster.secured.ssl.fail_verify_error") > 0,
        "the certificate was taken for good"
    );
}

fn no_such_name(place: &Place, time: Duration) {
    place.names.forget(true);
    last(time);
    assert_eq!(place.envoy.stat("cluster.named.membership_total"), 0, "the name was still known");
    place.names.forget(false);
}

/// As it should be: the new key is published before it signs, the old one withdrawn afterwards.
fn rotates_with_overlap(place: &Place, time: Duration) {
    let (old, new) = (place.tokens.signing(), key("b"));
    let outdated = place.tokens.make(Class::Signed);
    place.tokens.publish(&[&old, &new]);
    last(REFRESH + COOLDOWN);
    place.tokens.sign_with(&new);
    last(time);
    place.tokens.publish(&[&new]);
    withdrawn(place, &outdated);
}

/// As after a theft: the old key goes the moment the new one comes.
fn rotates_at_once(place: &Place, time: Duration) {
    let (outdated, new) = (place.tokens.make(Class::Signed), key("b"));
    place.tokens.publish(&[&new]);
    place.tokens.sign_with(&new);
    withdrawn(place, &outdated);
    last(time);
}

/// Tokens come of a key that nobody can look up: nobody can know.
fn rotates_unseen(place: &Place, time: Duration) {
    let (old, new) = (place.tokens.signing(), key("b"));
    place.tokens.behave_with_keys(Some(Arc::new(|_| Answer::Reset)));
    place.tokens.publish(&[&old, &new]);
    place.tokens.sign_with(&new);
    last(time);
    place.tokens.behave_with_keys(None);
}

/// A token of a key that is published no more is refused by every worker as soon as keys have been fetched anew.
fn withdrawn(place: &Place, token: &Token) {
    let request = Request::get("/orders/1").bearer(&token.text).field("x-label", &token.label);
    let refused = || {
        let status = |_| exchange(place.port, &request).map_or(0, |response| response.status);
        (0..8).map(status).all(|status| status == 401).then_some(())
    };
    assert!(poll(REFRESH + COOLDOWN, refused).is_some(), "tokens of a withdrawn key are still good");
}
