//! A page of another origin in a real browser (Chromium, headless): what its script can read of scopegate's answers.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kit::bootstrap::{Lead, Listener, bootstrap};
use kit::deadline::PATIENCE;
use kit::envoy::{Envoy, Launch};
use kit::places;
use kit::server::{After, Received, Server};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// Chromium takes its time for a first start on a busy machine.
const LOADING: Duration = Duration::from_secs(60);

/// The first of these that is installed.
const PROGRAMS: &[&str] = &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

pub(crate) fn trials() -> Vec<Trial> {
    let Some(chromium) = PROGRAMS.iter().map(PathBuf::from).find(|program| program.is_file()) else {
        return vec![Trial::test("browser::chromium_is_not_installed", || Ok(())).with_ignored_flag(true)];
    };
    let test = move || {
        reads(&chromium);
        Ok(())
    };
    vec![Trial::test("browser::a_page_of_another_origin_reads_answers_and_their_challenges", test)]
}

/// Fetches each of `cases` and tells the page's own server what came of it.
const PAGE: &str = r#"<!doctype html><title>page</title><script type="module">
const cases = CASES;
const found = {};
for (const [name, url, init] of cases) {
  try {
    const answer = await fetch(url, init);
    const field = (name) => answer.headers.get(name);
    found[name] = {
      status: answer.status, challenge: field('www-authenticate'), nonce: field('dpop-nonce') !== null,
      retry: field('retry-after'), body: await answer.json().catch(() => null),
    };
  } catch (error) {
    found[name] = `${error}`;
  }
}
await fetch('/found', {method: 'POST', body: JSON.stringify(found)});
</script>"#;

/// A server of pages: what it has at `/`, and what is posted back to it.
fn page(cases: Arc<OnceLock<Value>>) -> io::Result<Server> {
    Server::start(0, move |request: &Received, stream: &mut TcpStream| {
        let cases = cases.get().map(Value::to_string).unwrap_or_default();
        let body = if request.path() == "/" { PAGE.replace("CASES", &cases) } else { String::new() };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        Ok(After::Keep)
    })
}

/// An application that answers preflights for itself, as it does where `cors_preflight: allow` lets them pass.
fn application(origin: Arc<OnceLock<String>>) -> io::Result<Server> {
    Server::start(0, move |_: &Received, stream: &mut TcpStream| {
        let origin = origin.get().cloned().unwrap_or_default();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\naccess-control-allow-origin: {origin}\r\naccess-control-allow-headers: authorization, dpop\r\n\
             access-control-allow-methods: GET, PUT\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        )?;
        Ok(After::Keep)
    })
}

/// A browser, and its children with it, until this value ends.
struct Browser(Child);

