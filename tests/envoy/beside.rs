//! What stands beside the filter: mistakes that let requests by are real, and `check` tells each; what it advises does what
//! it is for, and nothing else.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use kit::bootstrap::{Lead, extension};
use kit::client::{Request, Response};
use kit::deadline::{PATIENCE, last, poll, timed};
use kit::envoy::Launch;
use kit::server::{After, Received, Server};
use kit::wire::text;
use libtest_mimic::Trial;
use scopegate::tool::envoy::{Configuration, Surroundings, advise, find};
use serde_json::{Value, json};

use crate::policies::{introspected, verifying};
use crate::ring::{Plan, Ring, Site, prepare, start_in, trial};
use crate::tokens::{good, jwks, key, order, signed};

/// `trap.wat`, as `wasm-as` makes it.
const TRAP: &str = "AGFzbQEAAAABHwZgAX8Bf2AAAGACf38Bf2ACf38AYAN/f38Bf2ABfwACKgEDZW52InByb3h5X3NldF90aWNrX3BlcmlvZF9taWxsaXNlY29uZHMAAAMJCAEBAAMCAgQFBQMBAAIGDAJ/AUGACAt/AUEACwe7AQkGbWVtb3J5AgAXcHJveHlfYWJpX3ZlcnNpb25fMF8yXzEAAQtfaW5pdGlhbGl6ZQACGHByb3h5X29uX21lbW9yeV9hbGxvY2F0ZQADF3Byb3h5X29uX2NvbnRleHRfY3JlYXRlAAQRcHJveHlfb25fdm1fc3RhcnQABRJwcm94eV9vbl9jb25maWd1cmUABhhwcm94eV9vbl9yZXF1ZXN0X2hlYWRlcnMABw1wcm94eV9vbl90aWNrAAgKPggCAAsCAAsRAQF/IwAhASMAIABqJAAgAQsCAAsEAEEBCwoAQawCEAAaQQELCABBASQBQQELCAAjAQRAAAsL";

pub(crate) fn add(ring: &mut Ring) {
    let filters = [extension("envoy.filters.http.router", "http.router.v3.Router", json!({}))];
    let plan = introspected()
        .manager(json!({"upgrade_configs": [{"upgrade_type": "websocket", "filters": filters}]}));
    let told = advice(plan.clone());
    ring.test("beside::an_upgrade_with_filters_of_its_own_passes_and_is_told", plan, move |site| {
        upgrade_passes(site);
        assert!(told.contains("ERROR: upgrade_configs has filters of its own for \"websocket\""), "{told}");
    });
    for (name, forward) in [
        ("a_cache_behind_mixes_users_up_and_is_told", false),
        ("a_cache_behind_that_sees_tokens_does_not", true),
    ] {
        let (key, server) = (key("cached"), Server::start(0, cacheable).unwrap());
        let mut plan = verifying(json!({"inline": jwks(&[&key])}))
            .behind(cache())
            .leads("cacheable", Lead::Port(server.port()))
            .route(json!({"match": {"prefix": "/orders"}, "route": {"cluster": "cacheable"}}));
        plan.filter.policy["token"] = json!({"forward": forward});
        let told = advice(plan.clone());
        ring.test(&format!("beside::{name}"), plan, move |site| {
            let other = signed(&key, &json!({}), json!({"sub": "bob"}));
            let own = || site.send(&order(&good(&key))).text();
            assert_eq!((own(), server.count()), ("alice".to_owned(), 1));
            if forward {
                assert_eq!((own(), server.count()), ("alice".to_owned(), 2));
            } else {
                // What is stored is there a moment later.
                let stored = || {
                    let before = server.count();
                    (own() == "alice" && server.count() == before).then_some(())
                };
                assert!(poll(PATIENCE, stored).is_some(), "nothing is stored");
            }
            assert_eq!(site.send(&order(&other)).text(), if forward { "bob" } else { "alice" });
            assert_eq!(told.contains("ERROR: cache behind this filter"), !forward, "{told}");
        });
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("beside::a_cache_in_front_fetches_past_the_filter_and_is_told", cache_in_front),
        trial("beside::without_its_callback_nothing_is_enforced_and_it_is_told", callback_withheld),
        trial("beside::request_timeout_ends_what_waits_and_nothing_else", waits),
    ]
}

/// What `check` advises about the listener of `plan`.
fn advice(plan: Plan) -> String {
    let (listener, ..) = prepare("told", plan).unwrap();
    let listener = listener.to_json(Path::new("scopegate.wasm"), Path::new("/tmp"));
    let surroundings = Surroundings::of(std::slice::from_ref(&listener));
    let filters = find(&listener);
    let Configuration::Policy(policy) = &filters[0].configuration else { panic!("no policy") };
    advise(&filters[0], policy, &[], &surroundings).join("\n")
}

fn upgrade(path: &str) -> Request {
    Request::get(path).field("connection", "upgrade").field("upgrade", "websocket")
}

