//! The path and the host that the gate judges are those that the upstream reads, however they are spelled.

use kit::client::Request;
use serde_json::{Value, json};

use crate::ring::{Plan, Ring, Site};

pub(crate) fn add(ring: &mut Ring) {
    let open = json!({"rules": [
        {"name": "root", "match": {"paths": ["/"]}, "access": "anonymous"},
        {"name": "app", "match": {"paths": ["/app/**"]}, "access": "anonymous"},
    ]});
    ring.test("paths::parameters_behind_a_last_slash_have_two_readings", Plan::new(open), last_parameters);
    let normalizing = json!({
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    });
    let mut test = |name: &str, manager: &Value, run: fn(&Site)| {
        ring.test(&format!("paths::{name}"), doors().manager(manager.clone()), run);
    };
    let plain = json!({});
    test("no_spelling_of_a_closed_path_is_open", &plain, closed_paths);
    test("no_spelling_is_open_that_envoy_normalizes_to_a_closed_path", &normalizing, normalized_paths);
    test("a_path_with_two_readings_is_refused_as_such", &plain, ambiguous_paths);
    for (how, manager) in [("", &plain), ("_where_envoy_normalizes", &normalizing)] {
        test(&format!("paths_with_one_reading_pass{how}"), manager, open_paths);
        test(&format!("no_spelling_of_a_host_opens_another{how}"), manager, hosts);
    }
}

/// As Java writes the address of a folder for a client without cookies.
fn last_parameters(site: &Site) {
    for path in ["/app/;jsessionid=1", "/app/;", "/app/%3Bx", "/app/a;x"] {
        assert_eq!(site.admits(&Request::get(path)).head.word(1), path);
    }
    // Nothing but `/` is open, and it is what some servers read.
    for path in ["/;x", "/;jsessionid=1", "/%3Bx", "/;"] {
        site.refuses(&Request::get(path), 400, "path_ambiguous");
    }
    for path in ["/;x/app/a", "/app/;x/a", "/app//;x"] {
        site.refuses(&Request::get(path), 400, "path_ambiguous");
    }
    assert_eq!(site.admits(&Request::get("/")).head.word(1), "/");
}