impl Browser {
    fn open(program: &PathBuf, url: &str) -> Self {
        let folder = places::scratch("browser").unwrap();
        let child = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the page finds that `pages` serves, each of `cases` by its name.
fn found(chromium: &PathBuf, pages: &Server) -> Value {
    let browser = Browser::open(chromium, &format!("http://localhost:{}/", pages.port()));
    let is_told = |all: &[Received]| all.iter().any(|one| one.path() == "/found" && one.complete);
    assert!(pages.wait(LOADING, is_told), "the page has told nothing: {:?}", pages.received());
    drop(browser);
    let told = pages.received().into_iter().find(|one| one.path() == "/found").unwrap();
    serde_json::from_slice(&told.body).unwrap()
}

/// A policy with every kind of refusal, and with these terms for pages.
fn policy(cors: Option<Value>) -> Value {
    let mut policy = json!({
        "issuers": {"idp": {"audiences": "any", "introspection": {
            "uri": "http://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"},
        }}},
        "rules": [
            {"name": "open", "match": {"paths": ["/open"]}, "access": "anonymous"},
            {"name": "closed", "match": {"paths": ["/closed"]}, "access": "deny"},
            {"name": "rest", "require": {"scopes": ["read"]}},
        ],
        "dpop": {"nonce": "required"},
        "responses": {"realm": "r", "describe": false},
        "protected_resource": {"resource": "https://api.example.com"},
        "cors_preflight": "allow",
    });
    if let Some(cors) = cors {
        policy["cors"] = cors;
    }
    policy
}

/// The page reads whatever `listener` answers.
fn all_is_read(found: &Value, listener: &str) {
    let of = |kind: &str| &found[format!("{listener} {kind}")];
    let missing = of("missing");
    assert_eq!((&missing["status"], &missing["nonce"]), (&json!(401), &json!(true)), "{listener}: {missing}");
    let challenge = missing["challenge"].as_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer realm="r", scope="read", resource_metadata="#), "{challenge}");
    assert!(challenge.contains(r#"DPoP realm="r""#), "{challenge}");
    let unavailable = of("unavailable");
    assert_eq!((&unavailable["status"], &unavailable["retry"]), (&json!(503), &json!("5")), "{unavailable}");
    assert_eq!(unavailable["body"]["error"], "temporarily_unavailable");
    assert_eq!(
        (&of("denied")["status"], &of("denied")["body"]["error"]),
        (&json!(403), &json!("access_denied"))
    );
    for kind in ["metadata", "metadata-asked"] {
        assert_eq!(of(kind)["status"], 200, "{listener} {kind}: {found}");
        assert_eq!(of(kind)["body"]["resource"], "https://api.example.com");
    }
    assert_eq!(of("upstream")["status"], 200);
}

fn reads(chromium: &PathBuf) {
    let (cases, origin) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let (pages, application) = (page(Arc::clone(&cases)).unwrap(), application(Arc::clone(&origin)).unwrap());
    let app = format!("http://localhost:{}", pages.port());
    origin.set(app.clone()).unwrap();
    let listener = |name: &str, cors: Option<Value>| {
        let mut listener = Listener::guarded(name, application.port(), policy(cors), 0);
        // Nobody is there: what is asked is not answered.
        listener.clusters.insert("idp".to_owned(), Lead::NoHost);
        listener
    };
    let listeners = [
        listener("open", Some(json!({"origins": ["*"]}))),
        listener("listed", Some(json!({"origins": [app], "allow_credentials": true}))),
        listener("other", Some(json!({"origins": ["https://other.example.com"]}))),
        listener("silent", None),
    ];
    let folder = places::scratch("browser-envoy").unwrap();
    let module = places::module().unwrap();
    let config = bootstrap(&listeners, &module, &folder);
    let envoy = Envoy::start(&folder, &config, Launch::workers(1)).unwrap();
    const DOCUMENT: &str = "/.well-known/oauth-protected-resource";
    let kinds = [
        ("missing", "/orders", json!({})),
        // `authorization` makes the browser ask first, and the application answers that.
        ("unavailable", "/orders", json!({"headers": {"authorization": "Bearer opaque"}})),
        ("denied", "/closed", json!({})),
        ("metadata", DOCUMENT, json!({})),
        // As MCP clients do; the browser asks first, and scopegate answers that.
        ("metadata-asked", DOCUMENT, json!({"headers": {"mcp-protocol-version": "2025-06-18"}})),
        ("upstream", "/open", json!({})),
    ];
    let mut all = Vec::new();
    for listener in ["open", "listed", "other", "silent"] {
        let port = envoy.port(listener).unwrap();
        for (kind, path, init) in &kinds {
            let mut init = init.clone();
            if listener == "listed" && *kind != "upstream" && *kind != "unavailable" {
                init["credentials"] = json!("include");
            }
            all.push(json!([format!("{listener} {kind}"), format!("http://127.0.0.1:{port}{path}"), init]));
        }
    }
    cases.set(json!(all)).unwrap();
    let found = found(chromium, &pages);
    let unreadable = json!("TypeError: Failed to fetch");
    for listener in ["open", "listed"] {
        all_is_read(&found, listener);
    }
    for listener in ["other", "silent"] {
        for (kind, ..) in &kinds {
            let told = &found[format!("{listener} {kind}")];
            if *kind == "upstream" {
                assert_eq!(told["status"], 200, "what the upstream lets pages read they read");
            } else {
                assert_eq!(*told, unreadable, "{listener} {kind}");
            }
        }
    }
    assert!(application.wait(PATIENCE, |all| all.iter().any(|one| one.method() == "OPTIONS")));
    assert_eq!(envoy.traps(), Vec::<String>::new());
}
