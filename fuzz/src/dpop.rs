//! A DPoP proof is good exactly where RFC 9449 section 4.3 says so, and a bound token in no other hands.
//!
//! An input is text, a line each: the method, the request's URI, how many seconds after a moment it comes, and the proof.
//! A proof that begins with `=` is described: a letter for the key that signs it, the header as JSON, and on the next line
//! the claims. `"ath": "TOKEN"` becomes the hash of the token, and a `jwk` that is a key's name that key.

use core::time::Duration;

use scopegate::base::base64url;
use scopegate::base::time::UnixTime;
use scopegate::http::head::RequestHead;
use scopegate::http::target::TargetUri;
use scopegate::jose::algorithm::Algorithms;
use scopegate::jose::backend::NoAccelerator;
use scopegate::token::binding::{Confirmation, Sender};
use scopegate::token::dpop::{Presented, Terms, token_hash};
use serde_json::{Map, Value, json};

use crate::naive::{self, cut};
use crate::{keys, paths};

const TOKEN: &str = "opaque~token";
const NONCES: [&str; 2] = ["nonce-before", "nonce-of-now"];
const MOMENT: i64 = 1_800_000_000;
const LIFETIME: i64 = 60;
const SKEW: i64 = 5;

/// A proof, and what is true of it where one of our keys has signed it.
struct Proof {
    text: Vec<u8>,
    signed: Option<Signed>,
}

/// Whose key has signed what: its `kid`, the header and the claims.
type Signed = (&'static str, Map<String, Value>, Map<String, Value>);

/// Takes a request with a proof.
pub fn run(input: &[u8]) {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let method = lines.next().unwrap_or_default();
    let uri = lines.next().and_then(|line| core::str::from_utf8(line).ok()).unwrap_or_default();
    let after = lines
        .next()
        .and_then(|line| core::str::from_utf8(line).ok())
        .and_then(|line| line.parse::<i16>().ok());
    let now = MOMENT + i64::from(after.unwrap_or(0));
    let rest = lines.next().unwrap_or_default();
    let proof =
        rest.strip_prefix(b"=").and_then(describe).unwrap_or(Proof { text: rest.to_vec(), signed: None });

    let head = RequestHead::from_pairs([(&b":method"[..], method), (b"dpop", &proof.text)]);
    let terms = Terms {
        algorithms: Algorithms::ASYMMETRIC,
        lifetime: Duration::from_secs(LIFETIME.unsigned_abs()),
        clock_skew: Duration::from_secs(SKEW.unsigned_abs()),
    };
    let check = |nonces: &[String]| {
        Presented::of(&head, TargetUri::parse(uri)).check(
            TOKEN.as_bytes(),
            &terms,
            nonces,
            UnixTime::from_secs(now),
            &NoAccelerator,
        )
    };
    let good = proof.signed.as_ref().is_some_and(|(kid, header, claims)| {
        is_good(kid, header, claims) && is_for(claims, method, uri, now) && proof.text.len() <= 8 * 1024
    });
    let proven = check(&[]);
    assert_eq!(proven.is_ok(), good, "{:?}", proven.err());
    let nonce = proof.signed.as_ref().and_then(|(_, _, claims)| claims.get("nonce"));
    let with_nonce = check(&NONCES.map(str::to_owned));
    assert_eq!(
        with_nonce.is_ok(),
        good && nonce.is_some_and(|nonce| NONCES.iter().any(|known| nonce == known))
    );

    let Some((kid, _, claims)) = &proof.signed else { return };
    let thumbprint = keys::key(kid).thumbprint().ok();
    let key = proven.ok().map(|proven| {
        assert_eq!(Some(base64url::encode(proven.key)), thumbprint, "the key of the proof");
        assert!(proven.made <= proven.until && UnixTime::from_secs(now) < proven.until);
        proven.key
    });
    let sender = Sender { key, certificate: None };
    let in_good_hands = match claims.get("cnf") {
        None => key.is_none(),
        // A binding of which nothing is understood is one that nobody can prove; an empty one binds to nothing.
        Some(Value::Object(cnf))
            if !cnf.is_empty() && !cnf.contains_key("jkt") && !cnf.contains_key("x5t#S256") =>
        {
            false
        }
        Some(cnf) => {
            let bound = cnf.as_object().is_some_and(|cnf| match (cnf.get("jkt"), key) {
                (None, None) => true,
                (Some(jkt), Some(key)) => *jkt == base64url::encode(key),
                (None, Some(_)) | (Some(_), None) => false,
            });
            bound && cnf.get("x5t#S256").is_none()
        }
    };
    assert_eq!(Confirmation::of(claims).check(&sender).is_ok(), in_good_hands, "{:?}", claims.get("cnf"));
}

/// Signs what is described.
fn describe(described: &[u8]) -> Option<Proof> {
    let (letter, described) = described.split_first()?;
    let (header, claims) = cut(described, b'\n');
    let kid = match letter {
        b'e' => "ec",
        b'r' => "rsa",
        b'o' => "oct",
        _ => "one",
    };
    let object = |text: &[u8]| serde_json::from_slice::<Map<String, Value>>(text).ok();
    let (mut header, mut claims) = (object(header)?, object(claims?)?);
    if let Some(name) =
        header.get("jwk").and_then(Value::as_str).filter(|name| ["one", "ec", "rsa", "oct"].contains(name))
    {
        header.insert("jwk".to_owned(), keys::key(name).public_jwk());
    }
    if claims.get("ath") == Some(&json!("TOKEN")) {
        claims.insert("ath".to_owned(), json!(token_hash(TOKEN.as_bytes())));
    }
    let key = keys::key(kid);
    let text = key.sign(&header, &Value::Object(claims.clone())).ok()?.into_bytes();
    let Value::Object(header) = key.header(&header) else { return None };
    Some(Proof { text, signed: Some((kid, header, claims)) })
}

/// Whether the JWS proves that whoever made it holds the key that it carries.
fn is_good(kid: &str, header: &Map<String, Value>, claims: &Map<String, Value>) -> bool {
    // A member that is `null` is absent.
    let header = without_nulls(header);
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let typ = text("typ").unwrap_or_default().to_ascii_lowercase();
    let own = keys::key(kid).public_jwk();
    let carried = header.get("jwk").and_then(Value::as_object).map(without_nulls);
    let same_key = carried.is_some_and(|carried| {
        let wanted = ["kty", "crv", "x", "y", "n", "e"].iter().filter(|name| own.get(**name).is_some());
        let private =
            ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| carried.contains_key(*name));
        // RFC 7517 sections 4.2 to 4.5: what is not said allows everything.
        let is_one = |name: Option<&str>| matches!(name, Some("EdDSA" | "Ed25519"));
        let is_alg = |alg: &Value| {
            alg.as_str() == text("alg") && alg.is_string() || is_one(alg.as_str()) && is_one(text("alg"))
        };
        let verifies = |all: &Value| all.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
        let usable = carried.get("alg").is_none_or(is_alg)
            && carried.get("use").is_none_or(|purpose| purpose == "sig")
            && carried.get("key_ops").is_none_or(verifies)
            && carried.get("kid").is_none_or(Value::is_string);
        !private && usable && wanted.into_iter().all(|name| carried.get(*name) == own.get(*name))
    });
    let alg = match kid {
        "ec" => text("alg") == Some("ES256"),
        "rsa" => text("alg") == Some("RS256"),
        "one" => matches!(text("alg"), Some("EdDSA" | "Ed25519")),
        _ => false,
    };
    let plain = ["crit", "zip", "enc"].iter().all(|name| !header.contains_key(*name))
        && header.get("b64").is_none_or(|encoded| *encoded == true)
        && header.get("kid").is_none_or(Value::is_string);
    typ.strip_prefix("application/").unwrap_or(&typ) == "dpop+jwt"
        && alg
        && same_key
        && plain
        && !claims.is_empty()
}

