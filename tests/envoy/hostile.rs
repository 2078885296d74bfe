//! Heads that no honest client sends: nothing of them goes through, and the worker lives.

use kit::client::Request;
use kit::issuer::Answer;
use scopegate::http::form;
use serde_json::{Value, json};

use crate::policies::{ASKED, introspected, opaque};
use crate::ring::{Plan, Ring, Site};

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn add(ring: &mut Ring) {
    let mut test = |name: &str, plan: Plan, run: fn(&Site)| ring.test(&format!("hostile::{name}"), plan, run);
    test("bytes_that_are_no_text_pass_where_nobody_reads_them", introspected(), odd_values);
    test("bytes_that_are_no_text_are_no_credential", introspected(), odd_credentials);
    test("bytes_that_are_no_text_open_nothing", introspected(), odd_places);
    test("several_credentials_are_none", introspected(), several_credentials);
    test("a_token_of_a_mebibyte_is_too_long", introspected().large_heads(), long_token);
    test("heads_of_any_size_are_judged", introspected().large_heads(), large_heads);
    test("odd_methods_open_nothing", reading_only(), odd_methods);
    test("an_upgrade_is_judged_like_any_request", upgrading(), upgrades);
    test("a_challenge_stays_on_its_line_whatever_the_host", introspected(), odd_hosts);
    test("text_after_the_token_is_no_part_of_the_question", introspected(), odd_tokens);
    let mut headers = introspected();
    headers.filter.policy["upstream"]["headers"] =
        json!({"x-auth-subject": "sub", "x-auth-name": "name", "x-auth-groups": "groups"});
    headers.filter.policy["upstream"]["claims_header"] = json!("x-auth-claims");
    test("a_claim_cannot_break_out_of_its_header", headers, claims_that_split);
}

fn odd_values(site: &Site) {
    for byte in 0x80..=0xff_u8 {
        let value = [b"a", &[byte][..], b"z"].concat();
        let received = site.admits(&Request::get("/alive").field("x-odd", &value));
        let arrived = received.head.fields.iter().find(|(name, _)| name == "x-odd");
        assert_eq!(arrived.map(|(_, value)| value), Some(&value));
    }
    let everywhere =
        ["cookie", "user-agent", "content-type", "origin", "referer", "x-forwarded-for", "accept"];
    for name in everywhere {
        site.admits(&Request::get("/alive").field(name, b"\xff\xc3\x28\xe2\x82"));
        site.admits(&Request::get("/orders/1").bearer("opaque").field(name, b"\xff\xc3\x28\xe2\x82"));
    }
}

fn odd_credentials(site: &Site) {
    for byte in 0x80..=0xff_u8 {
        let token = [b"abc", &[byte][..], b"def"].concat();
        site.refuses(&Request::get("/orders/1").bearer(&token), 400, "credential_malformed");
    }
    let scheme = Request::get("/orders/1").field("authorization", b"Bear\xffer abc");
    site.refuses(&scheme, 401, "token_missing");
    assert_eq!(site.issuer.asked(ASKED), 0);
}

fn odd_places(site: &Site) {
    for byte in (0..0x20).chain(0x7f..=0xff_u8).filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let with = |before: &str, after: &str| [before.as_bytes(), &[byte], after.as_bytes()].concat();
        let requests = [
            // To Envoy a tab is the space before the version.
            Request::raw(with("GET /alive", ""), "api.example.com"),
            Request::raw(with("GET /orders/", "1"), "api.example.com"),
            Request::raw(with("GE", "T /orders/1"), "api.example.com"),
            Request::raw("GET /orders/1", with("api", ".example.com")),
            Request::get("/orders/1").field(with("authorization", ""), "Bearer opaque"),
            Request::get("/orders/1").field(with("x", "y"), "z"),
        ];
        for request in requests.iter().skip(usize::from(byte == b'\t')) {
            site.keeps_out(request);
        }
    }
}

