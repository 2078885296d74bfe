use serde_json::json;

use super::super::examples::{ec_key, ed25519_key, key_set, oct_key, parse, rsa_key, with};
use super::*;
use crate::base::base64url::encode;

fn skipped(member: Value) -> KeyFault {
    let (keys, skipped) = parse(&[member], Origin::Inline);
    assert!(keys.is_empty() && skipped.len() == 1, "{skipped:?}");
    skipped[0]
}

#[test]
fn one_broken_key_does_not_spoil_the_others() {
    let members = [
        json!(7),
        rsa_key(),
        json!({}),
        json!({"kty": "WAT"}),
        ec_key(),
        with(ec_key(), json!({"y": 1})),
        ed25519_key(),
    ];
    let document = json!({"keys": members});
    let (keys, skipped) = KeySet::parse(document.as_object().unwrap(), Origin::Fetched).unwrap();
    assert_eq!(keys.len(), 3);
    let skipped: Vec<_> = skipped.iter().map(|skipped| (skipped.index, skipped.why)).collect();
    let expected = [
        (0, KeyFault::NotAnObject),
        (2, KeyFault::Member("kty")),
        (3, KeyFault::UnknownType),
        (5, KeyFault::Member("y")),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn a_document_without_an_array_of_keys_is_no_key_set() {
    let parse = |document: Value| KeySet::parse(document.as_object().unwrap(), Origin::Fetched).map(|_| ());
    assert_eq!(parse(json!({})), Err(KeySetFault::KeysMissing));
    assert_eq!(parse(json!({"keys": {}})), Err(KeySetFault::KeysNotArray));
    assert_eq!(parse(json!({"keys": []})), Ok(()));
}

#[test]
fn symmetric_keys_are_taken_inline_only() {
    let member = [oct_key(&[7; 32])];
    assert_eq!(parse(&member, Origin::Inline).0.len(), 1);
    let (keys, skipped) = parse(&member, Origin::Fetched);
    assert!(keys.is_empty());
    assert_eq!(skipped, [KeyFault::SymmetricFetched]);
}

#[test]
fn short_secrets_are_skipped() {
    for length in [0, 1, 16, 31] {
        assert_eq!(skipped(oct_key(&vec![7; length])), KeyFault::SecretTooShort(length));
    }
}

#[test]
fn private_keys_are_skipped() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(skipped(with(rsa_key(), json!({name: "AQAB"}))), KeyFault::PrivateKey);
    }
    assert_eq!(skipped(with(ec_key(), json!({"d": "AQAB"}))), KeyFault::PrivateKey);
    assert_eq!(skipped(with(ed25519_key(), json!({"d": 1}))), KeyFault::PrivateKey);
}

#[test]
fn rsa_moduli_are_bounded_and_odd() {
    let modulus = |bytes: &[u8]| with(rsa_key(), json!({"n": encode(bytes)}));
    let of_length = |length: usize, first: u8, last: u8| {
        let mut bytes = vec![0xff; length];
        (bytes[0], bytes[length - 1]) = (first, last);
        modulus(&bytes)
    };
    assert_eq!(skipped(modulus(&[])), KeyFault::ModulusTooSmall(0));
    assert_eq!(skipped(of_length(64, 0x80, 1)), KeyFault::ModulusTooSmall(512));
    assert_eq!(skipped(of_length(256, 0x7f, 1)), KeyFault::ModulusTooSmall(2047));
    // Leading zeros are tolerated, and not counted (RFC 7518 section 6.3.1.1 tells of libraries that write one).
    assert_eq!(skipped(modulus(&[&[0; 2][..], &[0x7f; 256]].concat())), KeyFault::ModulusTooSmall(2047));
    assert_eq!(skipped(of_length(1025, 0x01, 1)), KeyFault::ModulusTooLarge(8193));
    assert_eq!(skipped(of_length(100_000, 0x80, 1)), KeyFault::ModulusTooLarge(800_000));
    assert_eq!(skipped(of_length(256, 0x80, 0)), KeyFault::ModulusEven);
    assert_eq!(key_set(&[of_length(256, 0x80, 1), of_length(1024, 0xff, 1)]).len(), 2);
}

