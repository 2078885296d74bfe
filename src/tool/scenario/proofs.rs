//! The DPoP proof of a request.

use super::tokens::{Keys, cannot};
use crate::base::time::UnixTime;
use crate::document::Node;
use crate::tool::mint::Subject;
use crate::tool::request::Request;
use crate::tool::values::object;

/// The proof that `node` describes, for `request` with `token`, made at `clock`; dates in it are relative to `now`.
/// `header` and `claims` go before what a good proof has, and a null takes a member away.
pub(super) fn make(
    node: &Node<'_>,
    request: &Request,
    token: &str,
    keys: &Keys,
    (now, clock): (UnixTime, UnixTime),
) -> Option<String> {
    let members = node.members(&["key", "header", "claims"])?;
    let resolved =
        |node: &Node<'_>| keys.resolve_dated(node, now).and_then(|resolved| object(node, resolved));
    let key = members.need("key", "the name of one of the file's `keys`").and_then(|name| keys.named(&name));
    let header = members.read("header", resolved).unwrap_or_default();
    let claims = members.read("claims", resolved).unwrap_or_default();
    let path = request.path.split('?').next().unwrap_or_default();
    let uri = format!("{}://{}{path}", request.scheme, request.authority);
    let subject = Subject { method: &request.method, uri: &uri, token, now: clock };
    key?.proof(&subject, &header, &claims).map_err(|error| cannot(node, &error)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::base64url;
    use crate::document;
    use crate::token::dpop::token_hash;

    #[test]
    fn a_proof_is_about_its_request_unless_it_is_told_otherwise() {
        let keys = document::read("keys", &json!({"device": "ES256"}), Keys::make).unwrap();
        let request = Request { path: "/orders?a=b".to_owned(), ..Request::default() };
        let times = (UnixTime::from_secs(1000), UnixTime::from_secs(1010));
        let made =
            |proof: &Value| document::read("dpop", proof, |node| make(node, &request, "t", &keys, times));
        let said = |proof: Value| {
            let proof = made(&proof).unwrap();
            let part = |at| base64url::decode(proof.split('.').nth(at).unwrap()).unwrap();
            [part(0), part(1)].map(|part| serde_json::from_slice::<Value>(&part).unwrap())
        };
        let [header, claims] = said(json!({"key": "device"}));
        assert_eq!((&header["typ"], header.get("kid")), (&json!("dpop+jwt"), None));
        let wanted = json!({"htm": "GET", "htu": "https://api.example.com/orders", "iat": 1010, "ath": token_hash(b"t")});
        assert!(wanted.as_object().unwrap().iter().all(|(name, value)| claims[name] == *value), "{claims}");
        assert!(claims["jti"].as_str().is_some_and(|id| id.len() > 20));
        let [_, claims] = said(json!({"key": "device", "claims": {"iat": {"ago": "1s"}, "ath": null}}));
        assert_eq!((&claims["iat"], claims.get("ath")), (&json!(999), None));
        assert!(made(&json!({"key": "other"})).is_err());
    }
}
