//! Real authorization servers on the loopback interface, and scopegate in a real Envoy between them and an application.
//! `README.md` says which servers, and what they cannot show.
#![cfg(test)]

use std::process::ExitCode;
use std::sync::Arc;

use kit::oidc_provider::OidcProvider;
use libtest_mimic::{Arguments, Failed, Trial};
use scopegate::tool::mint::PrivateKey;

#[path = "../envoy/ring.rs"]
#[allow(dead_code, reason = "the ring's own tests use the rest of it")]
mod ring;

#[path = "../envoy/authority.rs"]
#[allow(dead_code, reason = "the ring's own tests use the rest of it")]
mod authority;

mod bound;
mod glewlwyd;
mod introspected;
mod mcp;
mod policies;
mod proven;
mod signed;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(8);
    let mut trials = Vec::new();
    let mut ring = ring::Ring::default();
    let keys = introspected::keys();
    // Three of them: rotating keys disturbs everybody else.
    match start("oidc-provider", &keys)
        .and_then(|calm| Ok((calm, start("overlap", &[])?, start("at-once", &[])?)))
    {
        Ok((calm, overlap, at_once)) => {
            signed::add(&mut ring, &calm, overlap, at_once);
            introspected::add(&mut ring, &calm, &keys);
            bound::add(&mut ring, &calm);
            proven::add(&mut ring, &calm);
            if let Err(problem) = mcp::add(&mut ring, &calm) {
                trials.push(Trial::test("mcp::starts", move || Err(Failed::from(problem))));
            }
        }
        Err(problem) => {
            trials.push(Trial::test("oidc_provider::starts", move || Err(Failed::from(problem))));
        }
    }
    trials.extend(glewlwyd::add(&mut ring));
    let (of_ring, running) = ring.into_trials(&arguments);
    trials.extend(of_ring);
    running.conclude(&arguments, trials)
}

fn start(name: &str, keys: &[PrivateKey]) -> Result<Arc<OidcProvider>, String> {
    let keys: Vec<_> = keys.iter().map(PrivateKey::public_jwk).collect();
    OidcProvider::start(name, &keys).map(Arc::new)
}
