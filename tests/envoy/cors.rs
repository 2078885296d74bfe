//! Answers of scopegate's own to pages of other origins, beside Envoy's own cors filter: in front of it and behind it no
//! field stands twice, and without it every kind of answer has its fields.

use kit::bootstrap::extension;
use kit::client::{Request, Response};
use serde_json::{Value, json};

use crate::policies::introspected;
use crate::ring::{Plan, Ring, Site};

const APP: &str = "https://app.example.com";

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, plan: Plan, run: fn(&Site)| ring.test(&format!("cors::{name}"), plan, run);
    test("answers_of_envoys_own_kind_are_readable_too", with_cors(introspected()), alone);
    test("envoys_filter_in_front_sets_each_field_once", in_front(), filter_in_front);
    test("envoys_filter_behind_leaves_refusals_to_us", behind(), filter_behind);
}

fn with_cors(mut plan: Plan) -> Plan {
    plan.filter.policy["cors"] = json!({"origins": [APP]});
    plan.filter.policy["cors_preflight"] = json!("allow");
    plan.filter.policy["protected_resource"] = json!({"resource": "https://api.example.com"});
    plan
}

fn filter() -> Value {
    extension("envoy.filters.http.cors", "http.cors.v3.Cors", json!({}))
}

/// Envoy's own filter allows the same origin, and exposes another field.
fn with_route(plan: Plan) -> Plan {
    let policy = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": APP}],
        "allow_methods": "GET, POST",
        "allow_headers": "authorization",
        "expose_headers": "x-from-envoy",
    });
    plan.route(json!({
        "match": {"prefix": "/"}, "route": {}, "typed_per_filter_config": {"envoy.filters.http.cors": policy},
    }))
}

fn in_front() -> Plan {
    with_route(with_cors(introspected()).in_front(filter()))
}

fn behind() -> Plan {
    with_route(with_cors(introspected()).behind(filter()))
}

fn from_app(request: Request) -> Request {
    request.field("origin", APP)
}

fn preflight(path: &str) -> Request {
    from_app(Request::new("OPTIONS", path, "api.example.com"))
        .field("access-control-request-method", "GET")
        .field("access-control-request-headers", "authorization")
}

/// Allowed origin, exposed fields, and what `vary` says, each as often as it stands there.
fn told(response: &Response) -> [Vec<String>; 3] {
    ["access-control-allow-origin", "access-control-expose-headers", "vary"]
        .map(|name| response.head.all(name))
}

fn ours() -> [Vec<String>; 3] {
    [
        vec![APP.to_owned()],
        vec!["www-authenticate, dpop-nonce, retry-after".to_owned()],
        vec!["origin".to_owned()],
    ]
}

fn alone(site: &Site) {
    let missing = site.refuses(&from_app(Request::get("/orders/1")), 401, "token_missing");
    assert_eq!(told(&missing), ours());
    let grpc = Request::post("/orders/1").field("content-type", "application/grpc");
    let response = site.send(&from_app(grpc));
    assert_eq!((told(&response), response.head.get("grpc-status")), (ours(), Some("16".to_owned())));
    let other =
        site.refuses(&Request::get("/orders/1").field("origin", "https://evil.test"), 401, "token_missing");
    assert_eq!(told(&other), [vec![], vec![], vec!["origin".to_owned()]]);

    let document = from_app(Request::get("/.well-known/oauth-protected-resource"));
    let response = site.refuses(&document, 200, "metadata");
    assert_eq!((told(&response), &response.json()["resource"]), (ours(), &json!("https://api.example.com")));
    let asked = site.refuses(&preflight("/.well-known/oauth-protected-resource"), 204, "metadata");
    assert_eq!(told(&asked), ours());
    assert_eq!(asked.head.all("access-control-allow-headers"), ["authorization"]);
    assert_eq!(asked.head.all("access-control-max-age"), ["3600"]);

    // What the upstream answers is the upstream's.
    let response = site.send(&from_app(Request::get("/orders/1").bearer("opaque")));
    assert_eq!((response.status, told(&response)), (200, [vec![], vec![], vec![]]));
}

fn filter_in_front(site: &Site) {
    // It goes over the answer last, and what it has to say takes the place of ours.
    let response = site.refuses(&from_app(Request::get("/orders/1")), 401, "token_missing");
    let envoys = [vec![APP.to_owned()], vec!["x-from-envoy".to_owned()]];
    assert_eq!(told(&response)[..2], envoys);
    let response = site.send(&from_app(Request::get("/orders/1").bearer("opaque")));
    assert_eq!((response.status, &told(&response)[..2]), (200, &envoys[..]));
    let response = site.send(&preflight("/orders/1"));
    assert_eq!(
        (response.status, response.head.all("access-control-allow-headers")),
        (200, vec!["authorization".to_owned()])
    );
    assert_eq!(site.upstream.count(), 1, "the preflight was answered on the way");
}

fn filter_behind(site: &Site) {
    let response = site.refuses(&from_app(Request::get("/orders/1")), 401, "token_missing");
    assert_eq!(told(&response), ours());
    let response = site.send(&from_app(Request::get("/orders/1").bearer("opaque")));
    let envoys = [vec![APP.to_owned()], vec!["x-from-envoy".to_owned()]];
    assert_eq!((response.status, &told(&response)[..2]), (200, &envoys[..]));
    let response = site.send(&preflight("/orders/1"));
    assert_eq!(
        (response.status, response.head.all("access-control-allow-headers")),
        (200, vec!["authorization".to_owned()])
    );
    assert_eq!(site.upstream.count(), 1, "the preflight was answered on the way");
}
