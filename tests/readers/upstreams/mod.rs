//! Real servers behind a real Envoy: what any of them reads as the protected place is not admitted as the open one, and
//! none of them reads an identity that its client wrote.

use kit::bootstrap::{Listener, bootstrap};
use kit::client::{Connection, Request, Response, exchange};
use kit::envoy::{Envoy, Launch};
use kit::issuer::{Answer, Issuer};
use kit::places;
use kit::wire::text;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

mod program;
mod targets;

use program::{Program, Running};

/// How many targets are tried beside those that are written down.
const RANDOM: usize = 1_500;

/// The servers that serve files, and tell nothing of a header.
const FILES: &[&str] = &["lighttpd", "http.server"];

/// What may stand in a field's name and is no letter or digit (RFC 9110 section 5.6.2).
const SEPARATORS: &[u8] = b"!#$%&'*+-.^_`|~";

/// The tests of all servers; of one that is not here only its name, and what to install.
pub(super) fn trials() -> Vec<Trial> {
    Program::ALL
        .iter()
        .flat_map(|program| {
            [
                trial(*program, "no_reading_of_a_path_opens_what_is_protected", paths),
                trial(*program, "no_spelling_of_a_name_is_believed", names),
            ]
        })
        .collect()
}

fn trial(program: Program, what: &str, test: fn(Program) -> Result<(), String>) -> Trial {
    let name = format!("upstreams::{}::{what}", program.name());
    match program.missing() {
        Some(remedy) => {
            Trial::test(format!("{name} (not installed: {remedy})"), || Ok(())).with_ignored_flag(true)
        }
        None => Trial::test(name, move || test(program).map_err(Failed::from)),
    }
}

/// A server behind a listener.
struct Gate {
    name: String,
    /// The server is one of [`FILES`].
    files: bool,
    /// Where the server itself listens.
    direct: u16,
    /// Where Envoy does.
    guarded: u16,
}

/// What a test holds: it all ends with this value.
struct Stage {
    gates: Vec<Gate>,
    _envoy: Envoy,
    _issuer: Issuer,
    _running: Running,
}

/// Envoy's own ways with a path: as it came, and made into another.
const WAYS: &[&str] = &["plain", "normalizing"];

fn stage(program: Program, purpose: &str) -> Result<Stage, String> {
    let running = program.start(purpose)?;
    let issuer = Issuer::start().map_err(|error| error.to_string())?;
    issuer.answers("/introspect", Answer::json(&json!({"active": true, "sub": "alice"})));
    let (folder, module) =
        (places::scratch(&format!("upstreams-{}-{purpose}", program.name()))?, places::module()?);
    let mut listeners = Vec::new();
    for (server, port) in &running.ways {
        for way in WAYS {
            let mut listener = Listener::guarded(&format!("{server}.{way}"), *port, policy(), issuer.port());
            if *way == "normalizing" {
                let members = json!({
                    "normalize_path": true, "merge_slashes": true,
                    "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
                });
                listener.manager.extend(members.as_object().cloned().unwrap_or_default());
            }
            listeners.push((listener, *server));
        }
    }
    let all: Vec<_> = listeners.iter().map(|(listener, _)| listener.clone()).collect();
    let envoy = Envoy::start(&folder, &bootstrap(&all, &module, &folder), Launch::workers(1))?;
    let gate = |(listener, server): (Listener, &str)| {
        let (guarded, direct) = (envoy.port(&listener.name)?, listener.upstream);
        Ok(Gate { files: FILES.contains(&server), guarded, direct, name: listener.name })
    };
    let gates = listeners.into_iter().map(gate).collect::<Result<_, String>>()?;
    Ok(Stage { gates, _envoy: envoy, _issuer: issuer, _running: running })
}

fn policy() -> Value {
    json!({
        "issuers": {"corp": {"audiences": "any", "introspection": {
            "protocol": "rfc7662", "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"},
        }}},
        "rules": [
            {"name": "admin", "match": {"paths": ["/admin/**"]}, "require": {}},
            {"name": "open", "match": {"paths": ["/**"]}, "access": "anonymous"},
        ],
        "upstream": {"headers": {"x-auth-subject": "sub"}},
    })
}

