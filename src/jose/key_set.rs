//! A JSON Web Key Set (RFC 7517 section 5), read member by member: a broken key never spoils the others.

use core::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::fault::{JoseFault, KeyFault};
use super::jwk::Jwk;
use crate::base::json;

pub use super::jwk::Origin;

/// The member that holds the keys.
const KEYS: &str = "keys";

/// How many members of one set are looked at.
pub const MAX_MEMBERS: usize = 512;

/// The keys of one issuer, ready to verify. Cheap to clone.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Rc<Jwk>>,
}

/// A member of a set that is not used, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The member's place in `keys`, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub why: KeyFault,
}

/// Why a document is no key set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySetFault {
    /// The text is not a JSON object with a list `keys`.
    NotAnObject,
    /// There is no `keys`.
    KeysMissing,
    /// `keys` is not an array.
    KeysNotArray,
}

impl KeySet {
    /// Reads a key set that came over the network; what is not usable is told beside it. A key in which a member stands
    /// twice is not usable, and spoils no other.
    ///
    /// # Errors
    /// When `bytes` are not a JSON object with a list `keys`, or the object itself has a member twice. A set without any
    /// usable key is not an error here.
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<Skipped>), KeySetFault> {
        let document = json::object_with_list(bytes, KEYS).map_err(|_| KeySetFault::NotAnObject)?;
        Self::parse(&document, Origin::Fetched)
    }

    /// Reads a key set; what is not usable is told beside it.
    ///
    /// # Errors
    /// When `keys` is missing or not an array. A set without any usable key is not an error here.
    pub fn parse(document: &Map<String, Value>, origin: Origin) -> Result<(Self, Vec<Skipped>), KeySetFault> {
        let members = document.get(KEYS).ok_or(KeySetFault::KeysMissing)?;
        let members = members.as_array().ok_or(KeySetFault::KeysNotArray)?;
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        for (index, member) in members.iter().take(MAX_MEMBERS).enumerate() {
            match Jwk::read(member, origin) {
                Ok(key) => keys.push(Rc::new(key)),
                Err(why) => skipped.push(Skipped { index, why }),
            }
        }
        if members.len() > MAX_MEMBERS {
            skipped.push(Skipped { index: MAX_MEMBERS, why: KeyFault::TooMany });
        }
        Ok((Self { keys }, skipped))
    }

    /// Whether no key of the set can verify anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys can verify; one that is for encryption is held but not counted.
    pub fn len(&self) -> usize {
        self.keys.iter().filter(|key| !key.algorithms.is_empty()).count()
    }

    /// The algorithms that at least one key can verify.
    pub fn algorithms(&self) -> Algorithms {
        let fits = |algorithm: &Algorithm| self.keys.iter().any(|key| key.algorithms.contains(*algorithm));
        Algorithms::of(Algorithm::ALL.iter().copied().filter(fits))
    }

    /// Whether a key has exactly this `kid`, whatever it is for.
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether `other` has the same public keys under the same names, in whatever order and however they are written.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        let within = |keys: &[Rc<Jwk>], key: &Rc<Jwk>| keys.iter().any(|known| known.is_same_as(key));
        self.keys.iter().all(|key| within(&other.keys, key))
            && other.keys.iter().all(|key| within(&self.keys, key))
    }

    /// All keys of `sets` in their order.
    pub fn merge(sets: Vec<Self>) -> Self {
        Self { keys: sets.into_iter().flat_map(|set| set.keys).collect() }
    }

    /// The keys that may be tried, in their order, and what it means when none of them agrees. Where the token names a
    /// key these are the keys of that name and then those without any, for a key that was made of a certificate or of a
    /// PEM file often has none; otherwise every key. And of these, those that fit `algorithm`.
    pub(super) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> (Vec<&Jwk>, JoseFault) {
        let fitting = self.keys.iter().map(Rc::as_ref).filter(|key| key.algorithms.contains(algorithm));
        let Some(kid) = kid else {
            let keys: Vec<_> = fitting.collect();
            let none = if keys.is_empty() { JoseFault::KeyUnknown } else { JoseFault::SignatureInvalid };
            return (keys, none);
        };
        let named = fitting.clone().filter(|key| key.kid.as_deref() == Some(kid));
        let mut keys: Vec<_> = named.collect();
        let none = match (self.has_kid(kid), keys.is_empty()) {
            (false, _) => JoseFault::KeyUnknown,
            (true, true) => JoseFault::AlgorithmNotAllowed,
            (true, false) => JoseFault::SignatureInvalid,
        };
        keys.extend(fitting.filter(|key| key.kid.is_none()));
        (keys, none)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (key.kid.as_deref(), key.key_type()))).finish()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}] is skipped: {}", self.index, self.why)
    }
}

impl fmt::Display for KeySetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "the key set is not a JSON object with a list `keys`",
            Self::KeysMissing => "the key set has no `keys`",
            Self::KeysNotArray => "`keys` of the key set is not an array",
        })
    }
}

impl core::error::Error for KeySetFault {}

#[cfg(test)]
mod tests;
