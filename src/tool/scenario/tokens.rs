//! The keys and tokens of a suite.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dates;
use crate::base::base64url;
use crate::base::time::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::tool::members::{self, Members, Wrong};
use crate::tool::mint::{MintError, PrivateKey};

const THUMBPRINT: &str = "thumbprint";

/// Keys by name.
pub(super) struct Keys(BTreeMap<String, PrivateKey>);

impl Keys {
    /// Makes a key for each member of `keys`: a name and an algorithm.
    pub(super) fn make(keys: &Value) -> Result<Self, Wrong> {
        let make = |name: &str, algorithm: &Value| {
            let algorithm = Algorithm::from_name(members::text(algorithm)?)
                .ok_or_else(|| Wrong::new("is no algorithm: write one such as ES256 or RS256"))?;
            let key = PrivateKey::generate(algorithm, Some(name)).map_err(|error| cannot(&error))?;
            Ok((name.to_owned(), key))
        };
        members::table(keys, make).map(|keys| Self(keys.into_iter().collect()))
    }

    pub(super) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The public JWKs of the keys that `names` names.
    pub(super) fn jwks(&self, names: &Value) -> Result<Value, Wrong> {
        members::list(names, |name| self.named(name).map(PrivateKey::public_jwk)).map(Value::Array)
    }