fn upgrade_passes(site: &Site) {
    site.refuses(&Request::get("/orders/1"), 401, "token_missing");
    let forged = upgrade("/orders/1").field("x-auth-subject", "admin");
    site.send(&forged);
    let received = site.upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].head.all("x-auth-subject"), ["admin"]);
}

fn cache() -> Value {
    let store = json!({
        "@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
    });
    extension("cache", "http.cache.v3.CacheConfig", json!({"typed_config": store}))
}

fn cache_in_front() {
    let plan = introspected().in_front(cache());
    assert!(advice(plan.clone()).contains("ERROR: cache stands in front of this filter"));
    let sites = start_in("beside-cache", vec![("cache".to_owned(), plan)], Launch::workers(1)).unwrap();
    let site = &sites[0];
    assert_eq!(site.send(&Request::get("/orders/1").field("x-auth-subject", "admin")).status, 200);
    assert_eq!(site.upstream.received()[0].head.all("x-auth-subject"), ["admin"]);
}

fn callback_withheld() {
    let mut plan = introspected();
    plan.filter.withheld = "proxy_on_request_headers";
    let told = advice(plan.clone());
    assert!(told.contains("ERROR: allowed_capabilities lacks proxy_on_request_headers"), "{told}");
    let sites = start_in("beside-callback", vec![("callback".to_owned(), plan)], Launch::workers(1)).unwrap();
    let site = &sites[0];
    assert_eq!(site.send(&Request::get("/orders/1").field("x-auth-subject", "admin")).status, 200);
    assert_eq!(site.upstream.received()[0].head.all("x-auth-subject"), ["admin"]);
}

/// Says who asks, and that anybody may keep it.
fn cacheable(request: &Received, stream: &mut TcpStream) -> io::Result<After> {
    let who = request.head.get("x-auth-subject").unwrap_or_default();
    let fields = "date: Thu, 01 Jan 2026 00:00:00 GMT\r\ncache-control: max-age=2000000000";
    write!(stream, "HTTP/1.1 200 OK\r\n{fields}\r\ncontent-length: {}\r\n\r\n{who}", who.len())?;
    Ok(After::Keep)
}

/// How long a request may take to get past the filters here.
const BOUND: Duration = Duration::from_secs(1);
/// What an answer takes, and for how long a WebSocket is silent.
const SLOW: Duration = Duration::from_secs(3);

/// An answer after a while; after an upgrade a frame after a while, which looks like an answer so that the client here can
/// read it.
fn slow(request: &Received, stream: &mut TcpStream) -> io::Result<After> {
    if request.head.get("upgrade").is_some() {
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )?;
    }
    last(SLOW);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")?;
    Ok(After::Keep)
}

fn waits() {
    let server = Server::start(0, slow).unwrap();
    let plugin = json!({"name": "trap", "failure_policy": "FAIL_RELOAD", "vm_config": {
        "vm_id": "trap", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"inline_bytes": TRAP}},
    }});
    let mut trap = extension("trap", "http.wasm.v3.Wasm", json!({"config": plugin}));
    trap["disabled"] = json!(true);
    let on =
        json!({"trap": {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}});
    let plan = Plan::new(json!({"rules": [{"name": "all", "access": "anonymous"}]}))
        .manager(json!({
            "request_timeout": format!("{}s", BOUND.as_secs()),
            "stream_idle_timeout": "300s",
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        }))
        .behind(trap)
        .leads("slow", Lead::Port(server.port()))
        .route(json!({"match": {"path": "/trapped"}, "route": {}, "typed_per_filter_config": on}))
        .route(json!({"match": {"prefix": "/slow"}, "route": {"cluster": "slow"}}));
    assert!(!advice(plan.clone()).contains("timeout"));
    let sites = start_in("beside-waits", vec![("waits".to_owned(), plan)], Launch::workers(1)).unwrap();
    let site = &sites[0];
    let timed = |request: Request| timed(|| site.send(&request));
    thread::scope(|scope| {
        for request in [Request::get("/slow"), Request::post("/slow").body("body")] {
            scope.spawn(move || {
                let (time, response) = timed(request);
                assert_eq!((response.status, response.text()), (200, "late".to_owned()));
                assert!(time >= SLOW, "{time:?}");
            });
        }
        scope.spawn(move || {
            let mut connection = site.connect();
            connection.send(&upgrade("/slow").head_bytes()).unwrap();
            assert_eq!(connection.response().unwrap().status, 101);
            let frame: Response = connection.response().unwrap();
            assert_eq!(text(&frame.body), "late");
        });
        for request in [Request::get("/trapped"), Request::post("/trapped").body("body")] {
            scope.spawn(move || {
                let before = site.upstream.count();
                let (time, response) = timed(request);
                assert_eq!(response.status, 503);
                assert!((BOUND..SLOW).contains(&time), "{time:?}");
                assert_eq!(site.upstream.count(), before);
            });
        }
    });
    let traps = site.envoy.traps();
    assert!(!traps.is_empty(), "the filter did not trap");
}