/// `/public` is open to everybody, `/admin` to nobody, and so is any other path, but on the open host.
fn doors() -> Plan {
    let anywhere = |name: &str, matching: Value, access: &str| json!({"name": name, "match": matching, "access": access});
    Plan::new(json!({
        "issuers": {"corp": {
            "issuer": "https://corp.example", "audiences": "any",
            "jwt": {"jwks": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": KEY}]}}},
        }},
        "rules": [
            anywhere("admin", json!({"paths": ["/admin", "/admin/**"]}), "deny"),
            anywhere("public", json!({"paths": ["/public/**"]}), "anonymous"),
            anywhere("open-host", json!({"hosts": ["open.example.com"], "paths": ["/files"]}), "anonymous"),
        ],
    }))
}

/// The public key of RFC 8037 appendix A.2; no test here signs with it.
const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// Each can be read as a way to `/admin`, or as nothing that was meant to be open.
const AMBIGUOUS: &[&str] = &[
    "/admin;x=1/users",
    "/%61dmin%3Bx/users",
    "/public;x=1/a",
    "/public/../admin",
    "/public/./../admin",
    "/public/%2e%2e/admin",
    "/public/%2E%2e/admin",
    "/public/.%2e/admin",
    "/public/..%2fadmin",
    "/public/%2e%2e%2fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public\\..\\admin",
    "/public/..;/admin",
    "/public/..;a=b/admin",
    "/public/%2e%2e;/admin",
    "/public/..%3b/admin",
    "/public//../admin",
    "/public/..//admin",
    "/public/x/../../admin",
    "/public/x/%2e%2e/%2e%2e/admin",
    "/public/..%00/admin",
    "/public/%00/../admin",
    "/public/..%0d%0a/admin",
    "/public/..%",
    "/public/..%2",
    "/public/%zz/../admin",
    "/public/%c0%ae%c0%ae/../admin",
];

/// Each has one reading, and that one is closed.
const CLOSED: &[&str] = &[
    "/admin",
    "/admin/",
    "/admin?x=/public/",
    "/admin;/public/",
    "/%61dmin",
    "/adm%69n/x",
    "/ADMIN/../admin",
    "//admin",
    "/./admin",
    "/admin/../admin",
    "/admin%2f..%2fpublic",
    "/publicx/a",
    "/public%2fx/../../admin",
    "/Public/a",
    "/%2fadmin",
    "/\u{ff41}dmin",
    "*",
    "admin",
    "http://open.example.com/admin",
    "http:///admin",
    "/admin#/public/",
    "/#/public/a",
    "/public/../admin#x",
    "/public/../admin?x",
];

fn closed_paths(site: &Site) {
    for path in AMBIGUOUS.iter().chain(CLOSED) {
        site.keeps_out(&Request::get(path));
    }
}

/// Each is another path once Envoy has normalized it, an open one.
const OPENED: &[(&str, &str)] = &[
    ("/public//a", "/public/a"),
    ("/public/./a", "/public/a"),
    ("/public/x/../a", "/public/a"),
    ("/public/%2e/a", "/public/a"),
    ("/public%2fa", "/public/a"),
    ("//public/a", "/public/a"),
    ("/admin/../public/a", "/public/a"),
    ("/admin/%2e%2e/public/a?x=/admin", "/public/a?x=/admin"),
    ("/admin%2f..%2fpublic/a", "/public/a"),
    ("/public\\a", "/public/a"),
];

/// What Envoy makes open paths of, of those that are refused as they stand.
const NORMALIZED: &[(&str, &str)] = &[
    ("/public//../admin", "/public/admin"),
    ("/public/%zz/../admin", "/public/admin"),
    ("/public/%c0%ae%c0%ae/../admin", "/public/admin"),
    ("/admin%2f..%2fpublic", "/public"),
];

/// Where Envoy makes another path of it, that one is judged, and is what the upstream sees.
fn normalized_paths(site: &Site) {
    for (path, seen) in OPENED {
        assert_eq!(site.admits(&Request::get(path)).head.word(1), *seen, "{path}");
    }
    let mut through = Vec::new();
    for path in AMBIGUOUS.iter().chain(CLOSED) {
        let before = site.upstream.count();
        let response = site.send(&Request::get(path));
        if response.status == 200 {
            through.push((*path, site.upstream.received().swap_remove(before).head.word(1).to_owned()));
        } else {
            assert!((400..500).contains(&response.status), "{path}: {}", response.status);
            assert_eq!(site.upstream.count(), before, "{path} went through");
        }
    }
    let through: Vec<_> = through.iter().map(|(path, seen)| (*path, seen.as_str())).collect();
    assert_eq!(through, NORMALIZED);
}

fn ambiguous_paths(site: &Site) {
    for path in AMBIGUOUS {
        let response = site.keeps_out(&Request::get(path));
        let logged = site.logged(&response);
        let by_envoy = !logged.get("details").starts_with("scopegate_");
        assert!(by_envoy || logged.get("details") == "scopegate_path_ambiguous", "{path}: {logged:?}");
        assert_eq!((response.status, response.head.get("www-authenticate")), (400, None), "{path}");
    }
}

fn open_paths(site: &Site) {
    let paths = [
        "/public/a",
        "/public/",
        "/public",
        "/public/a%20b",
        "/public/%7Euser",
        "/public/a;b=c",
        "/public/a%3Bb",
        "/public/...",
        "/public/.well-known",
        "/public/a..b",
        "/public/%41",
        "/public/%252e%252e/admin",
        "/public/a?x=../admin",
        "/public/a?x=%2e%2e%2f&y=//z",
        "/public/%e2%82%ac",
        "/public/a,b:c@d!$&'()*+=",
    ];
    for path in paths {
        let received = site.admits(&Request::get(path));
        let sent = path.replace("%7E", "~").replace("%41", "A").replace("%e2%82%ac", "%E2%82%AC");
        let target =
            received.head.word(1).replace("%7E", "~").replace("%41", "A").replace("%e2%82%ac", "%E2%82%AC");
        assert_eq!(target, sent);
    }
}

fn hosts(site: &Site) {
    for host in ["open.example.com", "OPEN.example.com"] {
        site.admits(&Request::new("GET", "/files", host));
    }
    // To Envoy another port or a last dot may be another virtual host, and nothing was said of ports.
    for host in ["open.example.com:8080", "open.example.com:", "open.example.com.", "open.example.co%6d"] {
        site.refuses(&Request::new("GET", "/files", host), 400, "authority_ambiguous");
    }
    let closed = [
        "shut.example.com",
        "open.example.com.evil.example",
        "evil.example:open.example.com",
        "open.example.com@evil.example",
        "evil.example@open.example.com",
        "open.example.com,evil.example",
        "open.example.com evil.example",
        "open.example.com/evil.example",
        "open.example.com#evil",
        "xopen.example.com",
        "",
        "[open.example.com]",
        "evil.example\\open.example.com",
        "open.example.com:80:90",
        "open.example.com\u{0}.evil.example",
    ];
    for host in closed {
        site.keeps_out(&Request::new("GET", "/files", host));
    }
    let twice = Request::new("GET", "/files", "shut.example.com").field("host", "open.example.com");
    site.keeps_out(&twice);
    for name in ["x-forwarded-host", "x-host", "forwarded", "x-original-host"] {
        let claimed = Request::new("GET", "/files", "shut.example.com").field(name, "open.example.com");
        site.refuses(&claimed, 403, "unmatched");
    }
    // Of two hosts the one in the target counts (RFC 9112 section 3.2.2), for the upstream as well.
    site.keeps_out(&Request::new("GET", "http://shut.example.com/files", "open.example.com"));
    let received = site.admits(&Request::new("GET", "http://open.example.com/files", "shut.example.com"));
    assert_eq!(received.head.all("host"), ["open.example.com"]);
}
