//! A test file becomes a [`Suite`].

use core::fmt;
use std::path::Path;

use serde_json::Value;

use super::answers::{self, Answers};
use super::dates::moment;
use super::expect::{self, Expectation};
use super::proofs;
use super::tokens::{self, Keys, Tokens, named};
use crate::base::time::UnixTime;
use crate::document::{self, Diagnostic, Members, Node};
use crate::tool::document::Documents;
use crate::tool::policy_file;
use crate::tool::request::{self, Request};
use crate::tool::values::{bytes, fields, owned, time};

/// The clock of a file that does not set one.
pub const DEFAULT_NOW: UnixTime = UnixTime::from_secs(1_760_000_000);

/// A test file, its keys made and its tokens signed for one point in time.
pub struct Suite {
    /// The policy document, key names replaced by keys.
    pub policy: Value,
    /// What others than the tool read otherwise in it.
    pub differences: Vec<Diagnostic>,
    /// The time that everything is dated relative to.
    pub now: UnixTime,
    /// What issuers answer.
    pub answers: Answers,
    /// The tests, in order.
    pub cases: Vec<Case>,
}

/// One test.
pub struct Case {
    /// What it says.
    pub name: String,
    /// The request.
    pub request: Request,
    /// What the clock says while it runs: `at` of this test or of the last one before it that has one.
    pub now: UnixTime,
    /// Whether this test itself moves the clock.
    pub moves_clock: bool,
    /// Why it does not run in a real Envoy, where it does not.
    pub envoy: Option<String>,
    /// Answers that go before the suite's.
    pub answers: Answers,
    /// What is expected.
    pub expect: Expectation,
}

/// Why a file is no suite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// It cannot be read, or is something else.
    Other(String),
    /// Everything that is wrong with it, in its order.
    Wrong(Vec<Diagnostic>),
}

/// One problem a line.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(problem) => f.write_str(problem),
            Self::Wrong(found) => {
                let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl core::error::Error for LoadError {}

/// Reads the test file `path`. Everything is dated relative to `now`, or where that is `None` to the file's own
/// `now`, or [`DEFAULT_NOW`].
///
/// # Errors
/// When the file cannot be read, is not YAML, or is not a suite; the text names the place, but not the file.
pub fn load(path: &Path, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    let documents = Documents::read(&path.to_string_lossy(), &mut std::io::empty());
    let documents = documents.map_err(|error| LoadError::Other(error.to_string()))?;
    single(&documents, path.parent().unwrap_or(Path::new("")), now)
}

/// As [`load`], for the bytes of a file in `folder`.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], folder: &Path, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    single(&Documents::parse(bytes).map_err(|error| LoadError::Other(error.to_string()))?, folder, now)
}

fn single(documents: &Documents, folder: &Path, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    let [suite] = documents.values.as_slice() else {
        return Err(LoadError::Other(format!("holds {} documents: write one", documents.values.len())));
    };
    // Of a file that is something else nothing is shown, not even the names in it.
    if suite.get("tests").is_none() {
        return Err(LoadError::Other("holds no tests: write `policy` and `tests`".to_owned()));
    }
    let read = |node: &Node<'_>| read(node, documents, folder, now);
    document::read("file", suite, read).map_err(LoadError::Wrong)
}

/// The suite at `node`; `folder` is where a policy's path begins.
fn read(node: &Node<'_>, documents: &Documents, folder: &Path, now: Option<UnixTime>) -> Option<Suite> {
    let members = node.members(&["policy", "now", "keys", "tokens", "answers", "tests"])?;
    let own = members.read("now", time);
    let now = now.or(own).unwrap_or(DEFAULT_NOW);
    let keys = members.read("keys", Keys::make).unwrap_or_default();
    let policy = members.need("policy", POLICY).and_then(|node| {
        let (policy, differences) = policy_of(&node, documents, folder)?;
        Some((keys.resolve(&node.with(&policy))?, differences))
    });
    let tokens = members.read("tokens", |tokens| tokens::make(tokens, &keys, now)).unwrap_or_default();
    let answers = |members: &Members<'_>| {
        members.read("answers", |answers| answers::read(answers, &keys, now)).unwrap_or_default()
    };
    let mut clock = now;
    let mut cases = Vec::new();
    let tests = members.need("tests", "a list of tests").and_then(|node| node.items("a list of tests"));
    for test in tests.unwrap_or_default() {
        let Some(members) = test.members(&["name", "request", "at", "envoy", "answers", "expect"]) else {
            continue;
        };
        let at = members.read("at", |at| moment(at, now));
        clock = at.unwrap_or(clock);
        let request = |node: &Node<'_>| request_of(node, &tokens, &keys, (now, clock));
        let name = members.need("name", "what it shows").and_then(|name| owned(&name));
        let request = members.read("request", request).unwrap_or_default();
        let (envoy, answers) = (members.read("envoy", owned), answers(&members));
        let expect = members.need("expect", "what is expected").and_then(|expect| expect::read(&expect));
        if let (Some(name), Some(expect)) = (name, expect) {
            cases.push(Case { name, request, now: clock, moves_clock: at.is_some(), envoy, answers, expect });
        }
    }
    let answers = answers(&members);
    let (policy, differences) = policy?;
    Some(Suite { policy, differences, now, answers, cases })
}

