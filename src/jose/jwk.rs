//! One JSON Web Key (RFC 7517) becomes a key that can verify, or the reason why it cannot.

use serde_json::Value;

use super::algorithm::{Algorithm, Algorithms, Curve, Family};
use super::backend::Accelerator;
use super::fault::KeyFault;
use super::thumbprint::thumbprint;
use super::{ecdsa, eddsa, hmac, rsa};
use crate::base::base64url;
use crate::base::json::Object;

/// Where a key set comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The operator wrote it into the policy.
    Inline,
    /// It came over the network; symmetric keys in it are skipped, since whoever can read the set could sign.
    Fetched,
}

/// A key, what it is called, and for which algorithms it may be used.
pub(super) struct Jwk {
    pub(super) kid: Option<String>,
    /// What the key's type, curve and length allow, and its `alg`, `use` and `key_ops` permit.
    pub(super) algorithms: Algorithms,
    key: VerifyingKey,
    /// The name of a public key by its value; a shared secret has none.
    thumbprint: Option<String>,
}

/// The public half of a key, or the shared secret; everything that can be computed ahead is.
enum VerifyingKey {
    Rsa(rsa::PublicKey),
    Ec(ecdsa::PublicKey),
    Ed25519(eddsa::PublicKey),
    Oct(hmac::SharedKey),
}

impl Jwk {
    /// Reads one member of a key set.
    pub(super) fn read(member: &Value, origin: Origin) -> Result<Self, KeyFault> {
        let members = member.as_object().ok_or(KeyFault::NotAnObject)?;
        let kid = optional_text(members, "kid")?.map(str::to_owned);
        let permitted = permitted(members, "verify")?;
        let key = VerifyingKey::read(members, origin)?;
        let algorithms = key.algorithms().intersection(permitted);
        Ok(Self { kid, algorithms, key, thumbprint: thumbprint(members) })
    }

    /// Whether `other` verifies the same signatures under the same name, however its document was written. Never so
    /// for shared secrets, which are not compared.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.kid == other.kid
            && self.algorithms == other.algorithms
            && self.thumbprint.is_some()
            && self.thumbprint == other.thumbprint
    }

    /// The `kty`, for people.
    pub(super) fn key_type(&self) -> &'static str {
        match self.key {
            VerifyingKey::Rsa(_) => RSA,
            VerifyingKey::Ec(_) => EC,
            VerifyingKey::Ed25519(_) => OKP,
            VerifyingKey::Oct(_) => OCT,
        }
    }

    /// Whether this key says that `signature` is one of `text`. A key that does not fit `algorithm` says no.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
        accelerator: &dyn Accelerator,
    ) -> bool {
        self.algorithms.contains(algorithm) && self.key.verify(algorithm, text, signature, accelerator)
    }
}

pub(super) const RSA: &str = "RSA";
pub(super) const EC: &str = "EC";
pub(super) const OKP: &str = "OKP";
pub(super) const OCT: &str = "oct";
/// The `crv` of Ed25519 keys (RFC 8037 section 2).
pub(super) const ED25519: &str = "Ed25519";

impl VerifyingKey {
    fn read(members: &Object, origin: Origin) -> Result<Self, KeyFault> {
        match required_text(members, "kty")? {
            RSA => read_rsa(members).map(Self::Rsa),
            EC => read_ec(members).map(Self::Ec),
            OKP => read_okp(members).map(Self::Ed25519),
            OCT => read_oct(members, origin).map(Self::Oct),
            _ => Err(KeyFault::UnknownType),
        }
    }

