//! The issuer's keys and everybody's tokens.
#![allow(dead_code, reason = "both benchmarks use their own part of the cast")]

use core::ops::Range;

use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::{MintError, PrivateKey};
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://idp.example.com";
pub(crate) const AUDIENCE: &str = "orders-api";
pub(crate) const SCOPE: &str = "read:orders";
pub(crate) const SUBJECT: &str = "alice";

/// The algorithms that are compared.
pub(crate) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256];

const HOUR: i64 = 3600;

pub(crate) struct Cast {
    keys: Vec<PrivateKey>,
    now: i64,
}

impl Cast {
    /// Makes the keys; tokens will be made a minute before `now`.
    pub(crate) fn new(now: i64) -> Result<Self, String> {
        let keys =
            ALGORITHMS.iter().map(|algorithm| PrivateKey::generate(*algorithm, Some(algorithm.name())));
        Ok(Self { keys: keys.collect::<Result<_, _>>().map_err(said)?, now })
    }

    /// What the issuer publishes.
    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": self.keys.iter().map(PrivateKey::public_jwk).collect::<Vec<_>>()})
    }

    /// A good token of [`SUBJECT`]; `number` tells it from others.
    pub(crate) fn token(&self, algorithm: Algorithm, number: usize) -> Result<String, String> {
        self.sign(algorithm, number, &json!({}))
    }

    /// Good tokens, no two alike.
    pub(crate) fn tokens(&self, algorithm: Algorithm, numbers: Range<usize>) -> Result<Vec<String>, String> {
        numbers.map(|number| self.token(algorithm, number)).collect()
    }

    /// A token that was good once.
    pub(crate) fn expired(&self, number: usize) -> Result<String, String> {
        let past = self.now - 2 * HOUR;
        self.sign(Algorithm::Rs256, number, &json!({"iat": past, "exp": past + HOUR}))
    }

    /// A good token that allows something else.
    pub(crate) fn insufficient(&self) -> Result<String, String> {
        self.sign(Algorithm::Rs256, 0, &json!({"scope": "read:invoices profile"}))
    }

    fn sign(&self, algorithm: Algorithm, number: usize, more: &Value) -> Result<String, String> {
        let key = self.keys.iter().find(|key| key.algorithm() == algorithm).ok_or("no such key")?;
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(ISSUER)),
            ("aud".to_owned(), json!(AUDIENCE)),
            ("sub".to_owned(), json!(SUBJECT)),
            ("client_id".to_owned(), json!("orders-web")),
            ("scope".to_owned(), json!(format!("{SCOPE} write:orders profile"))),
            ("iat".to_owned(), json!(self.now - 60)),
            ("exp".to_owned(), json!(self.now + 12 * HOUR)),
            ("jti".to_owned(), json!(format!("3f8a2c5e-71b4-4d0e-9a6b-{number:012}"))),
        ]);
        claims.extend(more.as_object().cloned().unwrap_or_default());
        let header = Map::from_iter([("typ".to_owned(), json!("at+jwt"))]);
        key.sign(&header, &Value::Object(claims)).map_err(said)
    }
}

/// `token` with another signature.
pub(crate) fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    format!("{signed}.{other}{rest}")
}

fn said(error: MintError) -> String {
    error.to_string()
}
