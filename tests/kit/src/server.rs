//! A loopback HTTP/1.1 server that records every request it receives, from the first byte on.

use std::fmt;
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::deadline::{Deadline, lock};
use super::wire::{Field, Head, read_body, read_head};

/// A request as far as it has arrived.
#[derive(Clone, Default)]
pub struct Received {
    /// Request line and fields.
    pub head: Head,
    /// What of the body is here.
    pub body: Vec<u8>,
    /// The trailers of a body in chunks.
    pub trailers: Vec<Field>,
    /// Whether all of it is here.
    pub complete: bool,
}

impl Received {
    /// The method.
    pub fn method(&self) -> &str {
        self.head.word(0)
    }

    /// The request target without its query.
    pub fn path(&self) -> &str {
        let target = self.head.word(1);
        target.split_once('?').map_or(target, |(path, _)| path)
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.complete { "complete" } else { "still arriving" };
        write!(f, "{:?} with {} bytes of body, {state}", self.head, self.body.len())
    }
}

/// Whether a connection may serve another request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It may.
    Keep,
    /// It is closed.
    Close,
}

/// The server. Its threads live as long as the process; a test that needs silence answers nothing.
pub struct Server {
    port: u16,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    requests: Mutex<Vec<Received>>,
    changed: Condvar,
}

impl Server {
    /// Listens on the loopback `port`, 0 for any that is free; `answer` writes the response to each complete request.
    pub fn start<A>(port: u16, answer: A) -> io::Result<Self>
    where
        A: Fn(&Received, &mut TcpStream) -> io::Result<After> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let record = Arc::new(Record::default());
        let (answer, shared) = (Arc::new(answer), Arc::clone(&record));
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (answer, record) = (Arc::clone(&answer), Arc::clone(&shared));
                thread::spawn(move || record.serve(stream, &*answer));
            }
        });
        Ok(Self { port, record })
    }

    /// Its loopback port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Everything received so far, requests that are still arriving among them.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.record.requests).clone()
    }

    /// How many requests began to arrive.
    pub fn count(&self) -> usize {
        lock(&self.record.requests).len()
    }

    /// Waits until `enough` holds of what was received; false when `time` is over.
    pub fn wait(&self, time: Duration, enough: impl Fn(&[Received]) -> bool) -> bool {
        let deadline = Deadline::after(time);
        let mut requests = lock(&self.record.requests);
        while !enough(&requests) {
            let Some(left) = deadline.left() else { return false };
            requests = match self.record.changed.wait_timeout(requests, left) {
                Ok((requests, _)) => requests,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}

impl Record {
    /// Serves one connection until either side has had enough; the error ends only this connection.
    fn serve<A>(&self, mut stream: TcpStream, answer: &A) -> io::Result<()>
    where
        A: Fn(&Received, &mut TcpStream) -> io::Result<After>,
    {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(head) = read_head(&mut reader)? {
            let place = self.begin(head.clone());
            let trailers = read_body(&mut reader, &head, false, |piece| {
                self.update(place, |request| request.body.extend_from_slice(piece));
            })?;
            let request = self.update(place, |request| {
                request.trailers = trailers;
                request.complete = true;
            });
            if answer(&request, &mut stream)? == After::Close {
                break;
            }
        }
        Ok(())
    }

    fn begin(&self, head: Head) -> usize {
        let mut requests = lock(&self.requests);
        requests.push(Received { head, ..Received::default() });
        self.changed.notify_all();
        requests.len() - 1
    }

    fn update(&self, place: usize, change: impl FnOnce(&mut Received)) -> Received {
        let mut requests = lock(&self.requests);
        let request = requests.get_mut(place).map(|request| {
            change(request);
            request.clone()
        });
        self.changed.notify_all();
        request.unwrap_or_default()
    }
}
