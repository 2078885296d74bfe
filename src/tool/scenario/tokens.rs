//! The keys and tokens of a suite.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dates;
use crate::base::base64url;
use crate::base::time::UnixTime;
use crate::document::{Node, nearest};
use crate::jose::algorithm::Algorithm;
use crate::tool::mint::{MintError, PrivateKey};
use crate::tool::values::{object, owned};

const THUMBPRINT: &str = "thumbprint";

/// Keys by name; of one that could not be made that has been said.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<String, Option<PrivateKey>>);

/// Tokens by name; of one that could not be made that has been said.
pub(super) type Tokens = BTreeMap<String, Option<String>>;

impl Keys {
    /// Makes a key for each member of the object at `node`: a name and an algorithm.
    pub(super) fn make(node: &Node<'_>) -> Option<Self> {
        let make = |name: &str, node: &Node<'_>| {
            let algorithm = Algorithm::from_name(node.string()?)
                .or_else(|| node.refused("is no algorithm", "write one such as ES256 or RS256"))?;
            PrivateKey::generate(algorithm, Some(name)).map_err(|error| cannot(node, &error)).ok()
        };
        let keys = node.entries("an object of names and algorithms")?;
        Some(Self(keys.iter().map(|(name, node)| ((*name).to_owned(), make(name, node))).collect()))
    }

    /// The public JWKs of the keys that are named in the list at `node`.
    pub(super) fn jwks(&self, node: &Node<'_>) -> Option<Value> {
        let names = node.items("a list of names of keys")?;
        Some(names.iter().filter_map(|name| self.named(name)).map(PrivateKey::public_jwk).collect())
    }

    /// What is written at `node`, with their public JWKs for every list `keys` that names keys of the suite, and for every
    /// `{thumbprint: NAME}` the thumbprint of that key.
    pub(super) fn resolve(&self, node: &Node<'_>) -> Option<Value> {
        match node.value() {
            Value::Object(object) if object.len() == 1 && object.contains_key(THUMBPRINT) => {
                let name = node.members(&[THUMBPRINT])?.need(THUMBPRINT, "the name of a key")?;
                let thumbprint = self.named(&name)?.thumbprint();
                thumbprint.map(Value::String).map_err(|error| cannot(&name, &error)).ok()
            }
            Value::Object(_) => {
                let resolve = |(name, node): (&str, Node<'_>)| {
                    let names_keys = name == "keys" && self.are_names(node.value());
                    Some((name.to_owned(), if names_keys { self.jwks(&node) } else { self.resolve(&node) }?))
                };
                let entries = node.entries("an object")?.into_iter();
                Some(Value::Object(entries.filter_map(resolve).collect()))
            }
            Value::Array(_) => {
                Some(node.items("a list")?.iter().filter_map(|node| self.resolve(node)).collect())
            }
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Some(value.clone())
            }
        }
    }

    /// As [`Self::resolve`], dates relative to `now` resolved too.
    pub(super) fn resolve_dated(&self, node: &Node<'_>, now: UnixTime) -> Option<Value> {
        let dated = dates::resolve(node, now)?;
        self.resolve(&node.with(&dated))
    }

    /// Texts, one of which at least names a key: then all of them have to.
    fn are_names(&self, value: &Value) -> bool {
        value.as_array().is_some_and(|names| {
            names.iter().all(Value::is_string)
                && names.iter().filter_map(Value::as_str).any(|name| self.0.contains_key(name))
        })
    }

    /// The key that is named at `node`.
    pub(super) fn named(&self, node: &Node<'_>) -> Option<&PrivateKey> {
        named(node, node.string()?, &self.0, "keys")
    }
}

