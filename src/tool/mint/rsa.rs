//! What the engine does not do with RSA keys (RFC 7518 section 6.3): make them, and sign.

use getrandom::SysRng;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};

use super::error::MintError;
use crate::base::base64url;
use crate::jose::algorithm::{Algorithm, Family};
use crate::jose::backend::Signer;
use crate::jose::hash::HashName;

/// Beyond this nobody verifies, and making the key takes minutes.
const MAX_BITS: usize = 8192;

/// The members of the JSON Web Key of a new key of so many `bits`.
pub(super) fn generate(bits: usize) -> Result<Map<String, Value>, MintError> {
    if bits > MAX_BITS {
        return Err(MintError::new(format!("an RSA key of {bits} bits: at most {MAX_BITS} are useful")));
    }
    let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits).map_err(|error| wrong(&error))?;
    let mut primes = key.primes().iter().map(|prime| prime.as_ref().clone());
    let numbers = [
        ("n", Some(key.n().as_ref().clone())),
        ("e", Some(key.e().clone())),
        ("d", Some(key.d().clone())),
        ("p", primes.next()),
        ("q", primes.next()),
        ("dp", key.dp().cloned()),
        ("dq", key.dq().cloned()),
        ("qi", key.crt_coefficient()),
    ];
    let text = |number: BoxedUint| Value::from(base64url::encode(number.to_be_bytes_trimmed_vartime()));
    let members = numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), text(number?))));
    Ok(members.chain([("kty".to_owned(), Value::from("RSA"))]).collect())
}

/// Whether the numbers of a key in PKCS#8 fit each other.
pub(super) fn check(pkcs8_der: &[u8]) -> Result<(), MintError> {
    RsaPrivateKey::from_pkcs8_der(pkcs8_der)
        .map(|_| ())
        .map_err(|error| MintError::new(format!("{WRONG}: {error}")))
}

/// Signs with RSA where no proxy does.
pub struct RsaSigner;

impl Signer for RsaSigner {
    fn sign(&self, algorithm: Algorithm, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let key = RsaPrivateKey::from_pkcs8_der(pkcs8_der).ok()?;
        let (hash, rng) = (algorithm.hash(), &mut UnwrapErr(SysRng));
        let digest = hash.digest(&[text]);
        match (algorithm.family(), hash) {
            (Family::RsaPkcs1, HashName::Sha256) => key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest),
            (Family::RsaPkcs1, HashName::Sha384) => key.sign(Pkcs1v15Sign::new::<Sha384>(), &digest),
            (Family::RsaPkcs1, HashName::Sha512) => key.sign(Pkcs1v15Sign::new::<Sha512>(), &digest),
            (Family::RsaPss, HashName::Sha256) => key.sign_with_rng(rng, Pss::<Sha256>::new(), &digest),
            (Family::RsaPss, HashName::Sha384) => key.sign_with_rng(rng, Pss::<Sha384>::new(), &digest),
            (Family::RsaPss, HashName::Sha512) => key.sign_with_rng(rng, Pss::<Sha512>::new(), &digest),
            (Family::Ecdsa(_) | Family::Ed25519 | Family::Hmac, _) => return None,
        }
        .ok()
    }
}

const WRONG: &str = "the RSA key does not work";

fn wrong(error: &rsa::Error) -> MintError {
    MintError::new(format!("{WRONG}: {error}"))
}
