use super::super::examples::{Heard, NOW, answers, expect, heard, object, terms};
use super::*;
use crate::base::base64url;
use crate::base::time::UnixTime;
use crate::token::expect::{Expect, IssuerId};
use serde_json::json;

fn heard_for(claims: Value, lifetime: Option<Duration>) -> Heard {
    let said = Said { claims: object(claims), lifetime, ..Said::default() };
    heard(word(said, &terms(&expect(), &answers())))
}

/// An answer of RFC 7662 under a policy that lets it leave nothing out.
fn strictly(claims: Value, expect: &Expect) -> Heard {
    let answers = Answers { aud_optional: false, iss_optional: false, ..answers() };
    let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
    heard(word(said, &terms(expect, &answers)))
}

#[test]
fn the_earlier_end_counts() {
    let end = |exp: i64, lifetime: u64| {
        let grant =
            heard_for(json!({"exp": NOW.as_secs() + exp}), Some(Duration::from_secs(lifetime))).grant();
        grant.window().until.map(|until| until.since(NOW).as_secs())
    };
    assert_eq!(end(10, 20), Some(10));
    assert_eq!(end(20, 10), Some(10));
}

#[test]
fn our_own_checks_apply_whatever_the_issuer_calls_good() {
    for (claims, code) in [
        (json!({"exp": NOW.as_secs()}), "token_expired"),
        (json!({"nbf": NOW.as_secs() + 1}), "token_not_yet_valid"),
        (json!({"iss": "https://other.test"}), "issuer_unknown"),
        (json!({"aud": "other"}), "audience_mismatch"),
        (json!({"token_type": "refresh_token"}), "token_inactive"),
        (json!({"token_use": "refresh"}), "token_inactive"),
        (json!({"typ": "ID"}), "token_inactive"),
    ] {
        assert_eq!(heard_for(claims.clone(), None), Heard::Refused(code), "{claims}");
    }
    heard_for(json!({"aud": ["x", "ours"], "iss": "https://idp.test"}), None).grant();
    assert_eq!(heard_for(json!({}), Some(Duration::ZERO)), Heard::Refused("token_expired"));
}

#[test]
fn what_has_to_be_compared_has_to_be_there() {
    let whole = json!({"aud": "ours", "iss": "https://idp.test"});
    strictly(whole.clone(), &expect()).grant();
    for (member, code) in [("aud", "audience_mismatch"), ("iss", "issuer_unknown")] {
        for absent in [None, Some(json!(null))] {
            let mut claims = object(whole.clone());
            claims.shift_remove(member);
            claims.extend(absent.clone().map(|value| (member.to_owned(), value)));
            let claims = Value::Object(claims);
            assert_eq!(strictly(claims.clone(), &expect()), Heard::Refused(code), "{claims}");
            heard_for(claims, None).grant();
        }
    }
    let empty = json!({"aud": [], "iss": "https://idp.test"});
    assert_eq!(strictly(empty.clone(), &expect()), Heard::Refused("audience_mismatch"));
    heard_for(empty, None).grant();
    let anyone = Expect { issuer: None, audiences: Audiences::Any, ..expect() };
    strictly(json!({}), &anyone).grant();
}

#[test]
fn a_member_that_cannot_be_read_is_the_issuers_fault_and_named() {
    for (member, value) in [
        ("exp", json!("soon")),
        ("exp", json!("1800000060")),
        ("nbf", json!([])),
        ("sub", json!(["a"])),
        ("sub", json!(42)),
        ("client_id", json!(4242)),
        ("scope", json!(1)),
        ("scope", json!(["a", null])),
        ("aud", json!({})),
        ("aud", json!(["ours", 1])),
        ("iss", json!(7)),
        ("cnf", json!("x")),
        ("token_use", json!(1)),
    ] {
        let said = Said { claims: object(json!({member: value})), ..Said::default() };
        let malformed = Word::Unknown(Silence::Malformed(member.to_owned()));
        assert_eq!(word(said, &terms(&expect(), &answers())), malformed, "{member} {value}");
    }
}

#[test]
fn null_is_absence() {
    let claims = json!({
        "exp": null, "nbf": null, "iat": null, "sub": null, "scope": null, "client_id": null, "aud": null,
        "iss": null, "cnf": null, "token_type": null, "username": null, "jti": null,
    });
    let grant = heard_for(claims, None).grant();
    assert!(grant.claims().is_empty() && grant.scopes().is_empty() && grant.client().is_none());
    assert_eq!((grant.subject(), grant.window()), (None, Window::default()));
    let expect = Expect { required_claims: vec!["sub".into()], ..expect() };
    let said = Said { claims: object(json!({"sub": null})), ..Said::default() };
    assert_eq!(heard(word(said, &terms(&expect, &answers()))), Heard::Refused("claim_missing"));
}

