//! ECDSA on P-256, P-384 and P-521 (FIPS 186-5, RFC 7518 section 3.4); the module signs on P-256 alone.

use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use super::algorithm::Curve;
use super::backend::Accelerator;
use super::der;
use super::fault::KeyFault;
use super::hash::HashName;
use crate::base::secret::Secret;

/// An uncompressed point follows (SEC 1 section 2.3.3).
const UNCOMPRESSED: &[u8] = &[4];

/// A point of a curve, ready to verify.
pub(super) struct PublicKey {
    point: Point,
    spki: Vec<u8>,
}

/// A number and its point, ready to sign. A policy's are on P-256; the others would make the module larger.
pub(super) enum PrivateKey {
    P256(p256::ecdsa::SigningKey),
    #[cfg(not(target_arch = "wasm32"))]
    P384(p384::ecdsa::SigningKey),
    #[cfg(not(target_arch = "wasm32"))]
    P521(p521::ecdsa::SigningKey),
}

impl PrivateKey {
    /// The key of the number `d` on `curve`, which must be that of the point (`x`, `y`).
    pub(super) fn new(curve: Curve, d: &[u8], x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        if [d, x, y].iter().any(|number| number.len() != curve.length()) {
            return Err(KeyFault::CoordinateLength);
        }
        let key = Self::of(curve, d).filter(|key| key.point() == [x, y].concat());
        key.ok_or(KeyFault::Halves)
    }

    /// The key of as many bytes of `random` as a number of `curve` has. `None` where they are no such number.
    pub(super) fn from_random(curve: Curve, random: &[u8]) -> Option<Self> {
        let mut number = random.get(..curve.length())?.to_vec();
        if let (Curve::P521, Some(first)) = (curve, number.first_mut()) {
            *first &= 1;
        }
        Self::of(curve, Secret::new(number).expose())
    }

    /// The key of the number `d` on `curve`. `None` where it is none, and where nobody signs on that curve.
    fn of(curve: Curve, d: &[u8]) -> Option<Self> {
        match curve {
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(d).ok().map(Self::P256),
            #[cfg(not(target_arch = "wasm32"))]
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(d).ok().map(Self::P384),
            #[cfg(not(target_arch = "wasm32"))]
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(d).ok().map(Self::P521),
            #[cfg(target_arch = "wasm32")]
            Curve::P384 | Curve::P521 => None,
        }
    }

    /// The number.
    pub(super) fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(match self {
            Self::P256(key) => key.to_bytes().to_vec(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::P384(key) => key.to_bytes().to_vec(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::P521(key) => key.to_bytes().to_vec(),
        })
    }

    /// The curve.
    pub(super) const fn curve(&self) -> Curve {
        match self {
            Self::P256(_) => Curve::P256,
            #[cfg(not(target_arch = "wasm32"))]
            Self::P384(_) => Curve::P384,
            #[cfg(not(target_arch = "wasm32"))]
            Self::P521(_) => Curve::P521,
        }
    }

    /// The point's coordinates, one after the other.
    pub(super) fn point(&self) -> Vec<u8> {
        let point = match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::P521(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        };
        point.strip_prefix(UNCOMPRESSED).unwrap_or_default().to_vec()
    }

    /// A signature of `text`, R and S one after the other, without a random number (RFC 6979).
    pub(super) fn sign(&self, hash: HashName, text: &[u8]) -> Option<Vec<u8>> {
        let digest = hash.digest(&[text]);
        match self {
            Self::P256(key) => {
                key.sign_prehash(&digest).map(|signed: p256::ecdsa::Signature| signed.to_bytes().to_vec())
            }
            #[cfg(not(target_arch = "wasm32"))]
            Self::P384(key) => {
                key.sign_prehash(&digest).map(|signed: p384::ecdsa::Signature| signed.to_bytes().to_vec())
            }
            #[cfg(not(target_arch = "wasm32"))]
            Self::P521(key) => {
                key.sign_prehash(&digest).map(|signed: p521::ecdsa::Signature| signed.to_bytes().to_vec())
            }
        }
        .ok()
    }
}

enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// The point of `curve` with these coordinates, each exactly as long as the field (RFC 7518 section 6.2.1.2).
    pub(super) fn new(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        if [x, y].iter().any(|coordinate| coordinate.len() != curve.length()) {
            return Err(KeyFault::CoordinateLength);
        }
        let encoded = [UNCOMPRESSED, x, y].concat();
        let point = Point::read(curve, &encoded).ok_or(KeyFault::Point)?;
        Ok(Self { point, spki: der::spki(algorithm_identifier(curve), &encoded) })
    }

