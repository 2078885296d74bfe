use super::*;
use serde_json::json;

fn suite(suite: Value) -> Result<Suite, String> {
    at(&suite, None).map_err(|error| error.to_string())
}

fn at(suite: &Value, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    let documents = Documents::default();
    let read = |node: &Node<'_>| read(node, &documents, Path::new(""), now);
    document::read("file", suite, read).map_err(LoadError::Wrong)
}

fn with_test(test: Value) -> Result<Suite, String> {
    let tokens = json!({"a": {"raw": "t.o.k"}});
    suite(json!({"policy": {"rules": []}, "tokens": tokens, "tests": [test]}))
}

#[test]
fn a_request_has_defaults_and_tokens_are_put_in() {
    let expect = json!({"outcome": "admit"});
    let request =
        json!({"token": "a", "path": "/p?t=${token:a}&u=${token:a}", "headers": [["X-B", "${token:a}"]]});
    let loaded = with_test(json!({"name": "x", "request": request, "expect": expect})).unwrap();
    let request = &loaded.cases[0].request;
    assert_eq!((request.method.as_str(), request.authority.as_str()), ("GET", "api.example.com"));
    assert_eq!(request.path, "/p?t=t.o.k&u=t.o.k");
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    assert_eq!(request.headers, [field("authorization", "Bearer t.o.k"), field("x-b", "t.o.k")]);
    assert_eq!(loaded.now, DEFAULT_NOW);
}

#[test]
fn the_clock_stays_where_a_test_put_it() {
    let test = |at: Value| json!({"name": "x", "at": at, "expect": {"outcome": "admit"}});
    let tests =
        json!([test(Value::Null), test(json!({"in": "10s"})), test(Value::Null), test(json!({"ago": "1s"}))]);
    let loaded = suite(json!({"policy": {}, "now": 100, "tests": tests})).unwrap();
    let clock: Vec<_> = loaded.cases.iter().map(|case| (case.now.as_secs(), case.moves_clock)).collect();
    assert_eq!(clock, [(100, false), (110, true), (110, false), (99, true)]);
}

#[test]
fn the_callers_clock_goes_before_the_files() {
    let document = json!({"policy": {"exp": {"keys": []}}, "now": 100, "tests": []});
    let loaded = at(&document, Some(UnixTime::from_secs(7))).unwrap();
    assert_eq!(loaded.now.as_secs(), 7);
}

#[test]
fn a_mistake_names_its_place() {
    let expect = json!({"outcome": "admit"});
    for (test, place) in [
        (json!({"expect": expect}), "tests[0].name: is missing"),
        (json!({"name": "x"}), "tests[0].expect: is missing"),
        (json!({"name": "x", "expect": expect, "when": 1}), "tests[0].when: is not a known key"),
        (json!({"name": "x", "expect": expect, "at": 5}), "tests[0].at: is not a time"),
        (
            json!({"name": "x", "expect": expect, "request": {"token": "b"}}),
            "tests[0].request.token: names none",
        ),
        (
            json!({"name": "x", "expect": expect, "request": {"path": "${token:b}"}}),
            "tests[0].request.path: names none",
        ),
        (
            json!({"name": "x", "expect": expect, "request": {"path": "${token:a"}}),
            "tests[0].request.path: has a",
        ),
        (
            json!({"name": "x", "expect": expect, "request": {"headers": [["a"]]}}),
            "tests[0].request.headers[0]: ",
        ),
        (
            json!({"name": "x", "expect": expect, "request": {"route": {"nam": "x"}}}),
            "tests[0].request.route.nam: is not a known key: did you mean `name`?",
        ),
    ] {
        let problem = with_test(test).err().unwrap();
        assert!(problem.starts_with(place), "{problem}");
    }
    assert!(suite(json!({"policy": 1, "tests": []})).err().unwrap().starts_with("policy: "));
    assert!(suite(json!({"policy": "./missing.yaml", "tests": []})).err().unwrap().contains("missing.yaml"));
    assert!(suite(json!({"tests": []})).err().unwrap().starts_with("policy: is missing"));
}

#[test]
fn every_mistake_of_a_file_is_told_in_its_order() {
    let test = json!({
        "nam": "x",
        "request": {"token": "goood", "headers": [["x y", 1]], "path": "${token:b}", "body": 1},
        "expect": {"outcome": "admit", "status": 200, "reason": 1},
    });
    let tokens = json!({"good": {"raw": "t"}, "bad": {"key": "k", "claims": {"exp": {"in": "5 m"}}}});
    let document = json!({"policy": {}, "kezs": {"k": "ES256"}, "tokens": tokens, "tests": [test]});
    let problems = suite(document).err().unwrap();
    let places: Vec<_> = problems.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "kezs",
            "tokens.bad.key",
            "tokens.bad.claims.exp.in",
            "tests[0].name",
            "tests[0].nam",
            "tests[0].request.token",
            "tests[0].request.headers[0][0]",
            "tests[0].request.headers[0][1]",
            "tests[0].request.path",
            "tests[0].request.body",
            "tests[0].expect.status",
            "tests[0].expect.reason",
        ],
        "{problems}"
    );
    assert!(problems.contains("kezs: is not a known key: did you mean `keys`?"), "{problems}");
    assert!(problems.contains("names none of the file's `tokens`: did you mean `good`?"), "{problems}");
}

/// A key or a token that could not be made is not missed where it is named.
#[test]
fn a_mistake_is_told_once() {
    let test = json!({"name": "x", "request": {"token": "t"}, "expect": {"outcome": "admit"}});
    let document = json!({
        "policy": {},
        "keys": {"k": "ES257"},
        "tokens": {"t": {"key": "k", "claims": {}}},
        "tests": [test],
    });
    let problems = suite(document).err().unwrap();
    assert!(problems.starts_with("keys.k: is no algorithm: ") && problems.lines().count() == 1, "{problems}");
}

#[test]
fn answers_are_dated_by_the_suites_clock_also_where_a_test_moves_it() {
    let answers = json!({"/a": {"json": {"exp": {"in": "1s"}}}});
    let test = json!({"name": "x", "at": {"in": "10s"}, "answers": answers, "expect": {"outcome": "admit"}});
    let loaded = suite(json!({"policy": {}, "now": 100, "answers": answers, "tests": [test]})).unwrap();
    let body = |answers: &Answers| match &answers["/a"][0] {
        request::Reply::Answered { body, .. } => String::from_utf8(body.clone()).unwrap(),
        request::Reply::Failed(_) => String::new(),
    };
    assert_eq!(body(&loaded.answers), r#"{"exp":101}"#);
    assert_eq!(body(&loaded.cases[0].answers), r#"{"exp":101}"#);
}
