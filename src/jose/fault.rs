//! What can be wrong with a token, and with a key.

use core::fmt;

/// Why a token is not verified. No variant carries any text of the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoseFault {
    /// Not a compact JWS, or a header or payload that is not what RFC 7515 says; with what exactly.
    Malformed(&'static str),
    /// `alg` is missing, `none`, not among the allowed, or not what the named key is for.
    AlgorithmNotAllowed,
    /// `alg` is the name of an algorithm that is not known here.
    AlgorithmUnknown,
    /// The header demands an extension (`crit`, or `b64` other than true); none is understood.
    CriticalHeader,
    /// No key has the token's `kid`, and none without a `kid` agrees; or, without one, no key fits the algorithm.
    KeyUnknown,
    /// Every key that was tried says no.
    SignatureInvalid,
}

impl fmt::Display for JoseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::AlgorithmNotAllowed => f.write_str("the algorithm is not allowed"),
            Self::AlgorithmUnknown => f.write_str("the algorithm is not known here"),
            Self::CriticalHeader => f.write_str("the header demands an extension that is not understood"),
            Self::KeyUnknown => f.write_str("no key of the issuer matches"),
            Self::SignatureInvalid => f.write_str("the signature does not hold"),
        }
    }
}

impl core::error::Error for JoseFault {}

/// Why a key is not used. No variant carries any key material.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// The member is not a JSON object, or one of its own members stands twice.
    NotAnObject,
    /// A member of the key is missing or not of the form it must have.
    Member(&'static str),
    /// `kty` is none of `RSA`, `EC`, `OKP`, `oct`.
    UnknownType,
    /// `crv` is no curve for signatures that is known here.
    UnknownCurve,
    /// The key has private members: whoever reads the set could sign.
    PrivateKey,
    /// A symmetric key in a set that came over the network.
    SymmetricFetched,
    /// A symmetric key of less than 32 bytes; how many it has.
    SecretTooShort(usize),
    /// An RSA modulus of less than 2048 bits; how many it has.
    ModulusTooSmall(usize),
    /// An RSA modulus of more than 8192 bits; how many it has.
    ModulusTooLarge(usize),
    /// An RSA modulus that is even.
    ModulusEven,
    /// An RSA exponent that is even, less than 3 or longer than 32 bits.
    Exponent,
    /// A coordinate that has not exactly the length of the curve's field.
    CoordinateLength,
    /// The coordinates are not a point of the curve, or one of small order.
    Point,
    /// A private key whose public half is another's.
    Halves,
    /// A key that is not for the algorithm that it is to sign with.
    Unfit,
    /// Beyond the number of members that are looked at.
    TooMany,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("the key is not a JSON object, or has a member twice"),
            Self::Member(name) => write!(f, "`{name}` is missing or not of the right form"),
            Self::UnknownType => f.write_str("`kty` is none of RSA, EC, OKP, oct"),
            Self::UnknownCurve => f.write_str("`crv` is none of P-256, P-384, P-521, Ed25519"),
            Self::PrivateKey => {
                f.write_str("the key has private members; publish the public half only, and replace the key")
            }
            Self::SymmetricFetched => f.write_str("a symmetric key is accepted only inline"),
            Self::SecretTooShort(bytes) => {
                write!(f, "the symmetric key has {bytes} bytes, at least 32 are needed")
            }
            Self::ModulusTooSmall(bits) => {
                write!(f, "the RSA modulus has {bits} bits, at least 2048 are needed")
            }
            Self::ModulusTooLarge(bits) => {
                write!(f, "the RSA modulus has {bits} bits, at most 8192 are taken")
            }
            Self::ModulusEven => f.write_str("the RSA modulus is even"),
            Self::Exponent => f.write_str("the RSA exponent is not an odd number from 3 to 32 bits"),
            Self::CoordinateLength => {
                f.write_str("a coordinate does not have the length of the curve's field")
            }
            Self::Point => f.write_str("the coordinates are not a usable point of the curve"),
            Self::Halves => f.write_str("the private and the public half do not belong together"),
            Self::Unfit => f.write_str("the key is not for signing with this algorithm"),
            Self::TooMany => {
                f.write_str("this key and those after it are not looked at: the set is too long")
            }
        }
    }
}

impl core::error::Error for KeyFault {}
