use serde_json::json;

use super::*;
use crate::token::grant;

const NOW: UnixTime = UnixTime::from_secs(1_000_000);

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn check(wanted: Wanted, claims: Value) -> Result<(), Denial> {
    check_with(wanted, &mut Vocabulary::default(), claims)
}

fn check_with(wanted: Wanted, vocabulary: &mut Vocabulary, claims: Value) -> Result<(), Denial> {
    let requirement = Requirement::new(wanted, vocabulary);
    let grant = grant::for_test(IssuerId(1), claims);
    let scopes = vocabulary.held(grant.scopes().iter());
    requirement.check(&Holder::new(grant, scopes), NOW)
}

fn members(members: Vec<Wanted>, vocabulary: &mut Vocabulary) -> Vec<Rc<Requirement>> {
    members.into_iter().map(|wanted| Rc::new(Requirement::new(wanted, vocabulary))).collect()
}

fn claim_holds(test: &ClaimTest, claim: Value) -> bool {
    check(Wanted { claims: vec![("c".into(), test.clone())], ..Wanted::default() }, json!({"c": claim}))
        .is_ok()
}

#[test]
fn any_good_token_satisfies_the_empty_requirement() {
    assert_eq!(check(Wanted::default(), json!({})), Ok(()));
}

#[test]
fn every_field_must_hold() {
    let wanted = Wanted {
        issuers: Some(vec![IssuerId(0), IssuerId(1)]),
        scopes: texts(&["a", "b"]),
        any_scope: texts(&["c", "d"]),
        clients: texts(&["app"]),
        claims: vec![("/org/id".into(), ClaimTest::OneOf(vec![json!(7)]))],
        authorization_details: vec![WantedDetail { kind: "order".into(), ..WantedDetail::default() }],
        audiences: texts(&["api"]),
        acr: texts(&["gold"]),
        max_age: Some(Duration::from_secs(60)),
        proof: None,
        any_of: Vec::new(),
    };
    let good = json!({
        "scope": "a b d", "client_id": "app", "org": {"id": 7.0}, "aud": "api", "acr": "gold", "auth_time": 999_940,
        "authorization_details": [{"type": "order"}],
    });
    assert_eq!(check(wanted.clone(), good.clone()), Ok(()));
    let scope = || "a b c d".to_owned();
    let login = || Login { acr_values: "gold".into(), max_age: Some(60), scope: scope() };
    for (name, value, denial) in [
        ("aud", json!("other"), Denial::BadToken(TokenFault::AudienceMismatch)),
        ("scope", json!("a c d"), Denial::ScopeInsufficient { scope: scope() }),
        ("scope", json!("a b"), Denial::ScopeInsufficient { scope: scope() }),
        ("scope", json!("A b c"), Denial::ScopeInsufficient { scope: scope() }),
        ("client_id", json!("App"), Denial::ClientNotAllowed { scope: scope() }),
        ("org", json!(7), Denial::ClaimMismatch { scope: scope() }),
        (
            "authorization_details",
            json!({"type": "order"}),
            Denial::AuthorizationDetailsInsufficient { scope: scope() },
        ),
        ("acr", json!("silver"), Denial::AuthenticationTooWeak(login())),
        ("acr", json!(["gold"]), Denial::AuthenticationTooWeak(login())),
        ("auth_time", json!(999_939), Denial::AuthenticationTooOld(login())),
        ("auth_time", json!("999999"), Denial::AuthenticationTooOld(login())),
        ("auth_time", json!(null), Denial::AuthenticationTooOld(login())),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(check(wanted.clone(), claims), Err(denial), "{name}");
    }
    let other_issuer = Wanted { issuers: Some(vec![IssuerId(0)]), ..wanted };
    assert_eq!(check(other_issuer, good), Err(Denial::IssuerNotAllowed));
}

