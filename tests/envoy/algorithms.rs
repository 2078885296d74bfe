//! Every algorithm that the filter knows, verified by Envoy where Envoy can and by the module where it cannot.

use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use crate::policies::verifying;
use crate::ring::{Plan, Ring, Site};
use crate::tokens::{good, jwks, order, signed, with_one_bit_changed};

pub(crate) fn add(ring: &mut Ring) {
    let keys = keys();
    ring.test("algorithms::each_is_verified", plan(&keys), move |site| {
        keys.iter().for_each(|key| verified(site, key));
    });
    let keys = [own(Algorithm::Es256), own(Algorithm::EdDsa), rsa(&own(Algorithm::Rs256), Algorithm::Rs256)];
    let asymmetric = verifying(json!({"inline": jwks(&keys.iter().collect::<Vec<_>>())}));
    ring.test("algorithms::a_public_key_is_no_shared_secret", asymmetric, move |site| {
        keys.iter().for_each(|key| not_a_secret(site, key));
    });
}

/// A key for each algorithm. Making an RSA key takes a while, so there is one for all that need one.
fn keys() -> Vec<PrivateKey> {
    let shared = own(Algorithm::Rs256);
    let of = |algorithm: &Algorithm| {
        if algorithm.name().starts_with(['R', 'P']) { rsa(&shared, *algorithm) } else { own(*algorithm) }
    };
    Algorithm::ALL.iter().map(of).collect()
}

fn own(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::generate(algorithm, Some(algorithm.name())).unwrap()
}

fn rsa(key: &PrivateKey, algorithm: Algorithm) -> PrivateKey {
    let mut jwk = key.jwk();
    jwk["alg"] = json!(algorithm.name());
    jwk["kid"] = json!(algorithm.name());
    PrivateKey::from_jwk(&jwk).unwrap()
}

fn plan(keys: &[PrivateKey]) -> Plan {
    let mut plan = verifying(json!({"inline": jwks(&keys.iter().collect::<Vec<_>>())}));
    let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    plan.filter.policy["issuers"]["corp"]["jwt"]["algorithms"] = json!(names);
    plan
}

fn verified(site: &Site, key: &PrivateKey) {
    let token = good(key);
    let received = site.admits(&order(&token));
    assert_eq!(received.head.get("x-auth-subject").as_deref(), Some("alice"), "{}", key.algorithm());
    for place in [0, 17, 31, 32, usize::MAX] {
        site.refuses(&order(&with_one_bit_changed(&token, place)), 401, "signature_invalid");
    }
    site.refuses(&order(&of_bob(&token)), 401, "signature_invalid");
    // The signature is good, and the header says that it is another one.
    for other in Algorithm::ALL.iter().filter(|other| **other != key.algorithm()) {
        let header = json!({"alg": other.name()});
        let response = site.keeps_out(&order(&signed(key, &header, json!({}))));
        assert_eq!(response.status, 401, "{} as {other}", key.algorithm());
    }
    for none in ["none", "None", "NONE", "nOnE", "", "ES256K", "RS1", "HS1"] {
        let token = signed(key, &json!({"alg": none}), json!({}));
        site.refuses(&order(&token), 401, "alg_not_allowed");
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        let response = site.keeps_out(&order(&format!("{unsigned}.")));
        assert_eq!(response.status, 401, "{none:?} and no signature");
    }
}

/// `token` with another subject.
fn of_bob(token: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let claims = String::from_utf8(base64url::decode(parts[1]).unwrap()).unwrap().replace("alice", "bobby");
    format!("{}.{}.{}", parts[0], base64url::encode(claims), parts[2])
}

/// HS256 tokens keyed with whatever a public key may look like.
fn not_a_secret(site: &Site, key: &PrivateKey) {
    let jwk = key.public_jwk();
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let longest = if member("n").is_empty() { member("x") } else { member("n") };
    for secret in [base64url::encode(jwk.to_string()), base64url::encode(&longest), longest] {
        let hmac = json!({"kty": "oct", "alg": "HS256", "kid": key.kid(), "k": secret});
        let hmac = PrivateKey::from_jwk(&hmac).unwrap();
        site.refuses(&order(&good(&hmac)), 401, "alg_not_allowed");
        let lying = Map::from_iter([("alg".to_owned(), json!(key.algorithm().name()))]);
        site.refuses(&order(&signed(&hmac, &Value::Object(lying), json!({}))), 401, "signature_invalid");
    }
}
