//! Signing, for the one thing that we sign: who we are (RFC 7523 section 3).

use core::fmt;

use serde_json::{Value, json};

use super::algorithm::{Algorithm, Curve, Family};
use super::backend::Signer;
use super::fault::KeyFault;
use super::{ecdsa, eddsa, jwk, rsa};
use crate::base::base64url;
use crate::base::json::Object;
use crate::base::secret::Secret;

/// A private key and the one algorithm that it is used with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: PrivateKey,
}

#[derive(Clone, PartialEq, Eq)]
enum PrivateKey {
    /// PKCS#8, for the [`Signer`].
    Rsa(Secret<Vec<u8>>),
    Ec(Secret<ecdsa::PrivateKey>),
    Ed25519(Secret<eddsa::PrivateKey>),
}

impl SigningKey {
    /// What can be signed with.
    pub const ALGORITHMS: &[Algorithm] =
        &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

    /// The private key in a JSON Web Key (RFC 7517, RFC 7518 section 6), for `algorithm`.
    ///
    /// # Errors
    /// It is no private key, its halves do not belong together, or it is not for `algorithm`.
    pub fn from_jwk(jwk: &Object, algorithm: Algorithm) -> Result<Self, KeyFault> {
        if !jwk::permitted(jwk, "sign")?.contains(algorithm) || !Self::ALGORITHMS.contains(&algorithm) {
            return Err(KeyFault::Unfit);
        }
        let key = match algorithm.family() {
            Family::RsaPkcs1 => PrivateKey::Rsa(Secret::new(rsa_key(jwk)?)),
            Family::Ecdsa(Curve::P256) => PrivateKey::Ec(Secret::new(ec_key(jwk)?)),
            Family::Ed25519 => PrivateKey::Ed25519(Secret::new(okp_key(jwk)?)),
            Family::RsaPss | Family::Ecdsa(Curve::P384 | Curve::P521) | Family::Hmac => {
                return Err(KeyFault::Unfit);
            }
        };
        Ok(Self { algorithm, kid: jwk::optional_text(jwk, "kid")?.map(str::to_owned), key })
    }

    /// The private key as bytes: what makes it the one it is.
    pub fn material(&self) -> Secret<Vec<u8>> {
        match &self.key {
            PrivateKey::Rsa(pkcs8) => pkcs8.clone(),
            PrivateKey::Ec(key) => Secret::new(key.expose().to_bytes()),
            PrivateKey::Ed25519(key) => Secret::new(key.expose().to_bytes()),
        }
    }

    /// `claims` as a compact JWS (RFC 7515 section 7.1). `None` when this takes a `signer` and it does not sign.
    pub fn sign(&self, claims: &Object, signer: &dyn Signer) -> Option<String> {
        self.sign_as("JWT", claims, signer)
    }

