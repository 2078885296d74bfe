//! The client's end of TLS.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

/// The name of every server.
pub const SERVER: &str = "api.example.com";

/// A client; clones are the same client, which resumes its sessions where it can.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    resumed: Arc<AtomicUsize>,
}

impl Client {
    /// A client that shows and trusts whatever `config` says.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config), resumed: Arc::default() }
    }

    /// Shakes hands over `stream`.
    pub fn shake_hands(&self, mut stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from(SERVER).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// How many of its connections took up a session of an earlier one.
    pub fn resumed(&self) -> usize {
        self.resumed.load(Ordering::Relaxed)
    }
}
