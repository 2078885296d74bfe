//! Identity headers are the gate's to set: a client's never arrive.

use serde_json::json;

use crate::policies::{introspected, opaque};
use crate::ring::{Plan, Ring, Site};
use crate::support::client::Request;
use crate::support::server::Received;

/// The header that the policies here set from `sub`.
const OURS: &str = "x-auth-subject";

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, run: fn(&Site)| ring.test(&format!("identity::{name}"), doors(), run);
    test("of_a_client_does_not_arrive", forged);
    test("of_a_client_does_not_arrive_with_a_preflight", preflight);
    test("arrives_although_the_client_calls_it_a_hop_by_hop_header", nominated);
    test("tokens_stay_with_the_gate", stripped);
    ring.test("identity::tokens_go_on_where_the_policy_says_so", forwarding(), forwarded);
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

fn forwarded(site: &Site) {
    let received = site.admits(&Request::get("/orders/1?access_token=opaque"));
    assert_eq!(received.head.word(1), "/orders/1?access_token=opaque");
    let received = site.admits(&Request::get("/orders/1").bearer("opaque"));
    assert_eq!(received.head.all("authorization"), ["Bearer opaque"]);
}
