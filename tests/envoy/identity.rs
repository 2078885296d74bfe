//! Identity headers are the gate's to set: a client's never arrive.

use kit::client::{Connection, Request};
use kit::deadline::PATIENCE;
use kit::http2::Session;
use kit::issuer::Answer;
use kit::server::Received;
use serde_json::{Value, json};

use crate::policies::{ASKED, held, introspected, merge, opaque};
use crate::ring::{Plan, Ring, Site};

/// The header that the policies here set from `sub`.
const OURS: &str = "x-auth-subject";

pub(crate) fn add(ring: &mut Ring) {
    ring.test("identity::a_token_stands_in_either_of_two_cookies", cookies(), two_cookies);
    let mut test = |name: &str, run: fn(&Site)| ring.test(&format!("identity::{name}"), doors(), run);
    test("of_a_client_does_not_arrive", forged);
    test("of_a_client_does_not_arrive_with_a_preflight", preflight);
    test("arrives_although_the_client_calls_it_a_hop_by_hop_header", nominated);
    test("of_a_client_does_not_arrive_under_any_spelling_of_its_name", spelled);
    test("tokens_stay_with_the_gate", stripped);
    test("tokens_stay_with_the_gate_where_nobody_looks_at_them", unread);
    test("trailers_carry_none", trailers);
    test("trailers_over_http2_carry_none", trailers_over_http2);
    let stopping = doors().stopping_iteration();
    ring.test("identity::trailers_of_a_request_that_waits_carry_none", stopping, waiting_trailers);
    ring.test("identity::tokens_go_on_where_the_policy_says_so", forwarding(), forwarded);
    ring.test(
        "identity::nothing_of_an_observed_refusal_arrives",
        observing(json!({"mode": "observe"})),
        observed,
    );
    let by_rule = observing(json!({}));
    ring.test("identity::nothing_of_a_refusal_that_a_rule_observes_arrives", by_rule, observed);
}

fn doors() -> Plan {
    let mut plan = introspected();
    let policy = &mut plan.filter.policy;
    policy["upstream"]["headers"] = json!({"x-auth-subject": "sub", "x-auth-missing": "nothing"});
    policy["upstream"]["claims_header"] = json!("x-auth-claims");
    policy["cors_preflight"] = json!("allow");
    policy["unmatched"] = json!("anonymous");
    policy["token"] = json!({"from": [
        {"header": "authorization", "scheme": "Bearer"}, {"header": "x-access-token"},
        {"query": "access_token"}, {"cookie": "session"},
    ]});
    if let Some(rules) = policy["rules"].as_array_mut() {
        rules.push(json!({"name": "maybe", "match": {"paths": ["/maybe"]}, "access": "optional"}));
    }
    plan
}

/// Refusals of these rules are only observed: by the whole policy, or else by each of them.
fn observing(more: Value) -> Plan {
    let mut plan = doors();
    let policy = &mut plan.filter.policy;
    policy["rules"] = json!([
        {"name": "alive", "match": {"paths": ["/alive"]}, "access": "anonymous"},
        {"name": "orders", "match": {"paths": ["/orders/**"]}, "mode": "observe", "require": {"scopes": ["orders"]}},
        {"name": "maybe", "match": {"paths": ["/maybe"]}, "mode": "observe", "access": "optional"},
        {"name": "shut", "match": {"paths": ["/shut"]}, "mode": "observe", "access": "deny"},
    ]);
    merge(policy, more);
    plan
}

fn forwarding() -> Plan {
    let mut plan = doors();
    plan.filter.policy["token"]["forward"] = json!(true);
    plan
}

/// `request` with every header that could pass for ours.
fn forge(request: Request) -> Request {
    let names = [
        "x-auth-subject",
        "X-Auth-Subject",
        "x_auth_subject",
        "X-AUTH_SUBJECT",
        "x-auth-claims",
        "x_auth_claims",
        "x-auth-missing",
        "x_auth-missing",
    ];
    names.iter().fold(request, |request, name| request.field(name, "root").field(name, "toor"))
}

