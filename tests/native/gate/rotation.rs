//! Keys that are found by metadata, change, or have no name.

use scopegate::base::time::UnixTime;
use scopegate::gate::Gate;
use scopegate::gate::Verdict;
use scopegate::http::message::{Answer, Reply};
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::PrivateKey;
use serde_json::json;

use super::{START, answer, ask, at, gate, open, parked, reason, settled};

#[test]
fn discovery_tries_both_places_and_compares_the_issuer() {
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com/t", "audiences": "any",
                             "jwt": {"jwks": {"discover": true, "cluster": "idp"}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let mut gate = gate(&policy);
    // A token that names the issuer; its signature never comes to be checked here.
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbS90In0.AAAA";
    assert!(parked(&open(&mut gate, 1, token, at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks[0].1.path.expose(), "/.well-known/oauth-authorization-server/t");
    assert!(answer(&mut gate, asks[0].0, &json!({"issuer": "https://evil.example.com"}), at(0)).is_empty());
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks[0].1.path.expose(), "/t/.well-known/openid-configuration");
    let metadata = json!({"issuer": "https://idp.example.com/t", "jwks_uri": "https://keys.example.com/k"});
    assert!(answer(&mut gate, asks[0].0, &metadata, at(0)).is_empty());
    let asks = ask(&mut gate, at(0));
    assert_eq!((asks[0].1.authority.as_str(), asks[0].1.path.expose().as_str()), ("keys.example.com", "/k"));
    let woken = answer(&mut gate, asks[0].0, &json!({"keys": []}), at(0));
    assert_eq!(reason(&woken[0].verdict), "keys_unavailable");
}

#[test]
fn a_fetch_that_was_on_its_way_already_may_be_too_old_for_a_new_key() {
    let (old, new) = (
        PrivateKey::generate(Algorithm::Es256, Some("old")),
        PrivateKey::generate(Algorithm::Es256, Some("new")),
    );
    let (old, new) = (old.unwrap(), new.unwrap());
    let policy = json!({
        "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                             "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}}}},
        "rules": [{"name": "all", "require": {}}],
    });
    let token = |key: &PrivateKey, id: u32| {
        let claims = json!({"iss": "https://idp.example.com", "jti": id.to_string(), "exp": START + 6000});
        key.sign(&serde_json::Map::new(), &claims).unwrap()
    };
    let mut gate = gate(&policy);
    let before = json!({"keys": [old.public_jwk()]});
    let after = json!({"keys": [old.public_jwk(), new.public_jwk()]});
    gate.refresh(at(0));
    let first = ask(&mut gate, at(0));
    assert!(answer(&mut gate, first[0].0, &before, at(0)).is_empty());
    // A background fetch is out while the keys are rotated.
    gate.refresh(at(590));
    let background = ask(&mut gate, at(590));
    assert_eq!(background.len(), 1);
    assert!(parked(&open(&mut gate, 1, &token(&new, 1), at(590))));
    assert!(parked(&open(&mut gate, 2, &token(&new, 2), at(590))));
    assert!(
        answer(&mut gate, background[0].0, &before, at(591)).is_empty(),
        "the set is as old as the question"
    );
    let own = ask(&mut gate, at(591));
    assert_eq!(own.len(), 1, "one more question for both");
    let woken = answer(&mut gate, own[0].0, &after, at(591));
    assert_eq!(
        woken.iter().map(|woken| reason(&woken.verdict)).collect::<Vec<_>>(),
        ["admitted", "admitted"]
    );
    // A key that nobody has costs no further question within the cooldown.
    let stranger = PrivateKey::generate(Algorithm::Es256, Some("stranger")).unwrap();
    assert_eq!(reason(&settled(open(&mut gate, 3, &token(&stranger, 3), at(592)))), "key_unknown");
}