    /// As [`Self::sign`], with this `typ`.
    pub fn sign_as(&self, typ: &str, claims: &Object, signer: &dyn Signer) -> Option<String> {
        let mut header = json!({"alg": self.algorithm.name(), "typ": typ});
        if let (Some(kid), Some(members)) = (&self.kid, header.as_object_mut()) {
            members.insert("kid".to_owned(), Value::String(kid.clone()));
        }
        let claims = serde_json::to_vec(claims).ok()?;
        let text = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(claims));
        let signature = self.sign_text(text.as_bytes(), signer)?;
        Some(format!("{text}.{}", base64url::encode(signature)))
    }

    /// The signature of `text` alone.
    pub(super) fn sign_text(&self, text: &[u8], signer: &dyn Signer) -> Option<Vec<u8>> {
        match &self.key {
            PrivateKey::Rsa(pkcs8) => signer.sign(self.algorithm.hash(), pkcs8.expose(), text),
            PrivateKey::Ec(key) => key.expose().sign(self.algorithm.hash(), text),
            PrivateKey::Ed25519(key) => Some(key.expose().sign(text)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn check_type(jwk: &Object, kty: &str, crv: Option<&str>) -> Result<(), KeyFault> {
    let fits = jwk::required_text(jwk, "kty")? == kty && jwk::optional_text(jwk, "crv")? == crv;
    if fits { Ok(()) } else { Err(KeyFault::Unfit) }
}

fn rsa_key(jwk: &Object) -> Result<Vec<u8>, KeyFault> {
    check_type(jwk, "RSA", None)?;
    let numbers = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| jwk::bytes(jwk, name));
    let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
    if let [modulus, exponent, ..] = numbers.as_slice() {
        rsa::PublicKey::new(modulus, exponent)?;
    }
    Ok(rsa::pkcs8(&numbers))
}

fn ec_key(jwk: &Object) -> Result<ecdsa::PrivateKey, KeyFault> {
    check_type(jwk, "EC", Some(Curve::P256.name()))?;
    ecdsa::PrivateKey::new(&jwk::bytes(jwk, "d")?, &jwk::bytes(jwk, "x")?, &jwk::bytes(jwk, "y")?)
}

fn okp_key(jwk: &Object) -> Result<eddsa::PrivateKey, KeyFault> {
    check_type(jwk, "OKP", Some("Ed25519"))?;
    eddsa::PrivateKey::new(&jwk::bytes(jwk, "d")?, &jwk::bytes(jwk, "x")?)
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::super::backend::NoSigner;
    use super::super::examples::{check, ec_key, ed25519_key, key_set, rsa_key, with};
    use super::super::hash::HashName;
    use super::*;

    /// RFC 7515 A.3.1 and RFC 8037 A.1.
    const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    const OKP_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    fn read(jwk: Value, algorithm: Algorithm) -> Result<SigningKey, KeyFault> {
        SigningKey::from_jwk(jwk.as_object().unwrap(), algorithm)
    }

    fn claims() -> Object {
        json!({"iss": "gw"}).as_object().cloned().unwrap()
    }

    /// A private key of the right form; nothing here computes with it.
    fn private_rsa() -> Value {
        with(
            rsa_key(),
            json!({"d": "AQID", "p": "gQ", "q": "Aw", "dp": "BA", "dq": "BQ", "qi": "Bg", "kid": "r"}),
        )
    }

    #[test]
    fn what_is_signed_here_verifies_here() {
        for (public, d, algorithm) in
            [(ec_key(), EC_D, Algorithm::Es256), (ed25519_key(), OKP_D, Algorithm::EdDsa)]
        {
            let key = read(with(public.clone(), json!({"d": d, "kid": "k1"})), algorithm).unwrap();
            let token = key.sign(&claims(), &NoSigner).unwrap();
            assert_eq!(key.sign(&claims(), &NoSigner).as_ref(), Some(&token), "no random number is needed");
            let verified = check(&token, &key_set(&[with(public, json!({"kid": "k1"}))])).unwrap();
            assert_eq!((verified.get().claims(), verified.get().typ()), (&claims(), Some("JWT")));
        }
    }

    struct Witness(RefCell<Vec<u8>>);

    impl Signer for Witness {
        fn sign(&self, hash: HashName, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
            assert_eq!((hash, text.iter().filter(|byte| **byte == b'.').count()), (HashName::Sha384, 1));
            self.0.replace(pkcs8_der.to_vec());
            Some(vec![1, 2, 3])
        }
    }

    #[test]
    fn rsa_is_left_to_the_host() {
        let key = read(private_rsa(), Algorithm::Rs384).unwrap();
        assert_eq!(key.sign(&claims(), &NoSigner), None);
        let witness = Witness(RefCell::default());
        let token = key.sign(&claims(), &witness).unwrap();
        assert!(token.ends_with(".AQID"), "{token}");
        let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"RS384","typ":"JWT","kid":"r"}"#);
        let pkcs8 = witness.0.into_inner();
        // SEQUENCE { 0, SEQUENCE { rsaEncryption, NULL }, OCTET STRING { SEQUENCE { 0, n, e, … } } }
        assert_eq!(
            pkcs8[..4],
            [0x30, 0x82, (pkcs8.len() - 4).to_be_bytes()[6], (pkcs8.len() - 4).to_be_bytes()[7]]
        );
        assert_eq!(
            pkcs8[4..26],
            *b"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82\x01\x26"
        );
        let end = b"\x02\x03\x01\x00\x01\x02\x03\x01\x02\x03\x02\x02\x00\x81\x02\x01\x03\x02\x01\x04\x02\x01\x05\x02\x01\x06";
        assert!(pkcs8.ends_with(end), "{pkcs8:02x?}");
    }

    #[test]
    fn what_is_no_fitting_private_key_is_refused() {
        let ec = || with(ec_key(), json!({"d": EC_D}));
        let okp = || with(ed25519_key(), json!({"d": OKP_D}));
        for (jwk, algorithm, fault) in [
            (ec_key(), Algorithm::Es256, KeyFault::Member("d")),
            (with(ec(), json!({"d": OKP_D})), Algorithm::Es256, KeyFault::Halves),
            (with(okp(), json!({"d": EC_D})), Algorithm::EdDsa, KeyFault::Halves),
            (with(ec(), json!({"d": "AQ"})), Algorithm::Es256, KeyFault::CoordinateLength),
            (with(okp(), json!({"d": "AQ"})), Algorithm::EdDsa, KeyFault::CoordinateLength),
            (with(ec(), json!({"d": base64url::encode([0; 32])})), Algorithm::Es256, KeyFault::Halves),
            (ec(), Algorithm::Rs256, KeyFault::Unfit),
            (okp(), Algorithm::Es256, KeyFault::Unfit),
            (ec(), Algorithm::Es384, KeyFault::Unfit),
            (ec(), Algorithm::Hs256, KeyFault::Unfit),
            (private_rsa(), Algorithm::Ps256, KeyFault::Unfit),
            (with(ec(), json!({"alg": "ES384"})), Algorithm::Es256, KeyFault::Unfit),
            (with(ec(), json!({"use": "enc"})), Algorithm::Es256, KeyFault::Unfit),
            (with(ec(), json!({"key_ops": ["verify"]})), Algorithm::Es256, KeyFault::Unfit),
            (with(private_rsa(), json!({"qi": null})), Algorithm::Rs256, KeyFault::Member("qi")),
            (with(private_rsa(), json!({"n": "AQID"})), Algorithm::Rs256, KeyFault::ModulusTooSmall(17)),
        ] {
            assert_eq!(read(jwk.clone(), algorithm).unwrap_err(), fault, "{jwk} {algorithm}");
        }
        assert!(
            read(with(ec(), json!({"key_ops": ["sign"], "use": "sig", "alg": "ES256"})), Algorithm::Es256)
                .is_ok()
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let key = read(with(ec_key(), json!({"d": EC_D})), Algorithm::Es256).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey { algorithm: Es256, .. }");
    }
}