#[test]
fn a_first_challenge_names_what_a_token_without_scopes_is_told_to_lack() {
    let scopes = |names: &[&str]| Wanted { scopes: texts(names), ..Wanted::default() };
    // A token without scopes holds none, whatever their numbers are.
    let any_of = |own: &[&str], any_of: Vec<Wanted>| Wanted {
        any_of: members(any_of, &mut Vocabulary::default()),
        ..scopes(own)
    };
    let gold = Wanted { acr: texts(&["gold"]), ..Wanted::default() };
    for (wanted, expected) in [
        (scopes(&["a", "b"]), "a b"),
        (Wanted { any_scope: texts(&["c", "a"]), ..scopes(&["a"]) }, "a c"),
        (any_of(&["own"], vec![scopes(&["x"])]), "own"),
        (any_of(&[], vec![gold.clone(), scopes(&["x", "y"]), scopes(&["z"])]), "x y"),
        (any_of(&[], vec![any_of(&[], vec![gold.clone(), scopes(&["deep"])]), scopes(&["z"])]), "deep"),
    ] {
        let requirement = Requirement::new(wanted.clone(), &mut Vocabulary::default());
        assert_eq!(requirement.scope_at_first(), expected);
        let denial = Denial::ScopeInsufficient { scope: expected.to_owned() };
        assert_eq!(check(wanted, json!({})), Err(denial), "what 403 names");
    }
    assert_eq!(Requirement::new(gold, &mut Vocabulary::default()).scope_at_first(), "");
}

#[test]
fn a_claim_equals_as_json_means_it() {
    let one_of = ClaimTest::OneOf(vec![json!("x"), json!(1), json!(true), json!(u64::MAX)]);
    for good in [json!("x"), json!(1), json!(1.0), json!(true), json!(u64::MAX)] {
        assert!(claim_holds(&one_of, good.clone()), "{good}");
    }
    for bad in
        [json!("X"), json!("1"), json!(1.5), json!(false), json!(null), json!(["x"]), json!(u64::MAX - 1)]
    {
        assert!(!claim_holds(&one_of, bad.clone()), "{bad}");
    }
    let numbers = ClaimTest::OneOf(vec![json!(-1), json!(2.0), json!(0.5)]);
    for good in [json!(-1), json!(-1.0), json!(2), json!(2.0), json!(0.5)] {
        assert!(claim_holds(&numbers, good.clone()), "{good}");
    }
    for bad in [json!(-2), json!(1), json!(u64::MAX), json!(-0.5)] {
        assert!(!claim_holds(&numbers, bad.clone()), "{bad}");
    }
}

#[test]
fn contains_looks_into_arrays_and_words() {
    let admin = ClaimTest::Contains(json!("admin"));
    for good in [json!(["user", "admin"]), json!("user admin"), json!("admin")] {
        assert!(claim_holds(&admin, good.clone()), "{good}");
    }
    for bad in [
        json!("administrator"),
        json!("user,admin"),
        json!(["administrator"]),
        json!([["admin"]]),
        json!({"admin": 1}),
    ] {
        assert!(!claim_holds(&admin, bad.clone()), "{bad}");
    }
    let group = ClaimTest::Contains(json!("Domain Admins"));
    for good in [json!(["x", "Domain Admins"]), json!("Domain Admins")] {
        assert!(claim_holds(&group, good.clone()), "{good}");
    }
    for bad in [
        json!("Domain Admins x"),
        json!("Domain  Admins"),
        json!("domain admins"),
        json!(["Domain", "Admins"]),
    ] {
        assert!(!claim_holds(&group, bad.clone()), "{bad}");
    }
    assert!(claim_holds(&ClaimTest::Contains(json!(2)), json!([1, 2.0])));
    assert!(!claim_holds(&ClaimTest::Contains(json!(2)), json!("1 2")));
}

#[test]
fn one_member_of_any_of_is_enough_and_the_most_helpful_denial_is_told() {
    let scope = |scope: &str| Wanted { scopes: texts(&[scope]), ..Wanted::default() };
    let client =
        |scope: &str| Wanted { scopes: texts(&[scope]), clients: texts(&["app"]), ..Wanted::default() };
    let acr = Wanted { acr: texts(&["gold"]), ..Wanted::default() };
    let detail = WantedDetail { kind: "order".into(), ..WantedDetail::default() };
    let detail = Wanted { authorization_details: vec![detail], ..Wanted::default() };
    let issuer = Wanted { issuers: Some(vec![IssuerId(9)]), ..Wanted::default() };
    let check_any = |any_of: Vec<Wanted>, token: Value| {
        let mut vocabulary = Vocabulary::default();
        let any_of = members(any_of, &mut vocabulary);
        check_with(Wanted { scopes: texts(&["base"]), any_of, ..Wanted::default() }, &mut vocabulary, token)
    };
    let token = json!({"scope": "base x"});
    assert_eq!(check_any(vec![issuer.clone(), scope("x")], token.clone()), Ok(()));
    assert_eq!(
        check_any(vec![issuer.clone(), acr.clone(), client("x"), scope("y"), scope("z")], token.clone()),
        Err(Denial::ScopeInsufficient { scope: "base y".into() })
    );
    assert_eq!(
        check_any(vec![issuer.clone(), acr.clone(), client("x")], token.clone()),
        Err(Denial::ClientNotAllowed { scope: "base x".into() })
    );
    assert_eq!(
        check_any(vec![issuer.clone(), acr.clone(), detail], token.clone()),
        Err(Denial::AuthorizationDetailsInsufficient { scope: "base".into() })
    );
    let too_weak = Denial::AuthenticationTooWeak(Login {
        acr_values: "gold".into(),
        max_age: None,
        scope: "base".into(),
    });
    assert_eq!(check_any(vec![issuer.clone(), acr], token.clone()), Err(too_weak));
    assert_eq!(check_any(vec![issuer.clone()], token), Err(Denial::IssuerNotAllowed));
    assert_eq!(
        check_any(vec![issuer], json!({"scope": "x"})),
        Err(Denial::ScopeInsufficient { scope: "base".into() })
    );
}

