//! The test kit: what stands around scopegate in a test, a benchmark or the demo.
//!
//! - [`envoy`] runs the real proxy, [`bootstrap`] writes its configuration; [`places`] knows where things are on disk
//! - [`server`] records what arrives anywhere; [`upstream`] and [`issuer`] are such servers; [`oidc_provider`] is a real
//!   issuer and runs as a program of [`node`]
//! - [`client`] speaks raw HTTP/1.1, which [`wire`] reads, over [`tls`] where a test wants it, or a little HTTP/2 ([`http2`])
//! - [`deadline`] is the only clock, [`clock`] one that a program is shown
//! - [`suites`] are the scenarios, as those take them who run the built module; [`vectors`] published signatures; a [`canary`] is a secret that is looked for
//!
//! Nothing here knows what scopegate decides.

pub mod bootstrap;
pub mod canary;
pub mod client;
pub mod clock;
pub mod deadline;
pub mod envoy;
pub mod http2;
pub mod issuer;
pub mod node;
pub mod oidc_provider;
pub mod places;
pub mod server;
pub mod suites;
pub mod tls;
pub mod upstream;
pub mod vectors;
pub mod wire;
