//! What an RSA signature must contain: EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) and EMSA-PSS (section 9.1).

use super::hash::HashName;

/// The one block of `length` bytes that a PKCS#1 v1.5 signature of `text` opens to. `None` when it has no room.
///
/// Whoever compares the whole block has no padding to parse, and nothing to overlook in it.
pub(super) fn pkcs1_block(hash: HashName, text: &[u8], length: usize) -> Option<Vec<u8>> {
    /// RFC 8017 section 9.2 step 3.
    const SHORTEST_PADDING: usize = 8;
    let info = [digest_info_prefix(hash), &hash.digest(&[text])].concat();
    let padding = length.checked_sub(info.len() + 3).filter(|padding| *padding >= SHORTEST_PADDING)?;
    Some([&[0, 1], vec![0xff; padding].as_slice(), &[0], &info].concat())
}

/// Whether `block` is a PSS encoding of `text` in `bits` bits: MGF1 with the same hash, a salt as long as the hash.
///
/// The step numbers are those of RFC 8017 section 9.1.2.
pub(super) fn is_pss_block(hash: HashName, text: &[u8], block: &[u8], bits: usize) -> bool {
    pss_salt_and_digest(hash, block, bits).is_some_and(|(salt, digest)| {
        let seal = hash.digest(&[&[0; 8], &hash.digest(&[text]), &salt]); // 12, 13
        seal == digest // 14
    })
}

/// Steps 3 to 11: the salt, and the digest that it leads to in a good block.
fn pss_salt_and_digest(hash: HashName, block: &[u8], bits: usize) -> Option<(Vec<u8>, &[u8])> {
    let (masked, trailer) = block.split_at_checked(block.len().checked_sub(hash.length() + 1)?)?; // 3, 5
    let (&last, digest) = trailer.split_last()?;
    let unused = (block.len() * 8).checked_sub(bits).filter(|unused| *unused < 8)?;
    let used = 0xff_u8.checked_shr(u32::try_from(unused).ok()?)?;
    if last != 0xbc || masked.first()? & !used != 0 {
        return None; // 4, 6
    }
    let mask = mgf1(hash, digest, masked.len()); // 7
    let mut plain: Vec<u8> = masked.iter().zip(mask).map(|(masked, mask)| masked ^ mask).collect(); // 8
    *plain.first_mut()? &= used; // 9
    let (padding, salt) = plain.split_at_checked(plain.len().checked_sub(hash.length())?)?;
    let (one, zeros) = padding.split_last()?;
    (*one == 1 && zeros.iter().all(|byte| *byte == 0)).then(|| (salt.to_vec(), digest)) // 10, 11
}

/// A mask of `length` bytes made of `seed` (RFC 8017 appendix B.2.1).
fn mgf1(hash: HashName, seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + hash.length());
    for counter in 0_u32.. {
        if mask.len() >= length {
            break;
        }
        mask.extend(hash.digest(&[seed, &counter.to_be_bytes()]));
    }
    mask.truncate(length);
    mask
}

/// The DER of a DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
const fn digest_info_prefix(hash: HashName) -> &'static [u8] {
    match hash {
        HashName::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        HashName::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        HashName::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    }
}
