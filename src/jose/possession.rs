//! A JWS that carries the key that signed it: whoever made it holds that key, and nothing else is known of them.

use core::fmt;

use serde_json::Value;

use super::algorithm::Algorithms;
use super::backend::Accelerator;
use super::fault::{JoseFault, KeyFault};
use super::jwk::{Jwk, Origin};
use super::jws::Unverified;
use super::thumbprint::thumbprint;
use crate::base::base64url;
use crate::base::json::Object;

/// Members that only a private or a symmetric key has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What the holder of a key has said. Only [`prove`] makes one. It is nothing that an issuer has signed.
pub struct Possession {
    claims: Object,
    thumbprint: [u8; 32],
}

impl Possession {
    /// What was said.
    pub const fn claims(&self) -> &Object {
        &self.claims
    }

    /// The key's thumbprint (RFC 7638, SHA-256).
    pub const fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }
}

/// Why a JWS proves no possession. No variant carries any text of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PossessionFault {
    /// The JWS, or its signature.
    Jws(JoseFault),
    /// There is no `jwk` in the header, or it is no object.
    NoKey,
    /// The key that it carries.
    Key(KeyFault),
}

/// Verifies `jws` with the key in its own header, which has to be public, asymmetric, and as strong as a key of an
/// issuer, and then tells the claims.
///
/// # Errors
/// [`JoseFault::AlgorithmNotAllowed`] when `allowed` or the key does not permit the algorithm or it is symmetric,
/// [`JoseFault::SignatureInvalid`] when the key did not sign this, [`JoseFault::Malformed`] when what is signed is no
/// JSON object; [`PossessionFault::NoKey`], and [`PossessionFault::Key`] for a key that is not used.
pub fn prove(
    jws: Unverified<'_>,
    allowed: Algorithms,
    accelerator: &dyn Accelerator,
) -> Result<Possession, PossessionFault> {
    let algorithm = jws.algorithm();
    if !allowed.intersection(Algorithms::ASYMMETRIC).contains(algorithm) {
        return Err(JoseFault::AlgorithmNotAllowed.into());
    }
    let members = jws.jwk().ok_or(PossessionFault::NoKey)?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return Err(KeyFault::PrivateKey.into());
    }
    // As a key that came over the network, for it did.
    let key = Jwk::read(&Value::Object(members.clone()), Origin::Fetched)?;
    if !key.algorithms.contains(algorithm) {
        return Err(JoseFault::AlgorithmNotAllowed.into());
    }
    let thumbprint = thumbprint(members).and_then(base64url::decode).and_then(|bytes| bytes.try_into().ok());
    let thumbprint = thumbprint.ok_or(PossessionFault::NoKey)?;
    if !key.verify(algorithm, jws.text, &jws.signature, accelerator) {
        return Err(JoseFault::SignatureInvalid.into());
    }
    Ok(Possession { claims: jws.claims?, thumbprint })
}

impl From<JoseFault> for PossessionFault {
    fn from(fault: JoseFault) -> Self {
        Self::Jws(fault)
    }
}

impl From<KeyFault> for PossessionFault {
    fn from(fault: KeyFault) -> Self {
        Self::Key(fault)
    }
}

impl fmt::Display for PossessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jws(fault) => write!(f, "{fault}"),
            Self::NoKey => f.write_str("its header carries no key"),
            Self::Key(fault) => write!(f, "{fault}"),
        }
    }
}

impl core::error::Error for PossessionFault {}

impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Possession")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::algorithm::Algorithm;
    use super::super::backend::NoAccelerator;
    use super::super::backend::NoSigner;
    use super::super::examples::{ec_key, ed25519_key, oct_key, rsa_key, with};
    use super::super::hash::HashName;
    use super::super::hmac;
    use super::super::signing_key::SigningKey;
    use super::*;

    /// RFC 7515 A.3.1 and RFC 8037 A.1.
    const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    const OKP_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    fn part(value: &Value) -> String {
        base64url::encode(value.to_string())
    }

    /// A JWS of `{"a":1}` with this header, signed with the example's EC key.
    fn signed(header: Value) -> String {
        let text = format!("{}.{}", part(&header), part(&json!({"a": 1})));
        let key = with(ec_key(), json!({"d": EC_D}));
        let signature = SigningKey::from_jwk(key.as_object().unwrap(), Algorithm::Es256)
            .unwrap()
            .sign_text(text.as_bytes(), &NoSigner)
            .unwrap();
        format!("{text}.{}", base64url::encode(signature))
    }

    fn proven(jws: &str) -> Result<Possession, PossessionFault> {
        prove(Unverified::parse(jws.as_bytes())?, Algorithms::ASYMMETRIC, &NoAccelerator)
    }

    fn refused(header: Value) -> PossessionFault {
        proven(&signed(header)).unwrap_err()
    }

    #[test]
    fn whoever_signed_holds_the_key_that_is_carried() {
        let possession = proven(&signed(json!({"alg": "ES256", "jwk": ec_key()}))).unwrap();
        assert_eq!(possession.claims().get("a"), Some(&json!(1)));
        let thumbprint = thumbprint(ec_key().as_object().unwrap()).unwrap();
        assert_eq!(base64url::encode(possession.thumbprint()), thumbprint);
        assert_eq!(format!("{possession:?}"), "Possession");
    }

    #[test]
    fn a_key_of_another_does_not_do() {
        let other = json!({"kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"});
        assert_eq!(refused(json!({"alg": "ES256", "jwk": other})), JoseFault::SignatureInvalid.into());
        let mut touched = signed(json!({"alg": "ES256", "jwk": ec_key()}));
        touched = touched.replacen(&part(&json!({"a": 1})), &part(&json!({"a": 2})), 1);
        assert_eq!(proven(&touched).unwrap_err(), JoseFault::SignatureInvalid.into());
    }

    #[test]
    fn a_private_key_is_refused_whatever_its_type() {
        for member in PRIVATE {
            let jwk = with(ec_key(), json!({*member: "AQ"}));
            assert_eq!(refused(json!({"alg": "ES256", "jwk": jwk})), KeyFault::PrivateKey.into(), "{member}");
        }
        let jwk = with(ed25519_key(), json!({"d": OKP_D}));
        assert_eq!(refused(json!({"alg": "EdDSA", "jwk": jwk})), KeyFault::PrivateKey.into());
    }

    #[test]
    fn a_shared_secret_proves_nothing() {
        let secret = [7; 32];
        let text =
            format!("{}.{}", part(&json!({"alg": "HS256", "jwk": oct_key(&secret)})), part(&json!({})));
        let tag = base64url::encode(hmac::tag(HashName::Sha256, &secret, text.as_bytes()).unwrap());
        assert_eq!(proven(&format!("{text}.{tag}")).unwrap_err(), JoseFault::AlgorithmNotAllowed.into());
        assert_eq!(refused(json!({"alg": "ES256", "jwk": oct_key(&secret)})), KeyFault::PrivateKey.into());
        assert_eq!(refused(json!({"alg": "none", "jwk": ec_key()})), JoseFault::AlgorithmNotAllowed.into());
    }

    #[test]
    fn the_key_obeys_the_rules_for_keys() {
        for (jwk, fault) in [
            (json!(null), PossessionFault::NoKey),
            (json!("x"), PossessionFault::NoKey),
            (json!({}), KeyFault::Member("kty").into()),
            (with(ec_key(), json!({"kty": "XX"})), KeyFault::UnknownType.into()),
            (with(ec_key(), json!({"crv": "secp256k1"})), KeyFault::UnknownCurve.into()),
            (with(ec_key(), json!({"x": base64url::encode([7; 32])})), KeyFault::Point.into()),
            (with(ec_key(), json!({"use": "enc"})), JoseFault::AlgorithmNotAllowed.into()),
            (with(ec_key(), json!({"alg": "ES384"})), JoseFault::AlgorithmNotAllowed.into()),
            (with(rsa_key(), json!({"n": "AQID"})), KeyFault::ModulusTooSmall(17).into()),
            (rsa_key(), JoseFault::AlgorithmNotAllowed.into()),
        ] {
            assert_eq!(refused(json!({"alg": "ES256", "jwk": jwk})), fault, "{jwk}");
        }
        let jws = signed(json!({"alg": "ES256", "jwk": ec_key()}));
        let jws = Unverified::parse(jws.as_bytes()).unwrap();
        let allowed = Algorithms::of([Algorithm::EdDsa]);
        assert_eq!(prove(jws, allowed, &NoAccelerator).unwrap_err(), JoseFault::AlgorithmNotAllowed.into());
    }
}
