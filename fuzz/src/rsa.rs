//! RSA's one operation (RFC 8017 section 5.2.2), in our own Montgomery arithmetic, against squares and remainders of
//! crypto-bigint.
//!
//! An input is bytes: four of the exponent, two of how much longer than 2048 bits the modulus is (in bytes, at most 768
//! more), and then the modulus and the number, which both are repeated until they are long enough: a carry goes astray
//! in long rows of the same bits. The first half of what is left is the modulus.

use core::cmp::Ordering;

use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero};
use scopegate::jose::rsa::rsavp1;

/// The shortest modulus, and how much longer it may be, in bytes.
const SHORTEST: usize = 256;
const LONGER: usize = 769;

/// Takes an exponent, a modulus and a number.
pub fn run(input: &[u8]) {
    let Some((exponent, rest)) = input.split_first_chunk::<4>() else { return };
    let Some((longer, rest)) = rest.split_first_chunk::<2>() else { return };
    let length = SHORTEST + usize::from(u16::from_be_bytes(*longer)) % LONGER;
    let (modulus, number) = rest.split_at(rest.len() / 2);
    let (modulus, number) = (repeated(modulus, length), repeated(number, length));
    let exponent = u32::from_be_bytes(*exponent);
    let opened = rsavp1(&modulus, &exponent.to_be_bytes(), &number);
    // One with a zero in front is shorter than it looks, and no longer as long as the number.
    let bits = length * 8 - modulus[0].leading_zeros() as usize;
    let is_key =
        modulus[0] > 0 && bits >= 2048 && modulus[length - 1] % 2 == 1 && exponent >= 3 && exponent % 2 == 1;
    let is_less = number.cmp(&modulus) == Ordering::Less;
    assert_eq!(
        opened,
        (is_key && is_less).then(|| power(&modulus, exponent, &number)),
        "to the power of {exponent}"
    );
}

/// `text`, again and again.
fn repeated(text: &[u8], length: usize) -> Vec<u8> {
    let text = if text.is_empty() { &[0xff] } else { text };
    text.iter().copied().cycle().take(length).collect()
}

/// As it is taught: a square for each bit, a product where it is set, and the remainder of each.
fn power(modulus: &[u8], exponent: u32, number: &[u8]) -> Vec<u8> {
    let read = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    let modulus = NonZero::new(read(modulus)).expect("a key");
    let number = read(number);
    let mut power = number.clone();
    for bit in (0..exponent.ilog2()).rev() {
        power = power.concatenating_mul(&power).rem_vartime(&modulus);
        if exponent >> bit & 1 == 1 {
            power = power.concatenating_mul(&number).rem_vartime(&modulus);
        }
    }
    let bytes = power.to_be_bytes();
    let length = modulus.as_ref().to_be_bytes_trimmed_vartime().len();
    bytes[bytes.len() - length..].to_vec()
}
