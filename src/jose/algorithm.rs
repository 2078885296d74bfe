//! The one table of signature algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864): name, family, hash.

use core::fmt;

use super::hash::HashName;

/// A signature algorithm of JWS. There is no `none`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the registered ones")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

/// What kind of key and which computation an algorithm needs. Key and algorithm fit only when this is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1,
    /// RSASSA-PSS (RFC 8017 section 8.1), MGF1 with the same hash, salt as long as the hash.
    RsaPss,
    /// ECDSA on one curve; the curve is part of the algorithm (RFC 7518 section 3.4).
    Ecdsa(Curve),
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// HMAC (RFC 2104).
    Hmac,
}

/// A curve for ECDSA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Every curve.
    pub(crate) const ALL: &[Self] = &[Self::P256, Self::P384, Self::P521];

    /// The `crv` of its keys (RFC 7518 section 6.2.1.1).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// How many bytes a coordinate has, and a private key.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &[Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The algorithm of this exact name; `Ed25519` (RFC 9864) is another name of `EdDSA` here.
    pub fn from_name(name: &str) -> Option<Self> {
        const ED25519: &str = "Ed25519";
        if name == ED25519 {
            return Some(Self::EdDsa);
        }
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether signer and verifier share one secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self.family(), Family::Hmac)
    }

    pub(crate) const fn family(self) -> Family {
        self.row().1
    }

    pub(crate) const fn hash(self) -> HashName {
        self.row().2
    }

    const fn row(self) -> (&'static str, Family, HashName) {
        use HashName::{Sha256, Sha384, Sha512};
        match self {
            Self::Rs256 => ("RS256", Family::RsaPkcs1, Sha256),
            Self::Rs384 => ("RS384", Family::RsaPkcs1, Sha384),
            Self::Rs512 => ("RS512", Family::RsaPkcs1, Sha512),
            Self::Ps256 => ("PS256", Family::RsaPss, Sha256),
            Self::Ps384 => ("PS384", Family::RsaPss, Sha384),
            Self::Ps512 => ("PS512", Family::RsaPss, Sha512),
            Self::Es256 => ("ES256", Family::Ecdsa(Curve::P256), Sha256),
            Self::Es384 => ("ES384", Family::Ecdsa(Curve::P384), Sha384),
            Self::Es512 => ("ES512", Family::Ecdsa(Curve::P521), Sha512),
            Self::EdDsa => ("EdDSA", Family::Ed25519, Sha512),
            Self::Hs256 => ("HS256", Family::Hmac, Sha256),
            Self::Hs384 => ("HS384", Family::Hmac, Sha384),
            Self::Hs512 => ("HS512", Family::Hmac, Sha512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// No algorithm.
    pub const NONE: Self = Self(0);

    /// Every algorithm whose verifier cannot sign.
    pub const ASYMMETRIC: Self = Self::where_symmetric(false);

    /// The set of `algorithms`.
    pub fn of(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        algorithms.into_iter().fold(Self::NONE, |set, algorithm| Self(set.0 | bit(algorithm)))
    }

    /// Whether `algorithm` is a member.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & bit(algorithm) != 0
    }

    /// Whether there is no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |algorithm| self.contains(*algorithm))
    }

    pub(super) fn of_family(family: Family) -> Self {
        Self::of(Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.family() == family))
    }

    const fn where_symmetric(symmetric: bool) -> Self {
        let mut set = 0;
        let mut rest = Algorithm::ALL;
        while let [algorithm, tail @ ..] = rest {
            if algorithm.is_symmetric() == symmetric {
                set |= bit(*algorithm);
            }
            rest = tail;
        }
        Self(set)
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Algorithm::name)).finish()
    }
}

const fn bit(algorithm: Algorithm) -> u16 {
    1 << algorithm as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(*algorithm));
        }
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
        assert_eq!(Algorithm::ALL.len(), 13);
    }

    #[test]
    fn none_and_near_misses_are_no_algorithm() {
        let names = [
            "none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS255", "Ed448", "ES256K", "HS1",
            "RS256\0",
        ];
        for name in names {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_asymmetric_set_has_no_hmac() {
        let named = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithms::ASYMMETRIC.contains(*algorithm), !named.contains(algorithm));
        }
        assert_eq!(format!("{:?}", Algorithms::of(named)), r#"{"HS256", "HS384", "HS512"}"#);
    }
}
