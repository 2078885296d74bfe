//! Private keys: made, read and written as JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2), and what
//! they sign (RFC 7515).

use core::fmt;

use serde::Serialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Curve, Family};
use super::backend::Signer;
use super::fault::KeyFault;
use super::{ecdsa, eddsa, hmac, jwk, rsa};
use crate::base::base64url;
use crate::base::json::Object;
use crate::base::secret::Secret;

/// A private key and the one algorithm that it is used with.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: PrivateKey,
}

/// What is signed with; each wipes itself when it is dropped. RSA is computed by a [`Signer`], the rest here.
enum PrivateKey {
    Rsa(rsa::PrivateKey),
    Ec(ecdsa::PrivateKey),
    Ed25519(eddsa::PrivateKey),
    Oct(hmac::SharedKey),
}

/// Members of a JSON Web Key: their names, and the bytes that stand in them in base64url.
type Members = Vec<(&'static str, Vec<u8>)>;

impl SigningKey {
    /// How many random bytes a key is made of, whatever its algorithm.
    pub const RANDOM: usize = 66;

    /// A new key for `algorithm`, called `kid`, made of bytes from a random source. `None` where they are no number of the
    /// curve, which for P-256 happens once in 2^32 times (FIPS 186-5 section A.2.2: take others), and for RSA, whose
    /// primes have to be looked for.
    pub fn from_random(algorithm: Algorithm, kid: Option<&str>, random: &[u8; Self::RANDOM]) -> Option<Self> {
        let key = match algorithm.family() {
            Family::RsaPkcs1 | Family::RsaPss => return None,
            Family::Ecdsa(curve) => PrivateKey::Ec(ecdsa::PrivateKey::from_random(curve, random)?),
            Family::Ed25519 => PrivateKey::Ed25519(eddsa::PrivateKey::of(random.first_chunk()?)),
            Family::Hmac => {
                let bytes = random.get(..algorithm.hash().length())?.to_vec();
                PrivateKey::Oct(hmac::SharedKey::new(bytes).ok()?)
            }
        };
        Some(Self { algorithm, kid: kid.map(str::to_owned), key })
    }

    /// The private key in a JSON Web Key, for `algorithm`.
    ///
    /// # Errors
    /// It is no private key, its halves do not belong together, it is too short, or it is not for `algorithm`.
    pub fn from_jwk(jwk: &Object, algorithm: Algorithm) -> Result<Self, KeyFault> {
        if !jwk::permitted(jwk, "sign")?.contains(algorithm) {
            return Err(KeyFault::Unfit);
        }
        let key = match algorithm.family() {
            Family::RsaPkcs1 | Family::RsaPss => PrivateKey::Rsa(read_rsa(jwk)?),
            Family::Ecdsa(curve) => PrivateKey::Ec(read_ec(jwk, curve)?),
            Family::Ed25519 => PrivateKey::Ed25519(read_okp(jwk)?),
            Family::Hmac => PrivateKey::Oct(read_oct(jwk, algorithm)?),
        };
        Ok(Self { algorithm, kid: jwk::optional_text(jwk, "kid")?.map(str::to_owned), key })
    }

    /// How the key signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What the key is called.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The private key as bytes, an RSA key in PKCS#8: what makes it the one it is.
    pub fn material(&self) -> Secret<Vec<u8>> {
        match &self.key {
            PrivateKey::Rsa(key) => key.pkcs8(),
            PrivateKey::Ec(key) => key.to_bytes(),
            PrivateKey::Ed25519(key) => key.to_bytes(),
            PrivateKey::Oct(key) => key.bytes().clone(),
        }
    }

    /// What may be published of the key, as a JSON Web Key. A shared secret has nothing of the kind: its type alone.
    pub fn public_jwk(&self) -> Object {
        let (key_type, curve) = self.key.kind();
        let texts = [
            ("kid", self.kid.as_deref()),
            ("alg", Some(self.algorithm.name())),
            ("use", Some("sig")),
            ("kty", Some(key_type)),
            ("crv", curve),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
        texts.chain(written(self.key.public())).collect()
    }

    /// The whole key as a JSON Web Key: whoever reads it can sign.
    pub fn jwk(&self) -> Object {
        self.public_jwk().into_iter().chain(written(self.key.private())).collect()
    }

    /// `claims` as a compact JWS (RFC 7515 section 7.1) of this `typ`. `None` when this takes a `signer` and it does not
    /// sign.
    pub fn sign(&self, typ: &str, claims: &Object, signer: &dyn Signer) -> Option<String> {
        let mut header = self.header();
        header.insert("typ".to_owned(), Value::from(typ));
        self.sign_with(&header, claims, signer)
    }

    /// What a header says of the key: `alg`, and `kid` where it has one.
    pub fn header(&self) -> Object {
        let members = [("alg", Some(self.algorithm.name())), ("kid", self.kid())];
        members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?)))).collect()
    }

    /// As [`Self::sign`], of any payload and with a header that says what its author likes: also what is not so.
    pub fn sign_with(
        &self,
        header: &Object,
        payload: &impl Serialize,
        signer: &dyn Signer,
    ) -> Option<String> {
        let (header, payload) = (serde_json::to_vec(header).ok()?, serde_json::to_vec(payload).ok()?);
        let text = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = self.sign_text(text.as_bytes(), signer)?;
        Some(format!("{text}.{}", base64url::encode(signature)))
    }

    /// The signature of `text` alone, in the form of RFC 7518 section 3.
    pub(super) fn sign_text(&self, text: &[u8], signer: &dyn Signer) -> Option<Vec<u8>> {
        let hash = self.algorithm.hash();
        match &self.key {
            PrivateKey::Rsa(key) => signer.sign(self.algorithm, key.pkcs8().expose(), text),
            PrivateKey::Ec(key) => key.sign(hash, text),
            PrivateKey::Ed25519(key) => Some(key.sign(text)),
            PrivateKey::Oct(key) => key.sign(hash, text),
        }
    }
}

