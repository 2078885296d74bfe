//! The examples of `envoy/`: those for Envoy run as they stand, the manifests fit the published schemas.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use kit::client::{Request, exchange};
use kit::deadline::{PATIENCE, poll, unix_now};
use kit::envoy::{Envoy, Launch};
use kit::places;
use kit::tls::Client;
use kit::wire::text;
use libtest_mimic::Trial;
use scopegate::base::time::UnixTime;
use scopegate::tool::document;
use scopegate::tool::mint::{PrivateKey, Subject};
use serde_json::{Map, Value, json};

use crate::authority::{Authority, Identity};
use crate::ring::{ignored, trial};
use crate::tokens::{jwks, key, signed};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("examples::jwt_runs", || runs("jwt", signed_token, ORDERS)),
        trial("examples::introspection_runs", || runs("introspection", opaque_token, ORDERS)),
        trial("examples::both_run", || {
            runs("both", signed_token, ORDERS);
            runs("both", opaque_token, ORDERS);
        }),
        trial("examples::per_route_runs", || runs("per-route", signed_token, ROUTES)),
        trial("examples::composite_runs", || runs("composite", signed_token, POLICIES)),
        trial("examples::composite_lets_nothing_pass_that_no_policy_covers", composite_fails_closed),
        trial("examples::mtls_runs", mtls_runs),
        trial("examples::dpop_runs", dpop_runs),
        trial("examples::manifests_hold_good_policies", manifests_are_checked),
        if schemas().is_dir() {
            trial("examples::manifests_fit_their_schemas", manifests_fit)
        } else {
            ignored(
                "examples::manifests_fit_their_schemas (the schemas are not here: they are no part of the repository)",
            )
        },
    ]
}

/// Where the schemas are that others publish.
fn schemas() -> PathBuf {
    places::root().join("../shared/crds")
}

/// Method, path, whether with a token, and the status that is due.
type Asked = (&'static str, &'static str, bool, u16);

const ORDERS: &[Asked] = &[
    ("GET", "/healthz", false, 200),
    ("GET", "/orders/7", false, 401),
    ("GET", "/orders/7", true, 200),
    ("POST", "/orders/7", true, 403),
    ("GET", "/elsewhere", true, 403),
];

const ROUTES: &[Asked] = &[
    ("GET", "/catalogue", false, 200),
    ("GET", "/orders/7", false, 401),
    ("GET", "/orders/7", true, 200),
    ("POST", "/orders/7", true, 403),
    ("GET", "/reports", false, 401),
    ("GET", "/reports", true, 403),
    ("GET", "/elsewhere", true, 403),
];

const POLICIES: &[Asked] = &[
    ("GET", "/orders/7", false, 401),
    ("GET", "/orders/7", true, 200),
    ("POST", "/orders/7", true, 403),
    ("GET", "/reports/7", false, 401),
    ("POST", "/reports/7", true, 200),
    ("GET", "/elsewhere", false, 403),
    ("GET", "/elsewhere", true, 403),
];

