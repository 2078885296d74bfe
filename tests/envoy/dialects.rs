//! The worked policies of `envoy/policies`, each in front of a responder that answers as the product's public
//! documentation shows: PingFederate's access token validation, OpenAM's `tokeninfo`, Mule's `/validate`, and a
//! UserInfo endpoint. None of these products can be had for a test, so what is shown here is that scopegate asks and
//! understands as documented, not how a certain release behaves.

use std::sync::Arc;

use kit::client::Request;
use kit::issuer::Answer;
use kit::server::Received;
use scopegate::base::base64url;
use scopegate::http::form;
use serde_json::{Value, json};

use crate::issuers::is_outage;
use crate::ring::{Plan, Ring, Site};

/// A product: its policy, the endpoint that the policy names, what stands there, and what a good request becomes.
#[derive(Clone, Copy)]
struct Dialect {
    name: &'static str,
    policy: &'static str,
    endpoint: &'static str,
    responder: fn(&Received) -> Answer,
    path: &'static str,
    identity: &'static [(&'static str, &'static str)],
}

const DIALECTS: [Dialect; 5] = [
    Dialect {
        name: "pingfederate",
        policy: include_str!("../../envoy/policies/pingfederate.yaml"),
        endpoint: "/as/token.oauth2",
        responder: pingfederate,
        path: "/admin/users",
        identity: &[
            ("x-auth-subject", "joe"),
            ("x-auth-client", "ac_client"),
            ("x-auth-mail", "joe@example.com"),
        ],
    },
    Dialect {
        name: "openam",
        policy: include_str!("../../envoy/policies/openam.yaml"),
        endpoint: "/openam/oauth2/tokeninfo",
        responder: openam,
        path: "/orders/1",
        identity: &[
            ("x-auth-subject", "demo"),
            ("x-auth-mail", "demo@example.com"),
            ("x-auth-realm", "/customers"),
        ],
    },
    Dialect {
        name: "mule",
        policy: include_str!("../../envoy/policies/mule.yaml"),
        endpoint: "/validate",
        responder: mule,
        path: "/orders/1",
        identity: &[("x-auth-subject", "john"), ("x-auth-client", "app")],
    },
    Dialect {
        name: "google_tokeninfo",
        policy: include_str!("../../envoy/policies/google_tokeninfo.yaml"),
        endpoint: "/tokeninfo",
        responder: google_tokeninfo,
        path: "/orders/1",
        identity: &[
            ("x-auth-subject", "111461344714442243111"),
            ("x-auth-client", "1234567890-abc.apps.googleusercontent.com"),
            ("x-auth-mail", "jane@example.com"),
        ],
    },
    Dialect {
        name: "userinfo",
        policy: include_str!("../../envoy/policies/userinfo.yaml"),
        endpoint: "/accounts/api/profile",
        responder: userinfo,
        path: "/orders/1",
        identity: &[("x-auth-subject", "248289761001"), ("x-auth-mail", "jane@example.com")],
    },
];

pub(crate) fn add(ring: &mut Ring) {
    for dialect in DIALECTS {
        let policy: Value =
            scopegate::tool::document::parse(dialect.policy.as_bytes()).unwrap().swap_remove(0);
        let answer = Answer::Made(Arc::new(dialect.responder));
        let plan = Plan::new(policy).environment("PING_SECRET", "2Federate").answer(dialect.endpoint, answer);
        ring.test(&format!("dialects::{}", dialect.name), plan, move |site| holds(site, &dialect));
    }
}

fn holds(site: &Site, dialect: &Dialect) {
    let ask = |token: &str| Request::get(dialect.path).bearer(token);
    for asked in [1, 1] {
        let seen = site.admits(&ask("good")).head;
        for (name, value) in dialect.identity {
            assert_eq!(seen.get(name).as_deref(), Some(*value), "{name}");
        }
        assert_eq!(site.issuer.asked(dialect.endpoint), asked, "questions");
    }
    let refused = site.refuses(&ask("bad"), 401, "token_inactive");
    assert!(refused.head.get("www-authenticate").is_some_and(|value| value.contains("invalid_token")));
    is_outage(&site.refuses(&ask("trouble"), 503, "issuer_unavailable"));
}

