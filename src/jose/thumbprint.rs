//! The name that a public key has by its value: the JWK thumbprint (RFC 7638), with SHA-256.

use serde_json::Value;

use super::hash::HashName;
use crate::base::base64url;
use crate::base::json::Object;

/// The thumbprint of a public `key`, base64url. `None` when a required member is missing or no string, and for
/// symmetric keys, whose thumbprint would tell of a secret.
pub fn thumbprint(key: &Object) -> Option<String> {
    let required = required_members(key.get("kty")?.as_str()?)?;
    let member = |name: &&str| Some(((*name).to_owned(), Value::from(key.get(*name)?.as_str()?)));
    // Members keep their order here, and serde_json writes no white space: the form that section 3 demands.
    let canonical: Object = required.iter().map(member).collect::<Option<_>>()?;
    let text = Value::Object(canonical).to_string();
    Some(base64url::encode(HashName::Sha256.digest(&[text.as_bytes()])))
}

/// In the order of their code points (RFC 7638 section 3.2, RFC 8037 section 2).
fn required_members(key_type: &str) -> Option<&'static [&'static str]> {
    match key_type {
        "EC" => Some(&["crv", "kty", "x", "y"]),
        "OKP" => Some(&["crv", "kty", "x"]),
        "RSA" => Some(&["e", "kty", "n"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::examples::{ed25519_key, oct_key, with};
    use super::*;

    fn of(key: &Value) -> Option<String> {
        thumbprint(key.as_object().unwrap())
    }

    #[test]
    fn the_examples_of_the_rfcs_have_their_thumbprints() {
        let rsa = json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
        assert_eq!(of(&rsa).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert_eq!(of(&ed25519_key()).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    }

    #[test]
    fn a_key_without_its_required_members_has_none() {
        assert_eq!(of(&oct_key(&[7; 32])), None);
        for members in [json!({"x": null}), json!({"crv": 1}), json!({"kty": "okp"}), json!({"kty": "EC"})] {
            assert_eq!(of(&with(ed25519_key(), members)), None);
        }
    }
}
