//! RSA signature verification (RFC 8017 section 8), on Montgomery arithmetic that is prepared once a key.
//!
//! Everything here is public, so time may vary with the values; there is no private operation in this crate.

use montgomery::Modulus;

use super::backend::Accelerator;
use super::der;
use super::emsa;
use super::fault::KeyFault;
use super::hash::HashName;
use crate::base::secret::Secret;

mod montgomery;

/// NIST SP 800-131A revision 2: less is no longer acceptable.
const MIN_BITS: usize = 2048;
/// More costs an attacker nothing and us a great deal.
const MAX_BITS: usize = 8192;
/// The content of the AlgorithmIdentifier `rsaEncryption`, NULL (RFC 3279 section 2.3.1).
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// An RSA public key, ready to verify.
pub(super) struct PublicKey {
    modulus: Modulus,
    bits: usize,
    /// INVARIANT: odd and at least 3.
    exponent: u32,
    spki: Vec<u8>,
}

impl PublicKey {
    /// A key of a modulus and an exponent, both big-endian.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let (modulus, exponent) = (der::trim(modulus), der::trim(exponent));
        let bits = modulus_bits(modulus)?;
        let spki =
            der::spki(RSA_ENCRYPTION, &der::sequence(&[&der::integer(modulus), &der::integer(exponent)]));
        let modulus = Modulus::new(modulus).ok_or(KeyFault::ModulusEven)?;
        Ok(Self { modulus, bits, exponent: public_exponent(exponent)?, spki })
    }

    /// Whether `signature` is an RSASSA-PKCS1-v1_5 signature of `text`.
    pub(super) fn verify_pkcs1(
        &self,
        hash: HashName,
        text: &[u8],
        signature: &[u8],
        accelerator: &dyn Accelerator,
    ) -> bool {
        if !self.modulus.exceeds(signature) {
            return false;
        }
        accelerator.verify(hash, &self.spki, signature, text).unwrap_or_else(|| {
            let opened = self.open(signature);
            opened.is_some() && opened == emsa::pkcs1_block(hash, text, self.length())
        })
    }

    /// Whether `signature` is an RSASSA-PSS signature of `text`.
    pub(super) fn verify_pss(&self, hash: HashName, text: &[u8], signature: &[u8]) -> bool {
        let Some(opened) = self.open(signature) else {
            return false;
        };
        // A modulus of 8n + 1 bits leaves the whole first byte unused (RFC 8017 section 8.1.2 step 2c).
        let bits = self.bits - 1;
        opened.split_at_checked(self.length() - bits.div_ceil(8)).is_some_and(|(unused, block)| {
            unused.iter().all(|byte| *byte == 0) && emsa::is_pss_block(hash, text, block, bits)
        })
    }

    fn length(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// RSAVP1 (RFC 8017 section 5.2.2): `signature` to the power of the exponent. `None` when it is out of range.
    fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        self.modulus.exceeds(signature).then(|| self.modulus.power(signature, self.exponent))
    }
}

/// RSAVP1 (RFC 8017 section 5.2.2): `signature` to the power of `exponent` modulo `modulus`, all big-endian; as long as the
/// modulus. `None` where the two are no key that is taken here, and for a signature of another length or not less than
/// the modulus.
// Public because fuzzing holds the arithmetic against another one. It says nothing about any token.
#[doc(hidden)]
pub fn rsavp1(modulus: &[u8], exponent: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    PublicKey::new(modulus, exponent).ok()?.open(signature)
}

/// A private key (RFC 8017 section 3.2): for others, nothing here computes with it.
pub(super) struct PrivateKey(Secret<Vec<Vec<u8>>>);

impl PrivateKey {
    /// The members that its numbers have in a JSON Web Key (RFC 7518 section 6.3), in the order of PKCS#1.
    const MEMBERS: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    /// How many of them are public.
    const PUBLIC: usize = 2;

    /// The key of the numbers that have these names in a JSON Web Key. Whether they fit each other is not seen here.
    pub(super) fn new(number: impl Fn(&'static str) -> Result<Vec<u8>, KeyFault>) -> Result<Self, KeyFault> {
        let numbers = Self::MEMBERS.iter().map(|name| number(name)).collect::<Result<Vec<_>, _>>()?;
        if let [modulus, exponent, ..] = numbers.as_slice() {
            PublicKey::new(modulus, exponent)?;
        }
        Ok(Self(Secret::new(numbers)))
    }

    /// PKCS#8 (RFC 5208 section 5, RFC 8017 appendix A.1.2).
    pub(super) fn pkcs8(&self) -> Secret<Vec<u8>> {
        let zero = der::integer(&[0]);
        let numbers: Vec<u8> = self.0.expose().iter().flat_map(|number| der::integer(number)).collect();
        let key = der::octet_string(&der::sequence(&[&zero, &numbers]));
        Secret::new(der::sequence(&[&zero, &der::sequence(&[RSA_ENCRYPTION]), &key]))
    }

    /// The numbers that may be published, with their names.
    pub(super) fn public(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.named().take(Self::PUBLIC).collect()
    }

    /// The other numbers, with their names.
    pub(super) fn private(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.named().skip(Self::PUBLIC).collect()
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        Self::MEMBERS.into_iter().zip(self.0.expose().iter().cloned())
    }
}

fn modulus_bits(trimmed: &[u8]) -> Result<usize, KeyFault> {
    let bits = trimmed.first().map_or(0, |first| trimmed.len() * 8 - first.leading_zeros() as usize);
    match bits {
        ..MIN_BITS => Err(KeyFault::ModulusTooSmall(bits)),
        MIN_BITS..=MAX_BITS => Ok(bits),
        _ => Err(KeyFault::ModulusTooLarge(bits)),
    }
}

fn public_exponent(trimmed: &[u8]) -> Result<u32, KeyFault> {
    let mut wide = [0; 4];
    let digits = wide.len().checked_sub(trimmed.len()).and_then(|start| wide.get_mut(start..));
    digits.ok_or(KeyFault::Exponent)?.copy_from_slice(trimmed);
    let exponent = u32::from_be_bytes(wide);
    if exponent >= 3 && exponent % 2 == 1 { Ok(exponent) } else { Err(KeyFault::Exponent) }
}
