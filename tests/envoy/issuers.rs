//! Whatever an issuer does instead of answering: 503 and `Retry-After`, never 401, never through; and nothing of it
//! is remembered.

use std::time::Duration;

use kit::bootstrap::Lead;
use kit::client::{Request, Response};
use kit::deadline::timed;
use kit::issuer::Answer;
use serde_json::{Value, json};

use crate::policies::{ASKED, introspected, introspected_with, opaque};
use crate::ring::{Ring, Site};

/// What the policies here allow an issuer.
const TIMEOUT: Duration = Duration::from_millis(400);

pub(crate) fn add(ring: &mut Ring) {
    // Nobody listens on the first of all ports.
    for (name, lead) in [
        ("a_closed_port_is_an_outage", Lead::Port(1)),
        ("an_unknown_cluster_is_an_outage", Lead::Nowhere),
        ("a_cluster_without_hosts_is_an_outage", Lead::NoHost),
    ] {
        ring.test(&format!("issuers::{name}"), introspected().leads("idp", lead), unreachable);
    }
    let impatient = introspected_with(json!({"timeout": "400ms"}));
    let mut test =
        |name: &str, run: fn(&Site)| ring.test(&format!("issuers::{name}"), impatient.clone(), run);
    test("silence_is_an_outage_as_soon_as_the_time_is_over", silence);
    test("an_answer_that_breaks_off_is_an_outage", broken_answers);
    test("a_lie_is_neither_yes_nor_no", lies);
    test("an_answer_of_forty_mebibytes_is_an_outage", enormous);
    test("a_redirect_is_not_followed", redirect);
    test("no_beginning_of_a_good_answer_is_good", beginnings);
    test("an_issuer_that_is_busy_or_broken_is_an_outage", server_errors);
}

fn unreachable(site: &Site) {
    for token in ["one", "two", "one"] {
        is_outage(&site.refuses(&order(token), 503, "issuer_unavailable"));
    }
}

fn silence(site: &Site) {
    site.issuer.answers(ASKED, Answer::Silence);
    let (took, response) = timed(|| site.refuses(&order("silence"), 503, "issuer_unavailable"));
    is_outage(&response);
    assert!(took >= TIMEOUT && took < TIMEOUT + Duration::from_secs(1), "it took {took:?}");
    // The late answer belongs to nobody.
    site.issuer.answers(ASKED, Answer::json(&opaque("alice")).later(TIMEOUT * 2));
    is_outage(&site.refuses(&order("late"), 503, "issuer_unavailable"));
    recovers(site, "late");
}

fn broken_answers(site: &Site) {
    let good = || opaque("alice").to_string().into_bytes();
    for (token, answer) in [
        ("reset", Answer::Reset),
        ("cut-short", Answer::CutShort(good())),
        ("broken-chunk", Answer::BrokenChunk(good())),
    ] {
        outage(site, token, answer, "issuer_unavailable");
    }
}