/// The values of everything that a server may take for one of ours.
fn identity(received: &Received) -> Vec<(String, Vec<u8>)> {
    let fields = received.head.fields.iter().cloned();
    fields.filter(|(name, _)| name.replace('_', "-").starts_with("x-auth-")).collect()
}

fn forged(site: &Site) {
    for path in ["/alive", "/maybe", "/elsewhere"] {
        let received = site.admits(&forge(Request::get(path)));
        assert_eq!(identity(&received), [], "{path}");
    }
    for path in ["/orders/1", "/maybe"] {
        let received = site.admits(&forge(Request::get(path).bearer("opaque")));
        let found = identity(&received);
        assert_eq!(found[0], (OURS.to_owned(), b"alice".to_vec()));
        assert_eq!((found.len(), found[1].0.as_str()), (2, "x-auth-claims"), "{found:?}");
        let claims = scopegate::base::base64url::decode(received.head.get("x-auth-claims").unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&claims).unwrap(), opaque("alice"));
    }
}

/// Every byte that may stand in a name (RFC 9110 section 5.6.2) and is no letter or digit.
const SEPARATORS: &[u8] = b"!#$%&'*+-.^_`|~";

fn spelled(site: &Site) {
    let names = |claim: &str| -> Vec<String> {
        let name = |one: &u8, other: &u8| format!("X{}Auth{}{claim}", char::from(*one), char::from(*other));
        let mixed = SEPARATORS.iter().zip(SEPARATORS.iter().skip(1)).map(|(one, other)| name(one, other));
        SEPARATORS.iter().map(|byte| name(byte, byte)).chain(mixed).collect()
    };
    let spelled = ["Subject", "missing", "claims"].iter().flat_map(|claim| names(claim));
    let request =
        |request: Request| spelled.clone().fold(request, |request, name| request.field(name, "root"));
    let folded = |received: &Received| -> Vec<String> {
        let fold = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let names = received.head.fields.iter().map(|(name, _)| fold(name));
        names.filter(|name| name.starts_with("x-auth-")).collect()
    };
    for path in ["/alive", "/maybe", "/elsewhere"] {
        assert_eq!(folded(&site.admits(&request(Request::get(path)))), [""; 0], "{path}");
    }
    let received = site.admits(&request(Request::get("/orders/1").bearer("opaque")));
    assert_eq!(folded(&received), ["x-auth-subject", "x-auth-claims"]);
    // Of other bytes Envoy itself lets none into a name.
    for byte in ["\u{e9}".as_bytes(), b"\xff", b"\x01", b"\"", b"(", b"/", b"@", b"[", b"\\", b"{", b"\x7f"] {
        let name = [b"x".as_slice(), b"auth", b"subject"].join(byte);
        site.keeps_out(&Request::get("/alive").field(name, "root"));
    }
}

/// What a client puts behind a body to pass for somebody, and what of it may arrive.
const TRAILERS: [(&str, &str); 6] = [
    ("x-sum", "1"),
    ("x-auth-subject", "root"),
    ("x.auth_claims", "root"),
    ("authorization", "Bearer forged"),
    ("x-access-token", "forged"),
    ("cookie", "session=forged"),
];

fn trailers(site: &Site) {
    for path in ["/alive", "/maybe", "/elsewhere"] {
        let received = site.admits(&Request::post(path).chunks(&[b"body"], &TRAILERS));
        assert_eq!(received.trailers, [("x-sum".to_owned(), b"1".to_vec())], "{path}");
    }
    let received = site.admits(&Request::post("/orders/1").bearer("opaque").chunks(&[b"body"], &TRAILERS));
    assert_eq!((received.trailers.len(), &*received.body), (1, &b"body"[..]));
}