fn several_credentials(site: &Site) {
    let order = || Request::get("/orders/1");
    for (one, other) in [
        ("Bearer good", "Bearer bad"),
        ("Bearer good", "Bearer good"),
        ("Bearer good", "Basic Zm9vOmJhcg=="),
        ("Basic Zm9vOmJhcg==", "Bearer good"),
        ("bearer good", "BEARER good"),
    ] {
        let twice = order().field("authorization", one).field("Authorization", other);
        site.refuses(&twice, 400, "credential_ambiguous");
        site.refuses(&order().field("authorization", format!("{one},{other}")), 400, "credential_ambiguous");
    }
    site.refuses(&order().field("authorization", "Bearer good,"), 400, "credential_ambiguous");
    for value in
        ["Bearer good bad", "Bearer", "Bearer ", "Bearer\tgood", "Bearer good; x", "Bearer \"good one\""]
    {
        site.refuses(&order().field("authorization", value), 400, "credential_malformed");
    }
    for value in ["Basic Zm9vOmJhcg==", "Bearergood", "good", "Token good", "DPoP good"] {
        site.refuses(&order().field("authorization", value), 401, "token_missing");
    }
    assert_eq!(site.issuer.asked(ASKED), 0);
}

fn long_token(site: &Site) {
    for character in ["a", ".", "=", "/"] {
        let token = character.repeat(MEBIBYTE);
        site.refuses(&Request::get("/orders/1").bearer(token), 401, "token_too_long");
    }
    let dots = "a.".repeat(8_000);
    site.admits(&Request::get("/orders/1").bearer(dots));
    assert_eq!(site.issuer.asked(ASKED), 1);
}

fn large_heads(site: &Site) {
    let many = (0..10_000)
        .fold(Request::get("/orders/1"), |request, number| request.field(format!("x-{number}"), "nonsense"));
    site.refuses(&many, 401, "token_missing");
    let same = (0..10_000).fold(Request::get("/orders/1"), |request, _| request.field("x-same", "nonsense"));
    site.refuses(&same, 401, "token_missing");
    let cookies = (0..2_000).fold(Request::get("/orders/1"), |request, _| request.field("cookie", "a=b"));
    site.refuses(&cookies, 401, "token_missing");
    let credentials =
        (0..1_000).fold(Request::get("/orders/1"), |request, _| request.field("authorization", "Bearer a"));
    site.refuses(&credentials, 400, "credential_ambiguous");
    let long_value = Request::get("/orders/1").field("x-long", "x".repeat(MEBIBYTE));
    site.refuses(&long_value, 401, "token_missing");
    for piece in ["a", "a/", "%41", ";", "."] {
        let path = format!("/orders/a{}", piece.repeat(MEBIBYTE / 4));
        site.keeps_out(&Request::get(&path));
    }
    site.keeps_out(&Request::get(&format!("/orders/{}", "../".repeat(100_000))));
    site.keeps_out(&Request::get(&format!("/orders/1?{}", "access_token=a&".repeat(50_000))));
}

/// A policy whose only open rule is for `GET` and `HEAD`.
fn reading_only() -> Plan {
    Plan::new(json!({
        "issuers": {"corp": {"audiences": "any", "introspection": {
            "protocol": "rfc7662", "uri": "https://idp.example.com/introspect", "cluster": "idp",
            "client": {"id": "gateway", "secret": {"env": "IDP_SECRET"}, "method": "basic"},
        }}},
        "rules": [{"name": "read", "match": {"methods": ["GET", "HEAD"]}, "access": "anonymous"}],
    }))
    .environment("IDP_SECRET", "s3cret")
}

fn odd_methods(site: &Site) {
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get", "GET2", "XGET", "BREW"] {
        site.keeps_out(&Request::new(method, "/files", "api.example.com"));
    }
    for target in ["api.example.com:443", "/files"] {
        site.keeps_out(&Request::new("CONNECT", target, "api.example.com"));
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let overridden = Request::post("/files").field(name, "GET");
        site.refuses(&overridden, 403, "unmatched");
    }
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-envoy-original-path"] {
        let elsewhere = Request::post("/files").field(name, "/alive");
        site.refuses(&elsewhere, 403, "unmatched");
    }
}