fn lies(site: &Site) {
    let good = opaque("alice").to_string();
    let bodies = [
        ("text", json!({"active": "true"}).to_string()),
        ("number", json!({"active": 1}).to_string()),
        ("null", json!({"active": null}).to_string()),
        ("missing", json!({"sub": "alice"}).to_string()),
        ("nested", json!({"data": {"active": true}}).to_string()),
        ("list", json!([{"active": true}]).to_string()),
        ("truth", "true".to_owned()),
        ("twice", r#"{"active": false, "active": true}"#.to_owned()),
        ("followed", format!("{good} {good}")),
        ("capitals", r#"{"active": True}"#.to_owned()),
        ("deep", format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
        ("deep-member", format!(r#"{{"active": true, "x": {}1{}}}"#, "[".repeat(9_000), "]".repeat(9_000))),
        ("empty", String::new()),
        ("long", json!({"active": true, "x": "x".repeat(64 * 1024)}).to_string()),
    ];
    for (token, body) in bodies {
        outage(site, token, Answer::with_type("application/json", body), "issuer_misbehaved");
    }
    let gzip = [&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"[..], good.as_bytes()].concat();
    for (token, answer) in [
        ("gzip", Answer::with_type("application/json", gzip)),
        ("bytes", Answer::with_type("application/json", *b"{\"active\": true, \"sub\": \"\xff\"}")),
        ("page", Answer::with_type("text/html", good.clone())),
        ("untyped", Answer::Reply { status: 200, headers: Vec::new(), body: good.clone().into_bytes() }),
    ] {
        outage(site, token, answer, "issuer_misbehaved");
    }
    for status in [201, 202, 204, 206, 304, 400, 401, 403, 404, 418] {
        let body = if matches!(status, 204 | 304) { Vec::new() } else { good.clone().into_bytes() };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let answer = Answer::Reply { status, headers, body };
        outage(site, &format!("status-{status}"), answer, "issuer_misbehaved");
    }
}

fn enormous(site: &Site) {
    let body = json!({"active": true, "scope": "orders", "x": "x".repeat(40 << 20)}).to_string();
    outage_for_any_reason(site, "enormous", Answer::with_type("application/json", body));
}

fn redirect(site: &Site) {
    site.issuer.answers("/elsewhere", Answer::json(&opaque("mallory")));
    for status in [301, 302, 303, 307, 308] {
        let headers = vec![("location".to_owned(), "/elsewhere".to_owned())];
        let answer = Answer::Reply { status, headers, body: Vec::new() };
        outage(site, &format!("redirect-{status}"), answer, "issuer_misbehaved");
    }
    assert_eq!(site.issuer.asked("/elsewhere"), 0);
}

fn beginnings(site: &Site) {
    let good = opaque("alice").to_string().into_bytes();
    for end in 0..good.len() {
        let beginning = good[..end].to_vec();
        site.issuer.answers(ASKED, Answer::with_type("application/json", beginning));
        is_outage(&site.refuses(&order(&format!("whole-{end}")), 503, "issuer_misbehaved"));
        site.issuer.answers(ASKED, Answer::CutShort(good[..end].to_vec()));
        is_outage(&site.refuses(&order(&format!("short-{end}")), 503, "issuer_unavailable"));
    }
    recovers(site, "whole-7");
}

fn server_errors(site: &Site) {
    for status in [500, 502, 503, 504, 599] {
        outage(site, &format!("status-{status}"), Answer::status(status), "issuer_unavailable");
    }
    // The token waits for as long as the issuer asks for it, and nobody else does.
    site.issuer.answers(ASKED, Answer::status(429));
    is_outage(&site.refuses(&order("status-429"), 503, "issuer_unavailable"));
    recovers(site, "another");
}

fn order(token: &str) -> Request {
    Request::get("/orders/1").bearer(token)
}

/// `answer` is no answer: `token` is neither good nor bad afterwards.
fn outage(site: &Site, token: &str, answer: Answer, reason: &str) {
    site.issuer.answers(ASKED, answer);
    is_outage(&site.refuses(&order(token), 503, reason));
    recovers(site, token);
}

/// The same where it depends on timing which of the two reasons for an outage it is.
fn outage_for_any_reason(site: &Site, token: &str, answer: Answer) {
    site.issuer.answers(ASKED, answer);
    is_outage(&refused_for_any_outage(site, token));
    recovers(site, token);
}

fn refused_for_any_outage(site: &Site, token: &str) -> Response {
    let before = site.upstream.count();
    let response = site.send(&order(token));
    let logged = site.logged(&response);
    assert!(response.status == 503 && logged.get("details").starts_with("scopegate_issuer_"), "{logged:?}");
    assert!(!logged.went_upstream() && site.upstream.count() == before, "the upstream was reached");
    response
}

/// The issuer is well again, and so is the token.
fn recovers(site: &Site, token: &str) {
    site.issuer.answers(ASKED, Answer::json(&opaque("alice")));
    site.admits(&order(token));
}

/// The client is told to come again, and not that its token is bad.
pub(crate) fn is_outage(response: &Response) {
    assert_eq!(response.status, 503);
    let retry: u64 = response.head.get("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry), "{retry}");
    assert_eq!(response.head.get("www-authenticate"), None);
    assert_eq!(response.json().get("error"), Some(&Value::from("temporarily_unavailable")));
}
