use core::cell::RefCell;

use serde_json::{Value, json};

use super::super::examples::{
    CLAIMS, ES256, RS256, check, check_with, ec_key, ed25519_key, everything, hmac_token, key_set, oct_key,
    rsa_key, with,
};
use super::super::hash::HashName;
use super::*;
use crate::base::base64url;

const SECRET: &[u8] = &[0x5c; 64];

fn hs256(header: &str) -> String {
    hmac_token(header, CLAIMS, Algorithm::Hs256, SECRET)
}

#[test]
fn a_good_token_gives_its_claims() {
    for (token, key) in [(RS256, rsa_key()), (ES256, ec_key())] {
        let payload = check(token, &key_set(&[key])).unwrap();
        assert_eq!(payload.get().claims()["iss"], "joe");
        assert_eq!(payload.get().typ(), None);
    }
    let payload = check(&hs256(r#"{"alg":"HS256","typ":"at+jwt"}"#), &key_set(&[oct_key(SECRET)])).unwrap();
    assert_eq!((payload.get().typ(), payload.get().algorithm()), (Some("at+jwt"), Algorithm::Hs256));
    assert_eq!(payload.into_inner().into_claims()["exp"], 1_300_819_380);
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_before_any_key_is_tried() {
    let witness = Witness::saying(Some(true));
    let others = Algorithms::of(Algorithm::ALL.iter().copied().filter(|other| *other != Algorithm::Rs256));
    let outcome = check_with(RS256, &key_set(&[rsa_key()]), others, &witness);
    assert_eq!(outcome.unwrap_err(), JoseFault::AlgorithmNotAllowed);
    assert!(witness.seen.borrow().is_empty());
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    // CVE-2016-10555 and its kin: an HS256 token that is keyed with any text of the public key.
    let (rsa, ec) = (rsa_key(), ec_key());
    let modulus = base64url::decode(rsa["n"].as_str().unwrap()).unwrap();
    let x = base64url::decode(ec["x"].as_str().unwrap()).unwrap();
    let secrets = [modulus, x, rsa.to_string().into_bytes(), rsa["n"].as_str().unwrap().as_bytes().to_vec()];
    let keys = key_set(&[with(rsa, json!({"kid": "a"})), with(ec, json!({"kid": "b"})), ed25519_key()]);
    for (secret, kid) in secrets.iter().flat_map(|secret| ["a", "b"].map(|kid| (secret, kid))) {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        let token = hmac_token(&header, CLAIMS, Algorithm::Hs256, secret);
        assert_eq!(check(&token, &keys).unwrap_err(), JoseFault::AlgorithmNotAllowed);
        let token = hmac_token(r#"{"alg":"HS256"}"#, CLAIMS, Algorithm::Hs256, secret);
        assert_eq!(check(&token, &keys).unwrap_err(), JoseFault::KeyUnknown);
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    // CVE-2018-0114: the header's `jwk` is the key that signed.
    let brought =
        json!({"alg": "HS256", "jwk": oct_key(SECRET), "jku": "https://evil.example/keys"}).to_string();
    assert_eq!(check(&hs256(&brought), &key_set(&[ec_key()])).unwrap_err(), JoseFault::KeyUnknown);
    assert_eq!(
        check(&hs256(&brought), &key_set(&[oct_key(&[1; 32])])).unwrap_err(),
        JoseFault::SignatureInvalid
    );
    assert!(check(&hs256(&brought), &key_set(&[oct_key(SECRET)])).is_ok());
}

#[test]
fn a_key_that_is_for_something_else_is_not_used() {
    let restrictions = [
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"alg": "RS384"}),
        json!({"alg": "PS256"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"alg": "rs256"}),
        json!({"alg": "none"}),
    ];
    for restriction in restrictions {
        let keys = key_set(&[with(rsa_key(), restriction.clone())]);
        assert_eq!(check(RS256, &keys).unwrap_err(), JoseFault::KeyUnknown, "{restriction}");
    }
    let all = json!({"use": "sig", "key_ops": ["verify", "sign"], "alg": "RS256"});
    assert!(check(RS256, &key_set(&[with(rsa_key(), all)])).is_ok());
}

#[test]
fn a_named_key_that_does_not_fit_refuses_the_algorithm() {
    let token = hs256(r#"{"alg":"HS256","kid":"a"}"#);
    let verdict = |members: &[Value]| check(&token, &key_set(members)).map(|_| ()).unwrap_err();
    assert_eq!(
        verdict(&[with(ec_key(), json!({"kid": "a"})), oct_key(&[1; 32])]),
        JoseFault::AlgorithmNotAllowed
    );
    assert_eq!(verdict(&[with(ec_key(), json!({"kid": "b"})), oct_key(&[1; 32])]), JoseFault::KeyUnknown);
    assert_eq!(verdict(&[]), JoseFault::KeyUnknown);
    let enc = with(oct_key(SECRET), json!({"kid": "a", "use": "enc"}));
    assert_eq!(verdict(&[enc]), JoseFault::AlgorithmNotAllowed);
}

#[test]
fn of_several_keys_with_one_kid_the_one_that_fits_decides() {
    let named = |key: Value| with(key, json!({"kid": "a"}));
    let keys = key_set(&[named(ec_key()), named(oct_key(&[1; 32])), named(oct_key(SECRET))]);
    assert!(check(&hs256(r#"{"alg":"HS256","kid":"a"}"#), &keys).is_ok());
}

#[test]
fn a_key_without_a_kid_is_tried_after_those_of_the_name_and_eight_in_all() {
    let token = hs256(r#"{"alg":"HS256","kid":"a"}"#);
    let named = |secret: &[u8]| with(oct_key(secret), json!({"kid": "a"}));
    let others = |count: u8| (0..count).map(|number| oct_key(&[number; 32]));
    let verdict = |members: Vec<Value>| check(&token, &key_set(&members)).map(drop);
    for members in [
        vec![oct_key(SECRET)],
        vec![with(oct_key(&[1; 32]), json!({"kid": "b"})), oct_key(SECRET)],
        vec![named(&[1; 32]), oct_key(SECRET)],
        others(7).chain([oct_key(SECRET)]).collect(),
        others(100).chain([named(SECRET)]).collect(),
    ] {
        assert_eq!(verdict(members), Ok(()));
    }
    assert_eq!(verdict(others(8).chain([oct_key(SECRET)]).collect()), Err(JoseFault::KeyUnknown));
    let seven = || others(7).chain([named(&[9; 32])]);
    assert_eq!(verdict(seven().chain([oct_key(SECRET)]).collect()), Err(JoseFault::SignatureInvalid));
    // A key of another name is never tried.
    assert_eq!(verdict(vec![with(oct_key(SECRET), json!({"kid": "b"}))]), Err(JoseFault::KeyUnknown));
}

#[test]
fn a_secret_must_be_as_long_as_the_hash() {
    let cases = [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)];
    for (algorithm, length) in cases {
        for (size, good) in [(length, true), (length - 1, false), (length + 100, true)] {
            let secret = vec![9; size];
            let token = hmac_token(&json!({"alg": algorithm.name()}).to_string(), CLAIMS, algorithm, &secret);
            let (keys, _) =
                super::super::examples::parse(&[oct_key(&secret)], super::super::key_set::Origin::Inline);
            assert_eq!(check(&token, &keys).is_ok(), good, "{algorithm} {size}");
        }
    }
}

#[test]
fn without_a_kid_at_most_eight_keys_are_tried() {
    let token = hs256(r#"{"alg":"HS256"}"#);
    let keys = |before: u8| {
        let others = (0..before).map(|number| oct_key(&[number; 32]));
        key_set(&others.chain([oct_key(SECRET)]).collect::<Vec<_>>())
    };
    assert!(check(&token, &keys(7)).is_ok());
    assert_eq!(check(&token, &keys(8)).unwrap_err(), JoseFault::SignatureInvalid);
    // Keys that do not fit cost nothing and are not counted.
    let many: Vec<_> = (0..100).map(|_| rsa_key()).chain([oct_key(SECRET)]).collect();
    assert!(check(&token, &key_set(&many)).is_ok());
    let witness = Witness::saying(Some(false));
    let _ = check_with(RS256, &key_set(&vec![rsa_key(); 100]), everything(), &witness);
    assert_eq!(witness.seen.borrow().len(), 8);
}

#[test]
fn what_is_signed_must_be_one_json_object_without_duplicates() {
    let keys = key_set(&[oct_key(SECRET)]);
    for payload in [
        "[]",
        "7",
        "null",
        "text",
        "{",
        "{}{}",
        r#"{"a":1,"a":1}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"exp":NaN}"#,
    ] {
        let token = hmac_token(r#"{"alg":"HS256"}"#, payload, Algorithm::Hs256, SECRET);
        assert!(matches!(check(&token, &keys).unwrap_err(), JoseFault::Malformed(_)), "{payload}");
    }
    // But a payload is read only once it is known whose it is.
    let forged = hmac_token(r#"{"alg":"HS256"}"#, "[]", Algorithm::Hs256, &[1; 32]);
    assert_eq!(check(&forged, &keys).unwrap_err(), JoseFault::SignatureInvalid);
}

#[test]
fn a_cut_or_extended_hmac_is_refused() {
    let token = hs256(r#"{"alg":"HS256"}"#);
    let (text, tag) = token.rsplit_once('.').unwrap();
    let tag = base64url::decode(tag).unwrap();
    for other in [&tag[..16], &tag[..31], &tag[..1], &[&tag[..], &[0]].concat(), &[0; 32]] {
        let token = format!("{text}.{}", base64url::encode(other));
        assert_eq!(check(&token, &key_set(&[oct_key(SECRET)])).unwrap_err(), JoseFault::SignatureInvalid);
    }
}

#[test]
fn the_accelerator_decides_where_it_offers_to() {
    for (token, key) in [(RS256, rsa_key()), (ES256, ec_key())] {
        for (says, good) in [(Some(true), true), (Some(false), false), (None, true)] {
            let witness = Witness::saying(says);
            let outcome = check_with(token, &key_set(core::slice::from_ref(&key)), everything(), &witness);
            assert_eq!(outcome.is_ok(), good, "{says:?}");
            let text = token.rsplit_once('.').unwrap().0.as_bytes();
            assert_eq!(*witness.seen.borrow(), [(HashName::Sha256, text.to_vec())]);
        }
    }
}

#[test]
fn numbers_out_of_range_never_reach_the_accelerator() {
    let over = |token: &str, signature: &[u8]| {
        let (text, _) = token.rsplit_once('.').unwrap();
        format!("{text}.{}", base64url::encode(signature))
    };
    // The order of P-256 (SEC 2 section 2.4.2).
    let order = b"\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\
        \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let one = [&[0; 31][..], &[1]].concat();
    let ecdsa: [&[u8]; 7] = [
        &[0; 64],
        &[&[0; 32], &one[..]].concat(),
        &[&one[..], &[0; 32]].concat(),
        &[&order[..], &one].concat(),
        &[&one, &order[..]].concat(),
        &[1; 63],
        &[1; 65],
    ];
    let modulus = base64url::decode(rsa_key()["n"].as_str().unwrap()).unwrap();
    let rsa: [&[u8]; 4] = [&modulus, &[0xff; 256], &[1; 255], &[1; 257]];
    let tokens = ecdsa.map(|it| over(ES256, it)).into_iter().chain(rsa.map(|it| over(RS256, it)));
    for token in tokens {
        let witness = Witness::saying(Some(true));
        let outcome = check_with(&token, &key_set(&[rsa_key(), ec_key()]), everything(), &witness);
        assert_eq!(outcome.unwrap_err(), JoseFault::SignatureInvalid);
        assert!(witness.seen.borrow().is_empty());
    }
}

/// Says always the same, and remembers what it was asked.
struct Witness {
    says: Option<bool>,
    seen: RefCell<Vec<(HashName, Vec<u8>)>>,
}

impl Witness {
    fn saying(says: Option<bool>) -> Self {
        Self { says, seen: RefCell::default() }
    }
}

impl Accelerator for Witness {
    fn verify(&self, hash: HashName, _: &[u8], _: &[u8], text: &[u8]) -> Option<bool> {
        self.seen.borrow_mut().push((hash, text.to_vec()));
        self.says
    }
}
