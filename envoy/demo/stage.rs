//! What stands on the demo's stage: the application, the issuers, and Envoy between them.

use std::net::TcpListener;
use std::path::PathBuf;
use std::{fs, io};

use serde_json::json;

use crate::cast::Cast;
use crate::support::client::{Request, Response, exchange};
use crate::support::envoy::{Envoy, Launch, Logged, OUTPUT};
use crate::support::issuer::{Answer, Issuer};
use crate::support::server::Server;
use crate::support::{places, upstream};

/// The ports of `envoy.yaml`, used where they are free.
const GATEWAY: u16 = 10000;
const APPLICATION: u16 = 10001;
const ISSUERS: u16 = 10002;
const ADMIN: u16 = 9901;

/// Where the partner is asked about its tokens.
pub(crate) const INTROSPECT: &str = "/introspect";

pub(crate) struct Stage {
    envoy: Envoy,
    pub(crate) application: Server,
    pub(crate) issuers: Issuer,
    pub(crate) gateway: u16,
    pub(crate) folder: PathBuf,
}

impl Stage {
    pub(crate) fn set(cast: &Cast) -> Result<Self, String> {
        let application = or_anywhere(APPLICATION, upstream::start_at)?;
        let issuers = or_anywhere(ISSUERS, Issuer::start_at)?;
        issuers.answers("/jwks", Answer::json(cast.keys()));
        issuers.answers(INTROSPECT, Answer::json(&json!({"active": false})));

        let folder = places::scratch("demo")?;
        let ports = [
            (GATEWAY, free(GATEWAY)?),
            (APPLICATION, application.port()),
            (ISSUERS, issuers.port()),
            (ADMIN, free(ADMIN)?),
        ];
        let config = folder.join("envoy.yaml");
        fs::write(&config, filled_in(&ports)?).map_err(|error| format!("{}: {error}", config.display()))?;
        let envoy = Envoy::start_with_file(&folder, &config, Launch::workers(1))?;
        Ok(Self { envoy, application, issuers, gateway: ports[0].1, folder })
    }

    /// Sends `request` through the gateway; the response, and Envoy's account of it.
    pub(crate) fn ask(&self, request: &Request) -> Result<(Response, Logged), String> {
        let response = exchange(self.gateway, request).map_err(|error| format!("no response: {error}"))?;
        let ending = format!(":{}", response.client_port);
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

/// `envoy.yaml` with these ports, and the module's place, filled in.
fn filled_in(ports: &[(u16, u16)]) -> Result<String, String> {
    let module = places::module()?;
    let mut config =
        include_str!("envoy.yaml").replace("../../target/scopegate.wasm", &module.to_string_lossy());
    for (usual, real) in ports {
        config = config.replace(&format!("port_value: {usual}"), &format!("port_value: {real}"));
    }
    Ok(config)
}

/// Starts something on `port`, or on any other when that is taken.
fn or_anywhere<T>(port: u16, start: fn(u16) -> io::Result<T>) -> Result<T, String> {
    start(port).or_else(|_| start(0)).map_err(|error| format!("no loopback port is free: {error}"))
}

fn free(port: u16) -> Result<u16, String> {
    let listener = or_anywhere(port, |port| TcpListener::bind(("127.0.0.1", port)))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