#[test]
fn the_issuers_that_can_satisfy_it() {
    let issuers = |numbers: &[u32]| Some(numbers.iter().copied().map(IssuerId).collect::<Vec<_>>());
    let from = |numbers: &[u32]| Wanted { issuers: issuers(numbers), ..Wanted::default() };
    let of = |wanted: Wanted| Requirement::new(wanted, &mut Vocabulary::default()).issuers();
    let members = |wanted: Vec<Wanted>| members(wanted, &mut Vocabulary::default());
    assert_eq!(of(Wanted::default()), None);
    assert_eq!(of(from(&[2, 1])), issuers(&[1, 2]));
    assert_eq!(
        of(Wanted { any_of: members(vec![from(&[1]), from(&[2, 1])]), ..Wanted::default() }),
        issuers(&[1, 2])
    );
    assert_eq!(
        of(Wanted { any_of: members(vec![from(&[1]), Wanted::default()]), ..Wanted::default() }),
        None
    );
    assert_eq!(of(Wanted { any_of: members(vec![from(&[1]), from(&[2])]), ..from(&[2, 3]) }), issuers(&[2]));
}

#[test]
fn a_requirement_that_is_named_in_many_places_is_asked_once() {
    let mut vocabulary = Vocabulary::default();
    let wants = |scope: &str, any_of| Wanted { scopes: texts(&[scope]), any_of, ..Wanted::default() };
    let mut shared = Rc::new(Requirement::new(wants("last", Vec::new()), &mut vocabulary));
    // With each step twice as many ways lead to the last one: were each of them gone, this would take years.
    for _ in 0..60 {
        let members =
            ["a", "b"].map(|scope| Requirement::new(wants(scope, vec![shared.clone()]), &mut vocabulary));
        let any_of = members.into_iter().map(Rc::new).collect();
        shared = Rc::new(Requirement::new(Wanted { any_of, ..Wanted::default() }, &mut vocabulary));
    }
    // So they do where all are shared.
    for _ in 0..60 {
        let any_of = vec![Rc::clone(&shared), shared];
        shared = Rc::new(Requirement::new(Wanted { any_of, ..Wanted::default() }, &mut vocabulary));
    }
    let last = Wanted { any_of: vec![shared], ..Wanted::default() };
    let missing = Denial::ScopeInsufficient { scope: "a last".into() };
    assert_eq!(check_with(last.clone(), &mut vocabulary, json!({"scope": "a b"})), Err(missing));
    assert_eq!(check_with(last, &mut vocabulary, json!({"scope": "a b last"})), Ok(()));
}

#[test]
fn a_requirement_knows_its_size() {
    let mut vocabulary = Vocabulary::default();
    let mut of = |any_of: &[&Rc<Requirement>]| {
        let any_of = any_of.iter().map(|member| Rc::clone(member)).collect();
        Rc::new(Requirement::new(Wanted { any_of, ..Wanted::default() }, &mut vocabulary))
    };
    let (one, other) = (of(&[]), of(&[]));
    let two = of(&[&one, &other]);
    let three = of(&[&two, &one]);
    let size = |requirement: &Requirement| (requirement.leaves(), requirement.levels());
    assert_eq!([&one, &two, &three].map(|requirement| size(requirement)), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(size(&of(&[&three, &three])), (6, 4));
}