fn without_nulls(members: &Map<String, Value>) -> Map<String, Value> {
    let there = members.iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether it speaks of this request, at this time.
fn is_for(claims: &Map<String, Value>, method: &[u8], uri: &str, now: i64) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let made = claims
        .get("iat")
        .and_then(Value::as_f64)
        .filter(|made| made.abs() <= 9e15)
        .map(|made| (made * 1000.0).floor());
    let now = now as f64 * 1000.0;
    let (skew, lifetime) = (SKEW as f64 * 1000.0, LIFETIME as f64 * 1000.0);
    text("htm").map(str::as_bytes) == Some(method)
        && text("htu").is_some_and(|htu| is_same_target(htu, uri))
        && text("ath") == Some(&token_hash(TOKEN.as_bytes()))
        && text("jti").is_some_and(|id| (1..=256).contains(&id.len()))
        && made.is_some_and(|made| made <= now + skew && now < made + lifetime + skew)
}

/// Whether two URIs name the same resource, their queries left out.
fn is_same_target(one: &str, other: &str) -> bool {
    let parts = |uri: &str| {
        let (scheme, rest) = uri.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let path = rest.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/").as_bytes();
        // Whether this is a host is for the crate to say; what it calls one is compared here.
        TargetUri::parse(uri)?;
        let scheme = scheme.to_ascii_lowercase();
        let bare =
            authority.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(authority);
        let bare = bare.strip_suffix(':').unwrap_or(bare).to_ascii_lowercase();
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host.to_owned(), port.to_owned()),
            _ => (bare.clone(), String::new()),
        };
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        paths::is_plain(path).then(|| (scheme, host, port, naive::percent(path)))
    };
    parts(one).is_some() && parts(one) == parts(other)
}