#[test]
fn no_token_becomes_a_claim() {
    let said = json!({"access_token": "hunter2", "refresh_token": "hunter2", "id_token": "hunter2", "a": 1});
    assert_eq!(heard_for(said, None).grant().claims(), &object(json!({"a": 1})));
}

/// What a verified token says of itself, but for `changes`.
fn token(changes: Value) -> Grant {
    let mut claims = object(json!({
        "iss": "https://idp.test", "aud": "ours", "sub": "alice", "client_id": "app", "scope": "read write",
        "exp": NOW.as_secs() + 100, "tenant": "a", "realm": {"roles": ["x"], "id": 1},
    }));
    claims.extend(object(changes));
    claims.retain(|_, value| !value.is_null());
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Grant {
        issuer: IssuerId(0),
        subject: text("sub"),
        client: text("client_id"),
        scopes: claims.get("scope").and_then(Scopes::from_claim).unwrap_or_default(),
        audiences: claims::audiences(&claims).unwrap(),
        window: Window {
            from: None,
            until: claims.get("exp").and_then(Value::as_i64).map(UnixTime::from_secs),
        },
        claims,
    }
}

fn strict() -> Answers {
    Answers { aud_optional: false, iss_optional: false, ..answers() }
}

fn over_as(token: &Grant, claims: Value, answers: &Answers) -> Heard {
    let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
    let expect = Expect { scope_claims: vec!["scope".into(), "scp".into()], ..expect() };
    heard(word(said, &Terms { verified: Some(token), ..terms(&expect, answers) }))
}

fn over(changes: Value, claims: Value) -> Heard {
    over_as(&token(changes), claims, &strict())
}

#[test]
fn an_answer_replaces_completes_and_withdraws_what_a_verified_token_says() {
    let grant = over(json!({}), json!({})).grant();
    assert_eq!(grant, token(json!({})), "an answer that says nothing changes nothing");
    let said = json!({"active": true, "tenant": null, "realm": {"roles": []}, "email": "a@x.test"});
    let grant = over(json!({}), said).grant();
    assert_eq!((grant.claim("tenant"), grant.claim("email")), (None, Some(&json!("a@x.test"))));
    assert_eq!(grant.claim("realm"), Some(&json!({"roles": []})), "whole, and not member by member");
    assert_eq!((grant.subject(), grant.client()), (Some("alice"), Some("app")));
    assert_eq!(grant.audiences(), ["ours"]);
    let lightweight = json!({"aud": null, "sub": null, "scope": null, "client_id": null, "tenant": null});
    let said = json!({"aud": ["ours", "x"], "sub": "alice", "scope": "read", "client_id": "web"});
    let grant = over(lightweight, said).grant();
    assert_eq!((grant.subject(), grant.client()), (Some("alice"), Some("web")));
    assert_eq!((grant.scopes().to_text().as_str(), grant.audiences().len()), ("read", 2));
    let grant = over(json!({}), json!({"sub": null, "client_id": null})).grant();
    assert_eq!((grant.subject(), grant.client()), (None, None));
}

#[test]
fn scopes_are_those_of_the_answer_where_it_has_any() {
    let scopes = |token: Value, answer: Value| over(token, answer).grant().scopes().to_text();
    assert_eq!(scopes(json!({}), json!({"scope": "read"})), "read");
    assert_eq!(scopes(json!({"scp": ["admin"]}), json!({"scope": "read"})), "read");
    assert_eq!(scopes(json!({}), json!({"scope": ""})), "");
    assert_eq!(scopes(json!({}), json!({"scope": []})), "");
    assert_eq!(scopes(json!({}), json!({"scope": null})), "");
    assert_eq!(scopes(json!({}), json!({})), "read write");
    // In this issuer's answers `scp` is no scope, whatever it is in its tokens.
    assert_eq!(scopes(json!({}), json!({"scp": "admin"})), "read write");
    assert_eq!(scopes(json!({"scp": ["x"]}), json!({"scp": "admin"})), "read write x");
    assert_eq!(scopes(json!({"scp": ["x"]}), json!({"scp": null})), "read write x");
}

