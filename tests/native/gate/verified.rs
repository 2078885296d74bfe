//! Tokens that are verified here and asked about too (`use_for: all`).

use std::rc::Rc;

use scopegate::gate::{RequestId, Step, Verdict};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::{Value, json};

use super::{
    START, Slots, answer, ask, asking, at, certificate_bound, gate, open, parked, reason, settled, worker,
};

#[test]
fn a_verified_token_is_asked_about_too_where_the_policy_says_so() {
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims =
        json!({"iss": "https://idp.example.com", "sub": "alice", "scope": "read", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!("https://idp.example.com");
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    let mut gate = gate(&policy);
    assert!(parked(&open(&mut gate, 1, &token, at(0))));
    let asks = ask(&mut gate, at(0));
    let woken = answer(&mut gate, asks[0].0, &json!({"active": true}), at(0));
    assert!(
        matches!(&woken[0].verdict, Verdict::Admit { note, .. } if note.grant().unwrap().subject() == Some("alice"))
    );
    assert_eq!(reason(&settled(open(&mut gate, 2, &token, at(1)))), "admitted");
    assert!(parked(&open(&mut gate, 3, &token, at(61))), "the issuer's word is remembered for its own time");
    let asks = ask(&mut gate, at(61));
    let woken = answer(&mut gate, asks[0].0, &json!({"active": false}), at(61));
    assert_eq!(reason(&woken[0].verdict), "token_inactive", "revoked");
    assert!(parked(&open(&mut gate, 5, &token, at(122))));
    let asks = ask(&mut gate, at(122));
    let woken = answer(&mut gate, asks[0].0, &certificate_bound(true), at(122));
    assert_eq!(reason(&woken[0].verdict), "binding_unproven", "bound by its issuer's word alone");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{first}{}", signature.get(1..).unwrap());
    assert_eq!(
        reason(&settled(open(&mut gate, 4, &forged, at(62)))),
        "signature_invalid",
        "and is not asked about"
    );
}

#[test]
fn what_the_issuer_says_completes_a_verified_token() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    // As Keycloak's lightweight tokens are: no audience, no subject, hardly anything.
    let claims = json!({"iss": ISSUER, "azp": "web", "tenant": "a", "scp": "read write", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!(ISSUER);
    policy["issuers"]["idp"]["audiences"] = json!(["api"]);
    policy["issuers"]["idp"]["jwt"] =
        json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}, "required_claims": ["sub"]});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    policy["upstream"] = json!({"headers": {"x-sub": "sub", "x-tenant": "tenant", "x-scope": "scope"}});
    let full = json!({"active": true, "iss": ISSUER, "aud": ["api"], "sub": "alice", "client_id": "web", "scope": "read"});
    let with = |name: &str, value: Value| {
        let mut answer = full.clone();
        answer[name] = value;
        answer
    };
    for cached in [10_000, 0] {
        policy["limits"] = json!({"cached_tokens": cached});
        let mut gate = gate(&policy);
        let mut step = |id: u32, said: &Value| {
            assert!(parked(&open(&mut gate, id, &token, at(i64::from(id) * 61))));
            let asks = ask(&mut gate, at(i64::from(id) * 61));
            answer(&mut gate, asks[0].0, said, at(i64::from(id) * 61)).remove(0).verdict
        };
        let verdict = step(1, &full);
        let Verdict::Admit { edits, note, .. } = &verdict else { panic!("{}", reason(&verdict)) };
        let set = |name: &str| edits.set.iter().find(|(set, _)| **set == *name).map(|(_, value)| &**value);
        assert_eq!([set("x-sub"), set("x-tenant"), set("x-scope")], [Some("alice"), Some("a"), Some("read")]);
        assert_eq!(note.grant().unwrap().audiences(), ["api"]);
        for (id, (said, expected)) in (2..).zip([
            (with("scope", json!("write")), "scope_insufficient"),
            (with("scope", json!(null)), "admitted"),
            (with("aud", json!("other")), "audience_mismatch"),
            (with("aud", json!(null)), "audience_mismatch"),
            (with("sub", json!(null)), "claim_missing"),
            (with("client_id", json!("other")), "token_inactive"),
            (with("iss", json!("https://other.example.com")), "issuer_unknown"),
            (full.clone(), "admitted"),
        ]) {
            assert_eq!(reason(&step(id, &said)), expected, "{said}");
        }
    }

    // Another worker hears the same, and about the same token.
    policy["limits"] = json!({});
    let slots = Rc::new(Slots::default());
    let (mut one, mut two) = (worker(&policy, &slots), worker(&policy, &slots));
    assert!(parked(&open(&mut one, 1, &token, at(0))));
    let asks = ask(&mut one, at(0));
    assert_eq!(reason(&answer(&mut one, asks[0].0, &full, at(0))[0].verdict), "admitted");
    for id in [1, 2] {
        let Verdict::Admit { edits, .. } = settled(open(&mut two, id, &token, at(1))) else {
            panic!("refused")
        };
        assert!(edits.set.iter().any(|(name, value)| (&**name, &**value) == ("x-sub", "alice")));
    }
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_is_about_the_same_token() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "alice", "scope": "read", "exp": START + 600});
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!(ISSUER);
    policy["issuers"]["idp"]["audiences"] = json!(["api"]);
    policy["issuers"]["idp"]["jwt"] = json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    for cached in [10_000, 0] {
        policy["limits"] = json!({"cached_tokens": cached});
        let mut gate = gate(&policy);
        assert!(parked(&open(&mut gate, 1, &token, at(0))));
        let asks = ask(&mut gate, at(0));
        gate.close(RequestId(1));
        assert!(answer(&mut gate, asks[0].0, &json!({"active": true}), at(0)).is_empty());
        match open(&mut gate, 2, &token, at(1)) {
            Step::Settle(verdict) => assert_eq!((cached, reason(&verdict)), (10_000, "admitted")),
            Step::Park => assert_eq!(cached, 0, "nothing is remembered"),
        }
    }
}

#[test]
fn a_token_that_is_over_or_not_yet_begun_is_not_asked_about() {
    const ISSUER: &str = "https://idp.example.com";
    let key = PrivateKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let mut policy = asking();
    policy["issuers"]["idp"]["issuer"] = json!(ISSUER);
    policy["issuers"]["idp"]["jwt"] =
        json!({"jwks": {"inline": {"keys": [key.public_jwk()]}}, "clock_skew": "0s"});
    policy["issuers"]["idp"]["introspection"]["use_for"] = json!("all");
    let mut gate = gate(&policy);
    for (id, (nbf, exp, expected)) in
        (1..).zip([(-60, 0, Some("token_expired")), (1, 60, Some("token_not_yet_valid")), (0, 1, None)])
    {
        let claims = json!({"iss": ISSUER, "nbf": START + nbf, "exp": START + exp});
        let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
        let step = open(&mut gate, id, &token, at(0));
        match expected {
            Some(expected) => assert_eq!(reason(&settled(step)), expected),
            None => assert!(parked(&step)),
        }
        assert_eq!(ask(&mut gate, at(0)).len(), usize::from(expected.is_none()), "{nbf} {exp}");
    }
}
