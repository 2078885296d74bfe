//! The application behind the gate: records every request and echoes its head as JSON.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::server::{After, Received, Server};
use super::wire::text;

/// Starts an upstream on a free port.
pub fn start() -> io::Result<Server> {
    start_at(0)
}

/// Starts an upstream on `port`.
pub fn start_at(port: u16) -> io::Result<Server> {
    Server::start(port, |request, stream| {
        let body = echo(request).to_string();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        Ok(After::Keep)
    })
}

fn echo(request: &Received) -> Value {
    let headers: Vec<_> =
        request.head.fields.iter().map(|(name, value)| json!([name, text(value)])).collect();
    json!({
        "method": request.method(),
        "target": request.head.word(1),
        "headers": headers,
        "body_bytes": request.body.len(),
    })
}
