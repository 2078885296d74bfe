//! A plug between Envoy and an issuer, to be pulled: then nobody listens, and what was connected is cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use kit::deadline::{PATIENCE, lock, poll};

/// The plug; in when it is made.
pub(crate) struct Plug {
    port: u16,
    inside: Arc<Inside>,
}

struct Inside {
    to: u16,
    up: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Plug {
    /// A plug that leads to the loopback port `to`.
    pub(crate) fn to(to: u16) -> io::Result<Self> {
        let inside = Inside { to, up: AtomicBool::new(false), connections: Mutex::default() };
        let (port, listener) = quiet_port()?;
        let plug = Self { port, inside: Arc::new(inside) };
        plug.listen(listener);
        Ok(plug)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_in(&self) -> bool {
        self.inside.up.load(Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub(crate) fn pull(&self) {
        self.inside.up.store(false, Ordering::SeqCst);
        // The listener goes when its last connection, this one, tells it to.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        let refused = || TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(());
        assert!(poll(PATIENCE, refused).is_some(), "somebody still listens on {}", self.port);
        self.cut();
    }

    /// What is connected is cut; who comes again is let in.
    pub(crate) fn cut(&self) {
        for stream in lock(&self.inside.connections).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Somebody listens again.
    pub(crate) fn put_back(&self) {
        let listener = poll(PATIENCE, || TcpListener::bind(("127.0.0.1", self.port)).ok());
        self.listen(listener.expect("the port of the plug is taken"));
    }

    fn listen(&self, listener: TcpListener) {
        let inside = Arc::clone(&self.inside);
        inside.up.store(true, Ordering::SeqCst);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if !inside.up.load(Ordering::SeqCst) {
                    break;
                }
                // An issuer that does not take the connection is an issuer that is down.
                drop(inside.connect(stream));
            }
        });
    }
}

impl Inside {
    fn connect(&self, near: TcpStream) -> io::Result<()> {
        let far = TcpStream::connect(("127.0.0.1", self.to))?;
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
            lock(&self.connections).push(stream.try_clone()?);
        }
        for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
            thread::spawn(move || copy(from, to));
        }
        Ok(())
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

/// A port that no outgoing connection is given by chance: below those that the system hands out itself.
pub(crate) fn quiet_port() -> io::Result<(u16, TcpListener)> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 10_100 + u16::try_from(std::process::id() % 15_000).unwrap_or_default();
    for _ in 0..1000 {
        let port = start + NEXT.fetch_add(1, Ordering::SeqCst);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok((port, listener));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
