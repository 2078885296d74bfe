//! A key set from anybody: bounded, no symmetric key out of a fetched one, and no member spoils another.

use scopegate::base::json;
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, MAX_MEMBERS, Origin};
use scopegate::jose::verify::verify;
use serde_json::{Map, Value, json};

use crate::{keys, naive};

/// Keys with which somebody could sign.
const OURS: &[&str] = &["one", "two", "three", "ec", "rsa"];

thread_local! {
    static GOOD: (Value, String) = {
        let kid = "one";
        (keys::key(kid).public_jwk(), keys::token(kid, &json!({}), &json!({"sub": "alice"})))
    };
    /// The public half of each of our keys, and a token that it verifies.
    static GENUINE: Vec<(Value, String)> = OURS
        .iter()
        .map(|kid| (keys::key(kid).public_jwk(), keys::token(kid, &json!({"kid": null}), &json!({"sub": kid}))))
        .collect();
}

/// Takes a document.
pub fn run(input: &[u8]) {
    let Ok(document) = json::object(input) else { return };
    let members = document.get("keys").and_then(Value::as_array);
    let (Ok(fetched), Ok(inline)) = (KeySet::read(input), KeySet::parse(&document, Origin::Inline)) else {
        return assert!(members.is_none(), "there is an array of keys");
    };
    let members = members.expect("a key set has an array of keys");
    let read = members.len().min(MAX_MEMBERS);

    for (set, skipped) in [&fetched, &inline] {
        assert!(set.len() + skipped.len() <= read + 1);
        assert!(skipped.windows(2).all(|two| two[0].index < two[1].index));
    }
    assert!(fetched.0.len() <= inline.0.len());
    assert!(Algorithm::ALL.iter().all(|alg| !alg.is_symmetric() || !fetched.0.algorithms().contains(*alg)));

    if members.len() <= 16 {
        let alone = |member: &Value| set_of(vec![member.clone()]).len();
        assert_eq!(
            members.iter().map(alone).sum::<usize>(),
            fetched.0.len(),
            "each member counts for itself"
        );
        for member in members {
            assert!(alone(member) == 0 || may_verify(member), "{member}");
            GENUINE.with(|genuine| genuine.iter().for_each(|(key, token)| verifies(member, key, token)));
        }
    }
    if read < MAX_MEMBERS {
        spoilt(&document, fetched.0.len());
    }
    GOOD.with(|(good, token)| {
        if read < MAX_MEMBERS {
            holds(&set_of([&members[..], std::slice::from_ref(good)].concat()), fetched.0.len() + 1, token);
        }
        let first = set_of([std::slice::from_ref(good), &members[..]].concat());
        holds(&first, fetched.0.len() + usize::from(read < MAX_MEMBERS), token);
    });
}

/// A key with a member twice is skipped by itself, and a set with one is refused.
fn spoilt(document: &Map<String, Value>, keys: usize) {
    let members: Vec<String> =
        document["keys"].as_array().expect("a list").iter().map(Value::to_string).collect();
    let twice = r#"{"kty":"EC","a":[{"b":1,"b":2}]}"#;
    let text = format!(r#"{{"keys":[{twice},{}]}}"#, [&members[..], &[twice.into()]].concat().join(","));
    let (set, skipped) = KeySet::read(text.as_bytes()).expect("an array of keys");
    assert_eq!((set.len(), skipped[0].index), (keys, 0), "one key spoilt another");
    let text = format!(r#"{{"keys":[{}],"a":0,"a":0}}"#, members.join(","));
    assert!(KeySet::read(text.as_bytes()).is_err(), "a set with a member twice");
}

fn set_of(members: Vec<Value>) -> KeySet {
    let document = Map::from_iter([("keys".to_owned(), Value::Array(members))]);
    KeySet::parse(&document, Origin::Fetched).expect("an array of keys").0
}

/// The good key is there whatever stands beside it, and verifies unless eight others of its name come first.
fn holds(set: &KeySet, keys: usize, token: &str) {
    let jws = Unverified::parse(token.as_bytes()).expect("a good token");
    if keys <= 8 {
        assert_eq!(set.len(), keys);
        assert!(verify(jws, set, set.algorithms(), &NoAccelerator).is_ok(), "the good key is spoilt");
    }
    assert!(set.has_kid("one"));
}

/// A member that is one of our keys, and says nothing against it, verifies what that key has signed.
fn verifies(member: &Value, key: &Value, token: &str) {
    let same = |name: &&str| member.get(*name) == key.get(*name);
    let absent_or = |name: &str, is: &dyn Fn(&Value) -> bool| member.get(name).is_none_or(is);
    let is_it = ["kty", "crv", "x", "y", "n", "e"].iter().all(same)
        && ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().all(|name| member.get(*name).is_none())
        && absent_or("kid", &Value::is_string)
        && absent_or("alg", &|alg| *alg == key["alg"])
        && absent_or("use", &|purpose| purpose == "sig")
        && absent_or("key_ops", &|ops| ops.as_array().is_some_and(|ops| ops.contains(&json!("verify"))));
    if is_it {
        let jws = Unverified::parse(token.as_bytes()).expect("a good token");
        let set = set_of(vec![member.clone()]);
        assert!(verify(jws, &set, set.algorithms(), &NoAccelerator).is_ok(), "a good key: {member}");
    }
}

/// What has to be so before a member can be of any use (RFC 7517 section 4, RFC 7518 section 6).
fn may_verify(member: &Value) -> bool {
    let text = |name: &str| member[name].as_str().unwrap_or_default();
    let bytes = |name: &str| naive::base64url(text(name).as_bytes()).unwrap_or_default();
    let given = |name: &str| {
        member.get(name).filter(|value| !value.is_null() && **value != json!("") && **value != json!([]))
    };
    let permitted = given("use").is_none_or(|purpose| purpose == "sig")
        && given("key_ops")
            .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.contains(&json!("verify"))))
        && given("d").is_none();
    let fits = |names: &[&str]| given("alg").is_none() || names.contains(&text("alg"));
    permitted
        && match (text("kty"), text("crv")) {
            ("RSA", _) => {
                let (n, e) = (bytes("n"), bytes("e"));
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                let bits = n[zeros..].len() * 8
                    - n[zeros..].first().map_or(0, |first| first.leading_zeros() as usize);
                (2048..=8192).contains(&bits)
                    && e.last().is_some_and(|last| last % 2 == 1)
                    && fits(&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
            }
            ("EC", "P-256") => fits(&["ES256"]) && bytes("x").len() == 32 && bytes("y").len() == 32,
            ("EC", "P-384") => fits(&["ES384"]) && bytes("x").len() == 48 && bytes("y").len() == 48,
            ("EC", "P-521") => fits(&["ES512"]) && bytes("x").len() == 66 && bytes("y").len() == 66,
            ("OKP", "Ed25519") => fits(&["EdDSA", "Ed25519"]) && bytes("x").len() == 32,
            _ => false,
        }
}
