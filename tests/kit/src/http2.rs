//! HTTP/2 as bytes, just enough for many requests at once on one connection (RFC 9113): fields go out as literals
//! (RFC 7541 section 6.2.2), and of those that come back only the status 200 is understood, an octet of its own.

use std::collections::HashMap;
use std::io::{self, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::deadline::PATIENCE;

/// Frames with more than this are not sent by anybody who was not told that they may be.
const LONGEST_FRAME: u32 = 16_384;

/// As much as may be opened, so that no response waits for leave to go on.
const WINDOW: u32 = 0x7fff_0000;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` in the static table.
const OK: u8 = 0x88;

/// A connection on which requests wait for their responses.
pub struct Session {
    reader: BufReader<TcpStream>,
    /// The streams without a whole response, and whether its beginning was a good one.
    waiting: HashMap<u32, bool>,
}

impl Session {
    /// Sends `requests` requests with these fields at once.
    pub fn open(port: u16, requests: u32, fields: &[(&str, &str)]) -> io::Result<Self> {
        let block = literals(fields)?;
        // Client streams have odd numbers.
        let streams: Vec<_> = (0..requests).map(|number| 2 * number + 1).collect();
        let heads =
            streams.iter().flat_map(|stream| frame(HEADERS, END_STREAM | END_HEADERS, *stream, &block));
        Self::begin(port, heads.collect(), &streams)
    }

    /// Sends one request with these fields, a body and trailers.
    pub fn with_trailers(
        port: u16,
        fields: &[(&str, &str)],
        body: &[u8],
        trailers: &[(&str, &str)],
    ) -> io::Result<Self> {
        let frames = [
            frame(HEADERS, END_HEADERS, 1, &literals(fields)?),
            frame(DATA, 0, 1, body),
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &literals(trailers)?),
        ];
        Self::begin(port, frames.concat(), &[1])
    }

    fn begin(port: u16, frames: Vec<u8>, streams: &[u32]) -> io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, &[]));
        bytes.extend(frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes()));
        bytes.extend(frames);
        stream.write_all(&bytes)?;
        let waiting = streams.iter().map(|stream| (*stream, false)).collect();
        Ok(Self { reader: BufReader::new(stream), waiting })
    }

    /// Waits for all responses; how many of them were 200.
    pub fn good_responses(mut self) -> io::Result<usize> {
        let mut good = 0;
        while !self.waiting.is_empty() {
            let mut head = [0; 9];
            self.reader.read_exact(&mut head)?;
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]).min(LONGEST_FRAME) as usize];
            self.reader.read_exact(&mut payload)?;
            let stream = u32::from_be_bytes(stream);
            match kind {
                HEADERS => {
                    let status = self.waiting.get_mut(&stream).ok_or(ErrorKind::InvalidData)?;
                    *status |= payload.first() == Some(&OK);
                }
                SETTINGS | PING if flags & ACK == 0 => {
                    let echo = if kind == PING { &*payload } else { &[] };
                    self.reader.get_mut().write_all(&frame(kind, ACK, 0, echo))?;
                }
                DATA | SETTINGS | PING | WINDOW_UPDATE => {}
                // A stream or the connection was broken off.
                _ => return Err(ErrorKind::ConnectionReset.into()),
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                good += usize::from(self.waiting.remove(&stream).unwrap_or(false));
            }
        }
        Ok(good)
    }
}

/// A block of fields.
fn literals(fields: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            // One octet has room for the length of less than 127.
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
            block.push(length.ok_or(ErrorKind::InvalidInput)?);
            block.extend_from_slice(text.as_bytes());
        }
    }
    Ok(block)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
