//! The tokens of the load, and the issuer that knows which of them are good.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kit::deadline::{lock, unix_now};
use kit::issuer::Answer;
use kit::server::Received;
use scopegate::http::form;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://idp.example.com";
pub(crate) const KEYS: &str = "/jwks";
pub(crate) const QUESTIONS: &str = "/introspect";

/// How many tokens come back again and again.
pub(crate) const REGULARS: usize = 20;

/// What a request of the load brings along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// An opaque token that was asked about before the fault.
    Regular,
    /// A good opaque token, seen for the first time and never again.
    Fresh,
    /// A good signed token, seen for the first time and never again.
    Signed,
    /// An opaque token that nobody issued.
    Nobody,
    /// A token signed with a key that nobody published.
    Stranger,
    /// A token with the signature of another one.
    Forged,
}

impl Class {
    pub(crate) const fn is_good(self) -> bool {
        matches!(self, Self::Regular | Self::Fresh | Self::Signed)
    }
}

/// A token, and the name under which it is known to client and upstream.
pub(crate) struct Token {
    pub(crate) class: Class,
    pub(crate) label: String,
    pub(crate) text: String,
}

/// What the issuer does with an answer before it gives it.
pub(crate) type Habit = Arc<dyn Fn(Answer) -> Answer + Send + Sync>;

/// What there is to know about tokens.
pub(crate) struct Tokens {
    serial: AtomicUsize,
    stranger: PrivateKey,
    signing: Mutex<Arc<PrivateKey>>,
    published: Mutex<Vec<Value>>,
    /// The ids of keys that were ever published.
    known: Mutex<HashSet<String>>,
    /// Opaque tokens of which the issuer has said, in a whole answer, that they are good.
    told: Mutex<HashSet<String>>,
    habit: Mutex<Option<Habit>>,
    habit_with_keys: Mutex<Option<Habit>>,
}

impl Tokens {
    /// Tokens signed with the key `a`, which is published.
    pub(crate) fn new() -> Arc<Self> {
        let key = key("a");
        let tokens = Self {
            serial: AtomicUsize::new(0),
            stranger: PrivateKey::generate(Algorithm::Es256, None).unwrap(),
            signing: Mutex::new(Arc::clone(&key)),
            published: Mutex::default(),
            known: Mutex::default(),
            told: Mutex::default(),
            habit: Mutex::default(),
            habit_with_keys: Mutex::default(),
        };
        tokens.publish(&[&key]);
        Arc::new(tokens)
    }

    /// Another token of `class`.
    pub(crate) fn make(&self, class: Class) -> Token {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let (label, text) = match class {
            Class::Regular => opaque(format!("good-regular-{}", serial % REGULARS)),
            Class::Fresh => opaque(format!("good-{serial}")),
            Class::Nobody => opaque(format!("bad-{serial}")),
            Class::Signed => {
                let key = Arc::clone(&lock(&self.signing));
                (
                    format!("signed-{}-{serial}", key.kid().unwrap_or_default()),
                    signed(&key, serial, &Map::new()),
                )
            }
            Class::Stranger => {
                let kid = Map::from_iter([("kid".to_owned(), json!(format!("stranger-{serial}")))]);
                (format!("bad-{serial}"), signed(&self.stranger, serial, &kid))
            }
            Class::Forged => {
                let kid = lock(&self.signing).kid().unwrap_or_default().to_owned();
                let kid = Map::from_iter([("kid".to_owned(), json!(kid))]);
                (format!("bad-{serial}"), signed(&self.stranger, serial, &kid))
            }
        };
        Token { class, label, text }
    }

    /// The regular token with this number.
    pub(crate) fn regular(number: usize) -> Token {
        let (label, text) = opaque(format!("good-regular-{number}"));
        Token { class: Class::Regular, label, text }
    }

    /// From now on these keys are published, and no others.
    pub(crate) fn publish(&self, keys: &[&PrivateKey]) {
        lock(&self.known).extend(keys.iter().filter_map(|key| key.kid()).map(str::to_owned));
        *lock(&self.published) = keys.iter().map(|key| key.public_jwk()).collect();
    }

    /// From now on tokens are signed with `key`.
    pub(crate) fn sign_with(&self, key: &Arc<PrivateKey>) {
        *lock(&self.signing) = Arc::clone(key);
    }

    /// The key with which tokens are signed.
    pub(crate) fn signing(&self) -> Arc<PrivateKey> {
        Arc::clone(&lock(&self.signing))
    }

    /// Whether the signed token called `label` is of the key that signs now.
    pub(crate) fn is_current(&self, label: &str) -> bool {
        label.starts_with(&format!("signed-{}-", self.signing().kid().unwrap_or_default()))
    }

    /// From now on the issuer does this with every answer; `None`: it gives it.
    pub(crate) fn behave(&self, habit: Option<Habit>) {
        *lock(&self.habit) = habit;
    }

    /// From now on the issuer does this with its key set.
    pub(crate) fn behave_with_keys(&self, habit: Option<Habit>) {
        *lock(&self.habit_with_keys) = habit;
    }

    /// Whether the upstream may have seen the token called `label`: the gate was told that it is good, or could tell.
    pub(crate) fn may_pass(&self, label: &str) -> bool {
        match label.strip_prefix("signed-") {
            Some(rest) => rest.split('-').next().is_some_and(|kid| lock(&self.known).contains(kid)),
            None => lock(&self.told).contains(label),
        }
    }

    /// The issuer's answer to `request`.
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        let habit = lock(&self.habit).clone();
        if request.path() == KEYS {
            let keys = Answer::json(&json!({"keys": *lock(&self.published)}));
            let habit = habit.or_else(|| lock(&self.habit_with_keys).clone());
            return habit.map_or_else(|| keys.clone(), |habit| habit(keys.clone()));
        }
        let token = asked_about(request);
        let good = token.starts_with("good-");
        let body = if good {
            json!({
                "active": true, "iss": ISSUER, "sub": token, "client_id": "app", "scope": "orders", "aud": "orders-api",
            })
        } else {
            json!({"active": false})
        };
        let truth = Answer::json(&body);
        let Some(habit) = habit else {
            if good {
                lock(&self.told).insert(token);
            }
            return truth;
        };
        habit(truth)
    }
}

/// The token in a question.
pub(crate) fn asked_about(question: &Received) -> String {
    let target = [b"/?", &*question.body].concat();
    let token = form::query_values(&target, b"token").pop().unwrap_or_default();
    String::from_utf8(token).unwrap_or_default()
}

/// A signing key with this id.
pub(crate) fn key(id: &str) -> Arc<PrivateKey> {
    Arc::new(PrivateKey::generate(Algorithm::Es256, Some(id)).unwrap())
}

fn opaque(token: String) -> (String, String) {
    (token.clone(), token)
}

fn signed(key: &PrivateKey, serial: usize, header: &Map<String, Value>) -> String {
    let now = unix_now();
    let claims = json!({
        "iss": ISSUER, "aud": "orders-api", "sub": "alice", "client_id": "app", "scope": "orders",
        "iat": now, "exp": now + 600, "jti": serial.to_string(),
    });
    key.sign(header, &claims).unwrap()
}
