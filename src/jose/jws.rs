//! The compact form (RFC 7515 section 7.1) becomes an [`Unverified`]: read, not believed.

use core::fmt;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::fault::JoseFault;
use crate::base::base64url;
use crate::base::json::{self, Members, Object};

/// A token whose header obeys the rules, and whose signature nobody has looked at.
pub struct Unverified<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    pub(super) typ: Option<String>,
    jwk: Option<Box<Object>>,
    /// What is signed.
    pub(super) text: &'t [u8],
    /// The payload, read once: choosing the keys takes `iss`, and whoever verified the signature gets the rest.
    pub(super) claims: Result<Object, JoseFault>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Reads a compact JWS.
    ///
    /// # Errors
    /// [`JoseFault::AlgorithmUnknown`] for an `alg` with a name that is not known here,
    /// [`JoseFault::AlgorithmNotAllowed`] for one that is missing, not a string, or `none` in any case of letters,
    /// [`JoseFault::CriticalHeader`] for any `crit`, and for a `b64` that is not true, [`JoseFault::Malformed`] for
    /// everything else that is not as it must be.
    pub fn parse(token: &'t [u8]) -> Result<Self, JoseFault> {
        let parts = Parts::split(token).ok_or(JoseFault::Malformed("not three parts"))?;
        let header =
            base64url::decode(parts.header).ok_or(JoseFault::Malformed("header is not base64url"))?;
        let mut header =
            Members::read(&header).map_err(|_| JoseFault::Malformed("header is not a JSON object"))?;
        // `alg` comes first: a token of algorithm `none`, whose signature part is empty, is called by its name.
        let algorithm = algorithm(&header)?;
        refuse_extensions(&header)?;
        Ok(Self {
            algorithm,
            kid: text(&header, "kid", "kid is not a string")?,
            typ: text(&header, "typ", "typ is not a string")?,
            jwk: object(&mut header, "jwk").map(Box::new),
            text: parts.text,
            claims: json::object(&part(parts.payload, "payload is empty or not base64url")?)
                .map_err(|_| JoseFault::Malformed("payload is not a JSON object")),
            signature: part(parts.signature, "signature is empty or not base64url")?,
        })
    }

    /// The header's `alg`.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header's `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The header's `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The header's `jwk`, if it is an object: a key that whoever made the token chose. It proves possession
    /// (RFC 9449) and nothing else; [`verify`](super::verify::verify) never looks at it.
    pub fn jwk(&self) -> Option<&Object> {
        self.jwk.as_deref()
    }

    /// Whom a payload that nobody has verified names: for choosing the keys, and for nothing else.
    pub fn issuer_hint(&self) -> IssuerHint<'_> {
        self.claims.as_ref().map_or(IssuerHint::Unreadable, IssuerHint::of)
    }
}

/// The `iss` of a payload that nobody has verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IssuerHint<'c> {
    /// It is this.
    Name(&'c str),
    /// There is none.
    Absent,
    /// It cannot be read, or the payload cannot.
    Unreadable,
}

impl<'c> IssuerHint<'c> {
    /// The hint in `claims`.
    pub fn of(claims: &'c Object) -> Self {
        match claims.get("iss") {
            None => Self::Absent,
            Some(iss) => iss.as_str().map_or(Self::Unreadable, Self::Name),
        }
    }

    /// The name, where there is one.
    pub const fn name(self) -> Option<&'c str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Whether `token` looks like a compact JWS: exactly two dots, and a first part that decodes to a JSON object.
pub fn is_jws_shape(token: &[u8]) -> bool {
    has_shape(token, 2)
}

/// The payload of what looks like a compact JWS, which nobody has verified; `None` where it is not one JSON object.
pub fn unverified_payload(token: &[u8]) -> Option<Object> {
    json::object(&base64url::decode(Parts::split(token)?.payload)?).ok()
}

/// Whether `token` is an unsecured JWS (RFC 7515 appendix A.5), whatever stands where its signature would: of algorithm
/// `none`, in any case of letters. A header without `alg` says nothing of the kind: opaque tokens may have such a first
/// part.
pub fn is_unsecured(token: &[u8]) -> bool {
    let header =
        || base64url::decode(Parts::split(token)?.header).and_then(|header| Members::read(&header).ok());
    let is_none = |header: Members| {
        header.get("alg").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(NONE))
    };
    header().is_some_and(is_none)
}

/// Whether `token` looks like a compact JWE (RFC 7516 section 7.1): exactly four dots, and a first part that decodes
/// to a JSON object.
pub fn is_jwe_shape(token: &[u8]) -> bool {
    has_shape(token, 4)
}

struct Parts<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    /// Header and payload with the dot between them: what is signed.
    text: &'t [u8],
}

impl<'t> Parts<'t> {
    fn split(token: &'t [u8]) -> Option<Self> {
        // As text, which is searched by the word and not by the byte.
        let token = core::str::from_utf8(token).ok()?;
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let text = token.get(..header.len() + 1 + payload.len())?.as_bytes();
        parts.next().is_none().then_some(Self { header, payload, signature, text })
    }
}

/// What a token that nobody signed has for its algorithm (RFC 7518 section 3.6).
const NONE: &str = "none";

fn algorithm(header: &Members) -> Result<Algorithm, JoseFault> {
    let name = header.get("alg").and_then(Value::as_str).ok_or(JoseFault::AlgorithmNotAllowed)?;
    let unknown = || match name.eq_ignore_ascii_case(NONE) {
        true => JoseFault::AlgorithmNotAllowed,
        false => JoseFault::AlgorithmUnknown,
    };
    Algorithm::from_name(name).ok_or_else(unknown)
}

fn refuse_extensions(header: &Members) -> Result<(), JoseFault> {
    let unencoded = header.get("b64").is_some_and(|encoded| encoded != &Value::Bool(true));
    if header.get("crit").is_some() || unencoded {
        return Err(JoseFault::CriticalHeader);
    }
    if header.get("zip").is_some() || header.get("enc").is_some() {
        return Err(JoseFault::Malformed("header belongs to an encrypted token"));
    }
    Ok(())
}

fn text(header: &Members, name: &str, problem: &'static str) -> Result<Option<String>, JoseFault> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(JoseFault::Malformed(problem));
    header.get(name).map(text).transpose()
}

fn object(header: &mut Members, name: &str) -> Option<Object> {
    match header.take(name)? {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn part(encoded: &str, problem: &'static str) -> Result<Vec<u8>, JoseFault> {
    base64url::decode(encoded).filter(|part| !part.is_empty()).ok_or(JoseFault::Malformed(problem))
}

/// Shape only: a header with a member that stands twice has it too, so that it is refused as a JWS rather than taken
/// for an opaque token.
fn has_shape(token: &[u8], dots: usize) -> bool {
    if token.iter().filter(|byte| is_dot(byte)).take(dots + 1).count() != dots {
        return false;
    }
    let header = token.split(is_dot).next().and_then(base64url::decode);
    header.is_some_and(|header| {
        header.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(&header).is_ok()
    })
}

const fn is_dot(byte: &u8) -> bool {
    *byte == b'.'
}

#[cfg(test)]
mod tests;
