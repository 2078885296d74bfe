//! Ten thousand requests with one token that nobody has seen, while the issuer takes its time.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::account::QUESTIONS_PER_TOKEN;
use crate::place::{Way, open};
use crate::support::client::{Connection, Request};
use crate::support::deadline::timed;
use crate::tokens::{Class, QUESTIONS};

const REQUESTS: usize = 10_000;

/// As many connections, and so many requests that wait at once.
const CLIENTS: usize = 250;

pub(crate) fn trial() -> Trial {
    Trial::test("faults::ten_thousand_requests_with_one_token_lead_to_one_question", || {
        crowd().map_err(Failed::from)
    })
}

fn crowd() -> Result<(), String> {
    let mut places = open("crowd", &[("crowd", Way::Plain)])?;
    let place = places.pop().ok_or("no place")?;
    place.tokens.answers_late(Duration::from_millis(700));
    let token = place.tokens.make(Class::Fresh).text;
    let request = Arc::new(Request::get("/orders/1").bearer(&token).field("x-label", &token).head_bytes());
    let port = place.port;
    let client = |_| {
        let request = Arc::clone(&request);
        thread::spawn(move || {
            let mut connection = Connection::open(port).unwrap();
            let ask = |_| {
                connection.send(&request).unwrap();
                usize::from(connection.response().unwrap().status == 200)
            };
            (0..REQUESTS / CLIENTS).map(ask).sum::<usize>()
        })
    };
    let (took, admitted) = timed(|| {
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    let questions = place.issuer.asked(QUESTIONS);
    println!(
        "{REQUESTS} requests with one token on {CLIENTS} connections: {questions} questions, {took:?} in all"
    );
    assert_eq!(admitted, REQUESTS, "a good token was refused");
    assert_eq!(place.upstream.count(), REQUESTS);
    assert!((1..=QUESTIONS_PER_TOKEN).contains(&questions), "{questions} questions");
    assert_eq!(place.envoy.traps(), Vec::<String>::new());
    Ok(())
}
