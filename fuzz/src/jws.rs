//! A signed token: only what one of our keys has signed is ever verified, and what is read is what stands there.
//!
//! An input that begins with `=` describes a token, a line each: header and payload as JSON, and the number of the
//! genuine token whose signature it borrows. Any other input is the token itself.

use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::jws::{Unverified, is_jwe_shape, is_jws_shape};
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::{NoAccelerator, verify};
use serde_json::{Value, json};

use crate::{keys, naive};

const KIDS: &[&str] = &["one", "two", "ec", "oct", "rsa"];

struct Place {
    keys: KeySet,
    genuine: Vec<String>,
}

thread_local! {
    static PLACE: Place = Place {
        keys: KeySet::parse(&keys::object(&keys::key_set(KIDS)), Origin::Inline).expect("a key set").0,
        genuine: genuine(),
    };
}

fn genuine() -> Vec<String> {
    let tokens = KIDS.iter().map(|kid| {
        keys::token(
            kid,
            &json!({"typ": "at+jwt"}),
            &json!({"iss": "https://idp.example.com", "sub": kid, "exp": 2e9}),
        )
    });
    let nameless = keys::token("one", &json!({"kid": null}), &json!({}));
    tokens.chain([nameless]).collect()
}

/// Takes a token, or what it is to be made of.
pub fn run(input: &[u8]) {
    PLACE.with(|place| match input.strip_prefix(b"=") {
        Some(described) => check(&assemble(described, &place.genuine), place),
        None => check(input, place),
    });
}

fn assemble(described: &[u8], genuine: &[String]) -> Vec<u8> {
    let mut lines = described.splitn(3, |byte| *byte == b'\n');
    let mut part = || scopegate::base::base64url::encode(lines.next().unwrap_or_default());
    let (header, payload) = (part(), part());
    let number = lines.next().and_then(|line| line.first()).map_or(0, |byte| usize::from(*byte));
    let signature = genuine[number % genuine.len()].rsplit('.').next().unwrap_or_default().to_owned();
    format!("{header}.{payload}.{signature}").into_bytes()
}

fn check(token: &[u8], place: &Place) {
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let header = naive::base64url(parts[0]).filter(|header| header.trim_ascii_start().starts_with(b"{"));
    let header = header.and_then(|header| serde_json::from_slice::<Value>(&header).ok());
    // Shape is looser: what has it and is wrong inside is refused as what it looks like.
    assert!(parts.len() == 3 || !is_jws_shape(token));
    assert!(parts.len() == 5 || !is_jwe_shape(token));
    assert!(
        header.is_none()
            || is_jws_shape(token) == (parts.len() == 3) && is_jwe_shape(token) == (parts.len() == 5)
    );
    let known = place.genuine.iter().find(|genuine| signed(genuine.as_bytes()) == signed(token));
    let jws = match Unverified::parse(token) {
        Ok(jws) => jws,
        Err(fault) => {
            let genuine = place.genuine.iter().any(|genuine| genuine.as_bytes() == token);
            return assert!(!genuine, "a genuine token: {fault:?}");
        }
    };

    assert!(is_jws_shape(token));
    let header = header.expect("what is parsed has a header");
    let alg = header["alg"].as_str().and_then(Algorithm::from_name);
    assert_eq!(alg, Some(jws.algorithm()));
    assert_eq!((header["kid"].as_str(), header["typ"].as_str()), (jws.kid(), jws.typ()));
    assert_eq!(header["jwk"].as_object(), jws.jwk());
    assert!(header.get("crit").is_none() && header.get("b64").is_none_or(|encoded| *encoded == true));
    let payload = naive::base64url(parts[1]).expect("what is parsed has a payload");
    let claims = serde_json::from_slice::<Value>(&payload).ok();
    if let Some(issuer) = jws.issuer_hint() {
        assert_eq!(claims.as_ref().and_then(|claims| claims["iss"].as_str()), Some(issuer));
    }

    let every = Algorithms::of(Algorithm::ALL.iter().copied());
    let algorithm = jws.algorithm();
    match verify(jws, &place.keys, every, &NoAccelerator) {
        Ok(verified) => {
            let genuine = known.expect("nobody signed this").as_bytes();
            // With (r, s) an ECDSA key has signed with (r, -s) too; of every other signature there is one text.
            assert!(genuine == token || algorithm == Algorithm::Es256, "a signature has a second text");
            assert_eq!(Some(Value::Object(verified.into_inner().into_claims())), claims);
        }
        Err(fault) => {
            assert!(
                !place.genuine.iter().any(|genuine| genuine.as_bytes() == token),
                "a genuine token: {fault:?}"
            );
        }
    }
    let others = Algorithms::of(Algorithm::ALL.iter().copied().filter(|other| *other != algorithm));
    let jws = Unverified::parse(token).expect("what was parsed before");
    assert!(verify(jws, &place.keys, others, &NoAccelerator).is_err(), "{algorithm} is not allowed");
}

fn signed(token: &[u8]) -> &[u8] {
    &token[..token.iter().rposition(|byte| *byte == b'.').unwrap_or(0)]
}