const POLICY: &str = "a policy, or the path of its file";

fn policy_of(node: &Node<'_>, documents: &Documents, folder: &Path) -> Option<(Value, Vec<Diagnostic>)> {
    let Some(path) = node.value().as_str() else {
        let policy = node.value();
        return if policy.is_object() {
            Some((policy.clone(), documents.differences_in(policy)))
        } else {
            node.wrong_type(POLICY)
        };
    };
    let path = folder.join(path);
    match policy_file::single(&path.to_string_lossy(), &mut std::io::empty()) {
        Ok(policy) => Some((policy.document, policy.differences)),
        Err(problem) => node.refused(
            format!("{}: {problem}", path.display()),
            "write a path that begins at this file's folder",
        ),
    }
}

fn request_of(node: &Node<'_>, tokens: &Tokens, keys: &Keys, times: (UnixTime, UnixTime)) -> Option<Request> {
    const KNOWN: &[&str] = &[
        "method",
        "scheme",
        "authority",
        "path",
        "headers",
        "token",
        "dpop",
        "route",
        "client_cert_sha256",
        "body",
    ];
    let value = substitute(node, tokens);
    let members = node.with(&value).members(KNOWN)?;
    let defaults = Request::default();
    let mut request = Request {
        method: members.read("method", owned).unwrap_or(defaults.method),
        scheme: members.read("scheme", owned).unwrap_or(defaults.scheme),
        authority: members.read("authority", owned).unwrap_or(defaults.authority),
        path: members.read("path", owned).unwrap_or(defaults.path),
        headers: members.read("headers", fields).unwrap_or_default(),
        route: members.read("route", request::route).unwrap_or_default(),
        client_cert_sha256: members.read("client_cert_sha256", request::certificate),
        body: members.read("body", bytes).unwrap_or_default(),
    };
    let token = members.read("token", |node| named(node, node.string()?, tokens, "tokens"));
    let proof = members.read("dpop", |proof| {
        members.need("token", "the token that the proof is for")?;
        proofs::make(proof, &request, token?, keys, times)
    });
    if let Some(token) = token {
        let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
        request.headers.insert(0, ("authorization".to_owned(), format!("{scheme} {token}").into_bytes()));
    }
    request.headers.extend(proof.map(|proof| ("dpop".to_owned(), proof.into_bytes())));
    Some(request)
}

/// What is written at `node`, with the token for each `${token:NAME}` in its texts.
fn substitute(node: &Node<'_>, tokens: &Tokens) -> Value {
    match node.value() {
        Value::String(text) => Value::String(expand(node, text, tokens).unwrap_or_default()),
        Value::Array(_) => {
            node.items("a list").unwrap_or_default().iter().map(|node| substitute(node, tokens)).collect()
        }
        Value::Object(_) => {
            let entries = node.entries("an object").unwrap_or_default().into_iter();
            Value::Object(entries.map(|(name, node)| (name.to_owned(), substitute(&node, tokens))).collect())
        }
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value.clone(),
    }
}

fn expand(node: &Node<'_>, text: &str, tokens: &Tokens) -> Option<String> {
    let mut pieces = text.split("${token:");
    let mut expanded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece
            .split_once('}')
            .or_else(|| node.refused("has a `${token:` without its `}`", "write ${token:NAME}"))?;
        expanded.push_str(named(node, name, tokens, "tokens")?);
        expanded.push_str(rest);
    }
    Some(expanded)
}

#[cfg(test)]
mod tests;