fn trailers_over_http2(site: &Site) {
    for (path, token) in [("/alive", ""), ("/orders/1", "Bearer opaque")] {
        let before = site.upstream.count();
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "api.example.com"),
            (":path", path),
            ("authorization", token),
        ];
        let fields = if token.is_empty() { &fields[..4] } else { &fields };
        let session = Session::with_trailers(site.port(), fields, b"body", &TRAILERS).unwrap();
        assert_eq!(session.good_responses().unwrap(), 1, "{path}");
        let received = site.upstream.received().swap_remove(before);
        assert_eq!(received.trailers, [("x-sum".to_owned(), b"1".to_vec())], "{path}");
        assert_eq!(received.body, b"body");
    }
}

fn waiting_trailers(site: &Site) {
    let verdict = held(site, Answer::json(&opaque("alice")));
    let mut client = Connection::open(site.port()).unwrap();
    let request = Request::post("/orders/1").bearer("opaque").chunks(&[b"body"], &TRAILERS);
    client.send(&request.head_bytes()).unwrap();
    client.send(request.body_bytes()).unwrap();
    assert!(site.issuer.wait_asked(ASKED, 1));
    verdict.open();
    assert_eq!(client.response().unwrap().status, 200);
    assert!(site.upstream.wait(PATIENCE, |all| all.last().is_some_and(|one| one.complete)));
    let received = site.upstream.received().pop().unwrap();
    assert_eq!(received.trailers, [("x-sum".to_owned(), b"1".to_vec())]);
}

/// Tokens that nobody judges, in every place and form: none of them goes on.
fn unread(site: &Site) {
    for path in ["/alive", "/elsewhere"] {
        let request = Request::get(&format!("{path}?access_token=live&a=b&access_token="))
            .bearer("live")
            .field("authorization", "Bearer")
            .field("x-access-token", "two words")
            .field("cookie", "a=b; session=live")
            .field("cookie", "session=; c=d");
        carries_nothing(&site.admits(&request), &format!("{path}?a=b"));
    }
    let preflight = Request::new("OPTIONS", "/orders/1?access_token=live", "api.example.com")
        .bearer("live")
        .field("origin", "https://app.example")
        .field("access-control-request-method", "GET");
    carries_nothing(&site.admits(&preflight), "/orders/1");
}

fn observed(site: &Site) {
    let live = |path: &str| forge(Request::get(&format!("{path}?access_token=live")));
    let twice = |path: &str| live(path).bearer("live").field("cookie", "session=live; a=b");
    for path in ["/orders/1", "/maybe", "/shut"] {
        carries_nothing(&site.admits(&twice(path)), path);
    }
    carries_nothing(&site.admits(&live("/shut")), "/shut");
    carries_nothing(&site.admits(&forge(Request::get("/orders/1"))), "/orders/1");
    for (number, answer) in [
        Answer::json(&json!({"active": false})),
        Answer::json(&json!({"active": true, "sub": "bob", "scope": "poor"})),
        Answer::Reset,
    ]
    .into_iter()
    .enumerate()
    {
        site.issuer.answers(ASKED, answer);
        // A token that nobody has asked about yet.
        let request = forge(Request::get(&format!("/orders/1?access_token=live-{number}")));
        carries_nothing(&site.admits(&request), "/orders/1");
    }
}

/// Holds a request that went upstream to telling of nobody, with nothing of a credential.
fn carries_nothing(received: &Received, target: &str) {
    assert_eq!((received.head.word(1), identity(received)), (target, Vec::new()));
    for name in ["authorization", "x-access-token"] {
        assert_eq!(received.head.get(name), None, "{target}: {name}");
    }
    assert!(received.head.all("cookie").iter().all(|cookie| !cookie.contains("session")), "{target}");
}