#[test]
fn an_attribute_that_says_no_scopes_and_no_client_hides_none() {
    let profile = Answers { scope_claims: Vec::new(), client_claims: Vec::new(), ..strict() };
    let attributes = json!({"scope": "admin", "client_id": 7, "name": "Alice"});
    let grant = over_as(&token(json!({})), attributes, &profile).grant();
    assert_eq!((grant.scopes().to_text().as_str(), grant.client()), ("read write", Some("app")));
    // Nor does it take the place of what the token says, for whoever reads the claims upstream.
    assert_eq!(
        (grant.claim("scope"), grant.claim("client_id")),
        (Some(&json!("read write")), Some(&json!("app")))
    );
    assert_eq!(grant.claim("name"), Some(&json!("Alice")));
}

/// What an answer of `claims`, which are a profile but for `own`, comes to beside a token with `changes`.
fn profile_over(changes: Value, own: &'static [&'static str], claims: Value) -> Heard {
    let said = Said { claims: object(claims), members: Members::Profile(own), ..Said::default() };
    let answers = Answers { scope_claims: Vec::new(), ..answers() };
    heard(word(said, &Terms { verified: Some(&token(changes)), ..terms(&expect(), &answers) }))
}

#[test]
fn no_attribute_takes_the_place_of_a_claim_about_the_token() {
    let changes = json!({"acr": "silver", "typ": "Bearer", "iat": 5, "email": "a@x.test"});
    let attributes = json!({
        "exp": "soon", "nbf": 99_999_999_999_i64, "iat": null, "jti": 7, "acr": "gold", "amr": ["mfa"], "auth_time": "x",
        "typ": "ID", "purpose": 1, "aud": 7, "iss": {"a": 1}, "scope": "admin", "authorization_details": "x",
        "email": "b@x.test", "sub": "alice",
    });
    let grant = profile_over(changes.clone(), &["sub"], attributes).grant();
    let expected = Grant { ..token(changes) };
    let mut claims = expected.claims().clone();
    claims.insert("email".into(), json!("b@x.test"));
    assert_eq!(*grant.claims(), claims, "only an attribute of the user is replaced");
    assert_eq!((grant.window(), grant.audiences()), (expected.window(), expected.audiences()));
    assert_eq!(grant.scopes(), expected.scopes());
}

#[test]
fn no_attribute_is_a_claim_about_an_opaque_token() {
    let profile = |attributes: Value, expect: &Expect| {
        let said =
            Said { claims: object(attributes), members: Members::Profile(&["sub"]), ..Said::default() };
        heard(word(said, &terms(expect, &answers())))
    };
    let attributes = json!({
        "exp": 1, "nbf": 1, "iat": 1, "jti": "j", "auth_time": NOW.as_secs(), "acr": "gold", "amr": ["mfa"],
        "authorization_details": [{"type": "payment"}], "aud": ["x", "ours"], "iss": "https://idp.test",
        "sub": "alice", "typ": "ID", "email": "a@x.test",
    });
    let grant = profile(attributes.clone(), &expect()).grant();
    assert_eq!(*grant.claims(), object(json!({"sub": "alice", "typ": "ID", "email": "a@x.test"})));
    assert_eq!((grant.audiences().len(), grant.window()), (0, Window::default()));
    for name in ["exp", "acr", "auth_time", "aud", "iss", "authorization_details"] {
        let expect = Expect { required_claims: vec![name.into()], ..expect() };
        assert_eq!(profile(attributes.clone(), &expect), Heard::Refused("claim_missing"), "{name}");
    }
}

#[test]
fn in_a_profile_the_kind_is_replaced_and_audience_and_issuer_are_compared() {
    let kind = |kind: &str| profile_over(json!({}), &["token_type"], json!({"token_type": kind}));
    assert_eq!(kind("refresh_token"), Heard::Refused("token_inactive"));
    assert_eq!(kind("Bearer").grant().claim("token_type"), Some(&json!("Bearer")));
    let audience = |aud: Value| profile_over(json!({}), &[], json!({"aud": aud}));
    assert_eq!(audience(json!(["other"])), Heard::Refused("audience_mismatch"));
    // Compared, and no more than that: whoever may write it could name any audience.
    let grant = audience(json!(["ours", "x"])).grant();
    assert_eq!((grant.audiences(), grant.claim("aud")), (&["ours".to_owned()][..], Some(&json!("ours"))));
    assert_eq!(profile_over(json!({}), &[], json!({"iss": "other"})), Heard::Refused("issuer_unknown"));
}