/// The mistakes that Envoy itself takes for a wish to have no policy: a name that no policy has, and the filter switched
/// off on a route.
fn composite_fails_closed() {
    const OWN: &str = "filter_chain_name: reports}}";
    const LAST: &str = "- {match: {prefix: /}, direct_response";
    const OFF: &str = r#"{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}"#;
    let change = |text: String| {
        assert!(text.contains(OWN) && text.contains(LAST));
        let off = format!(
            "- {{match: {{prefix: /off}}, typed_per_filter_config: {{policy: {OFF}}}, direct_response: {{status: 200}}}}\n{}",
            " ".repeat(24)
        );
        text.replace(OWN, "filter_chain_name: report}}").replace(LAST, &format!("{off}{LAST}"))
    };
    let asked: &[Asked] = &[
        ("GET", "/orders/7", true, 200),
        ("GET", "/reports/7", false, 403),
        ("GET", "/reports/7", true, 403),
        ("GET", "/off", true, 403),
        ("GET", "/elsewhere", true, 403),
    ];
    let folder = runs_with("composite", "composite-mistaken", change, signed_token, asked);
    let file = folder.join("envoy.yaml");
    let checked = Command::new(places::tool().unwrap()).arg("check").arg(file).output().unwrap();
    assert!(text(&checked.stdout).contains(r#"filter_chain_name "report""#), "{checked:?}");
}

fn signed_token(key: &PrivateKey) -> String {
    signed(key, &json!({}), json!({"aud": "orders-api", "scope": "read:orders"}))
}

fn opaque_token(_: &PrivateKey) -> String {
    "an-opaque-token".to_owned()
}

/// Runs the example `name` and asks it.
fn runs(name: &str, token: fn(&PrivateKey) -> String, asked: &[Asked]) {
    drop(runs_with(name, name, |text| text, token, asked));
}

/// As [`runs`], with the text changed first; returns the folder in which it is.
fn runs_with(
    name: &str,
    folder: &str,
    change: impl Fn(String) -> String,
    token: fn(&PrivateKey) -> String,
    asked: &[Asked],
) -> PathBuf {
    let folder = places::scratch(&format!("example-{folder}")).unwrap();
    let key = key("example");
    let envoy = start(name, &folder, change, &[("jwks.json", jwks(&[&key]).to_string())]);
    let port = envoy.port("api").unwrap();
    let token = token(&key);
    let ask = |(method, path, with_token, _): &Asked| {
        let request = Request::new(method, path, "api.example.com");
        exchange(port, &if *with_token { request.bearer(&token) } else { request }).unwrap().status
    };
    // The issuer is a listener of the same Envoy: keys that were asked for before it listened come a moment later.
    let good = asked.iter().find(|(.., with_token, status)| *with_token && *status == 200).unwrap();
    assert!(poll(PATIENCE, || (ask(good) == 200).then_some(())).is_some(), "{name}: {good:?}");
    for one in asked {
        assert_eq!(ask(one), one.3, "{name}: {one:?}");
    }
    assert_eq!(envoy.traps(), Vec::<String>::new());
    folder
}

/// A port that is free still when Envoy binds it, which on a busy machine is half a minute later: below the ports that
/// the system hands out for port 0, and no other test of this run gets it.
fn port_for_later() -> u16 {
    const FIRST: u32 = 10_240;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Runs side by side begin far from each other.
    let start = std::process::id().wrapping_mul(7_919);
    let candidates = std::iter::repeat_with(|| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut ports = candidates.take(100).filter_map(|number| u16::try_from(FIRST + number % COUNT).ok());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// A bound token, sent by its own client, by another, and by one that the listener does not take.
fn mtls_runs() {
    let (authority, key) = (Authority::new(), key("example"));
    let (server, ours, other) =
        (authority.vouches_for("server"), authority.vouches_for("ours"), authority.vouches_for("other"));
    let files = [
        ("jwks.json", jwks(&[&key]).to_string()),
        ("ca.pem", authority.pem()),
        ("server.pem", server.pem()),
        ("server.key", server.key_pem()),
    ];
    let folder = places::scratch("example-mtls").unwrap();
    let envoy = start("mtls", &folder, |text| text, &files);
    let port = envoy.port("api").unwrap();
    let token = |cnf: Value| {
        signed(&key, &json!({}), json!({"aud": "orders-api", "scope": "read:orders", "cnf": cnf}))
    };
    let (bound, plain) = (token(json!({"x5t#S256": ours.thumbprint()})), token(Value::Null));
    let (ours, other) = (authority.client(Some(&ours)), authority.client(Some(&other)));
    let ask = |client: &Client, path: &str, token: &str| {
        exchange(port, &Request::get(path).bearer(token).over(client)).unwrap().status
    };
    let admitted = poll(PATIENCE, || (ask(&ours, "/orders/7", &bound) == 200).then_some(()));
    assert!(admitted.is_some(), "the right client");
    assert_eq!(ask(&other, "/orders/7", &bound), 401, "another client");
    assert_eq!(ask(&ours, "/orders/7", &plain), 401, "a token that is bound to nothing");
    assert_eq!(ask(&other, "/healthz", "none"), 200);
    let stranger = Identity::of_its_own("spiffe://stranger");
    for client in [authority.client(None), authority.client(Some(&stranger))] {
        let response = exchange(port, &Request::get("/healthz").over(&client));
        assert!(response.is_err(), "{response:?}");
    }
    assert_eq!(envoy.traps(), Vec::<String>::new());
}

/// A bound token, with a proof, with the same once more, with another's, and with none.
fn dpop_runs() {
    let (key, device, thief) = (key("example"), key("device"), key("thief"));
    let folder = places::scratch("example-dpop").unwrap();
    let envoy = start("dpop", &folder, |text| text, &[("jwks.json", jwks(&[&key]).to_string())]);
    let port = envoy.port("api").unwrap();
    let uri = format!("http://127.0.0.1:{port}/orders/7");
    let claims = |cnf: Value| json!({"aud": "orders-api", "scope": "read:orders", "cnf": cnf});
    let bound = signed(&key, &json!({}), claims(json!({"jkt": device.thumbprint().unwrap()})));
    let proof = |key: &PrivateKey| {
        let subject =
            Subject { method: "GET", uri: &uri, token: &bound, now: UnixTime::from_secs(unix_now()) };
        key.proof(&subject, &Map::new(), &Map::new()).unwrap()
    };
    let ask = |proof: &str| {
        let request = Request::new("GET", "/orders/7", &format!("127.0.0.1:{port}"));
        let request = request.field("authorization", format!("DPoP {bound}")).field("dpop", proof);
        exchange(port, &request).unwrap().status
    };
    let admitted = poll(PATIENCE, || (ask(&proof(&device)) == 200).then_some(()));
    assert!(admitted.is_some(), "with a proof");
    let used = proof(&device);
    assert_eq!((ask(&used), ask(&used), ask(&proof(&thief)), ask("")), (200, 401, 401, 401));
    let as_bearer = |token: &str| exchange(port, &Request::get("/orders/7").bearer(token)).unwrap().status;
    assert_eq!((as_bearer(&bound), as_bearer(&signed(&key, &json!({}), claims(Value::Null)))), (401, 401));
    assert_eq!(envoy.traps(), Vec::<String>::new());
}

/// Starts the example `name` in `folder` with these `files`, its text changed, and its ports and the places of files
/// filled in.
fn start(name: &str, folder: &Path, change: impl Fn(String) -> String, files: &[(&str, String)]) -> Envoy {
    let issuer = port_for_later();
    let text = fs::read_to_string(places::root().join("envoy").join(name).join("envoy.yaml")).unwrap();
    let mut text = change(text)
        .replace("../../target/scopegate.wasm", &places::module().unwrap().to_string_lossy())
        .replace("port_value: 10002", &format!("port_value: {issuer}"))
        .replace("port_value: 10000", "port_value: 0")
        .replace("port_value: 9901", "port_value: 0");
    for (file, content) in files {
        let place = folder.join(file);
        fs::write(&place, content).unwrap();
        text = text.replace(&format!("filename: {file}"), &format!("filename: {}", place.display()));
    }
    let config = folder.join("envoy.yaml");
    fs::write(&config, text).unwrap();
    Envoy::start_with_file(folder, &config, Launch::workers(1)).unwrap()
}

/// Manifest, and the schema of its first document.
const MANIFESTS: [(&str, &str); 2] = [
    ("istio/wasmplugin.yaml", "wasmplugins.extensions.istio.io.yaml"),
    ("envoy-gateway/policy.yaml", "envoyextensionpolicies.gateway.envoyproxy.io.yaml"),
];

fn manifests_are_checked() {
    for (manifest, _) in MANIFESTS {
        let file = places::root().join("envoy").join(manifest);
        let output = Command::new(places::tool().unwrap()).arg("check").arg(&file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn manifests_fit() {
    for (manifest, schema) in MANIFESTS {
        let manifest = first_document(&places::root().join("envoy").join(manifest));
        let schema = first_document(&schemas().join(schema));
        assert_eq!(manifest["kind"], schema["spec"]["names"]["kind"]);
        let versions = schema["spec"]["versions"].as_array().unwrap();
        let group = schema["spec"]["group"].as_str().unwrap();
        let ours = |version: &&Value| {
            manifest["apiVersion"] == format!("{group}/{}", version["name"].as_str().unwrap())
        };
        let version = versions.iter().find(ours).unwrap();
        let mut problems = Vec::new();
        compare(
            &manifest["spec"],
            &version["schema"]["openAPIV3Schema"]["properties"]["spec"],
            "spec",
            &mut problems,
        );
        assert_eq!(problems, Vec::<String>::new(), "{}", manifest["kind"]);
    }
}

fn first_document(file: &Path) -> Value {
    document::parse(&fs::read(file).unwrap()).unwrap().swap_remove(0)
}

/// As much of a structural schema as says where a manifest is wrong.
fn compare(value: &Value, schema: &Value, at: &str, problems: &mut Vec<String>) {
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    if schema["type"].as_str().is_some_and(|wanted| wanted != kind) {
        problems.push(format!("{at}: is a {kind}, not a {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        problems.push(format!("{at}: is none of {}", schema["enum"]));
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        compare(item, &schema["items"], &format!("{at}[{place}]"), problems);
    }
    let Some(members) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(required) {
            problems.push(format!("{at}: lacks {required}"));
        }
    }
    let open =
        schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"].is_object();
    for (name, member) in members {
        match schema["properties"].get(name) {
            Some(schema) => compare(member, schema, &format!("{at}.{name}"), problems),
            None if open || schema.is_null() => {}
            None => problems.push(format!("{at}.{name}: is not in the schema")),
        }
    }
}
