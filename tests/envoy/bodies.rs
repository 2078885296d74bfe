//! No byte of a body goes upstream before the verdict, and every byte of it after.

use std::thread;

use kit::client::{Request, exchange};
use kit::deadline::{PATIENCE, poll, stays};
use kit::issuer::Answer;

use crate::policies::{ASKED, held, introspected, opaque};
use crate::ring::{Ring, Site, WATCH};

pub(crate) fn add(ring: &mut Ring) {
    for (mode, plan) in [
        ("", introspected()),
        ("_while_iteration_stops", introspected().stopping_iteration()),
        ("_in_a_composite_filter", introspected().in_a_composite()),
    ] {
        let mut test =
            |name: &str, run: fn(&Site)| ring.test(&format!("bodies::{name}{mode}"), plan.clone(), run);
        test("a_body_waits_for_the_verdict_and_then_goes_whole", waits_and_goes_whole);
        test("trailers_wait_with_their_body", trailers_wait);
        test("a_body_of_a_refused_request_never_goes", refused_body);
        test("a_slow_body_that_is_still_coming_is_not_lost", slow_body);
    }
    ring.test("bodies::a_large_one_waits_at_the_client", introspected(), large_waits);
    let stopping = introspected().stopping_iteration();
    ring.test("bodies::a_large_one_is_too_much_while_iteration_stops", stopping, large_is_too_much);
}

fn waits_and_goes_whole(site: &Site) {
    let verdict = held(site, Answer::json(&opaque("alice")));
    let body = vec![b'x'; 200_000];
    let mut client = site.connect();
    let request = Request::post("/orders").bearer("opaque-1").body(body.clone());
    client.send(&request.head_bytes()).unwrap();
    client.send(&request.body_bytes()[..100_000]).unwrap();
    nothing_upstream(site);
    verdict.open();
    client.send(&request.body_bytes()[100_000..]).unwrap();
    assert_eq!(client.response().unwrap().status, 200);
    let received = site.upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].body.len(), received[0].body == body), (200_000, true));
}

fn trailers_wait(site: &Site) {
    let verdict = held(site, Answer::json(&opaque("alice")));
    let mut client = site.connect();
    let request = Request::post("/orders").bearer("opaque-1").chunks(&[b"one", b"two"], &[("x-end", "1")]);
    client.send(&request.head_bytes()).unwrap();
    client.send(request.body_bytes()).unwrap();
    nothing_upstream(site);
    verdict.open();
    assert_eq!(client.response().unwrap().status, 200);
    let received = &site.upstream.received()[0];
    assert_eq!(
        (&*received.body, &*received.trailers),
        (&b"onetwo"[..], &[("x-end".to_owned(), b"1".to_vec())][..])
    );
}

fn refused_body(site: &Site) {
    let verdict = held(site, Answer::json(&serde_json::json!({"active": false})));
    let mut client = site.connect();
    let request = Request::post("/orders").bearer("opaque-1").body("a secret that must not leak");
    client.send(&request.head_bytes()).unwrap();
    client.send(request.body_bytes()).unwrap();
    nothing_upstream(site);
    verdict.open();
    site.is_refusal(&client.response().unwrap(), 401, "token_inactive");
    nothing_upstream(site);
}

/// More than Envoy keeps of a body by default, which is 1 MiB.
const LARGE: usize = 3 << 20;

fn large() -> Request {
    Request::post("/orders").bearer("opaque-1").body(vec![b'x'; LARGE])
}

fn large_waits(site: &Site) {
    let (verdict, request) = (held(site, Answer::json(&opaque("alice"))), large());
    let response = thread::scope(|scope| {
        let client = scope.spawn(|| exchange(site.port(), &request));
        nothing_upstream(site);
        verdict.open();
        client.join().unwrap().unwrap()
    });
    assert_eq!((response.status, site.upstream.received()[0].body.len()), (200, LARGE));
}

fn large_is_too_much(site: &Site) {
    let verdict = held(site, Answer::json(&opaque("alice")));
    // The connection may go before the client has read why.
    let response = exchange(site.port(), &large());
    assert!(response.is_err() || response.is_ok_and(|response| response.status == 413));
    let counted = poll(PATIENCE, || (site.too_large() == 1).then_some(()));
    assert!(counted.is_some(), "Envoy has refused {} requests for their size", site.too_large());
    nothing_upstream(site);
    verdict.open();
    nothing_upstream(site);
}

fn slow_body(site: &Site) {
    let request = Request::post("/orders").bearer("opaque-1").body("0123456789");
    let mut client = site.connect();
    client.send(&request.head_bytes()).unwrap();
    for byte in request.body_bytes().chunks(1) {
        client.send(byte).unwrap();
        assert!(site.issuer.wait_asked(ASKED, 1));
    }
    assert_eq!(client.response().unwrap().status, 200);
    assert_eq!(site.upstream.received()[0].body, b"0123456789");
}

/// The question is on its way, the answer is not: the upstream must know nothing.
fn nothing_upstream(site: &Site) {
    assert!(site.issuer.wait_asked(ASKED, 1), "the issuer was not asked");
    assert!(
        stays(WATCH, || site.upstream.count() == 0),
        "the upstream was reached: {:?}",
        site.upstream.received()
    );
}
