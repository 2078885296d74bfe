//! The ABI's block of name and value pairs, read without trusting it: a count, that many pairs of lengths, and the
//! texts, each with a zero byte behind it; numbers are 32 bits, little-endian.

use super::host::{HeaderFields, HostFault};

/// A block as the host hands it over; it may be broken, which shows when it is read.
pub struct Block(Vec<u8>);

impl Block {
    /// What the host handed over.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// What a broken block is to whoever reads it.
const BROKEN: HostFault = HostFault { call: "read a block of fields", status: 0 };

impl HeaderFields for Block {
    fn each<'f>(&'f self, mut take: impl FnMut(&'f [u8], &'f [u8])) -> Result<(), HostFault> {
        let mut pairs = Pairs::of(&self.0).ok_or(BROKEN)?;
        pairs.by_ref().for_each(|(name, value)| take(name, value));
        if pairs.are_whole() { Ok(()) } else { Err(BROKEN) }
    }
}

/// The pairs of a block, one after the other. They end early where the block is broken: only [`Pairs::are_whole`] tells
/// that they were all of them.
struct Pairs<'b> {
    /// Two lengths for each pair that is still to come.
    lengths: &'b [[u8; 8]],
    /// Their texts.
    texts: &'b [u8],
}

impl<'b> Pairs<'b> {
    /// The pairs in `block`; `None` when it is too short for as many as it claims. An empty block has no pairs.
    fn of(block: &'b [u8]) -> Option<Self> {
        if block.is_empty() {
            return Some(Self { lengths: &[], texts: &[] });
        }
        let (count, rest) = block.split_first_chunk()?;
        let (lengths, texts) = rest.split_at_checked(size(*count)?.checked_mul(8)?)?;
        Some(Self { lengths: lengths.as_chunks().0, texts })
    }

    /// Whether every pair was there; to be asked when there are no more.
    const fn are_whole(&self) -> bool {
        self.lengths.is_empty()
    }
}

impl<'b> Iterator for Pairs<'b> {
    type Item = (&'b [u8], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (lengths, rest) = self.lengths.split_first()?;
        let [n0, n1, n2, n3, v0, v1, v2, v3] = *lengths;
        let (name, texts) = take(self.texts, [n0, n1, n2, n3])?;
        let (value, texts) = take(texts, [v0, v1, v2, v3])?;
        *self = Self { lengths: rest, texts };
        Some((name, value))
    }
}

/// Writes `pairs` as such a block.
pub fn write(pairs: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| (text.len() as u32).to_le_bytes();
    let mut block = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        block.extend(size(name));
        block.extend(size(value));
    }
    for (name, value) in pairs {
        block.extend(name.as_bytes());
        block.push(0);
        block.extend(value.as_bytes());
        block.push(0);
    }
    block
}

fn size(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// The text of this length at the beginning of `texts`, and what follows behind its zero byte.
fn take(texts: &[u8], length: [u8; 4]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = texts.split_at_checked(size(length)?)?;
    Some((text, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut read = Vec::new();
        let whole =
            Block::new(block.to_vec()).each(|name, value| read.push((name.to_vec(), value.to_vec()))).is_ok();
        whole.then_some(read)
    }

    #[test]
    fn what_is_written_is_read() {
        let pairs = [(":path", "/"), ("x", ""), ("", "y")];
        let read = read(&write(&pairs)).unwrap();
        assert_eq!(read, pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    }

    #[test]
    fn a_block_cut_anywhere_is_refused() {
        let block = write(&[(":path", "/"), ("x", "1")]);
        for end in 1..block.len() {
            assert_eq!(read(&block[..end]), None, "{end}");
        }
        assert_eq!(read(&[]), Some(vec![]));
        assert_eq!(read(&[0xff; 64]), None);
    }
}
