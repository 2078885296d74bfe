//! Protobuf messages, read without trusting them and written, as far as this side has them: numbers, eight bytes, bytes.
//! <https://protobuf.dev/programming-guides/encoding/>

/// The value of a field, as it travels.
pub(super) enum Wire<'m> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Bytes, a text or a message within.
    Bytes(&'m [u8]),
}

/// The fields of a message with their numbers; `None` where it is broken, and nothing after that.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Option<(u64, Wire<'_>)>> {
    let mut rest = message;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn next_field<'m>(rest: &mut &'m [u8]) -> Option<(u64, Wire<'m>)> {
    let tag = varint(rest)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(rest)?),
        1 => {
            let (bits, after) = rest.split_first_chunk::<8>()?;
            *rest = after;
            Wire::Fixed64(u64::from_le_bytes(*bits))
        }
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Wire::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, wire))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends the field of this number with these bytes to `message`.
pub(super) fn write_bytes(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = bytes.len();
    while length > 0x7f {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let bytes = vec![7; length];
            let mut message = vec![1 << 3, 0x96, 0x01];
            write_bytes(&mut message, 2, &bytes);
            let read: Vec<_> = fields(&message).collect();
            assert!(matches!(read.first(), Some(Some((1, Wire::Varint(150))))), "{length}");
            assert!(matches!(read.get(1), Some(Some((2, Wire::Bytes(read)))) if *read == bytes), "{length}");
            assert_eq!(read.len(), 2, "{length}");
        }
    }

    #[test]
    fn a_message_cut_anywhere_ends_with_nothing() {
        let mut message = Vec::new();
        write_bytes(&mut message, 1, &[7; 200]);
        message.extend([2 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        let field_ends = [0, 203, message.len()];
        for end in (0..message.len()).filter(|end| !field_ends.contains(end)) {
            assert!(fields(&message[..end]).any(|field| field.is_none()), "{end}");
        }
    }
}