    /// What the key itself is good for (RFC 7518 section 3.1: key type, curve and size come from the algorithm).
    fn algorithms(&self) -> Algorithms {
        match self {
            Self::Rsa(_) => Algorithms::of(
                Algorithm::ALL
                    .iter()
                    .copied()
                    .filter(|algorithm| matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss)),
            ),
            Self::Ec(key) => Algorithms::of_family(Family::Ecdsa(key.curve())),
            Self::Ed25519(_) => Algorithms::of_family(Family::Ed25519),
            Self::Oct(key) => {
                let hmacs = Algorithms::of_family(Family::Hmac);
                Algorithms::of(hmacs.iter().filter(|algorithm| key.is_long_enough(algorithm.hash())))
            }
        }
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
        accelerator: &dyn Accelerator,
    ) -> bool {
        let hash = algorithm.hash();
        match (self, algorithm.family()) {
            (Self::Rsa(key), Family::RsaPkcs1) => key.verify_pkcs1(hash, text, signature, accelerator),
            (Self::Rsa(key), Family::RsaPss) => key.verify_pss(hash, text, signature),
            (Self::Ec(key), Family::Ecdsa(curve)) if key.curve() == curve => {
                key.verify(hash, text, signature, accelerator)
            }
            (Self::Ed25519(key), Family::Ed25519) => key.verify(text, signature),
            (Self::Oct(key), Family::Hmac) => key.verify(hash, text, signature),
            (Self::Rsa(_) | Self::Ec(_) | Self::Ed25519(_) | Self::Oct(_), _) => false,
        }
    }
}

/// What the key's own `alg`, `use` and `key_ops` leave over for an `operation` (RFC 7517 sections 4.2 to 4.4).
pub(super) fn permitted(members: &Object, operation: &str) -> Result<Algorithms, KeyFault> {
    let for_signatures = optional_text(members, "use")?.is_none_or(|purpose| purpose == "sig");
    if !for_signatures || !is_among_key_ops(members, operation)? {
        return Ok(Algorithms::NONE);
    }
    Ok(match optional_text(members, "alg")? {
        None => Algorithms::of(Algorithm::ALL.iter().copied()),
        Some(name) => Algorithms::of(Algorithm::from_name(name)),
    })
}

fn is_among_key_ops(members: &Object, wanted: &str) -> Result<bool, KeyFault> {
    const KEY_OPS: &str = "key_ops";
    let Some(operations) = optional(members, KEY_OPS) else {
        return Ok(true);
    };
    let operations = operations.as_array().ok_or(KeyFault::Member(KEY_OPS))?;
    Ok(operations.iter().any(|operation| operation == wanted))
}

fn read_rsa(members: &Object) -> Result<rsa::PublicKey, KeyFault> {
    refuse_private(members, &["d", "p", "q", "dp", "dq", "qi", "oth"])?;
    rsa::PublicKey::new(&bytes(members, "n")?, &bytes(members, "e")?)
}

fn read_ec(members: &Object) -> Result<ecdsa::PublicKey, KeyFault> {
    let name = required_text(members, "crv")?;
    let curve = Curve::ALL.iter().find(|curve| curve.name() == name).ok_or(KeyFault::UnknownCurve)?;
    refuse_private(members, &["d"])?;
    ecdsa::PublicKey::new(*curve, &bytes(members, "x")?, &bytes(members, "y")?)
}

fn read_okp(members: &Object) -> Result<eddsa::PublicKey, KeyFault> {
    if required_text(members, "crv")? != ED25519 {
        return Err(KeyFault::UnknownCurve);
    }
    refuse_private(members, &["d"])?;
    eddsa::PublicKey::new(&bytes(members, "x")?)
}

fn read_oct(members: &Object, origin: Origin) -> Result<hmac::SharedKey, KeyFault> {
    match origin {
        Origin::Inline => hmac::SharedKey::new(bytes(members, "k")?),
        Origin::Fetched => Err(KeyFault::SymmetricFetched),
    }
}

fn refuse_private(members: &Object, names: &[&str]) -> Result<(), KeyFault> {
    if names.iter().any(|name| optional(members, name).is_some()) {
        Err(KeyFault::PrivateKey)
    } else {
        Ok(())
    }
}

/// The optional member `name`. One that is `null` or empty says nothing: serializers write every member that they know,
/// and which of these two they put where there is no value is a matter of taste.
fn optional<'o>(members: &'o Object, name: &str) -> Option<&'o Value> {
    members.get(name).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    })
}

pub(super) fn bytes(members: &Object, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    base64url::decode(required_text(members, name)?).ok_or(KeyFault::Member(name))
}

pub(super) fn required_text<'o>(members: &'o Object, name: &'static str) -> Result<&'o str, KeyFault> {
    members.get(name).and_then(Value::as_str).ok_or(KeyFault::Member(name))
}

pub(super) fn optional_text<'o>(
    members: &'o Object,
    name: &'static str,
) -> Result<Option<&'o str>, KeyFault> {
    optional(members, name).map(|value| value.as_str().ok_or(KeyFault::Member(name))).transpose()
}
