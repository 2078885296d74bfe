//! Tokens that oidc-provider bound to a client's key (RFC 9449): signed ones, and those that it is asked about.

use std::sync::Arc;

use kit::client::Request;
use kit::deadline::unix_now;
use kit::oidc_provider::{GATEWAY, OidcProvider, Wanted};
use scopegate::base::time::UnixTime;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

use crate::policies::{both_ways, guarded_by, order};
use crate::ring::{Ring, Site};

pub(crate) fn add(ring: &mut Ring, provider: &Arc<OidcProvider>) {
    for (name, issuer, wanted) in both_ways(provider) {
        test(ring, provider, name, issuer, wanted);
    }
}

fn test(ring: &mut Ring, provider: &Arc<OidcProvider>, name: &str, issuer: Value, wanted: Wanted<'static>) {
    let mut plan = guarded_by(provider.port(), issuer).environment("IDP_SECRET", GATEWAY.1);
    plan.filter.policy["dpop"] = json!({});
    let provider = Arc::clone(provider);
    ring.test(&format!("proven::{name}_is_good_with_proofs_of_its_key"), plan, move |site| {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            bound(site, &provider, &wanted, algorithm);
        }
        site.admits(&order(&provider.token(&wanted).unwrap()));
    });
}

fn bound(site: &Site, provider: &OidcProvider, wanted: &Wanted<'_>, algorithm: Algorithm) {
    let key = || PrivateKey::generate(algorithm, None).unwrap();
    let (client, thief) = (key(), key());
    let token = provider.token_bound_to_key(wanted, &client).unwrap();
    let with = |proof: &str| {
        Request::get("/orders/1").field("authorization", format!("DPoP {token}")).field("dpop", proof)
    };
    for _ in ["met for the first time", "remembered"] {
        let proof = proof(&client, &token);
        let seen = site.admits(&with(&proof)).head;
        assert_eq!(seen.get("x-auth-client").as_deref(), Some("app"));
        assert_eq!((seen.get("authorization"), seen.get("dpop")), (None, None), "something went on");
        site.refuses(&with(&proof), 401, "proof_replayed");
    }
    site.refuses(&with(&proof(&thief, &token)), 401, "binding_unproven");
    site.refuses(&with(&proof(&client, "another")), 401, "proof_invalid");
    site.refuses(&order(&token), 401, "binding_unproven");
}

/// A proof for the one request that is sent here, with `token`.
fn proof(key: &PrivateKey, token: &str) -> String {
    let now = UnixTime::from_secs(unix_now());
    let subject = Subject { method: "GET", uri: "http://api.example.com/orders/1", token, now };
    key.proof(&subject, &Map::new(), &Map::new()).unwrap()
}
