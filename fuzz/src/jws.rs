//! A signed token: only what one of our keys has signed is ever verified, and what is read is what stands there.
//!
//! An input that begins with `=` describes a token, a line each: header and payload as JSON, and the number of the
//! genuine token whose signature it borrows. One that begins with `+` describes a token that is signed: a letter for the
//! key, the header as JSON, and on the next line the payload. Any other input is the token itself.

use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::backend::NoAccelerator;
use scopegate::jose::fault::JoseFault;
use scopegate::jose::jws::{IssuerHint, Unverified, is_jwe_shape, is_jws_shape};
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::verify;
use scopegate::token::binding::{Confirmation, Proof};
use scopegate::token::kind;
use serde_json::{Map, Value, json};

use crate::{keys, naive};

const KIDS: &[&str] = &["one", "two", "ec", "oct", "rsa"];

struct Place {
    keys: KeySet,
    /// The same keys without their names.
    nameless: KeySet,
    genuine: Vec<String>,
}

thread_local! {
    static PLACE: Place = Place {
        keys: KeySet::parse(&keys::object(&keys::key_set(KIDS)), Origin::Inline).expect("a key set").0,
        nameless: nameless(),
        genuine: genuine(),
    };
}

fn nameless() -> KeySet {
    let mut set = keys::key_set(KIDS);
    for key in set["keys"].as_array_mut().expect("a list") {
        key.as_object_mut().expect("a key").remove("kid");
    }
    KeySet::parse(&keys::object(&set), Origin::Inline).expect("a key set").0
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

/// What one of our keys has signed: its `kid`, the header and the payload.
type Signed = (&'static str, Map<String, Value>, Value);

/// Takes a token, or what it is to be made of.
pub fn run(input: &[u8]) {
    PLACE.with(|place| match input {
        [b'=', described @ ..] => check(&assemble(described, &place.genuine), None, place),
        [b'+', described @ ..] => {
            if let Some((token, signed)) = sign(described) {
                check(token.as_bytes(), Some(&signed), place);
            }
        }
        token => check(token, None, place),
    });
}

fn sign(described: &[u8]) -> Option<(String, Signed)> {
    let (letter, described) = described.split_first()?;
    let (header, payload) = naive::cut(described, b'\n');
    let kid = match letter {
        b'e' => "ec",
        b'r' => "rsa",
        b'o' => "oct",
        b't' => "two",
        _ => "one",
    };
    let header: Map<String, Value> = serde_json::from_slice(header).ok()?;
    let payload: Value = serde_json::from_slice(payload?).ok()?;
    // Nothing deeper is read: a bound, which has tests of its own.
    if depth(&payload).max(depth(&header.clone().into())) > 60 {
        return None;
    }
    let key = keys::key(kid);
    let token = key.sign(&header, &payload).ok()?;
    let Value::Object(header) = key.header(&header) else { return None };
    Some((token, (kid, header, payload)))
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(elements) => elements.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + below.unwrap_or(0)
}

/// Whether a header is one that we understand, all that we have to understand of it (RFC 7515 section 4).
fn is_understood(header: &Map<String, Value>) -> bool {
    let absent_or = |name: &str, is: &dyn Fn(&Value) -> bool| header.get(name).is_none_or(is);
    header.get("alg").and_then(Value::as_str).is_some_and(|alg| Algorithm::from_name(alg).is_some())
        && ["crit", "zip", "enc"].iter().all(|name| !header.contains_key(*name))
        && absent_or("b64", &|encoded| *encoded == true)
        && absent_or("kid", &Value::is_string)
        && absent_or("typ", &Value::is_string)
}

/// Whether the key that has signed is the one that the header speaks of; `named`: keys are known by their names.
fn is_of_key((kid, header, payload): &Signed, named: bool) -> bool {
    let algs: &[&str] = match *kid {
        "ec" => &["ES256"],
        "rsa" => &["RS256"],
        "oct" => &["HS256"],
        _ => &["EdDSA", "Ed25519"],
    };
    let own = header.get("kid").is_none_or(|name| name == kid);
    is_understood(header)
        && payload.is_object()
        && algs.iter().any(|alg| header["alg"] == *alg)
        && (own || !named)
}

fn assemble(described: &[u8], genuine: &[String]) -> Vec<u8> {
    let mut lines = described.splitn(3, |byte| *byte == b'\n');
    let mut part = || scopegate::base::base64url::encode(lines.next().unwrap_or_default());
    let (header, payload) = (part(), part());
    let number = lines.next().and_then(|line| line.first()).map_or(0, |byte| usize::from(*byte));
    let signature = genuine[number % genuine.len()].rsplit('.').next().unwrap_or_default().to_owned();
    format!("{header}.{payload}.{signature}").into_bytes()
}

fn check(token: &[u8], ours: Option<&Signed>, place: &Place) {
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let header = naive::base64url(parts[0]).filter(|header| header.trim_ascii_start().starts_with(b"{"));
    let header = header.and_then(|header| read(&header));
    // Shape is looser: what has it and is wrong inside is refused as what it looks like.
    assert!(parts.len() == 3 || !is_jws_shape(token));
    assert!(parts.len() == 5 || !is_jwe_shape(token));
    assert!(
        header.is_none()
            || is_jws_shape(token) == (parts.len() == 3) && is_jwe_shape(token) == (parts.len() == 5)
    );
    let genuine = place.genuine.iter().map(|genuine| genuine.as_bytes());
    let is_genuine = genuine.clone().any(|genuine| genuine == token);
    let known = genuine.chain(ours.map(|_| token)).find(|genuine| signed(genuine) == signed(token));
    let jws = match Unverified::parse(token) {
        Ok(jws) => jws,
        Err(fault) => {
            assert!(!is_genuine, "a genuine token: {fault:?}");
            assert!(!ours.is_some_and(|(_, header, _)| is_understood(header)), "{fault:?}");
            // What nobody signed is never taken for something that only its issuer can read.
            let alg = header.as_ref().and_then(|header| header["alg"].as_str());
            let named = alg.is_some_and(|alg| !alg.eq_ignore_ascii_case("none"));
            return assert!(named || fault != JoseFault::AlgorithmUnknown, "{alg:?}");
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
    let claims = read(&payload);
    let iss = claims.as_ref().and_then(|claims| claims.get("iss"));
    match jws.issuer_hint() {
        IssuerHint::Name(issuer) => assert_eq!(iss.and_then(Value::as_str), Some(issuer)),
        IssuerHint::Absent => assert!(claims.is_some() && iss.is_none()),
        // A member that stands twice cannot be read, and this reader does not see it.
        IssuerHint::Unreadable => {}
    }

    if let Some(Value::Object(claims)) = &claims {
        kinds(header["typ"].as_str(), claims);
    }
    let every = Algorithms::of(Algorithm::ALL.iter().copied());
    let algorithm = jws.algorithm();
    match verify(jws, &place.keys, every, &NoAccelerator) {
        Ok(verified) => {
            let genuine = known.expect("nobody signed this");
            assert!(ours.is_none_or(|ours| is_of_key(ours, true)));
            // With (r, s) an ECDSA key has signed with (r, -s) too; of every other signature there is one text.
            assert!(genuine == token || algorithm == Algorithm::Es256, "a signature has a second text");
            assert_eq!(Some(Value::Object(verified.into_inner().into_claims())), claims);
        }
        Err(fault) => {
            assert!(!is_genuine, "a genuine token: {fault:?}");
            assert!(!ours.is_some_and(|ours| is_of_key(ours, true)), "{fault:?}");
        }
    }
    // A key without a name is tried for every token, whatever key the token names.
    let jws = Unverified::parse(token).expect("what was parsed before");
    match verify(jws, &place.nameless, every, &NoAccelerator) {
        Ok(_) => {
            assert!(known.is_some(), "nobody signed this");
            assert!(ours.is_none_or(|ours| is_of_key(ours, false)));
        }
        Err(fault) => {
            assert!(!is_genuine, "a genuine token: {fault:?}");
            assert!(!ours.is_some_and(|ours| is_of_key(ours, false)), "{fault:?}");
        }
    }
    let others = Algorithms::of(Algorithm::ALL.iter().copied().filter(|other| *other != algorithm));
    let jws = Unverified::parse(token).expect("what was parsed before");
    assert!(verify(jws, &place.keys, others, &NoAccelerator).is_err(), "{algorithm} is not allowed");
}

/// What says that a JWT is no access token, and that its sender has to prove something.
fn kinds(typ: Option<&str>, claims: &Map<String, Value>) {
    // A token of a kind is called by the kind alone, or as such a token: `Refresh`, `refresh_token`; or so at the end of a URN.
    let word = |name: &str| {
        let text = claims.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let text = text.rfind(':').map_or(&*text, |colon| &text[colon + 1..]);
        let letters: String = text.chars().filter(char::is_ascii_lowercase).collect();
        letters.strip_suffix("token").map(str::to_owned).unwrap_or(letters)
    };
    let (kind, purpose) = (word("typ"), word("token_use"));
    let called = |kinds: &[&str]| {
        let names = ["typ", "token_use", "token_type", "type", "tokenName", "purpose"];
        names.iter().any(|name| kinds.contains(&&*word(name)))
    };
    let for_the_issuer = called(&["refresh", "offline", "logout"]);
    let login = called(&["id"]) || claims.contains_key("c_hash");
    let access = typ.is_some_and(|typ| {
        ["at+jwt", "application/at+jwt"].iter().any(|access| typ.eq_ignore_ascii_case(access))
    }) || claims.contains_key("scope")
        || claims.contains_key("scp")
        || ["bearer", "dpop"].contains(&kind.as_str())
        || purpose == "access";
    let like_a_login = (claims.contains_key("at_hash") || claims.contains_key("nonce")) && !access;
    assert_eq!(kind::other_claims(typ, claims, true).is_some(), for_the_issuer);
    assert_eq!(
        kind::other_claims(typ, claims, false).is_some(),
        for_the_issuer || login || like_a_login,
        "{claims:?}"
    );
    let thumbprint = |value: &Value| {
        value
            .as_str()
            .and_then(|text| naive::base64url(text.as_bytes()))
            .is_some_and(|bytes| bytes.len() == 32)
    };
    let (bound, provable) = match claims.get("cnf") {
        None => (false, true),
        Some(Value::Object(members)) => {
            let known = ["jkt", "x5t#S256"].map(|name| members.get(name));
            let some = known.iter().any(Option::is_some);
            let good = known.into_iter().flatten().all(thumbprint);
            (!members.is_empty(), good && (some || members.is_empty()))
        }
        Some(_) => (true, false),
    };
    let confirmation = Confirmation::of(claims);
    assert_eq!((confirmation.is(Proof::Any), confirmation.is_unprovable()), (bound, !provable), "{claims:?}");
}

/// JSON, in which a member that is `null` is absent.
fn read(text: &[u8]) -> Option<Value> {
    let mut value = serde_json::from_slice(text).ok()?;
    naive::without_nulls(&mut value);
    Some(value)
}

fn signed(token: &[u8]) -> &[u8] {
    &token[..token.iter().rposition(|byte| *byte == b'.').unwrap_or(0)]
}
