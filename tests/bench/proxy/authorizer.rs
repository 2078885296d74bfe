//! A service that lets everybody in at once: what ext_authz asks, and an upstream.

use std::io::{self, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use kit::wire::read_head;

use crate::cast::SUBJECT;
use crate::policy::IDENTITY;

/// Starts the service; the port.
pub(crate) fn start() -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            thread::spawn(move || serve(&stream));
        }
    });
    Ok(port)
}

/// Requests without bodies, until the proxy has had enough.
fn serve(mut stream: &TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\n{IDENTITY}: {SUBJECT}\r\ncontent-length: 4\r\n\r\ngood");
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while read_head(&mut reader)?.is_some() {
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}
