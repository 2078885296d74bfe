//! Envoy with scopegate in it, from a configuration that also runs by hand.

use std::net::TcpListener;
use std::path::PathBuf;
use std::{fs, io};

use kit::client::{Request, Response, exchange};
use kit::envoy::{Envoy, Launch, Logged, OUTPUT};
use kit::places;

/// The ports of both configurations, used where they are free.
const GATEWAY: u16 = 10000;
const ADMIN: u16 = 9901;

pub(crate) struct Gateway {
    envoy: Envoy,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
}

impl Gateway {
    /// Starts Envoy with the configuration `written`, in which each port on the left becomes the one on the right.
    pub(crate) fn start(written: &str, ports: &[(u16, u16)]) -> Result<Self, String> {
        let folder = places::scratch("demo")?;
        let port = free(GATEWAY)?;
        let own = [(GATEWAY, port), (ADMIN, free(ADMIN)?)];
        let module = places::module()?;
        let mut config = written.replace("../../target/scopegate.wasm", &module.to_string_lossy());
        for (usual, real) in own.iter().chain(ports) {
            for before in ["port_value: ", "http://127.0.0.1:"] {
                config = config.replace(&format!("{before}{usual}"), &format!("{before}{real}"));
            }
        }
        let file = folder.join("envoy.yaml");
        fs::write(&file, config).map_err(|error| format!("{}: {error}", file.display()))?;
        let envoy = Envoy::start_with_file(&folder, &file, Launch::workers(1))?;
        Ok(Self { envoy, port, folder })
    }

    /// Sends `request` through the gateway; the response, and Envoy's account of it.
    pub(crate) fn ask(&self, request: &Request) -> Result<(Response, Logged), String> {
        let response = exchange(self.port, request).map_err(|error| format!("no response: {error}"))?;
        let ending = format!(":{}", response.origin.port);
        let ours = |line: &serde_json::Value| {
            line["client"].as_str().is_some_and(|client| client.ends_with(&ending))
        };
        let logged = self
            .envoy
            .logged_in(&self.folder.join(OUTPUT), ours)
            .ok_or("Envoy has not logged the request")?;
        Ok((response, logged))
    }
}

/// Starts something on `port`, or on any other when that is taken.
pub(crate) fn or_anywhere<T>(port: u16, start: fn(u16) -> io::Result<T>) -> Result<T, String> {
    start(port).or_else(|_| start(0)).map_err(|error| format!("no loopback port is free: {error}"))
}

fn free(port: u16) -> Result<u16, String> {
    let listener = or_anywhere(port, |port| TcpListener::bind(("127.0.0.1", port)))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
