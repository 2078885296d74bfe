//! Tokens that oidc-provider bound to a client certificate (RFC 8705): signed ones, and those that it is asked about.

use std::sync::Arc;

use kit::oidc_provider::{GATEWAY, OidcProvider, Wanted};
use serde_json::Value;

use crate::authority::Authority;
use crate::policies::{both_ways, guarded_by, order};
use crate::ring::Ring;

pub(crate) fn add(ring: &mut Ring, provider: &Arc<OidcProvider>) {
    for (name, issuer, wanted) in both_ways(provider) {
        test(ring, provider, name, issuer, wanted);
    }
}

fn test(ring: &mut Ring, provider: &Arc<OidcProvider>, name: &str, issuer: Value, wanted: Wanted<'static>) {
    let authority = Authority::new();
    let (ours, other) = (authority.vouches_for("ours"), authority.vouches_for("other"));
    let (our, others, nobody) =
        (authority.client(Some(&ours)), authority.client(Some(&other)), authority.client(None));
    let plan = guarded_by(provider.port(), issuer)
        .environment("IDP_SECRET", GATEWAY.1)
        .over_tls(authority.listens(false), &nobody);
    let provider = Arc::clone(provider);
    ring.test(&format!("bound::{name}_is_good_with_its_certificate_alone"), plan, move |site| {
        let token = provider.token_bound_to(&wanted, ours.der()).unwrap();
        for client in [&others, &nobody] {
            site.refuses(&order(&token).over(client), 401, "binding_unproven");
        }
        site.admits(&order(&token).over(&our));
        let plain = provider.token(&wanted).unwrap();
        site.admits(&order(&plain).over(&nobody));
    });
}
