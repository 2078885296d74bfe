//! Secrets that stand in requests, answers and the policy appear in no log line and in no response.

use libtest_mimic::Trial;
use serde_json::json;

use crate::policies::{ASKED, introspected_with};
use crate::ring::{Site, alone};
use crate::support::client::{Request, Response};
use crate::support::deadline::{PATIENCE, poll};
use crate::support::envoy::Launch;
use crate::support::issuer::Answer;
use crate::tokens::{ISSUER, jwks, key, order, signed, with_one_bit_changed};

/// Part of every secret here, as it is and as it comes out of base64.
const CANARY: &str = "canary4711";
const ENCODED: [&str; 3] = ["Y2FuYXJ5NDcxM", "NhbmFyeTQ3MT", "jYW5hcnk0NzEx"];

pub(crate) fn trials() -> Vec<Trial> {
    let first = key("first");
    let mut plan = introspected_with(json!({})).environment("IDP_SECRET", &format!("{CANARY}-secret"));
    plan.filter.policy["issuers"]["signing"] =
        json!({"issuer": ISSUER, "audiences": ["orders-api"], "jwt": {"jwks": {"inline": jwks(&[&first])}}});
    plan.filter.policy["token"] = json!({"from": [{"header": "authorization", "scheme": "Bearer"}, {"query": "access_token"}, {"cookie": "session"}]});
    let claims = || json!({"jti": CANARY, "aud": "orders-api", "sub": format!("{CANARY}-subject")});
    let good = signed(&first, &json!({}), claims());
    let mut bad = claims();
    bad["aud"] = json!(format!("{CANARY}-audience"));
    let tokens = vec![
        with_one_bit_changed(&good, 3),
        signed(&key(&format!("{CANARY}-kid")), &json!({}), claims()),
        signed(&first, &json!({"alg": format!("{CANARY}-alg")}), claims()),
        signed(&first, &json!({"crit": [CANARY]}), claims()),
        signed(&first, &json!({}), bad),
        signed(&first, &json!({}), json!({"iss": format!("https://{CANARY}.example")})),
        signed(&first, &json!({}), json!({"exp": CANARY, "aud": "orders-api"})),
        good,
    ];
    let launch = Launch { filter_log: "debug", ..Launch::workers(1) };
    vec![alone("quiet::no_secret_is_logged_or_answered", plan, launch, move |site| quiet(site, &tokens))]
}

fn quiet(site: &Site, tokens: &[String]) {
    let mut responses: Vec<Response> = tokens.iter().map(|token| site.send(&order(token))).collect();
    let opaque = |number: usize| format!("{CANARY}-token-{number}");
    let answers = [
        Answer::json(&json!({"active": true, "scope": "orders", "sub": CANARY, "email": CANARY})),
        Answer::json(&json!({"active": true, "scope": CANARY, "sub": CANARY})),
        Answer::json(&json!({"active": false, "error_description": CANARY})),
        Answer::json(&json!({"active": CANARY})),
        Answer::with_type("text/html", CANARY),
        Answer::with_type(CANARY, CANARY),
        Answer::Reply {
            status: 401,
            headers: vec![("www-authenticate".into(), CANARY.into())],
            body: CANARY.into(),
        },
        Answer::status(503),
        Answer::Reset,
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        site.issuer.answers(ASKED, answer);
        responses.push(site.send(&order(&opaque(number))));
    }
    for request in [
        Request::get("/orders/1").field("authorization", format!("Bearer {CANARY} {CANARY}")),
        Request::get("/orders/1").field("authorization", format!("Basic {CANARY}")),
        Request::get("/orders/1").field("authorization", format!("{CANARY} {CANARY}")),
        Request::get(&format!("/orders/1?access_token={CANARY}&access_token={CANARY}")),
        Request::get(&format!("/orders/../{CANARY}")),
        Request::get(&format!("/{CANARY}")),
        Request::get("/orders/1").field("cookie", format!("session={CANARY}; session={CANARY}")),
        Request::get("/orders/1").bearer(format!("{CANARY}{}", "x".repeat(20_000))),
    ] {
        responses.push(site.send(&request));
    }
    // What the application echoes is the application's own affair.
    for response in responses.iter().filter(|response| response.status != 200) {
        tells_nothing(&format!("{response:?}"), "a response");
        tells_nothing(&response.text(), "the body of a response");
    }
    assert!(responses.iter().filter(|response| response.status == 200).count() == 2, "{responses:#?}");
    // The last decision has been logged: so have all before it.
    let logged = poll(PATIENCE, || site.envoy.log().contains("token_too_long").then_some(()));
    assert!(logged.is_some(), "decisions are not logged at debug level:\n{}", site.envoy.log());
    tells_nothing(&site.envoy.log(), "Envoy's log");
    for page in ["/stats", "/clusters", "/listeners", "/server_info"] {
        tells_nothing(&site.envoy.admin(page), page);
    }
}

fn tells_nothing(text: &str, place: &str) {
    for secret in ENCODED.into_iter().chain([CANARY]) {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} stands in {place}");
    }
}