impl PrivateKey {
    /// `kty` and `crv`.
    fn kind(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rsa(_) => (jwk::RSA, None),
            Self::Ec(key) => (jwk::EC, Some(key.curve().name())),
            Self::Ed25519(_) => (jwk::OKP, Some(jwk::ED25519)),
            Self::Oct(_) => (jwk::OCT, None),
        }
    }

    fn public(&self) -> Members {
        match self {
            Self::Rsa(key) => key.public(),
            Self::Ec(key) => {
                let (point, length) = (key.point(), key.curve().length());
                let (x, y) = point.split_at_checked(length).unwrap_or_default();
                vec![("x", x.to_vec()), ("y", y.to_vec())]
            }
            Self::Ed25519(key) => vec![("x", key.point().to_vec())],
            Self::Oct(_) => Vec::new(),
        }
    }

    fn private(&self) -> Members {
        match self {
            Self::Rsa(key) => key.private(),
            Self::Ec(key) => vec![("d", key.to_bytes().expose().clone())],
            Self::Ed25519(key) => vec![("d", key.to_bytes().expose().clone())],
            Self::Oct(key) => vec![("k", key.bytes().expose().clone())],
        }
    }
}

fn written(members: Members) -> impl Iterator<Item = (String, Value)> {
    members.into_iter().map(|(name, bytes)| (name.to_owned(), Value::from(base64url::encode(bytes))))
}

/// The same key of the same name, for the same algorithm.
impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.kid == other.kid && self.material() == other.material()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn check_type(jwk: &Object, kty: &str, crv: Option<&str>) -> Result<(), KeyFault> {
    let fits = jwk::required_text(jwk, "kty")? == kty && jwk::optional_text(jwk, "crv")? == crv;
    if fits { Ok(()) } else { Err(KeyFault::Unfit) }
}

fn read_rsa(jwk: &Object) -> Result<rsa::PrivateKey, KeyFault> {
    check_type(jwk, jwk::RSA, None)?;
    rsa::PrivateKey::new(|name| jwk::bytes(jwk, name))
}

