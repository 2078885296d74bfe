//! The load: one thread that keeps several connections busy, each with one request at a time.
//!
//! It polls instead of sleeping: a proxy that has to wake its client pays for that, and the figures would swing with
//! the load of the machine.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use kit::deadline::{Deadline, PATIENCE};

/// How many connections are kept busy at each worker of the proxy.
pub(crate) const CONNECTIONS: usize = 16;

/// How many responses came, by status.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally(pub(crate) BTreeMap<u16, u64>);

impl Tally {
    pub(crate) fn served(&self) -> u64 {
        self.0.values().sum()
    }

    /// What came with another status than the wanted one.
    pub(crate) fn others(&self, wanted: u16) -> u64 {
        self.0.iter().filter(|(status, _)| **status != wanted).map(|(_, count)| count).sum()
    }
}

/// Requests to a port of a proxy, sent in turn, over and over.
pub(crate) struct Load<'r> {
    requests: &'r [Vec<u8>],
    next: usize,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    filled: usize,
}

impl<'r> Load<'r> {
    pub(crate) fn new(port: u16, workers: usize, requests: &'r [Vec<u8>]) -> io::Result<Self> {
        let connections =
            (0..CONNECTIONS * workers).map(|_| Connection::open(port)).collect::<io::Result<_>>()?;
        Ok(Self { requests, next: 0, connections })
    }

    /// Sends `count` requests, and waits for the last response.
    pub(crate) fn send(&mut self, count: u64) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut unsent = count;
        let mut waiting = Vec::new();
        for place in 0..self.connections.len() {
            waiting.push(unsent > 0);
            if unsent > 0 {
                unsent -= 1;
                self.ask(place)?;
            }
        }
        let mut patience = Deadline::after(PATIENCE);
        while waiting.contains(&true) {
            let before = tally.served();
            for (place, waits) in waiting.iter_mut().enumerate().filter(|(_, waits)| **waits) {
                let Some(connection) = self.connections.get_mut(place) else { continue };
                let Some(status) = connection.response()? else { continue };
                *tally.0.entry(status).or_default() += 1;
                *waits = unsent > 0;
                if unsent > 0 {
                    unsent -= 1;
                    self.ask(place)?;
                }
            }
            if tally.served() > before {
                patience = Deadline::after(PATIENCE);
            } else {
                patience.left().ok_or(ErrorKind::TimedOut)?;
                // Somebody else may have to answer the proxy first.
                thread::yield_now();
            }
        }
        Ok(tally)
    }

    fn ask(&mut self, place: usize) -> io::Result<()> {
        let request = self.requests.get(self.next).ok_or(ErrorKind::InvalidInput)?;
        self.next = (self.next + 1) % self.requests.len();
        self.connections.get_mut(place).map_or(Ok(()), |connection| connection.send(request))
    }
}

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, input: vec![0; 64 * 1024], filled: 0 })
    }

    fn send(&mut self, mut request: &[u8]) -> io::Result<()> {
        while !request.is_empty() {
            match self.stream.write(request) {
                Ok(written) => request = request.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_micros(50))
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The status of a response, once all of it is there.
    fn response(&mut self) -> io::Result<Option<u16>> {
        let free = self.input.get_mut(self.filled..).unwrap_or_default();
        match self.stream.read(free) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let response = parse(self.input.get(..self.filled).unwrap_or_default())?;
        if response.is_some() {
            self.filled = 0;
        }
        Ok(response)
    }
}

/// The status of the one response in `input`, `None` while it is not complete.
fn parse(input: &[u8]) -> io::Result<Option<u16>> {
    let Some(end) = find(input, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = input.split_at(end + 4);
    let number = |text: &[u8]| str::from_utf8(text).ok()?.trim().parse::<usize>().ok();
    let length = find(head, b"content-length:").and_then(|place| {
        let value = head.get(place + b"content-length:".len()..)?;
        number(value.get(..find(value, b"\r\n")?)?)
    });
    // What Envoy answers here has a length.
    let length = length.ok_or(ErrorKind::InvalidData)?;
    let status = head.get(9..12).and_then(number).and_then(|status| u16::try_from(status).ok());
    let status = status.ok_or(ErrorKind::InvalidData)?;
    Ok((body.len() >= length).then_some(status))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}