fn preflight(site: &Site) {
    let preflight = |path: &str| {
        Request::new("OPTIONS", path, "api.example.com")
            .field("origin", "https://app.example")
            .field("access-control-request-method", "GET")
    };
    assert_eq!(identity(&site.admits(&forge(preflight("/orders/1")))), []);
    let empty = Request::new("OPTIONS", "/orders/1", "api.example.com")
        .field("origin", "https://app.example")
        .field("access-control-request-method", "");
    site.refuses(&empty, 401, "token_missing");
    let no_origin =
        Request::new("OPTIONS", "/orders/1", "api.example.com").field("access-control-request-method", "GET");
    site.refuses(&no_origin, 401, "token_missing");
}

fn nominated(site: &Site) {
    for connection in ["x-auth-subject", "close, x-auth-subject, x-auth-claims", "keep-alive, X-Auth-Subject"]
    {
        let request = Request::get("/orders/1").bearer("opaque").field("connection", connection);
        let received = site.admits(&request);
        assert_eq!(received.head.all(OURS), ["alice"], "{connection}");
    }
}

fn stripped(site: &Site) {
    let orders = |query: &str| Request::get(&format!("/orders/1{query}"));
    let bearer = site.admits(&orders("").bearer("opaque"));
    assert_eq!(bearer.head.get("authorization"), None);
    let header = site.admits(&orders("").field("x-access-token", "opaque"));
    assert_eq!(header.head.get("x-access-token"), None);
    let query = site.admits(&orders("?a=b&access_token=opaque&c=d%20e"));
    assert_eq!(query.head.word(1), "/orders/1?a=b&c=d%20e");
    let cookie = site.admits(&orders("").field("cookie", "a=b; session=opaque; c=d"));
    assert_eq!(cookie.head.all("cookie"), ["a=b; c=d"]);
    // A credential in a place that the upstream could read is the one that was checked, or the request ends here.
    for request in [
        orders("?access_token=opaque").bearer("opaque"),
        orders("").bearer("opaque").field("cookie", "session=other"),
        orders("?access_token=a&access_token=b"),
        orders("").field("x-access-token", "a").field("x-access-token", "b"),
        orders("").field("cookie", "session=a; session=b"),
    ] {
        site.refuses(&request, 400, "credential_ambiguous");
    }
    // Another scheme is none of ours, and none of our business.
    let basic = site.admits(&Request::get("/maybe").field("authorization", "Basic Zm9vOmJhcg=="));
    assert_eq!(basic.head.all("authorization"), ["Basic Zm9vOmJhcg=="]);
}

fn cookies() -> Plan {
    let mut plan = introspected();
    plan.filter.policy["token"] = json!({"from": [{"cookie": "first"}, {"cookie": "second"}]});
    plan
}

/// A token may stand in either of two cookies, and goes on in none.
fn two_cookies(site: &Site) {
    let sent = |path: &str, cookies: &str| Request::get(path).field("cookie", cookies);
    for (cookies, rest) in [
        ("x=1; first=opaque", "x=1"),
        ("second=opaque; x=1; y=2", "x=1; y=2"),
        ("x=1;second=opaque;y=2", "x=1; y=2"),
    ] {
        let received = site.admits(&sent("/orders/1", cookies));
        assert_eq!(received.head.all("cookie"), [rest], "{cookies}");
    }
    for cookies in ["first=opaque; second=opaque", "second=opaque; x=1; first=other"] {
        site.refuses(&sent("/orders/1", cookies), 400, "credential_ambiguous");
        let two =
            cookies.split("; ").fold(Request::get("/orders/1"), |request, one| request.field("cookie", one));
        site.refuses(&two, 400, "credential_ambiguous");
        let received = site.admits(&sent("/alive", &format!("{cookies}; z=3")));
        let left = received.head.all("cookie").join("; ");
        assert!(!left.contains("first") && !left.contains("second") && left.contains("z=3"), "{left}");
    }
}

fn forwarded(site: &Site) {
    let received = site.admits(&Request::get("/orders/1?access_token=opaque"));
    assert_eq!(received.head.word(1), "/orders/1?access_token=opaque");
    let received = site.admits(&Request::get("/orders/1").bearer("opaque"));
    assert_eq!(received.head.all("authorization"), ["Bearer opaque"]);
}
