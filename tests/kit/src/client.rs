//! A raw HTTP/1.1 client: any bytes out, one response in, every read with an end.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::deadline::PATIENCE;
use super::tls::Client;
use super::wire::{Field, Head, read_body, read_head, text};

/// A request in the making.
#[derive(Clone)]
pub struct Request {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Who sends it over TLS; nobody: it goes in the clear.
    client: Option<Client>,
}

impl Request {
    /// A request over HTTP/1.1 without further fields.
    pub fn new(method: &str, target: &str, authority: &str) -> Self {
        Self::raw(format!("{method} {target}"), authority)
    }

    /// A request with any bytes for method and target, and for the host.
    pub fn raw(start: impl AsRef<[u8]>, host: impl AsRef<[u8]>) -> Self {
        let head = [start.as_ref(), b" HTTP/1.1\r\nhost: ", host.as_ref(), b"\r\n"].concat();
        Self { head, body: Vec::new(), client: None }
    }

    /// `GET target` at `api.example.com`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target, "api.example.com")
    }

    /// `POST target` at `api.example.com`.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target, "api.example.com")
    }

    /// Adds a field; neither name nor value is looked at.
    pub fn field(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        for piece in [name.as_ref(), b": ", value.as_ref(), b"\r\n"] {
            self.head.extend_from_slice(piece);
        }
        self
    }

    /// Adds `authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl AsRef<[u8]>) -> Self {
        self.field("authorization", [b"Bearer ", token.as_ref()].concat())
    }

    /// Has it sent over TLS, by `client`.
    pub fn over(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Gives it a body of known length.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut request = self.field("content-length", body.len().to_string());
        request.body = body;
        request
    }

    /// Gives it a chunked body, and trailers.
    pub fn chunks(self, chunks: &[&[u8]], trailers: &[(&str, &str)]) -> Self {
        let mut request = self.field("transfer-encoding", "chunked");
        for chunk in chunks {
            request.body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.body.extend_from_slice(chunk);
            request.body.extend_from_slice(b"\r\n");
        }
        request.body.extend_from_slice(b"0\r\n");
        for (name, value) in trailers {
            request.body.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.body.extend_from_slice(b"\r\n");
        request
    }

    /// The head as it goes over the wire, its empty line included.
    pub fn head_bytes(&self) -> Vec<u8> {
        [&*self.head, b"\r\n"].concat()
    }

    /// The body as it goes over the wire.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and fields.
    pub head: Head,
    /// The body, put together.
    pub body: Vec<u8>,
    /// The trailers of a body in chunks.
    pub trailers: Vec<Field>,
    /// The connection that it came on: what ties it to its line in the access log.
    pub origin: Origin,
}

/// A connection as the proxy logs it. Ports come around again, so the time counts too.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The client's loopback port.
    pub port: u16,
    /// When it was opened, in milliseconds since 1970.
    pub since: u128,
}

impl Response {
    /// The body for a person to read.
    pub fn text(&self) -> String {
        text(&self.body)
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection of one's own.
pub struct Connection {
    reader: BufReader<Box<dyn Transport + Send>>,
    socket: TcpStream,
    origin: Origin,
}

/// What carries bytes both ways.
pub trait Transport: Read + Write {}

impl<T: Read + Write> Transport for T {}

impl Connection {
    /// A connection in the clear.
    pub fn open(port: u16) -> io::Result<Self> {
        Self::open_as(port, None)
    }

    /// A connection over TLS as `client`, or in the clear.
    #[allow(clippy::disallowed_methods, reason = "what the proxy logs is dated by the clock on the wall")]
    pub fn open_as(port: u16, client: Option<&Client>) -> io::Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_millis();
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let origin = Origin { port: stream.local_addr()?.port(), since };
        let socket = stream.try_clone()?;
        let transport: Box<dyn Transport + Send> = match client {
            Some(client) => Box::new(client.shake_hands(stream)?),
            None => Box::new(stream),
        };
        Ok(Self { reader: BufReader::new(transport), socket, origin })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)?;
        self.reader.get_mut().flush()
    }

    /// Reads one response; not for HEAD, whose responses announce a body that does not come.
    pub fn response(&mut self) -> io::Result<Response> {
        self.response_with_body(true)
    }

    fn response_with_body(&mut self, bodied: bool) -> io::Result<Response> {
        let head = read_head(&mut self.reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.word(1).parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        if bodied && !matches!(status, 101 | 204 | 304) {
            trailers = read_body(&mut self.reader, &head, true, |piece| body.extend_from_slice(piece))?;
        }
        Ok(Response { status, head, body, trailers, origin: self.origin })
    }

    /// Leaves without waiting for an answer.
    pub fn leave(self) {
        drop(self.socket.shutdown(Shutdown::Both));
    }
}

/// Sends `request` on a connection of its own and reads the response.
pub fn exchange(port: u16, request: &Request) -> io::Result<Response> {
    let mut connection = Connection::open_as(port, request.client.as_ref())?;
    connection.send(&request.head_bytes())?;
    // A refusal may come, and the connection go, before the body is out.
    let sent = connection.send(request.body_bytes());
    match connection.response_with_body(!request.head.starts_with(b"HEAD ")) {
        Ok(response) => Ok(response),
        Err(error) => sent.and(Err(error)),
    }
}