    /// Replaces every list `keys` that names keys of the suite by their public JWKs, and every `{thumbprint: NAME}` by
    /// the thumbprint of that key.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, Wrong> {
        let resolve = |(name, value): (&String, &Value)| {
            let value =
                if name == "keys" && self.are_names(value) { self.jwks(value) } else { self.resolve(value) };
            Ok((name.clone(), value.map_err(|wrong| wrong.inside(name))?))
        };
        match value {
            Value::Object(object) if object.len() == 1 && object.contains_key(THUMBPRINT) => {
                Members::of(value, &[THUMBPRINT])?
                    .need(THUMBPRINT, |name| self.thumbprint(name))
                    .map(Value::String)
            }
            Value::Object(object) => object.iter().map(resolve).collect::<Result<_, _>>().map(Value::Object),
            Value::Array(_) => members::list(value, |item| self.resolve(item)).map(Value::Array),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    /// Texts, one of which at least names a key: then all of them have to.
    fn are_names(&self, value: &Value) -> bool {
        value.as_array().is_some_and(|names| {
            names.iter().all(Value::is_string)
                && names.iter().filter_map(Value::as_str).any(|name| self.0.contains_key(name))
        })
    }

    fn thumbprint(&self, name: &Value) -> Result<String, Wrong> {
        self.named(name)?.thumbprint().map_err(|error| cannot(&error))
    }

    /// The key that `name` names.
    pub(super) fn named(&self, name: &Value) -> Result<&PrivateKey, Wrong> {
        self.0.get(members::text(name)?).ok_or_else(|| Wrong::new("names none of the file's `keys`"))
    }
}

/// Makes the tokens of `tokens`, dated relative to `now`.
pub(super) fn make(tokens: &Value, keys: &Keys, now: UnixTime) -> Result<BTreeMap<String, String>, Wrong> {
    let make = |name: &str, token: &Value| Ok((name.to_owned(), token_text(token, keys, now)?));
    members::table(tokens, make).map(|tokens| tokens.into_iter().collect())
}

fn token_text(token: &Value, keys: &Keys, now: UnixTime) -> Result<String, Wrong> {
    const KNOWN: &[&str] = &["key", "header", "claims", "alg", "sign", "tamper", "raw"];
    let members = Members::of(token, KNOWN)?;
    if let Some(raw) = members.read("raw", members::owned)? {
        Members::of(token, &["raw"])?;
        return Ok(raw);
    }
    let key = members.need("key", |name| keys.named(name))?;
    let header = members.get("header").map_or(Ok(json!({})), |header| dates::resolve(header, now));
    let mut header = header.and_then(|header| members::object(&header).cloned())?;
    if let Some(algorithm) = members.read("alg", members::owned)? {
        header.insert("alg".to_owned(), json!(algorithm));
    }
    let claims = members.need("claims", |claims| keys.resolve(&dates::resolve(claims, now)?))?;
    let signed = members.read("sign", members::boolean)?.unwrap_or(true);
    let tampered = members.read("tamper", members::boolean)?.unwrap_or(false);
    let text = key.sign(&header, &claims).map_err(|error| cannot(&error))?;
    let (rest, signature) = text.rsplit_once('.').ok_or_else(|| Wrong::new("cannot be signed"))?;
    Ok(match (signed, tampered) {
        (false, _) => format!("{rest}."),
        (true, false) => text,
        (true, true) => format!("{rest}.{}", tamper(signature)),
    })
}

/// The signature with one bit flipped.
fn tamper(signature: &str) -> String {
    let mut bytes = base64url::decode(signature).unwrap_or_default();
    if let Some(byte) = bytes.get_mut(8) {
        *byte ^= 1;
    }
    base64url::encode(bytes)
}

/// Says that something cannot be made.
pub(super) fn cannot(error: &MintError) -> Wrong {
    Wrong::new(format!("cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::make(&json!({"one": "ES256", "shared": "HS256"})).unwrap()
    }

    fn token(token: &Value) -> String {
        token_text(token, &keys(), UnixTime::from_secs(1000)).unwrap()
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
    }

    #[test]
    fn the_name_is_the_kid_and_dates_are_resolved() {
        let token =
            token(&json!({"key": "one", "header": {"typ": "at+jwt"}, "claims": {"exp": {"in": "5m"}}}));
        assert_eq!(part(&token, 0), json!({"alg": "ES256", "kid": "one", "typ": "at+jwt"}));
        assert_eq!(part(&token, 1), json!({"exp": 1300}));
    }

    #[test]
    fn tokens_can_be_made_wrong() {
        let unsigned = token(&json!({"key": "one", "alg": "none", "sign": false, "claims": {}}));
        assert!(unsigned.ends_with('.') && part(&unsigned, 0)["alg"] == "none");
        assert_eq!(token(&json!({"raw": "a.b"})), "a.b");
        let mac = token(&json!({"key": "shared", "claims": {}}));
        let tampered = tamper(mac.rsplit_once('.').unwrap().1);
        assert!(tampered.len() == 43 && !mac.ends_with(&tampered));
    }

    #[test]
    fn key_names_become_public_keys() {
        let document = json!({"jwt": {"jwks": {"inline": {"keys": ["one"]}}}, "keys": ["unrelated"], "n": {"keys": [{}]}});
        let resolved = keys().resolve(&document).unwrap();
        let key = &resolved["jwt"]["jwks"]["inline"]["keys"][0];
        assert!(key["kid"] == "one" && key.get("d").is_none());
        assert!(resolved["keys"] == document["keys"] && resolved["n"] == document["n"]);
        let bound = keys().resolve(&json!({"cnf": {"jkt": {"thumbprint": "one"}}})).unwrap();
        assert_eq!(bound["cnf"]["jkt"].as_str().map(str::len), Some(43));
        assert!(keys().resolve(&json!({"thumbprint": "shared"})).is_err());
        let wrong = keys().resolve(&json!({"a": {"keys": ["one", "two"]}})).unwrap_err();
        assert_eq!(wrong.to_string(), "a.keys[1]: names none of the file's `keys`");
    }

    #[test]
    fn a_wrong_token_names_its_place() {
        let problem = |tokens| make(&tokens, &keys(), UnixTime::from_secs(0)).unwrap_err().to_string();
        assert_eq!(
            problem(json!({"a": {"key": "two", "claims": {}}})),
            "a.key: names none of the file's `keys`"
        );
        assert!(problem(json!({"a": {"key": "one"}})).starts_with("a.claims: is missing"));
        assert!(problem(json!({"a": {"key": "one", "kid": "x"}})).starts_with("a.kid: unknown"));
    }
}
