//! Signed tokens for the tests, and the issuer that they are from.

use kit::client::Request;
use kit::deadline::unix_now;
use kit::issuer::Answer;
use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use crate::policies::merge;

/// What the tokens here have for `iss`.
pub(crate) const ISSUER: &str = "https://idp.example.com";

/// A new key that is called `kid`, of the kind that is made in no time.
pub(crate) fn key(kid: &str) -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap()
}

/// What a key server answers that has the public halves of `keys`.
pub(crate) fn published(keys: &[&PrivateKey]) -> Answer {
    Answer::json(&jwks(keys))
}

/// The public halves of `keys` as a key set.
pub(crate) fn jwks(keys: &[&PrivateKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()})
}

/// A good token of Alice's, with the scope `orders`.
pub(crate) fn good(key: &PrivateKey) -> String {
    signed(key, &json!({}), json!({}))
}

/// The same with other members in header and claims; null takes one away.
pub(crate) fn signed(key: &PrivateKey, header: &Value, more: Value) -> String {
    let now = unix_now();
    let mut claims = json!({
        "iss": ISSUER, "sub": "alice", "client_id": "app", "scope": "orders", "iat": now - 60, "exp": now + 600,
    });
    merge(&mut claims, more);
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    key.sign(header.as_object().unwrap_or(&Map::new()), &claims).unwrap()
}

/// `token` with one bit of byte `place` of its signature changed.
pub(crate) fn with_one_bit_changed(token: &str, place: usize) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = base64url::decode(signature).unwrap();
    let place = place % bytes.len();
    bytes[place] ^= 1;
    format!("{signed}.{}", base64url::encode(bytes))
}

/// A request for an order with `token`.
pub(crate) fn order(token: &str) -> Request {
    Request::get("/orders/1").bearer(token)
}
