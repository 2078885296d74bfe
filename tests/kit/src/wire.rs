//! HTTP/1.1 as bytes: just enough to read what Envoy sends to either side (RFC 9112).

use std::fmt;
use std::io::{self, BufRead, Read as _};

/// A header field: its name in lower case, and its value as it came.
pub type Field = (String, Vec<u8>);

/// A start line and its header fields.
#[derive(Clone, Default)]
pub struct Head {
    /// The request line or status line, without its end.
    pub start: String,
    /// The fields, in order.
    pub fields: Vec<Field>,
}

impl Head {
    /// The word at `place` of the start line.
    pub fn word(&self, place: usize) -> &str {
        self.start.split(' ').nth(place).unwrap_or_default()
    }

    /// Every value of the field `name`, in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| text(value)).collect()
    }

    /// The first value of the field `name`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}: {}", text(value)));
        f.debug_list().entry(&self.start).entries(fields).finish()
    }
}

/// Bytes for a person to read; what is not UTF-8 is escaped.
pub fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// Reads a head; `None` when the peer closed before its first byte.
pub fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut start = Vec::new();
    if from.read_until(b'\n', &mut start)? == 0 {
        return Ok(None);
    }
    Ok(Some(Head { start: text(start.trim_ascii_end()), fields: read_fields(from)? }))
}

/// Reads the body that `head` announces, handing each piece to `sink` as it comes; the trailers are the answer.
/// `to_the_end`: a body without a length lasts until the peer closes, as in a response.
pub fn read_body(
    from: &mut impl BufRead,
    head: &Head,
    to_the_end: bool,
    mut sink: impl FnMut(&[u8]),
) -> io::Result<Vec<Field>> {
    if head.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return read_chunks(from, sink);
    }
    match head.get("content-length").map(|length| length.parse()) {
        Some(Ok(length)) => read_exactly(from, length, &mut sink)?,
        Some(Err(_)) => return Err(malformed("content-length is not a number")),
        None if to_the_end => {
            let mut rest = Vec::new();
            from.read_to_end(&mut rest)?;
            sink(&rest);
        }
        None => {}
    }
    Ok(Vec::new())
}

fn read_chunks(from: &mut impl BufRead, mut sink: impl FnMut(&[u8])) -> io::Result<Vec<Field>> {
    loop {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        let digits = text(line.trim_ascii());
        let size = u64::from_str_radix(&digits, 16).map_err(|_| malformed("chunk size is not a number"))?;
        if size == 0 {
            return read_fields(from);
        }
        read_exactly(from, size, &mut sink)?;
        from.read_until(b'\n', &mut Vec::new())?;
    }
}

fn read_exactly(from: &mut impl BufRead, length: u64, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut rest = from.take(length);
    loop {
        let piece = rest.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        let size = piece.len();
        sink(piece);
        rest.consume(size);
    }
    if rest.limit() == 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_fields(from: &mut impl BufRead) -> io::Result<Vec<Field>> {
    let mut fields = Vec::new();
    loop {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(fields);
        }
        let colon =
            line.iter().position(|byte| *byte == b':').ok_or_else(|| malformed("field without a colon"))?;
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        fields.push((text(name).to_ascii_lowercase(), value.to_vec()));
    }
}

fn malformed(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_owned())
}
