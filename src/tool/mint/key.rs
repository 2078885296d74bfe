//! A private key of any algorithm: made, written as a JWK, read back, used to sign.

use serde_json::{Map, Value, json};

use super::jwk::{MintError, text};
use super::{ec, ed25519, oct, rsa};
use crate::base::base64url;
use crate::jose::algorithm::{Algorithm, Family};
use crate::jose::{ecdsa, eddsa};

/// How many bits an RSA key has unless told otherwise.
pub const DEFAULT_RSA_BITS: usize = 2048;

/// A key that signs. Has no `Debug`.
pub struct PrivateKey {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Material,
}

enum Material {
    Rsa(Box<rsa::Pair>),
    Ec(ecdsa::PrivateKey),
    Ed25519(eddsa::PrivateKey),
    Oct(oct::Shared),
}

impl PrivateKey {
    /// A new key for `algorithm`, from the system's random source. RSA keys have [`DEFAULT_RSA_BITS`].
    ///
    /// # Errors
    /// When the random source fails.
    pub fn generate(algorithm: Algorithm, kid: Option<&str>) -> Result<Self, MintError> {
        Self::generate_with_bits(algorithm, kid, DEFAULT_RSA_BITS)
    }

    /// As [`Self::generate`], with so many bits where the key is an RSA key.
    ///
    /// # Errors
    /// When the random source fails, or the RSA key would have less than 1024 or more than 8192 bits.
    pub fn generate_with_bits(
        algorithm: Algorithm,
        kid: Option<&str>,
        bits: usize,
    ) -> Result<Self, MintError> {
        let material = match algorithm.family() {
            Family::RsaPkcs1 | Family::RsaPss => Material::Rsa(Box::new(rsa::Pair::generate(bits)?)),
            Family::Ecdsa(curve) => Material::Ec(ec::generate(curve)?),
            Family::Ed25519 => Material::Ed25519(ed25519::generate()?),
            Family::Hmac => Material::Oct(oct::Shared::generate(algorithm.hash())?),
        };
        Ok(Self { algorithm, kid: kid.map(str::to_owned), material })
    }

    /// Reads a private JWK. Its `alg` says how it signs; without one, the first algorithm that fits its type.
    ///
    /// # Errors
    /// When a member is missing or wrong, or `alg` does not fit the key.
    pub fn from_jwk(jwk: &Value) -> Result<Self, MintError> {
        let members = jwk.as_object().ok_or_else(|| MintError::new("the key is not a JSON object"))?;
        let algorithm = match text(members, "alg") {
            Some(name) => Algorithm::from_name(name)
                .ok_or_else(|| MintError::new(format!("`alg` is {name}: write one of {}", names())))?,
            None => usual_algorithm(members)?,
        };
        let material = match (algorithm.family(), text(members, "kty")) {
            (Family::RsaPkcs1 | Family::RsaPss, Some("RSA")) => {
                Material::Rsa(Box::new(rsa::Pair::read(members)?))
            }
            (Family::Ecdsa(curve), Some("EC")) => Material::Ec(ec::read(curve, members)?),
            (Family::Ed25519, Some("OKP")) => Material::Ed25519(ed25519::read(members)?),
            (Family::Hmac, Some("oct")) => Material::Oct(oct::Shared::read(members)?),
            (Family::RsaPkcs1 | Family::RsaPss | Family::Ecdsa(_) | Family::Ed25519 | Family::Hmac, _) => {
                return Err(MintError::new(format!("`kty` does not fit `alg`, which is {algorithm}")));
            }
        };
        Ok(Self { algorithm, kid: text(members, "kid").map(str::to_owned), material })
    }

    /// How the key signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What the key is called.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether whoever can verify can also sign.
    pub const fn is_symmetric(&self) -> bool {
        self.algorithm.is_symmetric()
    }

    /// The whole key, private members and all.
    pub fn jwk(&self) -> Value {
        self.written(match &self.material {
            Material::Rsa(pair) => pair.private_members(),
            Material::Ec(key) => ec::private_members(key),
            Material::Ed25519(key) => ed25519::private_members(key),
            Material::Oct(shared) => shared.members(),
        })
    }

    /// The public half; of a symmetric key there is none, so this is the whole key.
    pub fn public_jwk(&self) -> Value {
        self.written(match &self.material {
            Material::Rsa(pair) => pair.public_members(),
            Material::Ec(key) => ec::public_members(key),
            Material::Ed25519(key) => ed25519::public_members(key),
            Material::Oct(shared) => shared.members(),
        })
    }

    /// A compact JWS of `claims`. `alg` and `kid` are put before the members of `header`, which may overrule them:
    /// then the header says one thing and the signature is another; a `null` there takes a member away.
    ///
    /// # Errors
    /// When the signature cannot be made.
    pub fn sign(&self, header: &Map<String, Value>, claims: &Value) -> Result<String, MintError> {
        let text = format!(
            "{}.{}",
            base64url::encode(self.header(header).to_string()),
            base64url::encode(claims.to_string())
        );
        let signature = self.signature(text.as_bytes())?;
        Ok(format!("{text}.{}", base64url::encode(signature)))
    }