#[test]
fn rsa_exponents_are_odd_and_have_at_most_32_bits() {
    let exponent = |bytes: &[u8]| with(rsa_key(), json!({"e": encode(bytes)}));
    let bad: [&[u8]; 7] = [&[], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1], &[0xff; 256]];
    for bytes in bad {
        assert_eq!(skipped(exponent(bytes)), KeyFault::Exponent, "{bytes:?}");
    }
    assert_eq!(key_set(&[exponent(&[3]), exponent(&[0xff; 4]), exponent(&[0, 1, 0, 1])]).len(), 3);
}

#[test]
fn curve_points_are_on_their_curve_and_coordinates_have_its_length() {
    let ec = |members: Value| with(ec_key(), members);
    assert_eq!(skipped(ec(json!({"y": encode([1; 32])}))), KeyFault::Point);
    assert_eq!(skipped(ec(json!({"x": encode([0; 32]), "y": encode([0; 32])}))), KeyFault::Point);
    assert_eq!(skipped(ec(json!({"x": encode([0xff; 32])}))), KeyFault::Point);
    assert_eq!(skipped(ec(json!({"x": encode([1; 31])}))), KeyFault::CoordinateLength);
    assert_eq!(skipped(ec(json!({"x": encode([0; 33])}))), KeyFault::CoordinateLength);
    assert_eq!(skipped(ec(json!({"crv": "P-384"}))), KeyFault::CoordinateLength);
    assert_eq!(skipped(ec(json!({"crv": "secp256k1"}))), KeyFault::UnknownCurve);
    assert_eq!(skipped(ec(json!({"crv": "Ed25519"}))), KeyFault::UnknownCurve);
    assert_eq!(skipped(ec(json!({"crv": 256}))), KeyFault::Member("crv"));
}

#[test]
fn edwards_points_are_canonical_and_not_of_small_order() {
    let okp = |x: &[u8]| with(ed25519_key(), json!({"x": encode(x)}));
    let (mut one, mut order_two) = ([0; 32], [0xff; 32]);
    one[0] = 1;
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    // The last is y = p + 3: a point, written as no encoder does.
    let (mut not_reduced, zero) = ([0xff; 32], [0; 32]);
    (not_reduced[0], not_reduced[31]) = (0xf0, 0x7f);
    for x in [one, zero, order_two, not_reduced] {
        assert_eq!(skipped(okp(&x)), KeyFault::Point, "{x:?}");
    }
    assert_eq!(skipped(okp(&[1; 31])), KeyFault::CoordinateLength);
    assert_eq!(skipped(with(ed25519_key(), json!({"crv": "X25519"}))), KeyFault::UnknownCurve);
    assert_eq!(skipped(with(ed25519_key(), json!({"crv": "Ed448"}))), KeyFault::UnknownCurve);
}

#[test]
fn members_of_another_type_or_encoding_break_a_key() {
    let broken = [
        (json!({"kid": 7}), "kid"),
        (json!({"alg": 7}), "alg"),
        (json!({"use": ["sig"]}), "use"),
        (json!({"key_ops": "verify"}), "key_ops"),
        (json!({"kty": 1}), "kty"),
        (json!({"n": "AQAB="}), "n"),
        (json!({"n": 65537}), "n"),
        (json!({"e": "AQ AB"}), "e"),
    ];
    for (members, name) in broken {
        assert_eq!(skipped(with(rsa_key(), members)), KeyFault::Member(name));
    }
}

#[test]
fn a_set_is_looked_at_up_to_its_512th_member() {
    let members: Vec<_> = (0..600).map(|kid| with(ec_key(), json!({"kid": kid.to_string()}))).collect();
    let document = json!({"keys": members});
    let (keys, skipped) = KeySet::parse(document.as_object().unwrap(), Origin::Fetched).unwrap();
    assert_eq!(keys.len(), 512);
    assert!(keys.has_kid("511") && !keys.has_kid("512"));
    assert_eq!(skipped, [Skipped { index: 512, why: KeyFault::TooMany }]);
}