#[test]
fn keys_without_a_name_are_tried_before_the_set_is_fetched_again() {
    let (ours, other) =
        (PrivateKey::generate(Algorithm::Es256, None), PrivateKey::generate(Algorithm::Es256, None));
    let (ours, other) = (ours.unwrap(), other.unwrap());
    let mut gate = gate(&json!({
        "issuers": {"corp": {
            "issuer": "https://idp.example.com",
            "audiences": "any",
            "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}},
        }},
        "rules": [{"name": "all", "require": {}}],
    }));
    let token = |key: &PrivateKey, kid: &str| {
        let header = json!({ "kid": kid });
        let claims = json!({"iss": "https://idp.example.com", "exp": START + 100, "jti": kid});
        key.sign(header.as_object().unwrap(), &claims).unwrap()
    };
    let set = json!({"keys": [ours.public_jwk()]});
    assert!(parked(&open(&mut gate, 1, &token(&ours, "a"), at(0))));
    let asks = ask(&mut gate, at(0));
    assert_eq!(asks.len(), 1);
    let woken = answer(&mut gate, asks[0].0, &set, at(0));
    assert!(matches!(woken[0].verdict, Verdict::Admit { .. }), "a key without a name has signed it");
    for kid in ["b", "c"] {
        assert!(matches!(settled(open(&mut gate, 2, &token(&ours, kid), at(1))), Verdict::Admit { .. }));
        assert!(ask(&mut gate, at(1)).is_empty(), "nothing was unknown");
    }
    assert!(parked(&open(&mut gate, 3, &token(&other, "d"), at(1))), "only now the set may be too old");
    let asks = ask(&mut gate, at(1));
    assert_eq!(asks.len(), 1);
    assert_eq!(reason(&answer(&mut gate, asks[0].0, &set, at(1))[0].verdict), "key_unknown");
    assert_eq!(reason(&settled(open(&mut gate, 4, &token(&other, "e"), at(2)))), "key_unknown");
    assert!(ask(&mut gate, at(2)).is_empty(), "once in min_refresh");
}

#[test]
fn a_withdrawn_key_is_good_for_as_long_as_its_issuer_says_within_what_the_policy_says() {
    let key = |kid| PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap();
    let (old, new) = (key("old"), key("new"));
    let mut numbers = 0..;
    let mut token = |gate: &mut Gate, now: UnixTime| {
        let number = numbers.next().unwrap();
        let claims =
            json!({"iss": "https://idp.example.com", "jti": number.to_string(), "exp": START + 6000});
        open(gate, number, &old.sign(&serde_json::Map::new(), &claims).unwrap(), now)
    };
    for (fields, seconds) in [
        (&[][..], 600),
        (&[("cache-control", "max-age=86400")], 600),
        (&[("cache-control", "public, max-age=601, immutable")], 600),
        (&[("cache-control", "max-age=599")], 599),
        (&[("cache-control", "max-age=100")], 100),
        (&[("cache-control", "max-age=500"), ("age", "400")], 100),
        // Never below `min_refresh`, and two seconds for the fetch.
        (&[("cache-control", "no-store")], 32),
        (&[("cache-control", "max-age=1")], 32),
    ] {
        let mut gate = gate(&json!({
            "issuers": {"corp": {"issuer": "https://idp.example.com", "audiences": "any",
                                 "jwt": {"jwks": {"uri": "https://idp.example.com/jwks", "cluster": "idp"}}}},
            "rules": [{"name": "all", "require": {}}],
        }));
        assert!(parked(&token(&mut gate, at(0))));
        let asks = ask(&mut gate, at(0));
        let document = json!({"keys": [old.public_jwk()]}).to_string();
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let reply = Reply::Answered(Answer { status: 200, fields: &fields, body: document.as_bytes() });
        assert_eq!(gate.answer(asks[0].0, &reply, at(0)).len(), 1);
        assert_eq!(reason(&settled(token(&mut gate, at(seconds - 1)))), "admitted", "{fields:?}");
        assert!(parked(&token(&mut gate, at(seconds))), "{fields:?}: the set is too old");
        let asks = ask(&mut gate, at(seconds));
        let woken = answer(&mut gate, asks[0].0, &json!({"keys": [new.public_jwk()]}), at(seconds));
        assert_eq!(reason(&woken[0].verdict), "key_unknown");
    }
}
