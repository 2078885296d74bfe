//! A signed token: only what one of our keys has signed is ever verified, and what is read is what stands there.
//!
//! An input that begins with `=` describes a token, a line each: header and payload as JSON, and the number of the
//! genuine token whose signature it borrows. Any other input is the token itself.

use scopegate::jose::algorithm::{Algorithm, Algorithms};
use scopegate::jose::fault::JoseFault;
use scopegate::jose::jws::{IssuerHint, Unverified, is_jwe_shape, is_jws_shape};
use scopegate::jose::key_set::{KeySet, Origin};
use scopegate::jose::verify::{NoAccelerator, verify};
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
    let header = header.and_then(|header| read(&header));
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
            assert!(!genuine, "a genuine token: {fault:?}");
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
    // A key without a name is tried for every token, whatever key the token names.
    let jws = Unverified::parse(token).expect("what was parsed before");
    match verify(jws, &place.nameless, every, &NoAccelerator) {
        Ok(_) => assert!(known.is_some(), "nobody signed this"),
        Err(fault) => {
            let genuine = place.genuine.iter().any(|genuine| genuine.as_bytes() == token);
            assert!(!genuine, "a genuine token: {fault:?}");
        }
    }
    let others = Algorithms::of(Algorithm::ALL.iter().copied().filter(|other| *other != algorithm));
    let jws = Unverified::parse(token).expect("what was parsed before");
    assert!(verify(jws, &place.keys, others, &NoAccelerator).is_err(), "{algorithm} is not allowed");
}

/// What says that a JWT is no access token, and that its sender has to prove something.
fn kinds(typ: Option<&str>, claims: &Map<String, Value>) {
    let word = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let (kind, purpose) = (word("typ"), word("token_use"));
    let for_the_issuer = ["refresh", "offline", "logout"].contains(&kind.as_str())
        || ["token_type", "type", "token_use"].iter().any(|name| word(name) == "refresh");
    let login = kind == "id" || purpose == "id" || claims.contains_key("c_hash");
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
