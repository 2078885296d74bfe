//! Tokens that bring along, hide or ask for more than they may.

use scopegate::gate::Verdict;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::json;

use super::{START, ask, asking, at, gate, open, parked, reason, settled};

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let mut policy = asking();
    policy["limits"]["token_bytes"] = json!(256);
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 1, &"a".repeat(256), at(0))));
    for (id, token) in (2..).zip(["a".repeat(257), "a.".repeat(1 << 20), "a".repeat(1 << 22)]) {
        let verdict = settled(open(&mut gate, id, &token, at(0)));
        assert_eq!(reason(&verdict), "token_too_long");
        assert!(matches!(&verdict, Verdict::Refuse { response, .. } if response.status == 401));
    }
}

#[test]
fn a_key_that_a_token_brings_along_signs_for_nobody() {
    let (ours, thief) = (
        PrivateKey::generate(Algorithm::Es256, Some("a")),
        PrivateKey::generate(Algorithm::Es256, Some("a")),
    );
    let (ours, thief) = (ours.unwrap(), thief.unwrap());
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"inline": {"keys": [ours.public_jwk()]}}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let mut gate = gate(&policy);
    let claims = json!({"iss": "https://idp.example.com", "exp": START + 600});
    let address = "https://evil.example.com/keys";
    for (header, due) in [
        (json!({"jwk": thief.public_jwk()}), "signature_invalid"),
        (json!({"jwk": thief.public_jwk(), "kid": null}), "signature_invalid"),
        (json!({"jwk": thief.public_jwk(), "kid": "b"}), "key_unknown"),
        (json!({"jku": address, "x5u": address, "x5c": ["MIIB"]}), "signature_invalid"),
    ] {
        let token = thief.sign(header.as_object().unwrap(), &claims).unwrap();
        assert_eq!(reason(&settled(open(&mut gate, 1, &token, at(0)))), due, "{header}");
    }
    assert!(ask(&mut gate, at(0)).is_empty(), "nobody is asked for a key");
    let token = ours.sign(&serde_json::Map::new(), &claims).unwrap();
    assert_eq!(reason(&settled(open(&mut gate, 2, &token, at(0)))), "admitted");
}

#[test]
fn a_token_of_any_visible_text_is_one_value_of_the_question() {
    let visible: String = ('!'..='~').filter(|letter| *letter != ',').collect();
    for token in ["00D!AQ", "a&token=b", "12|a:b", "x=y", "%61", "\"a\"", &visible] {
        let mut gate = gate(&asking());
        assert!(parked(&open(&mut gate, 1, token, at(0))), "{token}");
        let (_, callout) = ask(&mut gate, at(0)).remove(0);
        let pairs: Vec<(String, String)> = callout.body.expose().split('&').map(pair).collect();
        assert_eq!(pairs[0], ("token".to_owned(), token.to_owned()));
        assert!(pairs[1..].iter().all(|(name, _)| name != "token"), "{token}");
    }
}

/// A form's pair, decoded.
fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap();
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            bytes.push(match (first, after) {
                (b'%', [high, low, after @ ..]) => {
                    rest = after;
                    u8::from_str_radix(core::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap()
                }
                (byte, _) => *byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    (decode(name), decode(value))
}
