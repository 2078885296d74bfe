use super::*;

fn places() -> Vec<Place> {
    vec![
        Place::Header { name: "authorization".into(), scheme: Some("Bearer".into()) },
        Place::Header { name: "x-access-token".into(), scheme: None },
        Place::Query("access_token".into()),
        Place::Cookie("session".into()),
    ]
}

fn head<'h>(path: &'h str, fields: &[(&'h str, &'h str)]) -> RequestHead<'h> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    RequestHead::from_pairs([(&b":path"[..], path.as_bytes())].into_iter().chain(fields))
}

fn found<'h>(path: &'h str, fields: &[(&'h str, &'h str)]) -> Found<'h> {
    find(&head(path, fields), &places())
}

#[test]
fn each_place_is_read() {
    let token = Found::Token(Secret::new(b"t.o.k".into()), Scheme::Bearer);
    assert_eq!(found("/", &[("authorization", "Bearer t.o.k")]), token);
    assert_eq!(found("/", &[("x-access-token", "t.o.k")]), token);
    assert_eq!(found("/?access_token=t.o.k", &[]), token);
    assert_eq!(found("/", &[("cookie", "a=b; session=t.o.k")]), token);
    assert_eq!(found("/?a=b", &[("authorization", "Basic eDp5"), ("cookie", "a=b")]), Found::Nothing);
}

#[test]
fn one_place_counts_unless_it_is_configured() {
    let only_header = places().into_iter().take(1).collect::<Vec<_>>();
    assert_eq!(find(&head("/?access_token=t", &[("cookie", "session=t")]), &only_header), Found::Nothing);
}

#[test]
fn a_token_with_a_proof_is_told_from_one_without() {
    let mut both = places();
    both.push(Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) });
    let find = |value| find(&head("/", &[("authorization", value)]), &both);
    let token = |scheme| Found::Token(Secret::new(b"t".into()), scheme);
    assert_eq!(find("DPoP t"), token(Scheme::Dpop));
    assert_eq!(find("dpop t"), token(Scheme::Dpop));
    assert_eq!(find("Bearer t"), token(Scheme::Bearer));
    assert_eq!(find("DPoP"), Found::Malformed);
    for value in ["DPoP t,Bearer t", "Bearer t,DPoP t", "DPoP t,DPoP t", "Basic t,DPoP t"] {
        assert_eq!(find(value), Found::Several, "{value}");
    }
    assert_eq!(found("/", &[("authorization", "DPoP t")]), Found::Nothing, "unless it is looked for");
}

#[test]
fn the_proof_goes_where_the_token_goes() {
    let fields = [("authorization", "DPoP t"), ("dpop", "p"), ("dpop", "q")];
    let place = Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) };
    let mut edits = HeaderEdits::default();
    strip(&head("/", &fields), &[place], false, &mut edits);
    assert_eq!(edits.remove, ["authorization", "dpop"].map(Rc::from));
    let mut edits = HeaderEdits::default();
    let place = Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) };
    strip(&head("/", &[("authorization", "DPoP t")]), &[place], false, &mut edits);
    assert_eq!(edits.remove, ["authorization"].map(Rc::from), "where there is no proof");
    let mut edits = HeaderEdits::default();
    strip(&head("/", &fields), &places(), false, &mut edits);
    assert!(edits == HeaderEdits::default(), "without DPoP in the policy both are another's");
    let place = Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) };
    let mut edits = HeaderEdits::default();
    strip(&head("/", &fields), &[place], true, &mut edits);
    assert!(edits == HeaderEdits::default(), "where the token is forwarded the proof is, too");
}

#[test]
fn two_credentials_are_too_many() {
    assert_eq!(found("/", &[("authorization", "Bearer a"), ("authorization", "Bearer b")]), Found::Several);
    assert_eq!(found("/", &[("authorization", "Basic a"), ("authorization", "Bearer b")]), Found::Several);
    let third = [("authorization", "Basic a"), ("authorization", "Basic b"), ("authorization", "Bearer c")];
    assert_eq!(found("/", &third), Found::Several);
    assert_eq!(found("/?access_token=a", &[("authorization", "Bearer a")]), Found::Several);
    assert_eq!(found("/?access_token=a&access_token=a", &[]), Found::Several);
    assert_eq!(found("/", &[("cookie", "session=a"), ("cookie", "session=b")]), Found::Several);
    assert_eq!(found("/?access_token=", &[("authorization", "Bearer a")]), Found::Several);
}