fn upgrading() -> Plan {
    introspected().manager(json!({"upgrade_configs": [{"upgrade_type": "websocket"}]}))
}

fn upgrades(site: &Site) {
    let upgrade = |path: &str| {
        Request::get(path)
            .field("connection", "upgrade")
            .field("upgrade", "websocket")
            .field("sec-websocket-version", "13")
            .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    site.refuses(&upgrade("/orders/1"), 401, "token_missing");
    site.issuer.answers(ASKED, Answer::json(&json!({"active": false})));
    site.refuses(&upgrade("/orders/1").bearer("opaque"), 401, "token_inactive");
    // Early data goes nowhere either.
    let early = upgrade("/orders/1").body("early data that must not leak");
    site.refuses(&early, 401, "token_missing");
}

fn odd_hosts(site: &Site) {
    let hosts = [
        r#"a"b.example"#,
        r#"a\"b.example"#,
        "a, Bearer realm=x",
        "a' onload='x",
        "<script>",
        "api.example.com:80:80",
        "[::1]:80",
        "[::1",
        "a@b",
        &"x".repeat(30_000),
    ];
    for host in hosts {
        let request = Request::new("GET", "/orders/1", host);
        let response = site.keeps_out(&request);
        // Envoy itself refuses some of them, without a challenge.
        let challenges = response.head.all("www-authenticate");
        assert!(challenges.len() <= 1, "{challenges:?}");
        for challenge in challenges {
            let realm = challenge.strip_prefix("Bearer realm=\"").and_then(|rest| rest.strip_suffix('"'));
            let realm = realm.unwrap_or_else(|| panic!("{challenge}"));
            let bare = realm.replace("\\\\", "").replace("\\\"", "");
            assert!(!bare.contains(['"', '\\']), "{challenge}");
        }
        assert!(!response.text().contains(host), "{}", response.text());
    }
}

/// Whatever is visible is a token where an issuer is asked, and one value of the question.
fn odd_tokens(site: &Site) {
    let visible: String = ('!'..='~').filter(|letter| *letter != ',').collect();
    for token in
        ["a+b/c==", "a.b.c.d.e.f", "~-_", "a%26active=true", "a&active=true", "00D!x|y:z", "\"a\"", &visible]
    {
        site.admits(&Request::get("/orders/1").bearer(token));
        let question = site.issuer.questions(ASKED).pop().unwrap();
        let body = String::from_utf8(question.body).unwrap();
        assert_eq!((body.matches('&').count(), body.matches('=').count()), (1, 2), "{body}");
        let asked = body.strip_prefix("token=").and_then(|rest| rest.split('&').next()).unwrap();
        assert!(
            !asked.contains('+')
                && form::query_values(format!("/?a={asked}").as_bytes(), b"a") == [token.as_bytes()]
        );
    }
}

fn claims_that_split(site: &Site) {
    let split = [
        "alice\r\nx-admin: true",
        "alice\nx-admin: true",
        "alice\rx-admin: true",
        "alice\u{0}",
        "alice\u{85}x-admin: true",
        "\u{e9}ve",
        " alice",
        "",
    ];
    for (number, value) in split.iter().enumerate() {
        let mut claims = opaque(value);
        claims["name"] = json!("Alice");
        claims["groups"] = json!(["a", value]);
        site.issuer.answers(ASKED, Answer::json(&claims));
        let received = site.admits(&Request::get("/orders/1").bearer(format!("token-{number}")));
        for name in ["x-auth-subject", "x-admin"] {
            assert_eq!(received.head.get(name), None, "{value:?}");
        }
        assert_eq!(received.head.get("x-auth-name").as_deref(), Some("Alice"));
        let encoded = received.head.get("x-auth-claims").unwrap();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    }
    let mut long = opaque("alice");
    long["name"] = Value::from("x".repeat(40_000));
    site.issuer.answers(ASKED, Answer::json(&long));
    let received = site.admits(&Request::get("/orders/1").bearer("long"));
    assert_eq!(received.head.get("x-auth-name"), None);
}
