//! The ABI's block of name and value pairs, read without trusting it: a count, that many pairs of lengths, and the
//! texts, each with a zero byte behind it; numbers are 32 bits, little-endian.

/// The pairs in `block`; `None` when it is not such a block. An empty block has no pairs.
pub fn read(block: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    if block.is_empty() {
        return Some(Vec::new());
    }
    let count = number(block, 0)?;
    let mut texts = block.get(4usize.checked_add(count.checked_mul(8)?)?..)?;
    let mut pairs = Vec::with_capacity(count);
    for at in 0..count {
        let name = take(&mut texts, number(block, 4 + at * 8)?)?;
        let value = take(&mut texts, number(block, 8 + at * 8)?)?;
        pairs.push((name, value));
    }
    Some(pairs)
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

fn number(block: &[u8], at: usize) -> Option<usize> {
    let bytes = block.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn take<'b>(texts: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (text, rest) = texts.split_at_checked(length)?;
    *texts = rest.get(1..)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let block = write(&[(":path", "/"), ("x", ""), ("", "y")]);
        let read = read(&block).unwrap();
        assert_eq!(read, [(&b":path"[..], &b"/"[..]), (b"x", b""), (b"", b"y")]);
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