#[test]
fn what_is_no_token_is_malformed() {
    assert_eq!(found("/", &[("authorization", "Bearer")]), Found::Malformed);
    assert_eq!(found("/?access_token=", &[]), Found::Malformed);
    assert_eq!(found("/?access_token=a%20b", &[]), Found::Malformed);
    assert_eq!(found("/", &[("cookie", "session=a,b")]), Found::Malformed);
}

#[test]
fn the_token_is_taken_out_and_nothing_else() {
    let fields = [("authorization", "Bearer a"), ("cookie", "a=b; session=x; c=d"), ("x-other", "1")];
    let mut edits = HeaderEdits::default();
    strip(&head("/p?a=1&access_token=t", &fields), &places(), false, &mut edits);
    assert_eq!(edits.remove, ["authorization", "cookie"].map(Rc::from));
    let pair = |name: &str, value: &str| (name.into(), value.into());
    assert_eq!(edits.set, [pair("cookie", "a=b; c=d"), pair(":path", "/p?a=1")]);
}

#[test]
fn the_token_is_taken_out_whatever_stands_beside_it() {
    let target: &[u8] = b"/p?access_token=t&x=\xff";
    let mut edits = HeaderEdits::default();
    strip(&RequestHead::from_pairs([(&b":path"[..], target)]), &places(), false, &mut edits);
    assert_eq!(edits.set, [(":path".into(), "/p?x=%FF".into())]);
    let cookies: &[u8] = b"login=1; town=Orl\xe9ans; session=x";
    let mut edits = HeaderEdits::default();
    strip(&RequestHead::from_pairs([(&b"cookie"[..], cookies)]), &places(), false, &mut edits);
    assert_eq!(edits.set, [("cookie".into(), "login=1".into())], "the login at the upstream stays");
}

#[test]
fn the_tokens_of_all_cookies_and_parameters_are_taken_out() {
    let names = ["session", "old"];
    let places: Vec<Place> = names
        .into_iter()
        .flat_map(|name| [Place::Cookie(name.to_owned()), Place::Query(name.to_owned())])
        .collect();
    let fields = [("cookie", "old=t; a=b; session=t"), ("cookie", "c=d; old=t")];
    let mut edits = HeaderEdits::default();
    strip(&head("/p?old=t&a=1&session=t", &fields), &places, false, &mut edits);
    let pair = |name: &str, value: &str| (name.into(), value.into());
    assert_eq!(edits.remove, ["cookie"].map(Rc::from));
    assert_eq!(edits.set, [pair("cookie", "a=b; c=d"), pair(":path", "/p?a=1")]);
}

#[test]
fn what_a_server_may_take_for_the_token_s_cookie_or_parameter_is_no_credential_and_goes_on_nowhere() {
    let places = [Place::Cookie("my_session".into()), Place::Query("access_token".into())];
    let fields = [(
        "cookie",
        "a=b; my.session=t; my%5Fsession=t; my_session[]=t; e=1 my_session=t; f=1,my.session=t; my-session=c; mine=d",
    )];
    let path = "/p?access.token=t&access%20token=t&ACCESS_TOKEN=t&access_token%5B0%5D=t&access-token=u&a=1";
    let head = head(path, &fields);
    assert_eq!(find(&head, &places), Found::Nothing);
    for is_forwarded in [false, true] {
        let mut edits = HeaderEdits::default();
        strip(&head, &places, is_forwarded, &mut edits);
        let pair = |name: &str, value: &str| (name.into(), value.into());
        let kept = [pair("cookie", "a=b; my-session=c; mine=d"), pair(":path", "/p?access-token=u&a=1")];
        assert_eq!((edits.remove, edits.set), (vec![Rc::from("cookie")], kept.to_vec()), "{is_forwarded}");
    }
}

#[test]
fn a_token_that_is_forwarded_stays_where_it_stands() {
    let fields = [("authorization", "Bearer a"), ("cookie", "session=t; Session=u"), ("dpop", "p")];
    let mut edits = HeaderEdits::default();
    strip(&head("/?access_token=t", &fields), &places(), true, &mut edits);
    assert_eq!(edits.remove, ["cookie"].map(Rc::from));
    assert_eq!(edits.set, [("cookie".into(), "session=t".into())]);
}

#[test]
fn another_scheme_is_left_alone() {
    let mut edits = HeaderEdits::default();
    strip(&head("/", &[("authorization", "Basic eDp5")]), &places(), false, &mut edits);
    assert!(edits == HeaderEdits::default());
}