#[test]
fn a_member_in_which_scopes_may_lie_hides_those_that_lay_there() {
    let roles = |claims: Value| {
        let answers = Answers { scope_claims: vec!["/realm/roles".into()], ..strict() };
        let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
        let expect = Expect { scope_claims: answers.scope_claims.clone(), ..expect() };
        let terms = Terms { verified: Some(&token(json!({}))), ..terms(&expect, &answers) };
        heard(word(said, &terms)).grant().scopes().to_text()
    };
    assert_eq!(roles(json!({})), "x");
    assert_eq!(roles(json!({"realm": {"roles": ["y"]}})), "y");
    assert_eq!(roles(json!({"realm": {"id": 2}})), "");
}

#[test]
fn the_earlier_end_of_token_and_answer_counts() {
    let end = |exp: Value| {
        over(json!({}), json!({"exp": exp})).grant().window().until.map(|until| until.since(NOW).as_secs())
    };
    assert_eq!(end(json!(NOW.as_secs() + 50)), Some(50));
    assert_eq!(end(json!(NOW.as_secs() + 500)), Some(100));
    assert_eq!(end(json!(null)), Some(100));
}

#[test]
fn an_answer_about_another_token_is_refused() {
    for (answer, code) in [
        (json!({"sub": "bob"}), "token_inactive"),
        (json!({"client_id": "other"}), "token_inactive"),
        (json!({"iss": "https://other.test"}), "issuer_unknown"),
        (json!({"aud": "other"}), "audience_mismatch"),
        (json!({"token_use": "refresh_token"}), "token_inactive"),
    ] {
        assert_eq!(over(json!({}), answer.clone()), Heard::Refused(code), "{answer}");
    }
    // Nobody is no other.
    over(json!({}), json!({"sub": "", "client_id": ""})).grant();
}

#[test]
fn clients_are_compared_member_by_member() {
    let names = || vec!["client_id".to_owned(), "azp".to_owned()];
    let client = |own: Value, told: Value| {
        let answers = Answers { client_claims: names(), ..strict() };
        let said = Said { claims: object(told), has_issuer: true, ..Said::default() };
        let expect = Expect { client_claims: names(), ..expect() };
        let token = Grant {
            client: own["client_id"].as_str().or(own["azp"].as_str()).map(str::to_owned),
            ..token(own)
        };
        let heard = heard(word(said, &Terms { verified: Some(&token), ..terms(&expect, &answers) }));
        if let Heard::Active(grant) = heard { Ok(grant.client().map(str::to_owned)) } else { Err(heard) }
    };
    let two = json!({"client_id": "api", "azp": "app"});
    let api = || Ok(Some("api".to_owned()));
    // What Keycloak and Google say: both, or one of the two.
    for told in
        [json!({}), two.clone(), json!({"azp": "app"}), json!({"client_id": "api"}), json!({"azp": ""})]
    {
        assert_eq!(client(two.clone(), told.clone()), api(), "{told}");
    }
    for told in [
        json!({"azp": "api"}),
        json!({"client_id": "app"}),
        json!({"client_id": "api", "azp": "other"}),
        json!({"client_id": "other", "azp": "app"}),
    ] {
        assert_eq!(client(two.clone(), told.clone()), Err(Heard::Refused("token_inactive")), "{told}");
    }
    // Where they have none in common, what each says first.
    let one = json!({"client_id": null, "azp": "app"});
    assert_eq!(client(one.clone(), json!({"client_id": "app"})), Ok(Some("app".to_owned())));
    assert_eq!(client(one, json!({"client_id": "other"})), Err(Heard::Refused("token_inactive")));
    let withdrawn = json!({"client_id": null, "azp": "app"});
    assert_eq!(client(two, withdrawn), Ok(Some("app".to_owned())));
}

#[test]
fn what_the_answer_takes_away_is_missing_unless_it_may_be() {
    for aud in [json!(null), json!([])] {
        assert_eq!(over(json!({}), json!({"aud": aud})), Heard::Refused("audience_mismatch"));
        let grant = over_as(&token(json!({})), json!({"aud": aud}), &answers()).grant();
        assert_eq!((grant.audiences(), grant.claim("aud")), (&["ours".to_owned()][..], Some(&json!("ours"))));
    }
    let grant = over_as(&token(json!({})), json!({"aud": ["ours", "x"]}), &answers()).grant();
    assert_eq!(grant.audiences(), ["ours", "x"], "whoever may leave it out is heard all the same");
    assert_eq!(over(json!({}), json!({"iss": null})), Heard::Refused("issuer_unknown"));
    let grant = over_as(&token(json!({})), json!({"iss": null, "tenant": null}), &answers()).grant();
    assert_eq!((grant.claim("iss"), grant.claim("tenant")), (Some(&json!("https://idp.test")), None));
    over_as(&token(json!({"iss": null})), json!({}), &answers()).grant();
    // `aud: optional` is for answers: a signed token that names nobody is for nobody.
    let nobody = token(json!({"aud": null}));
    assert_eq!(over_as(&nobody, json!({}), &answers()), Heard::Refused("audience_mismatch"));
}