/// "Grant type: Access Token Validation": the token endpoint, for a client that proves who it is.
fn pingfederate(question: &Received) -> Answer {
    const GRANT: &str = "urn:pingidentity.com:oauth2:grant_type:validate_bearer";
    let client = format!("Basic {}", base64url::encode_standard("rs_client:2Federate"));
    let member = |name: &str| form_member(question, name);
    if question.head.get("authorization") != Some(client) {
        return error(401, "invalid_client");
    }
    if question.method() != "POST" || member("grant_type").as_deref() != Some(GRANT) {
        return error(400, "unsupported_grant_type");
    }
    by_token(
        member("token"),
        error(400, "invalid_grant"),
        &json!({
            "access_token": {"subject": "joe", "group": ["users", "admins"], "mail": "joe@example.com"},
            "token_type": "urn:pingidentity.com:oauth2:validated_token",
            "expires_in": 60, "scope": "edit", "client_id": "ac_client",
        }),
    )
}

/// `GET /oauth2/tokeninfo` with the token in a header.
fn openam(question: &Received) -> Answer {
    by_token(
        bearer(question),
        error(401, "invalid_token"),
        &json!({
            "uid": "demo", "mail": "demo@example.com", "scope": ["uid", "mail"], "grant_type": "password",
            "realm": "/customers", "token_type": "Bearer", "expires_in": 577, "client_id": "app",
        }),
    )
}

/// `GET /validate?access_token=…&scopes=…`: 200 when the token has the scopes.
fn mule(question: &Received) -> Answer {
    let asked = |name: &str| {
        let value = form::query_values(question.head.word(1).as_bytes(), name.as_bytes()).pop();
        value.and_then(|value| String::from_utf8(value).ok())
    };
    if asked("scopes").as_deref() != Some("READ") {
        return error(403, "invalid_scope");
    }
    by_token(
        asked("access_token"),
        error(400, "invalid_token"),
        &json!({
            "expires_in": 3600, "scope": "READ", "client_id": "app", "username": "john",
        }),
    )
}

/// A mock of Google's `tokeninfo?access_token=…`, which writes numbers as text; it answers only to those who say who
/// they are.
fn google_tokeninfo(question: &Received) -> Answer {
    const CLIENT: &str = "1234567890-abc.apps.googleusercontent.com";
    if !question.head.get("user-agent").is_some_and(|agent| agent.starts_with("scopegate/")) {
        return error(403, "forbidden");
    }
    let token = form::query_values(question.head.word(1).as_bytes(), b"access_token").pop();
    by_token(
        token.and_then(|value| String::from_utf8(value).ok()),
        error(400, "invalid_token"),
        &json!({
            "azp": CLIENT, "aud": CLIENT, "sub": "111461344714442243111",
            "scope": "openid https://www.googleapis.com/auth/calendar", "exp": "4102444800", "expires_in": "3599",
            "email": "jane@example.com", "email_verified": "true", "access_type": "offline",
        }),
    )
}

/// OpenID Connect Core 1.0 section 5.3.
fn userinfo(question: &Received) -> Answer {
    by_token(
        bearer(question),
        error(401, "invalid_token"),
        &json!({
            "sub": "248289761001", "name": "Jane Doe", "email": "jane@example.com",
        }),
    )
}

/// `good` for the good token, `bad` for others; one of them finds the server in trouble.
fn by_token(token: Option<String>, bad: Answer, good: &Value) -> Answer {
    match token.as_deref() {
        Some("good") => Answer::json(good),
        Some("trouble") => Answer::status(500),
        _ => bad,
    }
}

fn bearer(question: &Received) -> Option<String> {
    question.head.get("authorization")?.strip_prefix("Bearer ").map(str::to_owned)
}

fn form_member(question: &Received, name: &str) -> Option<String> {
    let target = [b"/?", &*question.body].concat();
    String::from_utf8(form::query_values(&target, name.as_bytes()).pop()?).ok()
}

fn error(status: u16, code: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer::Reply { status, headers, body: json!({"error": code}).to_string().into_bytes() }
}