fn paths(program: Program) -> Result<(), String> {
    let stage = stage(program, "paths")?;
    let targets = targets::targets(RANDOM);
    let mut holes = Vec::new();
    for gate in &stage.gates {
        let good = Request::get("/admin/users").bearer("good");
        let admitted = exchange(gate.guarded, &good).map_err(|error| error.to_string())?;
        assert_eq!((admitted.status, admitted.text().as_str()), (200, "admin"), "{}", gate.name);
        let (mut direct, mut guarded) = (Client::new(gate.direct), Client::new(gate.guarded));
        let (mut read_as_admin, mut served) = (0, 0);
        for target in &targets {
            read_as_admin += usize::from(direct.get(target).is_some_and(|response| is_admin(&response)));
            let Some(response) = guarded.get(target) else { continue };
            served += usize::from(!matches!(response.status, 400 | 401 | 403));
            if is_admin(&response) {
                holes.push(format!("{}: {}", gate.name, text(target)));
            }
        }
        println!(
            "{}: {read_as_admin} of {} are read as admin, {served} were served",
            gate.name,
            targets.len()
        );
        // Else nothing was tried.
        assert!(read_as_admin > 20 && served > 20, "{}: {read_as_admin}, {served}", gate.name);
    }
    if holes.is_empty() {
        return Ok(());
    }
    holes.sort();
    Err(format!("{} went through to what is protected, without a token:\n{}", holes.len(), holes.join("\n")))
}

fn is_admin(response: &Response) -> bool {
    response.body == b"admin"
}

fn names(program: Program) -> Result<(), String> {
    let stage = stage(program, "names")?;
    let name = |one: &u8, other: &u8| format!("X{}Auth{}Subject", char::from(*one), char::from(*other));
    let names: Vec<_> =
        SEPARATORS.iter().flat_map(|one| SEPARATORS.iter().map(move |other| name(one, other))).collect();
    for gate in stage.gates.iter().filter(|gate| !gate.files) {
        let seen = |port: u16, request: &Request| -> Option<String> {
            exchange(port, request).ok()?.head.get("x-seen-subject").filter(|seen| !seen.is_empty())
        };
        let mut believed = 0;
        for name in &names {
            let request = Request::get("/x").field(name, "root");
            believed += usize::from(seen(gate.direct, &request).is_some());
            assert_eq!(seen(gate.guarded, &request), None, "{}: {name}", gate.name);
            let trailers = [("x-sum", "1"), (name.as_str(), "root")];
            let request = Request::post("/x").chunks(&[b"body"], &trailers);
            assert_eq!(seen(gate.guarded, &request), None, "{}: {name} in the trailers", gate.name);
            let request = Request::get("/admin/x").bearer("good").field(name, "root");
            let believes = seen(gate.guarded, &request);
            assert!(believes.is_none_or(|seen| seen == "alice"), "{}: {name}", gate.name);
        }
        println!("{}: {believed} of {} names are read as ours", gate.name, names.len());
        // Else it was not asked.
        assert!(believed > 0, "{}: it does not tell what it reads", gate.name);
    }
    Ok(())
}

/// A client that keeps its connection as long as it may.
struct Client {
    port: u16,
    connection: Option<Connection>,
}

impl Client {
    const fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    /// The answer to a request for `target`; `None` where there is none.
    fn get(&mut self, target: &[u8]) -> Option<Response> {
        let request = Request::raw([b"GET ", target].concat(), "api.example.com");
        // A server may have closed it after its last answer.
        let kept = self.connection.take().and_then(|kept| self.try_on(kept, &request));
        kept.or_else(|| {
            let fresh = Connection::open(self.port).ok()?;
            self.try_on(fresh, &request)
        })
    }

    fn try_on(&mut self, mut connection: Connection, request: &Request) -> Option<Response> {
        connection.send(&request.head_bytes()).ok()?;
        let response = connection.response().ok()?;
        let closes = response.head.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let framed =
            response.head.get("content-length").is_some() || response.head.get("transfer-encoding").is_some();
        self.connection = (framed && !closes).then_some(connection);
        Some(response)
    }
}
