//! A private key of any algorithm: made, written as a JWK, read back, used to sign.

use serde_json::{Map, Value};

use super::error::MintError;
use super::random::random;
use super::rsa::{self, RsaSigner};
use crate::jose::algorithm::{Algorithm, Family};
use crate::jose::signing_key::SigningKey;
use crate::jose::thumbprint::thumbprint;

/// How many bits an RSA key has unless told otherwise.
pub const DEFAULT_RSA_BITS: usize = 2048;

/// A [`SigningKey`] that signs with RSA too, and whose header may lie. Has no `Debug`.
pub struct PrivateKey(SigningKey);

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
    /// When the random source fails, or the RSA key would have less than 2048 or more than 8192 bits.
    pub fn generate_with_bits(
        algorithm: Algorithm,
        kid: Option<&str>,
        bits: usize,
    ) -> Result<Self, MintError> {
        /// Random bytes are a key nearly always; that a hundred in a row are none does not happen.
        const TRIES: usize = 100;
        if matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss) {
            let mut jwk = rsa::generate(bits)?;
            jwk.extend(kid.map(|kid| ("kid".to_owned(), Value::from(kid))));
            return Ok(Self(SigningKey::from_jwk(&jwk, algorithm)?));
        }
        for _ in 0..TRIES {
            if let Some(key) = SigningKey::from_random(algorithm, kid, &random()?) {
                return Ok(Self(key));
            }
        }
        Err(MintError::new("the system's random source repeats itself"))
    }

    /// Reads a private JWK. Its `alg` says how it signs; without one, the first algorithm that fits its type.
    ///
    /// # Errors
    /// When a member is missing or wrong, the halves do not belong together, or `alg` does not fit the key.
    pub fn from_jwk(jwk: &Value) -> Result<Self, MintError> {
        let members = jwk.as_object().ok_or_else(|| MintError::new("the key is not a JSON object"))?;
        let algorithm = match members.get("alg").and_then(Value::as_str) {
            Some(name) => Algorithm::from_name(name)
                .ok_or_else(|| MintError::new(format!("`alg` is {name}: write one of {}", names())))?,
            None => usual_algorithm(members)?,
        };
        let key = SigningKey::from_jwk(members, algorithm)?;
        if matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss) {
            rsa::check(key.material().expose())?;
        }
        Ok(Self(key))
    }

    /// How the key signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    /// What the key is called.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid()
    }

    /// Whether whoever can verify can also sign.
    pub const fn is_symmetric(&self) -> bool {
        self.algorithm().is_symmetric()
    }

    /// The whole key, private members and all.
    pub fn jwk(&self) -> Value {
        Value::Object(self.0.jwk())
    }

    /// The public half; of a symmetric key there is none, so this is the whole key.
    pub fn public_jwk(&self) -> Value {
        if self.is_symmetric() { self.jwk() } else { Value::Object(self.0.public_jwk()) }
    }

    /// The thumbprint of the public half (RFC 7638): what a token that is bound to this key has as `cnf.jkt`.
    ///
    /// # Errors
    /// When the key is symmetric.
    pub fn thumbprint(&self) -> Result<String, MintError> {
        thumbprint(&self.0.public_jwk())
            .ok_or_else(|| MintError::new("the key is symmetric: nothing can be bound to it"))
    }

    /// A compact JWS of `claims`. `alg` and `kid` are put before the members of `header`, which may overrule them:
    /// then the header says one thing and the signature is another; a `null` there takes a member away.
    ///
    /// # Errors
    /// When the signature cannot be made.
    pub fn sign(&self, header: &Map<String, Value>, claims: &Value) -> Result<String, MintError> {
        let signed = self.0.sign_with(&self.whole_header(header), claims, &RsaSigner);
        signed.ok_or_else(|| MintError::new("the key does not sign"))
    }

    /// The header that [`Self::sign`] writes.
    pub fn header(&self, more: &Map<String, Value>) -> Value {
        Value::Object(self.whole_header(more))
    }

    fn whole_header(&self, more: &Map<String, Value>) -> Map<String, Value> {
        let mut header = self.0.header();
        header.extend(more.clone());
        header.retain(|_, value| !value.is_null());
        header
    }
}

/// What a key without `alg` signs with.
fn usual_algorithm(members: &Map<String, Value>) -> Result<Algorithm, MintError> {
    let text = |name| members.get(name).and_then(Value::as_str);
    match (text("kty"), text("crv")) {
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
    use serde_json::json;

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
