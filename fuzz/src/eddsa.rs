//! Ed25519: a key is taken, and a signature holds, exactly where ed25519-dalek's strict verification says so; on the first
//! use of a key, and on later ones, which have a table.
//!
//! An input is a letter, what it needs, and a text:
//!
//! | letter | needs | what is tried |
//! | --- | --- | --- |
//! | `g` | a seed; how many changes, each a place in key and signature and what is flipped there | a signature of that key |
//! | `t` | a seed, a number, and which points of small order are added to the key and to R | what holds but for them |
//! | any other | 32 bytes of the key, 64 of the signature | these |
//!
//! A seed, a number, a change are bytes.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::hash::HashName;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::check_signature;
use serde_json::json;

use crate::keys;

/// So many signatures have been looked at before a key has its table.
const USES: usize = 17;

/// A key, a signature, and what it is to be of.
struct Tried<'i> {
    key: [u8; 32],
    signature: [u8; 64],
    text: &'i [u8],
}

/// Takes a key, a signature and a text, or what they are to be made of.
pub fn run(input: &[u8]) {
    let tried = match input.split_first() {
        Some((b'g', rest)) => genuine(rest),
        Some((b't', rest)) => twisted(rest),
        Some((_, rest)) => written(rest),
        None => None,
    };
    tried.iter().for_each(check);
}

fn check(Tried { key, signature, text }: &Tried<'_>) {
    let parsed = VerifyingKey::from_bytes(key).ok().filter(|parsed| !parsed.is_weak() && is_canonical(key));
    let expected =
        parsed.is_some_and(|parsed| parsed.verify_strict(text, &Signature::from_bytes(signature)).is_ok());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key)});
    let (set, _) =
        KeySet::parse(&keys::object(&json!({"keys": [jwk]})), Origin::Fetched).expect("a list of keys");
    assert_eq!(set.len(), usize::from(parsed.is_some()), "a key is one for us too: {key:x?}");
    let holds = || check_signature(&set, None, Algorithm::EdDsa, text, signature, &NoAccelerator).is_ok();
    assert_eq!(holds(), expected, "{key:x?} {signature:x?}");
    if parsed.is_some() {
        let others = (0..USES).filter(|_| holds() == expected).count();
        assert_eq!((others, holds()), (USES, expected), "with a table: {key:x?} {signature:x?}");
    }
}

/// Whether y is less than 2^255 - 19, and x has no sign where it is zero: y is then 1 or -1.
fn is_canonical(key: &[u8; 32]) -> bool {
    let mut y = *key;
    y[31] &= 0x7f;
    let is_high = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff);
    let is_zero = (y[0] == 1 && y[1..].iter().all(|byte| *byte == 0)) || (is_high && y[0] == 0xec);
    !(is_high && y[0] >= 0xed || is_zero && key[31] >= 0x80)
}

fn genuine(input: &[u8]) -> Option<Tried<'_>> {
    let ([seed, changes], mut text) = input.split_first_chunk()?;
    let pair = SigningKey::from_bytes(&[*seed; 32]);
    let mut places = Vec::new();
    for _ in 0..*changes % 8 {
        let (change, rest) = text.split_first_chunk::<2>()?;
        places.push(*change);
        text = rest;
    }
    let mut all = [pair.verifying_key().to_bytes().as_slice(), &pair.sign(text).to_bytes()].concat();
    for [place, flipped] in places {
        all[usize::from(place) % 96] ^= flipped;
    }
    written(&all).map(|tried| Tried { text, ..tried })
}

/// A key and an R with a part of small order: who multiplies all by eight sees nothing of it.
fn twisted(input: &[u8]) -> Option<Tried<'_>> {
    let ([seed, number, of_key, of_r], text) = input.split_first_chunk()?;
    let [secret, number] = [seed, number].map(|byte| Scalar::from_bytes_mod_order([*byte; 32]));
    let point = |scalar: Scalar, torsion: &u8| {
        let small = EIGHT_TORSION[usize::from(*torsion) % EIGHT_TORSION.len()];
        (ED25519_BASEPOINT_POINT * scalar + small).compress().to_bytes()
    };
    let (key, r) = (point(secret, of_key), point(number, of_r));
    let digest = HashName::Sha512.digest(&[&r, &key, text]);
    let k = Scalar::from_bytes_mod_order_wide(digest.as_slice().try_into().expect("512 bits"));
    let s = number + k * secret;
    let signature: Vec<u8> = [r, s.to_bytes()].concat();
    let signature = signature.try_into().expect("64 bytes");
    Some(Tried { key, signature, text })
}

fn written(input: &[u8]) -> Option<Tried<'_>> {
    let (key, rest) = input.split_first_chunk()?;
    let (signature, text) = rest.split_first_chunk()?;
    Some(Tried { key: *key, signature: *signature, text })
}
