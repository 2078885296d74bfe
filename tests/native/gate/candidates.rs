//! Who can vouch for a token: by its shape, and by the `iss` that nobody has verified.

use scopegate::base::base64url;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Map, Value, json};

use super::{START, answer, ask, at, gate, open, settled};
use scopegate::gate::{Step, Verdict};

/// An issuer that is asked, through a cluster of this name.
fn asked(cluster: &str, use_for: &str, issuer: Option<&str>) -> Value {
    let mut asked = json!({"audiences": "any", "introspection": {
        "uri": "https://idp.example.com/i", "cluster": cluster, "client": {"method": "none"}, "use_for": use_for,
    }});
    if let Some(issuer) = issuer {
        asked["issuer"] = json!(issuer);
    }
    asked
}

fn verifying(key: &PrivateKey, issuer: &str) -> Value {
    json!({"issuer": issuer, "audiences": "any", "jwt": {"jwks": {"inline": {"keys": [key.public_jwk()]}}}})
}

/// Who is asked in turn about `token` while each calls it inactive, and how that ends.
fn run(issuers: &Value, wanted: Option<&str>, token: &str) -> (String, Verdict) {
    let require = wanted.map_or(json!({}), |issuer| json!({"issuers": [issuer]}));
    let mut gate = gate(&json!({"issuers": issuers, "rules": [{"name": "all", "require": require}]}));
    let mut clusters = Vec::new();
    match open(&mut gate, 1, token, at(0)) {
        Step::Settle(verdict) => (String::new(), verdict),
        Step::Park => loop {
            let (id, callout) = ask(&mut gate, at(0)).remove(0);
            clusters.push(callout.cluster);
            if let Some(woken) = answer(&mut gate, id, &json!({"active": false}), at(0)).pop() {
                return (clusters.join(" "), woken.verdict);
            }
        },
    }
}

#[test]
fn a_token_that_nobody_here_verifies_is_asked_about_where_it_names_an_issuer_or_one_is_asked_about_all() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let signed = |iss: Value| {
        let mut claims = json!({"exp": START + 600});
        if !iss.is_null() {
            claims["iss"] = iss;
        }
        key.sign(&Map::new(), &claims).unwrap()
    };
    let issuers = |of_c: &str| {
        json!({
            "a": verifying(&key, "https://a.example.com"),
            "b": asked("b", "opaque", Some("https://b.example.com")),
            "c": asked("c", of_c, None),
            "d": asked("d", "all", Some("https://d.example.com")),
        })
    };
    let (some, all) = (issuers("opaque"), issuers("all"));
    let mut both = json!({"a": verifying(&key, "https://a.example.com"), "n": asked("n", "all", None)});
    both["n"]["issuer"] = json!("none");
    both["n"]["jwt"] = both["a"]["jwt"].clone();
    let only_asked =
        json!({"b": asked("b", "opaque", Some("https://b.example.com")), "c": asked("c", "opaque", None)});
    let nobody = ("", "issuer_unknown");
    for (name, issuers, wanted, iss, expected) in [
        ("verified", &all, None, json!("https://a.example.com"), ("", "admitted")),
        ("named", &some, None, json!("https://b.example.com"), ("b", "token_inactive")),
        (
            "named, and one asked about all",
            &all,
            None,
            json!("https://b.example.com"),
            ("b c", "token_inactive"),
        ),
        ("the same", &all, None, json!("https://d.example.com"), ("c d", "token_inactive")),
        ("named, and not wanted", &all, Some("c"), json!("https://b.example.com"), ("c", "token_inactive")),
        ("named, and nobody wanted is", &some, Some("c"), json!("https://b.example.com"), nobody),
        ("of nobody", &some, None, json!("https://x.example.com"), nobody),
        (
            "of nobody, and one asked about all",
            &all,
            None,
            json!("https://x.example.com"),
            ("c", "token_inactive"),
        ),
        ("without `iss`", &some, None, json!(null), nobody),
        ("without `iss`, and one asked about all", &all, None, json!(null), ("c", "token_inactive")),
        ("with an odd `iss`", &some, None, json!(7), nobody),
        ("with an odd `iss`, and one asked about all", &all, None, json!(7), ("c", "token_inactive")),
        ("of nobody, where whoever is asked verifies", &both, None, json!("https://x.example.com"), nobody),
        ("without `iss`, as one verifies it and is asked", &both, None, json!(null), ("n", "token_inactive")),
        (
            "where nobody verifies",
            &only_asked,
            None,
            json!("https://x.example.com"),
            ("b c", "token_inactive"),
        ),
    ] {
        let (clusters, verdict) = run(issuers, wanted, &signed(iss));
        assert_eq!((&*clusters, verdict.note().reason), expected, "{name}");
    }
}

#[test]
fn what_is_no_signed_token_is_for_whoever_is_asked_and_else_is_told_what_it_is() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let verified = json!({"a": verifying(&key, "https://a.example.com")});
    let with = |cluster: &str, asked: Value| {
        let mut issuers = verified.clone();
        issuers[cluster] = asked;
        issuers
    };
    let (opaque, all) = (with("b", asked("b", "opaque", None)), with("c", asked("c", "all", None)));
    let encrypted = format!("{}.a.b.c.d", base64url::encode(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#));
    for (token, what) in [(&*encrypted, "it is encrypted"), ("opaque", "it is not a signed token")] {
        let (clusters, verdict) = run(&verified, None, token);
        assert_eq!((&*clusters, verdict.note().reason), ("", "token_malformed"), "{token}");
        assert!(verdict.note().detail.contains(what), "{token}: {}", verdict.note().detail);
        for (issuers, cluster) in [(&opaque, "b"), (&all, "c")] {
            let (clusters, verdict) = run(issuers, None, token);
            assert_eq!((&*clusters, verdict.note().reason), (cluster, "token_inactive"), "{token}");
        }
    }
}

#[test]
fn a_refusal_names_the_issuer_whose_token_it_is_or_who_was_asked_last() {
    let [key, other] = [1, 2].map(|_| PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap());
    let issuers = json!({
        "a": verifying(&key, "https://a.example.com"),
        "b": asked("b", "opaque", None),
        "c": asked("c", "opaque", None),
    });
    let claims = json!({"iss": "https://a.example.com", "exp": START + 600});
    let forged = other.sign(&Map::new(), &claims).unwrap();
    for (token, reason, issuer) in [(&*forged, "signature_invalid", "a"), ("opaque", "token_inactive", "c")] {
        let (_, verdict) = run(&issuers, None, token);
        assert_eq!((verdict.note().reason, verdict.note().issuer.as_deref()), (reason, Some(issuer)));
    }
    let mut gate = gate(&json!({"issuers": issuers, "rules": [{"name": "all", "require": {}}]}));
    assert!(matches!(open(&mut gate, 1, "opaque", at(0)), Step::Park));
    let (id, _) = ask(&mut gate, at(0)).remove(0);
    assert!(answer(&mut gate, id, &json!({"active": false}), at(0)).is_empty());
    ask(&mut gate, at(0));
    let late = gate.expire(at(3)).remove(0).verdict;
    assert_eq!((late.note().reason, late.note().issuer.as_deref()), ("issuer_unavailable", Some("c")));
    let nobody = settled(open(&mut gate, 2, "", at(3)));
    assert_eq!(nobody.note().issuer, None);
}