/// That one of `known`, the members of `section`, that is called `name` at `node`.
pub(super) fn named<'k, T>(
    node: &Node<'_>,
    name: &str,
    known: &'k BTreeMap<String, Option<T>>,
    section: &str,
) -> Option<&'k T> {
    if let Some(found) = known.get(name) {
        return found.as_ref();
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let hint = nearest(name, &names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    node.refused(
        format!("names none of the file's `{section}`"),
        format!("{hint}write it there, or another name"),
    )
}

/// Makes the tokens that `node` describes, dated relative to `now`.
pub(super) fn make(node: &Node<'_>, keys: &Keys, now: UnixTime) -> Option<Tokens> {
    let tokens = node.entries("an object of names and tokens")?;
    Some(tokens.iter().map(|(name, node)| ((*name).to_owned(), token_text(node, keys, now))).collect())
}

fn token_text(node: &Node<'_>, keys: &Keys, now: UnixTime) -> Option<String> {
    const MADE: &[&str] = &["key", "header", "claims", "alg", "sign", "tamper"];
    let members = node.members(&[MADE, &["raw"]].concat())?;
    if let Some(raw) = members.get("raw") {
        members.forbid(MADE, "means nothing beside `raw`", "leave it out");
        return owned(&raw);
    }
    let key = members.need("key", "the name of one of the file's `keys`").and_then(|name| keys.named(&name));
    let header = |node: &Node<'_>| dates::resolve(node, now).and_then(|header| object(node, header));
    let mut header = members.read("header", header).unwrap_or_default();
    if let Some(algorithm) = members.read("alg", owned) {
        header.insert("alg".to_owned(), json!(algorithm));
    }
    let claims = members.need("claims", "the token's claims");
    let claims = claims.and_then(|claims| keys.resolve_dated(&claims, now));
    let signed = members.read("sign", Node::flag).unwrap_or(true);
    let tampered = members.read("tamper", Node::flag).unwrap_or(false);
    let text = key?.sign(&header, &claims?).map_err(|error| cannot(node, &error)).ok()?;
    let (rest, signature) = text.rsplit_once('.')?;
    Some(match (signed, tampered) {
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

/// Says that what is written at `node` cannot be made.
pub(super) fn cannot(node: &Node<'_>, error: &MintError) {
    node.refuse(format!("cannot be made: {error}"), "name another key");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    /// What is read, or the first problem.
    fn read<T>(value: &Value, read: impl FnOnce(&Node<'_>) -> Option<T>) -> Result<T, String> {
        document::read("file", value, read).map_err(|found| found[0].to_string())
    }

    fn keys() -> Keys {
        read(&json!({"one": "ES256", "shared": "HS256"}), Keys::make).unwrap()
    }

    fn resolved(value: &Value) -> Result<Value, String> {
        read(value, |node| keys().resolve(node))
    }

    fn token(token: &Value) -> String {
        read(token, |node| token_text(node, &keys(), UnixTime::from_secs(1000))).unwrap()
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
        let told = resolved(&document).unwrap();
        let key = &told["jwt"]["jwks"]["inline"]["keys"][0];
        assert!(key["kid"] == "one" && key.get("d").is_none());
        assert!(told["keys"] == document["keys"] && told["n"] == document["n"]);
        let bound = resolved(&json!({"cnf": {"jkt": {"thumbprint": "one"}}})).unwrap();
        assert_eq!(bound["cnf"]["jkt"].as_str().map(str::len), Some(43));
        assert!(resolved(&json!({"thumbprint": "shared"})).is_err());
        let wrong = resolved(&json!({"a": {"keys": ["one", "two"]}})).unwrap_err();
        assert!(wrong.starts_with("a.keys[1]: names none of the file's `keys`: "), "{wrong}");
    }

    #[test]
    fn a_wrong_token_names_its_place() {
        let problem =
            |tokens| read(&tokens, |node| make(node, &keys(), UnixTime::from_secs(0))).err().unwrap();
        assert_eq!(
            problem(json!({"a": {"key": "onn", "claims": {}}})),
            "a.key: names none of the file's `keys`: did you mean `one`? write it there, or another name"
        );
        assert!(problem(json!({"a": {"key": "one"}})).starts_with("a.claims: is missing"));
        let unknown = problem(json!({"a": {"key": "one", "claims": {}, "kez": "x"}}));
        assert!(unknown.starts_with("a.kez: is not a known key: did you mean `key`?"), "{unknown}");
        assert!(problem(json!({"a": {"raw": "x", "key": "one"}})).starts_with("a.key: means nothing beside"));
    }
}