#[test]
fn a_key_for_encryption_is_known_but_does_not_count() {
    let keys = key_set(&[with(rsa_key(), json!({"use": "enc", "kid": "a"}))]);
    assert!(keys.is_empty() && keys.has_kid("a"));
}

#[test]
fn kids_are_compared_as_they_stand() {
    let keys = key_set(&[with(ec_key(), json!({"kid": "Key-1"})), ec_key()]);
    assert!(keys.has_kid("Key-1"));
    for kid in ["key-1", "Key-1 ", "Key-1\0", "", "Key-"] {
        assert!(!keys.has_kid(kid), "{kid:?}");
    }
}

#[test]
fn merging_keeps_every_key() {
    let merged =
        KeySet::merge(vec![key_set(&[ec_key()]), KeySet::default(), key_set(&[rsa_key(), ed25519_key()])]);
    assert_eq!(merged.len(), 3);
}

#[test]
fn debug_and_faults_show_no_key_material() {
    let secret = b"canary-canary-canary-canary-canary";
    let keys = key_set(&[with(oct_key(secret), json!({"kid": "a"})), rsa_key()]);
    assert_eq!(format!("{keys:?}"), r#"[(Some("a"), "oct"), (None, "RSA")]"#);
    let document = json!({"keys": [with(oct_key(b"canary"), json!({"alg": 7, "kid": "canary"}))]});
    let (_, skipped) = KeySet::parse(document.as_object().unwrap(), Origin::Inline).unwrap();
    assert_eq!(skipped[0].to_string(), "keys[0] is skipped: `alg` is missing or not of the right form");
}

#[test]
fn an_optional_member_that_is_null_or_empty_is_absent() {
    let nulls =
        json!({"kid": null, "alg": null, "use": null, "key_ops": null, "d": null, "oth": null, "x5c": null});
    let empty = json!({"kid": "", "alg": "", "use": "", "key_ops": [], "d": "", "oth": [], "x5c": []});
    for members in [nulls, empty] {
        let keys = key_set(&[with(rsa_key(), members.clone())]);
        assert_eq!(keys.algorithms(), key_set(&[rsa_key()]).algorithms(), "{members}");
        assert!(!keys.has_kid(""));
    }
    for (members, name) in [(json!({"n": null}), "n"), (json!({"kty": ""}), ""), (json!({"e": null}), "e")] {
        let why = skipped(with(rsa_key(), members));
        assert!(matches!(why, KeyFault::Member(missing) if missing == name) || why == KeyFault::UnknownType);
    }
    assert_eq!(skipped(with(rsa_key(), json!({"d": "AQAB"}))), KeyFault::PrivateKey);
    assert_eq!(skipped(with(rsa_key(), json!({"oth": [{}]}))), KeyFault::PrivateKey);
}

#[test]
fn a_fetched_key_with_a_member_twice_is_skipped_and_spoils_no_other() {
    let good = with(ec_key(), json!({"kid": "good"}));
    let twice = r#"{"kty":"oct","use":"sig","use":"sig"}"#;
    let deep = r#"{"kty":"EC","x5c":[{"a":1,"a":2}]}"#;
    let (keys, skipped) =
        KeySet::read(format!(r#"{{"keys":[{twice},{good},{deep}],"more":null}}"#).as_bytes()).unwrap();
    assert!(keys.len() == 1 && keys.has_kid("good"));
    let places = [0, 2].map(|index| Skipped { index, why: KeyFault::NotAnObject });
    assert_eq!(skipped, places);
    for text in [
        format!(r#"{{"keys":[{good}],"keys":[{good}]}}"#),
        format!(r#"{{"keys":[{good}],"a":1,"a":1}}"#),
        r#"{"keys":null}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        format!("[{good}]"),
    ] {
        assert_eq!(KeySet::read(text.as_bytes()).map(drop), Err(KeySetFault::NotAnObject), "{text}");
    }
    assert_eq!(KeySet::read(b"{}").map(drop), Err(KeySetFault::KeysMissing));
}
