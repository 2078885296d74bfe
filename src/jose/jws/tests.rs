use super::*;
use crate::base::base64url::encode;

fn token(header: &str) -> String {
    format!("{}.{}.{}", encode(header), encode(r#"{"iss":"me"}"#), encode("signature"))
}

fn fault(token: impl AsRef<[u8]>) -> JoseFault {
    Unverified::parse(token.as_ref()).unwrap_err()
}

#[test]
fn none_in_any_spelling_and_what_is_no_name_are_no_algorithm() {
    let headers = [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":256}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
    ];
    for header in headers {
        assert_eq!(fault(token(header)), JoseFault::AlgorithmNotAllowed, "{header}");
    }
}

#[test]
fn an_algorithm_that_is_not_known_is_told_from_none() {
    for name in ["ES256K", "ML-DSA-44", "dir", "hs256", "HS256 ", "none ", ""] {
        let header = serde_json::json!({"alg": name, "crit": ["exp"], "enc": "A256GCM"}).to_string();
        assert_eq!(fault(token(&header)), JoseFault::AlgorithmUnknown, "{name}");
    }
}

#[test]
fn an_unsigned_token_is_called_by_its_algorithm() {
    for name in ["none", "None", "nOnE"] {
        let header = serde_json::json!({ "alg": name }).to_string();
        let unsigned = format!("{}.{}.", encode(&header), encode("{}"));
        assert_eq!(fault(&unsigned), JoseFault::AlgorithmNotAllowed);
        assert!(is_unsecured(unsigned.as_bytes()), "{name}");
        assert!(is_unsecured(token(&header).as_bytes()), "whatever stands where its signature would: {name}");
    }
    for other in [".", "..", "a.b.", "opaque.", "opaque", ""] {
        assert!(!is_unsecured(other.as_bytes()), "{other}");
    }
    for header in [r#"{"alg":"ES256K"}"#, r#"{"id":5}"#, r#"{"alg":["none"]}"#] {
        let other = format!("{}.{}.sig", encode(header), encode("{}"));
        assert!(!is_unsecured(other.as_bytes()), "{header}");
    }
}

#[test]
fn a_payload_that_nobody_verified_is_there_for_any_algorithm() {
    let payload = |text: &str, payload: &[u8]| {
        unverified_payload(format!("{}.{}.c2ln", encode(text), encode(payload)).as_bytes())
    };
    let claims = payload(r#"{"alg":"ES256K"}"#, br#"{"iss":"me"}"#).unwrap();
    assert_eq!(IssuerHint::of(&claims), IssuerHint::Name("me"));
    for bad in [&b"[]"[..], b"", br#"{"iss":"me","iss":"me"}"#, b"\xff"] {
        assert_eq!(payload("{}", bad), None);
    }
    assert_eq!(unverified_payload(b"a.e30"), None);
    assert_eq!(unverified_payload(b"a.e30.c.d"), None);
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    for member in [r#""crit":["exp"]"#, r#""crit":[]"#, r#""b64":false"#, r#""b64":"true""#] {
        assert_eq!(
            fault(token(&format!(r#"{{"alg":"HS256",{member}}}"#))),
            JoseFault::CriticalHeader,
            "{member}"
        );
    }
    assert!(Unverified::parse(token(r#"{"alg":"HS256","b64":true}"#).as_bytes()).is_ok());
}

#[test]
fn header_members_of_another_type_and_of_encrypted_tokens_are_malformed() {
    let members = [r#""kid":7"#, r#""kid":["a"]"#, r#""typ":{}"#, r#""zip":"DEF""#, r#""enc":"A256GCM""#];
    for member in members {
        let fault = fault(token(&format!(r#"{{"alg":"HS256",{member}}}"#)));
        assert!(matches!(fault, JoseFault::Malformed(_)), "{member}: {fault:?}");
    }
}

#[test]
fn a_header_member_that_is_null_is_absent() {
    let token =
        token(r#"{"alg":"HS256","kid":null,"typ":null,"jwk":null,"crit":null,"b64":null,"enc":null}"#);
    let jws = Unverified::parse(token.as_bytes()).unwrap();
    assert_eq!((jws.kid(), jws.typ(), jws.jwk()), (None, None, None));
}

#[test]
fn keys_that_the_token_brings_along_are_not_looked_at() {
    let header =
        r#"{"alg":"HS256","kid":"a","jwk":7,"jku":"https://evil.example","x5u":[],"x5c":{},"typ":"JWT"}"#;
    let token = token(header);
    let jws = Unverified::parse(token.as_bytes()).unwrap();
    assert_eq!((jws.algorithm(), jws.kid(), jws.typ()), (Algorithm::Hs256, Some("a"), Some("JWT")));
}

#[test]
fn a_key_that_proves_possession_is_there_for_who_asks() {
    let token = token(r#"{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC"}}"#);
    let jws = Unverified::parse(token.as_bytes()).unwrap();
    assert_eq!(jws.jwk().and_then(|jwk| jwk.get("kty")), Some(&Value::from("EC")));
}

#[test]
fn a_header_member_that_stands_twice_is_malformed() {
    for header in [r#"{"alg":"none","alg":"HS256"}"#, r#"{"alg":"HS256","\u0061lg":"none"}"#] {
        assert!(matches!(fault(token(header)), JoseFault::Malformed(_)), "{header}");
    }
}

#[test]
fn only_three_parts_are_a_compact_form() {
    let good = token(r#"{"alg":"HS256"}"#);
    assert!(Unverified::parse(good.as_bytes()).is_ok());
    let (text, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = text.split_once('.').unwrap();
    let others = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        text.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}..{signature}"),
        format!("{text}."),
        format!(".{payload}.{signature}"),
        format!("{good}.."),
        r#"{"payload":"e30","signatures":[]}"#.to_owned(),
    ];
    for other in others {
        assert!(matches!(fault(&other), JoseFault::Malformed(_)), "{other:?}");
    }
}

#[test]
fn base64_has_one_form() {
    let good = token(r#"{"alg":"HS256"}"#);
    let inserts = ["=", " ", "\n", "+", "/", "%", "\0", "\u{e4}"];
    for (insert, part) in inserts.iter().flat_map(|insert| (0..3).map(move |part| (insert, part))) {
        let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
        parts[part].push_str(insert);
        assert!(matches!(fault(parts.join(".")), JoseFault::Malformed(_)), "{insert:?} in part {part}");
    }
}

#[test]
fn a_million_dots_are_refused() {
    assert!(matches!(fault(vec![b'.'; 1_000_000]), JoseFault::Malformed(_)));
}

#[test]
fn the_issuer_hint_is_a_string_or_nothing_and_never_a_guess() {
    let hint = |payload: &str, expected: IssuerHint<'_>| {
        let token = format!("{}.{}.{}", encode(r#"{"alg":"HS256"}"#), encode(payload), encode("s"));
        assert_eq!(Unverified::parse(token.as_bytes()).unwrap().issuer_hint(), expected, "{payload}");
    };
    hint(r#"{"iss":"me"}"#, IssuerHint::Name("me"));
    hint(r#"{"iss":""}"#, IssuerHint::Name(""));
    hint("{}", IssuerHint::Absent);
    hint(r#"{"iss":null}"#, IssuerHint::Absent);
    for payload in [
        r#"{"iss":7}"#,
        r#"{"iss":["me"]}"#,
        r#"["iss"]"#,
        "me",
        r#"{"iss":"me","iss":"me"}"#,
        r#"{"iss":"me""#,
    ] {
        hint(payload, IssuerHint::Unreadable);
    }
}

#[test]
fn a_shape_is_a_number_of_dots_and_a_json_header() {
    let header = encode(r#"{"alg":"dir"}"#);
    let with_parts = |parts: usize| vec![header.as_str(); parts].join(".");
    for parts in 1..8 {
        let token = with_parts(parts);
        assert_eq!(
            (is_jws_shape(token.as_bytes()), is_jwe_shape(token.as_bytes())),
            (parts == 3, parts == 5)
        );
    }
    for header in ["", "[]", "null", "7", "{", "{} x", "opaque"] {
        assert!(!is_jws_shape(format!("{}.a.b", encode(header)).as_bytes()), "{header}");
    }
    // Unsigned, ambiguous, not text or not even decodable further on: a JWS all the same, and refused as one.
    for token in [
        format!("{header}.."),
        format!("{}.a.b", encode(r#"{"a":1,"a":2}"#)),
        format!("{}.a.b", encode(b"{\"a\":\"\xff\"}")),
        format!("{header}.!.!"),
    ] {
        assert!(is_jws_shape(token.as_bytes()));
    }
}

#[test]
fn debug_shows_nothing_of_the_token() {
    let token = token(r#"{"alg":"HS256","kid":"canary"}"#);
    let shown = format!("{:?}", Unverified::parse(token.as_bytes()).unwrap());
    assert!(!shown.contains("canary") && !shown.contains("me"), "{shown}");
}
