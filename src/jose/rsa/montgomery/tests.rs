use crypto_bigint::Odd;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};

use super::*;
use crate::jose::hash::HashName;

/// Bytes that nobody chose, always the same.
fn bytes(seed: &str, length: usize) -> Vec<u8> {
    let parts = (0..length.div_ceil(64) as u32)
        .map(|part| HashName::Sha512.digest(&[seed.as_bytes(), &part.to_be_bytes()]));
    parts.flatten().take(length).collect()
}

/// What crypto-bigint says.
fn expected(modulus: &[u8], base: &[u8], exponent: u32) -> Vec<u8> {
    let odd = Odd::new(BoxedUint::from_be_slice_vartime(modulus)).unwrap();
    let precision = odd.as_ref().bits_precision();
    let params = BoxedMontyParams::new_vartime(odd);
    let base = BoxedMontyForm::new(BoxedUint::from_be_slice(base, precision).unwrap(), &params);
    let power = base.pow_bounded_exp(&BoxedUint::from(exponent), 32).retrieve().to_be_bytes();
    power[power.len() - modulus.len()..].to_vec()
}

/// Bases at both ends, of few and of many bits, and some between.
fn bases(modulus: &[u8], seed: &str) -> Vec<Vec<u8>> {
    let length = modulus.len();
    let small = |low: u8| [vec![0; length - 1], vec![low]].concat();
    let mut before = modulus.to_vec();
    *before.last_mut().unwrap() -= 1;
    let mut ones = vec![0xff; length];
    ones[0] = modulus[0] - 1;
    let mut power = vec![0; length];
    power[length / 2] = 1;
    let random = (0..4).map(|part| {
        let mut base = bytes(&format!("{seed} base {part}"), length);
        base[0] = base[0].min(modulus[0] - 1);
        base
    });
    [small(0), small(1), small(2), before, ones, power].into_iter().chain(random).collect()
}

#[test]
fn powers_are_those_of_crypto_bigint() {
    // Keys have 2048 to 8192 bits, and some more and fewer fill the last block in every way.
    for length in (1..=29).chain(253..=269).chain([384, 512, 1024]) {
        let seed = format!("{length}");
        let mut random = bytes(&seed, length);
        random[0] |= 2;
        let mut low = vec![0; length];
        low[0] = 0x80;
        for mut modulus in [random, vec![0xff; length], low] {
            *modulus.last_mut().unwrap() |= 1;
            let ours = Modulus::new(&modulus).unwrap();
            for base in bases(&modulus, &seed) {
                for exponent in [3, if length == 256 { 65537 } else { 5 }] {
                    let power = ours.power(&base, exponent);
                    assert!(power == expected(&modulus, &base, exponent), "{length}: {base:x?} ^ {exponent}");
                }
            }
        }
    }
}

#[test]
fn any_odd_exponent_is_right() {
    let modulus = [&[0xc5], &bytes("modulus", 254)[..], &[0x0d]].concat();
    let ours = Modulus::new(&modulus).unwrap();
    let base = [&[0x44], &bytes("base", 255)[..]].concat();
    for exponent in [3, 0x11, 0xffff_ffff, 0x8000_0001, 0x7fff_ffff, 0xaaaa_aaab, 257] {
        assert_eq!(ours.power(&base, exponent), expected(&modulus, &base, exponent), "{exponent}");
    }
}

#[test]
fn columns_at_their_fullest_do_not_overflow() {
    // All limbs are 2^28 - 1; tests are built with overflow checks.
    for blocks in [1, 2, 19, 31, 32, 37, 74] {
        let modulus = Modulus::new(&vec![0xff; blocks * BLOCK_BITS / 8]).unwrap();
        let full = vec![[MASK as u32; 4]; modulus.blocks.len()];
        let mut product = Product::new(&modulus);
        assert_eq!(product.square(&full), product.of(&full, &full), "{blocks}");
    }
}

#[test]
fn what_is_out_of_range_or_even_is_refused() {
    let modulus = Modulus::new(&[0x81, 3]).unwrap();
    for (number, below) in [
        (&[0x81, 2][..], true),
        (&[0x81, 3], false),
        (&[0x81, 4], false),
        (&[0xff, 0], false),
        (&[2], false),
        (&[0, 0x81, 2], false),
        (&[0, 0], true),
    ] {
        assert_eq!(modulus.exceeds(number), below, "{number:x?}");
    }
    assert!(Modulus::new(&[0x81, 2]).is_none());
    assert!(Modulus::new(&[]).is_none());
}
