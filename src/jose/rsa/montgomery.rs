//! Powers modulo an RSA modulus, in variable time, as quick as WebAssembly lets them be.
//!
//! Why not crypto-bigint: on 32 bits it takes three times as long. A limb here has 28 bits, so that a column of products is
//! added up in 64 bits without a carry, and four limbs are multiplied by four at a time, in registers. Squares cost
//! half, and since R is more than four times the modulus nothing is subtracted between two products (C. Walter,
//! "Montgomery exponentiation needs no final subtractions", 1999).

use crypto_bigint::{BoxedUint, NonZero};

const LIMB_BITS: usize = 28;
const MASK: u64 = (1 << LIMB_BITS) - 1;
/// Four limbs. The least significant comes first, here and everywhere.
type Block = [u32; 4];
const BLOCK_BITS: usize = 4 * LIMB_BITS;
/// The sums below four limbs of a product, before any carry.
type Columns = [u64; 4];
/// How many products of two limbs fit into a column, with room for what is carried into it.
const ROOM: usize = 255;

/// An odd modulus, and what its products need.
pub(super) struct Modulus {
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    /// R squared, R being 2 to the power of all bits of the blocks.
    r_squared: Vec<Block>,
    /// The negated inverse of the modulus, modulo 2^28.
    inverse: u32,
}

impl Modulus {
    /// The modulus that `bytes` is, big-endian, its first byte not zero. `None` when it is even.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        // Two bits more make R four times the modulus.
        let blocks = (bytes.len() * 8 + 2).div_ceil(BLOCK_BITS);
        let number = NonZero::new(BoxedUint::from_be_slice_vartime(bytes)).into_option()?;
        let precision = 2 * blocks * BLOCK_BITS + 1;
        let r_squared = BoxedUint::one_with_precision(u32::try_from(precision).ok()?)
            .shl_vartime(u32::try_from(precision - 1).ok()?)?
            .rem_vartime(&number);
        let r_squared = read(&r_squared.to_be_bytes(), blocks);
        let blocks = read(bytes, blocks);
        let lowest = blocks.first().filter(|[lowest, ..]| lowest & 1 == 1)?[0];
        // Each step doubles how many bits are right, and the first three always are (Hensel).
        let inverse = (0..4).fold(lowest, |inverse: u32, _| {
            inverse.wrapping_mul(2_u32.wrapping_sub(lowest.wrapping_mul(inverse)))
        });
        Some(Self { bytes: bytes.to_vec(), blocks, r_squared, inverse: inverse.wrapping_neg() })
    }

    /// Whether `number`, big-endian, is as long as the modulus, and less.
    pub(super) fn exceeds(&self, number: &[u8]) -> bool {
        number.len() == self.bytes.len() && *number < *self.bytes
    }

    /// `base`, which the modulus exceeds, to the power of the odd `exponent`, at least 3; as long as the modulus.
    pub(super) fn power(&self, base: &[u8], exponent: u32) -> Vec<u8> {
        let plain = read(base, self.blocks.len());
        let mut product = Product::new(self);
        let base = product.of(&plain, &self.r_squared);
        let mut power = base.clone();
        // From the second highest bit on: square, and multiply where the bit is set.
        for bit in (0..exponent.ilog2()).rev() {
            power = product.square(&power);
            if exponent >> bit & 1 == 1 {
                // In the end by what has no R, which takes the R away.
                power = product.of(&power, if bit == 0 { &plain } else { &base });
            }
        }
        write(&reduced(power, &self.blocks), self.bytes.len())
    }
}

/// Room for products: they are less than twice the modulus when their factors are.
struct Product<'a> {
    modulus: &'a Modulus,
    columns: Vec<Columns>,
    /// How many products of limbs a column may have got since the last carry.
    load: usize,
}

impl<'a> Product<'a> {
    fn new(modulus: &'a Modulus) -> Self {
        Self { modulus, columns: vec![[0; 4]; 2 * modulus.blocks.len()], load: 0 }
    }

    /// `left` times `right` divided by R.
    fn of(&mut self, left: &[Block], right: &[Block]) -> Vec<Block> {
        self.clear();
        for (place, block) in right.iter().enumerate() {
            self.add(place, left, *block, 4);
        }
        self.reduce()
    }

    /// `number` times itself divided by R.
    fn square(&mut self, number: &[Block]) -> Vec<Block> {
        self.clear();
        let mut rest = number;
        let mut place = 0;
        while let Some((block, higher)) = rest.split_first() {
            self.add(place, core::slice::from_ref(block), *block, 4);
            self.add(place + 1, higher, block.map(|limb| 2 * limb), 8);
            (rest, place) = (higher, place + 2);
        }
        self.reduce()
    }

    fn clear(&mut self) {
        self.columns.fill([0; 4]);
        self.load = 0;
    }

    /// Adds `number` times `block` from the column of `place` on: no more than `load` products of limbs to each.
    fn add(&mut self, place: usize, number: &[Block], block: Block, load: usize) {
        self.reserve(load);
        if let Some(columns) = self.columns.get_mut(place..) {
            add(columns, number, block);
        }
    }