    pub(super) fn curve(&self) -> Curve {
        match self.point {
            Point::P256(_) => Curve::P256,
            Point::P384(_) => Curve::P384,
            Point::P521(_) => Curve::P521,
        }
    }

    /// Whether `signature`, which is R and S one after the other, is a signature of `text`.
    pub(super) fn verify(
        &self,
        hash: HashName,
        text: &[u8],
        signature: &[u8],
        accelerator: &dyn Accelerator,
    ) -> bool {
        let attempt = Attempt { hash, text, signature, spki: &self.spki, accelerator };
        match &self.point {
            Point::P256(key) => attempt.holds::<p256::ecdsa::Signature>(key, Curve::P256.length()),
            Point::P384(key) => attempt.holds::<p384::ecdsa::Signature>(key, Curve::P384.length()),
            Point::P521(key) => attempt.holds::<p521::ecdsa::Signature>(key, Curve::P521.length()),
        }
    }
}

impl Point {
    fn read(curve: Curve, encoded: &[u8]) -> Option<Self> {
        match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Self::P256),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Self::P384),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Self::P521),
        }
    }
}

struct Attempt<'a> {
    hash: HashName,
    text: &'a [u8],
    signature: &'a [u8],
    spki: &'a [u8],
    accelerator: &'a dyn Accelerator,
}

impl<'a> Attempt<'a> {
    fn holds<S: TryFrom<&'a [u8]>>(&self, key: &impl PrehashVerifier<S>, field: usize) -> bool {
        // INVARIANT: what a `Signature` is read from has the right length and two numbers from 1 to n - 1; whoever
        // verifies, the range is checked here (CVE-2022-21449).
        let Some((r, s)) = self.signature.split_at_checked(field).filter(|(_, s)| s.len() == field) else {
            return false;
        };
        let Ok(signature) = S::try_from(self.signature) else {
            return false;
        };
        let encoded = der::sequence(&[&der::integer(r), &der::integer(s)]);
        self.accelerator.verify(self.hash, self.spki, &encoded, self.text).unwrap_or_else(|| {
            let digest = self.hash.digest(&[self.text]);
            key.verify_prehash(&digest, &signature).is_ok()
        })
    }
}

/// The content of the AlgorithmIdentifier: `id-ecPublicKey` and the named curve (RFC 5480 section 2.1.1).
const fn algorithm_identifier(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        Curve::P384 => b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        Curve::P521 => b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23",
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::super::examples::{ES256, ec_key};
    use super::*;
    use crate::base::base64url;

    struct Witness(RefCell<Vec<u8>>);

    impl Accelerator for Witness {
        fn verify(&self, _: HashName, _: &[u8], signature: &[u8], _: &[u8]) -> Option<bool> {
            self.0.replace(signature.to_vec());
            None
        }
    }

    #[test]
    fn the_accelerator_gets_the_signature_in_der() {
        let coordinate = |name| base64url::decode(ec_key()[name].as_str().unwrap()).unwrap();
        let key = PublicKey::new(Curve::P256, &coordinate("x"), &coordinate("y")).unwrap();
        let signature = base64url::decode(ES256.rsplit_once('.').unwrap().1).unwrap();
        // Small numbers, numbers whose first bit is set, and the RFC's.
        for signature in [[&[0; 31][..], &[1], &[0; 30], &[0x80, 7]].concat(), vec![0x81; 64], signature] {
            let witness = Witness(RefCell::default());
            key.verify(HashName::Sha256, b"text", &signature, &witness);
            let expected = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
            assert_eq!(*witness.0.borrow(), expected.as_bytes());
        }
    }
}