fn read_ec(jwk: &Object, curve: Curve) -> Result<ecdsa::PrivateKey, KeyFault> {
    check_type(jwk, jwk::EC, Some(curve.name()))?;
    let d = Secret::new(jwk::bytes(jwk, "d")?);
    ecdsa::PrivateKey::new(curve, d.expose(), &jwk::bytes(jwk, "x")?, &jwk::bytes(jwk, "y")?)
}

fn read_okp(jwk: &Object) -> Result<eddsa::PrivateKey, KeyFault> {
    check_type(jwk, jwk::OKP, Some(jwk::ED25519))?;
    let d = Secret::new(jwk::bytes(jwk, "d")?);
    eddsa::PrivateKey::new(d.expose(), &jwk::bytes(jwk, "x")?)
}

fn read_oct(jwk: &Object, algorithm: Algorithm) -> Result<hmac::SharedKey, KeyFault> {
    check_type(jwk, jwk::OCT, None)?;
    let key = hmac::SharedKey::new(jwk::bytes(jwk, "k")?)?;
    if key.is_long_enough(algorithm.hash()) { Ok(key) } else { Err(KeyFault::Unfit) }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use serde_json::json;

    use super::super::backend::NoSigner;
    use super::super::examples::{check, ec_key, ed25519_key, key_set, oct_key, rsa_key, with};
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
            let token = key.sign("JWT", &claims(), &NoSigner).unwrap();
            assert_eq!(
                key.sign("JWT", &claims(), &NoSigner).as_ref(),
                Some(&token),
                "no random number is needed"
            );
            let verified = check(&token, &key_set(&[with(public, json!({"kid": "k1"}))])).unwrap();
            assert_eq!((verified.get().claims(), verified.get().typ()), (&claims(), Some("JWT")));
        }
    }

    struct Witness(RefCell<Vec<u8>>);

    impl Signer for Witness {
        fn sign(&self, algorithm: Algorithm, pkcs8_der: &[u8], text: &[u8]) -> Option<Vec<u8>> {
            assert_eq!((algorithm, text.iter().filter(|byte| **byte == b'.').count()), (Algorithm::Rs384, 1));
            self.0.replace(pkcs8_der.to_vec());
            Some(vec![1, 2, 3])
        }
    }

    #[test]
    fn rsa_is_left_to_the_host() {
        let key = read(private_rsa(), Algorithm::Rs384).unwrap();
        assert_eq!(key.sign("JWT", &claims(), &NoSigner), None);
        let witness = Witness(RefCell::default());
        let token = key.sign("JWT", &claims(), &witness).unwrap();
        assert!(token.ends_with(".AQID"), "{token}");
        let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"RS384","kid":"r","typ":"JWT"}"#);
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
            (oct_key(&[7; 31]), Algorithm::Hs256, KeyFault::SecretTooShort(31)),
            (oct_key(&[7; 47]), Algorithm::Hs384, KeyFault::Unfit),
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
    fn a_public_half_has_no_private_member() {
        let random = core::array::from_fn(|place| place as u8);
        for algorithm in
            [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Hs384]
        {
            let key = SigningKey::from_random(algorithm, Some("k"), &random).unwrap();
            let (whole, public) = (key.jwk(), key.public_jwk());
            let private: Vec<_> = whole.keys().filter(|name| !public.contains_key(*name)).collect();
            assert_eq!(private, [if algorithm.is_symmetric() { "k" } else { "d" }], "{algorithm}");
            assert!(SigningKey::from_jwk(&whole, algorithm).is_ok_and(|again| again == key), "{algorithm}");
            assert!(SigningKey::from_jwk(&public, algorithm).is_err(), "{algorithm}");
        }
        let rsa = read(private_rsa(), Algorithm::Ps256).unwrap();
        assert_eq!(
            rsa.public_jwk(),
            *with(rsa_key(), json!({"kid": "r", "alg": "PS256", "use": "sig"})).as_object().unwrap()
        );
        assert_eq!(SigningKey::from_random(Algorithm::Ps256, None, &random), None);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = read(with(ec_key(), json!({"d": EC_D})), Algorithm::Es256).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey { algorithm: Es256, .. }");
    }
}