    fn reserve(&mut self, load: usize) {
        if self.load + load > ROOM {
            carry(&mut self.columns);
            self.load = 0;
        }
        self.load += load;
    }

    /// Makes the lower half zero by adding multiples of the modulus, and takes the upper half.
    fn reduce(&mut self) -> Vec<Block> {
        let modulus = self.modulus;
        let places = modulus.blocks.len();
        let lowest = modulus.blocks.first().copied().unwrap_or_default();
        for place in 0..places {
            self.reserve(4);
            let Some(columns) = self.columns.get_mut(place..) else { break };
            let factor = factor(columns.first().copied().unwrap_or_default(), lowest, modulus.inverse);
            add(columns, &modulus.blocks, factor);
            if let [done, next, ..] = columns {
                next[0] += done.iter().fold(0, |carry, column| (column + carry) >> LIMB_BITS);
                *done = [0; 4];
            }
        }
        let Some(upper) = self.columns.get_mut(places..) else { return Vec::new() };
        carry(upper);
        upper.iter().map(|columns| columns.map(|column| column as u32)).collect()
    }
}

/// Adds `number` times `block` to `columns`, of which there must be one more than `number` has blocks, or the number's
/// last columns are zero.
#[inline(always)]
fn add(columns: &mut [Columns], number: &[Block], block: Block) {
    let [b0, b1, b2, b3] = block.map(u64::from);
    let (mut next0, mut next1, mut next2) = (0, 0, 0);
    let mut columns = columns.iter_mut();
    for (number, columns) in number.iter().zip(&mut columns) {
        let [a0, a1, a2, a3] = number.map(u64::from);
        columns[0] += next0 + a0 * b0;
        columns[1] += next1 + a0 * b1 + a1 * b0;
        columns[2] += next2 + a0 * b2 + a1 * b1 + a2 * b0;
        columns[3] += a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
        next0 = a1 * b3 + a2 * b2 + a3 * b1;
        next1 = a2 * b3 + a3 * b2;
        next2 = a3 * b3;
    }
    if let Some(columns) = columns.next() {
        columns[0] += next0;
        columns[1] += next1;
        columns[2] += next2;
    }
}

/// By what the modulus must be multiplied for these four columns to become zero, modulo 2^112.
fn factor(columns: Columns, modulus: Block, inverse: u32) -> Block {
    let [m0, m1, m2, m3] = modulus.map(u64::from);
    let [mut c0, mut c1, mut c2, mut c3] = columns;
    let next = |column: u64| u64::from((column as u32).wrapping_mul(inverse)) & MASK;
    let q0 = next(c0);
    c0 += q0 * m0;
    c1 += q0 * m1 + (c0 >> LIMB_BITS);
    let q1 = next(c1);
    c1 += q1 * m0;
    c2 += q0 * m2 + q1 * m1 + (c1 >> LIMB_BITS);
    let q2 = next(c2);
    c2 += q2 * m0;
    c3 += q0 * m3 + q1 * m2 + q2 * m1 + (c2 >> LIMB_BITS);
    [q0, q1, q2, next(c3)].map(|limb| limb as u32)
}

/// Leaves 28 bits in every column.
fn carry(columns: &mut [Columns]) {
    let mut carry = 0;
    for column in columns.iter_mut().flatten() {
        let sum = *column + carry;
        *column = sum & MASK;
        carry = sum >> LIMB_BITS;
    }
}

/// The number that big-endian `bytes` are.
fn read(bytes: &[u8], blocks: usize) -> Vec<Block> {
    let mut number = vec![[0; 4]; blocks];
    let mut bytes = bytes.iter().rev();
    let (mut held, mut bits) = (0_u64, 0);
    for limb in number.iter_mut().flatten() {
        while bits < LIMB_BITS
            && let Some(byte) = bytes.next()
        {
            held |= u64::from(*byte) << bits;
            bits += 8;
        }
        *limb = (held & MASK) as u32;
        held >>= LIMB_BITS;
        bits = bits.saturating_sub(LIMB_BITS);
    }
    number
}

/// The lowest `length` bytes of `number`, big-endian.
fn write(number: &[Block], length: usize) -> Vec<u8> {
    let mut limbs = number.iter().flatten();
    let (mut held, mut bits) = (0_u64, 0);
    let mut bytes = vec![0; length];
    for byte in bytes.iter_mut().rev() {
        if bits < 8 {
            held |= limbs.next().map_or(0, |limb| u64::from(*limb) << bits);
            bits += LIMB_BITS;
        }
        *byte = held as u8;
        held >>= 8;
        bits -= 8;
    }
    bytes
}

/// `number`, which is less than twice the modulus, without it.
fn reduced(number: Vec<Block>, modulus: &[Block]) -> Vec<Block> {
    let mut borrow = 0;
    let mut less = number.clone();
    for (limb, other) in less.iter_mut().flatten().zip(modulus.iter().flatten()) {
        let difference = i64::from(*limb) - i64::from(*other) - borrow;
        *limb = (difference as u64 & MASK) as u32;
        borrow = i64::from(difference < 0);
    }
    if borrow == 0 { less } else { number }
}

#[cfg(test)]
mod tests;
