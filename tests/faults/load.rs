//! A constant load: so many requests a second from clients that keep their connections, and what became of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kit::client::{Connection, Request};
use kit::deadline::{Stopwatch, last, lock};

use crate::place::Place;
use crate::tokens::{Class, REGULARS, Token, Tokens};

pub(crate) const CLIENTS: usize = 24;

/// Requests per second, as long as the answers come at once.
pub(crate) const RATE: usize = 240;

/// How often each class comes.
pub(crate) type Mix = &'static [(Class, usize)];

/// Mostly tokens that are known, some of everything else.
pub(crate) const MIXED: Mix = &[
    (Class::Regular, 9),
    (Class::Fresh, 4),
    (Class::Signed, 4),
    (Class::Nobody, 1),
    (Class::Stranger, 1),
    (Class::Forged, 1),
];

/// The same without tokens of keys that are unknown, each of which has the keys fetched.
pub(crate) const QUIET: Mix =
    &[(Class::Regular, 9), (Class::Fresh, 4), (Class::Signed, 5), (Class::Nobody, 1), (Class::Forged, 1)];

/// Somebody tries to have the keys fetched with every request.
pub(crate) const FLOOD: Mix =
    &[(Class::Regular, 4), (Class::Fresh, 2), (Class::Signed, 4), (Class::Stranger, 30)];

/// What became of a request.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) class: Class,
    pub(crate) label: String,
    /// 0 when there was no response.
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) ended: Duration,
    /// It was signed with a key that signed no more when the response came.
    pub(crate) outdated: bool,
}

/// The load while it runs.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    place: Arc<Place>,
    mix: Mix,
    clock: Stopwatch,
    over: AtomicBool,
    samples: Mutex<Vec<Sample>>,
}

impl Load {
    /// Starts the load; every client first shows every regular token once.
    pub(crate) fn start(place: &Arc<Place>, mix: Mix) -> Self {
        let shared = Arc::new(Shared {
            place: Arc::clone(place),
            mix,
            clock: Stopwatch::start(),
            over: AtomicBool::new(false),
            samples: Mutex::default(),
        });
        let client = |number| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.run(number))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// Time since the load began.
    pub(crate) fn now(&self) -> Duration {
        self.shared.clock.passed()
    }

    /// What became of the requests so far.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        lock(&self.shared.samples).clone()
    }

    /// Ends the load; what became of all its requests.
    pub(crate) fn end(self) -> Vec<Sample> {
        self.shared.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        lock(&self.shared.samples).clone()
    }
}

impl Shared {
    fn run(&self, number: usize) {
        let step = Duration::from_secs(1) * u32::try_from(CLIENTS).unwrap() / u32::try_from(RATE).unwrap();
        let mut connection = None;
        for number in 0..REGULARS {
            self.send(&mut connection, Tokens::regular(number));
        }
        let classes: Vec<_> = self.mix.iter().flat_map(|(class, often)| vec![*class; *often]).collect();
        // Clients are out of step with each other, in time and in what they bring along.
        let mut next =
            self.clock.passed() + step * u32::try_from(number).unwrap() / u32::try_from(CLIENTS).unwrap();
        let mut turn = number * 7;
        while !self.over.load(Ordering::SeqCst) {
            match next.checked_sub(self.clock.passed()) {
                Some(early) => last(early),
                // Whoever is late does not catch up.
                None => next = self.clock.passed(),
            }
            next += step;
            turn += 1;
            self.send(&mut connection, self.place.tokens.make(classes[turn % classes.len()]));
        }
    }

    fn send(&self, connection: &mut Option<Connection>, token: Token) {
        let began = self.clock.passed();
        let request = Request::get("/orders/1").bearer(&token.text).field("x-label", &token.label);
        let mut exchange = || {
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(self.place.port)?,
            };
            let open = connection.insert(open);
            open.send(&request.head_bytes())?;
            open.response()
        };
        let status = match exchange() {
            Ok(response) => response.status,
            Err(_) => {
                *connection = None;
                0
            }
        };
        let ended = self.clock.passed();
        let outdated = token.class == Class::Signed && !self.place.tokens.is_current(&token.label);
        let sample =
            Sample { class: token.class, label: token.label, status, took: ended - began, ended, outdated };
        lock(&self.samples).push(sample);
    }
}
