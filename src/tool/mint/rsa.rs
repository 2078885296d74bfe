//! RSA keys (RFC 7518 section 6.3) and both ways in which they sign.

use getrandom::SysRng;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};

use super::jwk::{self, MintError};
use crate::base::base64url;
use crate::jose::backend::Signer;
use crate::jose::hash::HashName;

/// Beyond this nobody verifies, and making the key takes minutes.
const MAX_BITS: usize = 8192;

pub(super) struct Pair(RsaPrivateKey);

impl Pair {
    pub(super) fn generate(bits: usize) -> Result<Self, MintError> {
        if bits > MAX_BITS {
            return Err(MintError::new(format!("an RSA key of {bits} bits: at most {MAX_BITS} are useful")));
        }
        RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits).map(Self).map_err(|error| wrong(&error))
    }

    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, MintError> {
        let number = |name| jwk::bytes(members, name).map(|bytes| BoxedUint::from_be_slice_vartime(&bytes));
        let primes = vec![number("p")?, number("q")?];
        RsaPrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes)
            .map(Self)
            .map_err(|error| wrong(&error))
    }

    pub(super) fn public_members(&self) -> Vec<(&'static str, String)> {
        vec![
            ("kty", "RSA".to_owned()),
            ("n", base64url::encode(self.0.n_bytes())),
            ("e", base64url::encode(self.0.e_bytes())),
        ]
    }

    pub(super) fn private_members(&self) -> Vec<(&'static str, String)> {
        let mut members = self.public_members();
        let text = |number: &BoxedUint| base64url::encode(number.to_be_bytes_trimmed_vartime());
        members.push(("d", text(self.0.d())));
        if let [p, q] = self.0.primes() {
            members.extend([("p", text(p)), ("q", text(q))]);
        }
        let rest =
            [("dp", self.0.dp().cloned()), ("dq", self.0.dq().cloned()), ("qi", self.0.crt_coefficient())];
        members.extend(rest.into_iter().filter_map(|(name, number)| Some((name, text(&number?)))));
        members
    }

    pub(super) fn sign_pkcs1(&self, hash: HashName, text: &[u8]) -> Result<Vec<u8>, MintError> {
        let digest = hash.digest(&[text]);
        let padding = match hash {
            HashName::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            HashName::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            HashName::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        self.0.sign(padding, &digest).map_err(|error| wrong(&error))
    }

    pub(super) fn sign_pss(&self, hash: HashName, text: &[u8]) -> Result<Vec<u8>, MintError> {
        let (digest, rng) = (hash.digest(&[text]), &mut UnwrapErr(SysRng));
        let signature = match hash {
            HashName::Sha256 => self.0.sign_with_rng(rng, Pss::<Sha256>::new(), &digest),
            HashName::Sha384 => self.0.sign_with_rng(rng, Pss::<Sha384>::new(), &digest),
            HashName::Sha512 => self.0.sign_with_rng(rng, Pss::<Sha512>::new(), &digest),
        };
        signature.map_err(|error| wrong(&error))
    }
}

/// Signs with RSA as a proxy does, for client assertions.
pub struct RsaSigner;

impl Signer for RsaSigner {
    fn sign(&self, hash: HashName, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let key = RsaPrivateKey::from_pkcs8_der(pkcs8_der).ok()?;
        Pair(key).sign_pkcs1(hash, text).ok()
    }
}

fn wrong(error: &rsa::Error) -> MintError {
    MintError::new(format!("the RSA key does not work: {error}"))
}