#[test]
fn a_binding_comes_from_either_and_is_never_taken_away() {
    let bound = |byte: u8| json!({"jkt": base64url::encode([byte; 32])});
    let binding = |token: Value, answer: Value| over(token, answer).grant().claim("cnf").cloned();
    assert_eq!(binding(json!({}), json!({"cnf": bound(7)})), Some(bound(7)));
    for answer in [json!({}), json!({"cnf": null}), json!({"cnf": bound(7)})] {
        assert_eq!(binding(json!({"cnf": bound(7)}), answer), Some(bound(7)));
    }
    let other = over(json!({"cnf": bound(7)}), json!({"cnf": bound(8)}));
    assert_eq!(other, Heard::Refused("binding_unproven"));
}

#[test]
fn an_issuer_is_wanted_of_answers_that_can_name_one() {
    let strict = Answers { iss_optional: false, ..answers() };
    let of = |has_issuer| {
        let said = Said { has_issuer, ..Said::default() };
        heard(word(said, &terms(&expect(), &strict)))
    };
    of(false).grant();
    assert_eq!(of(true), Heard::Refused("issuer_unknown"));
}

#[test]
fn token_and_answer_name_one_issuer_also_where_the_policy_names_none() {
    let expect = Expect { issuer: None, ..expect() };
    let (token, answers) = (token(json!({})), answers());
    let of = |issuer: &str| {
        let said = Said { claims: object(json!({"iss": issuer})), has_issuer: true, ..Said::default() };
        heard(word(said, &Terms { verified: Some(&token), ..terms(&expect, &answers) }))
    };
    of("https://idp.test").grant();
    assert_eq!(of("https://other.test"), Heard::Refused("issuer_unknown"));
}

#[test]
fn an_audience_that_is_not_said_is_told_from_another() {
    let fault = |changes: Value, claims: Value| {
        let (token, expect, strict) = (token(changes), expect(), strict());
        let said = Said { claims: object(claims), has_issuer: true, ..Said::default() };
        match word(said, &Terms { verified: Some(&token), ..terms(&expect, &strict) }) {
            Word::Refused(fault) => fault,
            Word::Active(_) | Word::Unknown(_) => panic!("it is not refused"),
        }
    };
    assert_eq!(fault(json!({}), json!({"aud": null})), TokenFault::AudienceUnsaid);
    assert_eq!(fault(json!({}), json!({"aud": "other"})), TokenFault::AudienceMismatch);
    assert_eq!(fault(json!({"aud": null}), json!({})), TokenFault::AudienceMismatch);
}

#[test]
fn the_later_beginning_of_token_and_answer_counts() {
    let from = |claims: Value| over(json!({}), claims).grant().window().from;
    assert_eq!(from(json!({})), None);
    assert_eq!(from(json!({"nbf": NOW.as_secs() - 5})), Some(NOW.minus(Duration::from_secs(5))));
}

#[test]
fn a_client_that_the_server_says_apart_is_compared_and_no_attribute() {
    let (token, expect, strict) = (token(json!({})), expect(), strict());
    let of = |client: &str| {
        let claims = object(json!({"client_id": "an attribute"}));
        let said = Said { claims, client: Some(client.to_owned()), has_issuer: true, ..Said::default() };
        heard(word(said, &Terms { verified: Some(&token), ..terms(&expect, &strict) }))
    };
    assert_eq!(of("app").grant().client(), Some("app"));
    assert_eq!(of("other"), Heard::Refused("token_inactive"));
}

#[test]
fn what_is_the_servers_own_replaces_what_says_scopes_in_tokens_alone() {
    let grant = profile_over(json!({}), &["scope"], json!({"scope": "read"})).grant();
    assert_eq!(grant.claim("scope"), Some(&json!("read")));
    let grant = profile_over(json!({}), &[], json!({"scope": "read"})).grant();
    assert_eq!(grant.claim("scope"), Some(&json!("read write")));
}

#[test]
fn who_has_no_name_is_nobody_else() {
    for (own, other, are_two) in [
        (Some("a"), Some("b"), true),
        (Some("a"), Some("a"), false),
        (Some(""), Some("b"), false),
        (Some("a"), Some(""), false),
        (None, Some("b"), false),
        (Some("a"), None, false),
    ] {
        assert_eq!(differ(own, other), are_two, "{own:?} {other:?}");
    }
}
