//! The test kit: what stands around scopegate in a test or in the demo.
//!
//! `envoy` runs the real proxy, `bootstrap` writes its configuration, `server` records what arrives anywhere,
//! `upstream` and `issuer` are such servers, `client` speaks raw HTTP/1.1 (`wire` reads it), over `tls` where a test
//! wants it, or a little HTTP/2 (`http2`), `deadline` is the only clock, `clock` one that a program is shown. `oidc_provider` is a real issuer and runs as a program of `node`, `canary` a
//! secret that is looked for. Nothing here knows what scopegate decides.
#![allow(dead_code, reason = "every test binary and the demo use their own part of the kit")]

pub(crate) mod bootstrap;
pub(crate) mod canary;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod deadline;
pub(crate) mod envoy;
pub(crate) mod http2;
pub(crate) mod issuer;
pub(crate) mod node;
pub(crate) mod oidc_provider;
pub(crate) mod places;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod upstream;
pub(crate) mod wire;
