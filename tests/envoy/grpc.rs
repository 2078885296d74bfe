//! gRPC clients learn of a refusal the way they expect it: status 200, and a gRPC status where trailers would be.

use std::process::Command;

use kit::client::{Request, Response};
use kit::issuer::Answer;
use kit::wire::text;
use libtest_mimic::Trial;
use serde_json::json;

use crate::policies::{ASKED, introspected, opaque};
use crate::ring::{Ring, Site, ignored};

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, run: fn(&Site)| ring.test(&format!("grpc::{name}"), introspected(), run);
    test("each_kind_of_refusal_has_its_status", statuses);
    test("a_good_call_goes_through", good_call);
    if has_http2() {
        test(OVER_HTTP2, over_http2);
    }
}

fn call() -> Request {
    Request::post("/orders/List")
        .field("content-type", "application/grpc")
        .field("te", "trailers")
        .body("\0\0\0\0\0")
}

fn statuses(site: &Site) {
    let refused = |request: Request, reason: &str, status: &str| -> Response {
        // What Envoy makes of a refusal for gRPC has the HTTP status 200.
        let response = site.refuses(&request, 200, reason);
        assert_eq!(response.head.get("grpc-status").as_deref(), Some(status), "{reason}");
        assert_eq!(response.head.get("content-type").as_deref(), Some("application/grpc"));
        assert!(response.head.get("grpc-message").is_some_and(|text| !text.is_empty()));
        assert_eq!(response.text(), "");
        response
    };
    let challenge = |response: &Response| response.head.get("www-authenticate");
    let missing = refused(call(), "token_missing", "16");
    assert_eq!(challenge(&missing).as_deref(), Some("Bearer realm=\"api.example.com\""));
    refused(call().bearer("a b"), "credential_malformed", "3");
    site.issuer.answers(ASKED, Answer::json(&json!({"active": false})));
    let inactive = refused(call().bearer("inactive"), "token_inactive", "16");
    assert!(challenge(&inactive).is_some_and(|challenge| challenge.contains("error=\"invalid_token\"")));
    site.issuer.answers(ASKED, Answer::json(&json!({"active": true, "scope": "other"})));
    let poor = refused(call().bearer("poor"), "scope_insufficient", "7");
    assert!(challenge(&poor).is_some_and(|challenge| challenge.contains("scope=\"orders\"")));
    site.issuer.answers(ASKED, Answer::Reset);
    let outage = refused(call().bearer("unlucky"), "issuer_unavailable", "14");
    assert_eq!((challenge(&outage), outage.head.get("retry-after").is_some()), (None, true));
    let proto =
        Request::post("/orders/List").field("content-type", "application/grpc+proto").body("\0\0\0\0\0");
    assert_eq!(site.refuses(&proto, 200, "token_missing").head.get("grpc-status").as_deref(), Some("16"));
    // What only looks like gRPC is answered like any other request.
    for kind in ["application/grpc-web", "application/grpc;charset=utf-8", "application/grpcx"] {
        let request = Request::post("/orders/List").field("content-type", kind).body("\0\0\0\0\0");
        let response = site.refuses(&request, 401, "token_missing");
        assert_eq!(response.head.get("grpc-status"), None, "{kind}");
        assert_eq!(response.head.get("content-type").as_deref(), Some("application/json"), "{kind}");
    }
}

fn good_call(site: &Site) {
    site.issuer.answers(ASKED, Answer::json(&opaque("alice")));
    let received = site.admits(&call().bearer("opaque"));
    assert_eq!(received.body, b"\0\0\0\0\0");
}

const OVER_HTTP2: &str = "a_refusal_over_http2_is_trailers_only";

/// What does not run here.
pub(crate) fn trials() -> Vec<Trial> {
    let name = || format!("grpc::{OVER_HTTP2} (there is no curl that speaks HTTP/2)");
    (!has_http2()).then(|| ignored(&name())).into_iter().collect()
}

fn has_http2() -> bool {
    let curl = Command::new("curl").arg("--version").output();
    curl.is_ok_and(|said| text(&said.stdout).contains("HTTP2"))
}

fn over_http2(site: &Site) {
    let url = format!("http://127.0.0.1:{}/orders/List", site.port());
    let curl = Command::new("curl")
        .args(["--silent", "--include", "--http2-prior-knowledge", "--max-time", "10"])
        .args(["--header", "content-type: application/grpc", "--header", "te: trailers"])
        .args(["--data-binary", "x", &url])
        .output();
    let curl = curl.unwrap();
    assert!(curl.status.success(), "{curl:?}");
    let answer = text(&curl.stdout);
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.contains("grpc-status: 16") && answer.contains("www-authenticate: Bearer"), "{answer}");
    assert!(answer.trim_end().ends_with(|c: char| c != '}'), "{answer}");
    assert_eq!(site.upstream.count(), 0);
}
