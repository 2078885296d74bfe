//! Who asks is shown by a signed assertion (RFC 7523): with RSA it is Envoy that signs, with ES256 the module.

use kit::client::Request;
use scopegate::base::json;
use scopegate::http::form;
use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::jws::Unverified;
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use crate::policies::{ASKED, introspected_with};
use crate::ring::{Ring, Site};

pub(crate) fn add(ring: &mut Ring) {
    for algorithm in [Algorithm::Rs256, Algorithm::Rs512, Algorithm::Es256, Algorithm::EdDsa] {
        let key = PrivateKey::generate(algorithm, Some("gw")).unwrap();
        let client = json!({"id": "gateway", "method": "private_key_jwt", "key": {"env": "KEY"}});
        let plan = introspected_with(json!({"client": client})).environment("KEY", &key.jwk().to_string());
        let public = json!({"keys": [key.public_jwk()]});
        let name = format!("signing::an_issuer_gets_an_assertion_signed_with_{algorithm}");
        ring.test(&name, plan, move |site| assertions(site, &public));
    }
}

/// Two tokens lead to two assertions, both signed with the key and never the same.
fn assertions(site: &Site, public: &Value) {
    for token in ["one", "two"] {
        site.admits(&Request::get("/orders/1").bearer(token));
    }
    let (keys, _) = KeySet::parse(public.as_object().unwrap(), Origin::Inline).unwrap();
    let mut seen = Vec::new();
    for question in site.issuer.questions(ASKED) {
        let target = [b"?", question.body.as_slice()].concat();
        let assertion = form::query_values(&target, b"client_assertion").remove(0);
        let assertion = Unverified::parse(&assertion).unwrap();
        let verified = verify(assertion, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).unwrap();
        let claims: json::Object = verified.into_inner().into_claims();
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("gateway"), &json!("gateway")));
        assert_eq!(claims["aud"], "https://idp.example.com/introspect");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        seen.push(claims["jti"].clone());
    }
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1]);
}