    /// The header that [`Self::sign`] writes.
    pub fn header(&self, more: &Map<String, Value>) -> Value {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(self.algorithm.name()));
        if let Some(kid) = &self.kid {
            header.insert("kid".to_owned(), json!(kid));
        }
        header.extend(more.clone());
        header.retain(|_, value| !value.is_null());
        Value::Object(header)
    }

    /// The signature of `text`, in the form of RFC 7518.
    ///
    /// # Errors
    /// When the signature cannot be made: an RSA key that is too small for the hash.
    pub fn signature(&self, text: &[u8]) -> Result<Vec<u8>, MintError> {
        let hash = self.algorithm.hash();
        let signature = match &self.material {
            Material::Rsa(pair) if self.algorithm.family() == Family::RsaPss => {
                pair.sign_pss(hash, text).map(Some)
            }
            Material::Rsa(pair) => pair.sign_pkcs1(hash, text).map(Some),
            Material::Ec(key) => Ok(key.sign(hash, text)),
            Material::Ed25519(key) => Ok(Some(key.sign(text))),
            Material::Oct(shared) => Ok(shared.sign(hash, text)),
        };
        signature?.ok_or_else(|| MintError::new("the key does not sign"))
    }

    fn written(&self, material: Vec<(&'static str, String)>) -> Value {
        let mut jwk = Map::new();
        let naming = [("kid", self.kid.clone()), ("alg", Some(self.algorithm.name().to_owned()))];
        let naming = naming.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let members = naming.chain([("use", "sig".to_owned())]).chain(material);
        jwk.extend(members.map(|(name, value)| (name.to_owned(), Value::String(value))));
        Value::Object(jwk)
    }
}

/// What a key without `alg` signs with.
fn usual_algorithm(members: &Map<String, Value>) -> Result<Algorithm, MintError> {
    match (text(members, "kty"), text(members, "crv")) {
        (Some("RSA"), _) => Ok(Algorithm::Rs256),
        (Some("EC"), Some("P-256")) => Ok(Algorithm::Es256),
        (Some("EC"), Some("P-384")) => Ok(Algorithm::Es384),
        (Some("EC"), Some("P-521")) => Ok(Algorithm::Es512),
        (Some("OKP"), Some("Ed25519")) => Ok(Algorithm::EdDsa),
        (Some("oct"), _) => Ok(Algorithm::Hs256),
        _ => Err(MintError::new("`kty` or `crv` is missing or unknown: is this a private JWK?")),
    }
}

/// The names of all algorithms, for messages.
pub(in crate::tool) fn names() -> String {
    Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::algorithm::Algorithms;
    use crate::jose::backend::NoAccelerator;
    use crate::jose::jws::Unverified;
    use crate::jose::key_set::{KeySet, Origin};
    use crate::jose::verify::verify;

    fn is_good(token: &str, key: &PrivateKey) -> bool {
        let set = json!({ "keys": [key.public_jwk()] });
        let (keys, skipped) = KeySet::parse(set.as_object().unwrap(), Origin::Inline).unwrap();
        assert_eq!(skipped, [], "{}", key.algorithm());
        let allowed = Algorithms::of([key.algorithm()]);
        Unverified::parse(token.as_bytes())
            .and_then(|jws| verify(jws, &keys, allowed, &NoAccelerator))
            .is_ok()
    }

    #[test]
    fn what_each_algorithm_signs_the_engine_verifies_also_after_the_key_was_written_and_read() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(*algorithm, Some("k")).unwrap();
            let again = PrivateKey::from_jwk(&key.jwk()).unwrap();
            let token = again.sign(&Map::new(), &json!({"sub": "alice"})).unwrap();
            assert!(is_good(&token, &key), "{algorithm}");
            let other = PrivateKey::generate(*algorithm, Some("k")).unwrap();
            assert!(!is_good(&token, &other), "{algorithm}");
        }
    }

    #[test]
    fn the_public_half_has_no_private_member() {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let jwk = PrivateKey::generate(algorithm, None).unwrap().public_jwk();
            let private = ["d", "p", "q", "dp", "dq", "qi", "k"];
            assert!(private.iter().all(|name| jwk.get(name).is_none()), "{algorithm}");
        }
    }

    #[test]
    fn the_header_may_be_overruled() {
        let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
        let more = json!({"alg": "none", "kid": null, "typ": "at+jwt"});
        assert_eq!(key.header(more.as_object().unwrap()), json!({"alg": "none", "typ": "at+jwt"}));
    }

    #[test]
    fn a_key_that_is_not_one_is_refused() {
        for jwk in [
            json!([]),
            json!({}),
            json!({"kty": "EC", "crv": "P-256", "alg": "none", "d": "AA"}),
            json!({"kty": "EC", "crv": "P-256", "d": "AA"}),
            json!({"kty": "RSA", "alg": "ES256"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        ] {
            assert!(PrivateKey::from_jwk(&jwk).is_err(), "{jwk}");
        }
    }
}
