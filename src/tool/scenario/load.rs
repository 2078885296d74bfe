//! A test file becomes a [`Suite`].

use core::fmt;
use std::path::Path;

use serde_json::Value;

use super::answers::{self, Answers};
use super::dates;
use super::expect::{self, Expectation};
use super::proofs;
use super::tokens::{self, Keys};
use crate::base::time::UnixTime;
use crate::document::Diagnostic;
use crate::tool::document::Documents;
use crate::tool::members::{self, Members, Wrong};
use crate::tool::policy_file;
use crate::tool::request::{self, Request};

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

/// Why a file is no suite; names the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    let documents = documents.map_err(|error| LoadError(error.to_string()))?;
    single(&documents, path.parent().unwrap_or(Path::new("")), now)
}

/// As [`load`], for the bytes of a file in `folder`.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], folder: &Path, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    single(&Documents::parse(bytes).map_err(|error| LoadError(error.to_string()))?, folder, now)
}

fn single(documents: &Documents, folder: &Path, now: Option<UnixTime>) -> Result<Suite, LoadError> {
    let [suite] = documents.values.as_slice() else {
        return Err(LoadError(format!("holds {} documents: write one", documents.values.len())));
    };
    // Of a file that is something else nothing is shown, not even the names in it.
    if suite.get("tests").is_none() {
        return Err(LoadError("holds no tests: write `policy` and `tests`".to_owned()));
    }
    read_in(suite, documents, folder, now).map_err(|wrong| LoadError(wrong.to_string()))
}

/// Reads a suite out of a document; `folder` is where a policy's path begins.
///
/// # Errors
/// What is wrong, and where.
pub fn read(suite: &Value, folder: &Path, now: Option<UnixTime>) -> Result<Suite, Wrong> {
    read_in(suite, &Documents::default(), folder, now)
}

fn read_in(
    suite: &Value,
    documents: &Documents,
    folder: &Path,
    now: Option<UnixTime>,
) -> Result<Suite, Wrong> {
    let members = Members::of(suite, &["policy", "now", "keys", "tokens", "answers", "tests"])?;
    let own = members.read("now", time)?;
    let now = now.or(own).unwrap_or(DEFAULT_NOW);
    let keys = members.read("keys", Keys::make)?.unwrap_or(Keys::none());
    let (policy, differences) = members.need("policy", |policy| {
        let (policy, differences) = policy_of(policy, documents, folder)?;
        Ok((keys.resolve(&policy)?, differences))
    })?;
    let tokens = members.read("tokens", |tokens| tokens::make(tokens, &keys, now))?.unwrap_or_default();
    let answers = members.read("answers", |answers| answers::read(answers, &keys, now))?.unwrap_or_default();
    let mut clock = now;
    let cases = members.need("tests", |tests| {
        members::list(tests, |test| {
            let members = Members::of(test, &["name", "request", "at", "envoy", "answers", "expect"])?;
            let at = members.read("at", |at| moment(at, now))?;
            clock = at.unwrap_or(clock);
            Ok(Case {
                name: members.need("name", members::owned)?,
                request: members
                    .read("request", |request| request_of(request, &tokens, &keys, (now, clock)))?
                    .unwrap_or_default(),
                now: clock,
                moves_clock: at.is_some(),
                envoy: members.read("envoy", members::owned)?,
                answers: members
                    .read("answers", |answers| answers::read(answers, &keys, now))?
                    .unwrap_or_default(),
                expect: members.need("expect", expect::read)?,
            })
        })
    })?;
    Ok(Suite { policy, differences, now, answers, cases })
}

fn policy_of(
    policy: &Value,
    documents: &Documents,
    folder: &Path,
) -> Result<(Value, Vec<Diagnostic>), Wrong> {
    let Some(path) = policy.as_str() else {
        return members::object(policy).map(|_| (policy.clone(), documents.differences_in(policy)));
    };
    let path = folder.join(path);
    policy_file::single(&path.to_string_lossy(), &mut std::io::empty())
        .map(|policy| (policy.document, policy.differences))
        .map_err(|error| Wrong::new(format!("{}: {error}", path.display())))
}

fn time(value: &Value) -> Result<UnixTime, Wrong> {
    value
        .as_f64()
        .and_then(UnixTime::from_numeric_date)
        .ok_or_else(|| Wrong::new("is not a time: write seconds since 1970"))
}

fn moment(value: &Value, now: UnixTime) -> Result<UnixTime, Wrong> {
    dates::moment(value, now)?.ok_or_else(|| Wrong::new("is not a time: write {in: 5m} or {ago: 5m}"))
}

type Tokens = std::collections::BTreeMap<String, String>;

fn request_of(
    value: &Value,
    tokens: &Tokens,
    keys: &Keys,
    times: (UnixTime, UnixTime),
) -> Result<Request, Wrong> {
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
    let value = &substitute(value, tokens)?;
    let members = Members::of(value, KNOWN)?;
    let defaults = Request::default();
    let token = members.read("token", |name| token_named(members::text(name)?, tokens))?;
    let mut request = Request {
        method: members.read("method", members::owned)?.unwrap_or(defaults.method),
        scheme: members.read("scheme", members::owned)?.unwrap_or(defaults.scheme),
        authority: members.read("authority", members::owned)?.unwrap_or(defaults.authority),
        path: members.read("path", members::owned)?.unwrap_or(defaults.path),
        headers: members.read("headers", members::fields)?.unwrap_or_default(),
        route: members.read("route", request::route)?.unwrap_or_default(),
        client_cert_sha256: members.read("client_cert_sha256", request::certificate)?,
        body: members.read("body", members::bytes)?.unwrap_or_default(),
    };
    let proof = members.read("dpop", |proof| {
        let token = token.ok_or_else(|| Wrong::new("is a proof without a `token`"))?;
        proofs::make(proof, &request, token, keys, times)
    })?;
    if let Some(token) = token {
        let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
        request.headers.insert(0, ("authorization".to_owned(), format!("{scheme} {token}").into_bytes()));
    }
    request.headers.extend(proof.map(|proof| ("dpop".to_owned(), proof.into_bytes())));
    Ok(request)
}

/// Replaces `${token:NAME}` in every text.
fn substitute(value: &Value, tokens: &Tokens) -> Result<Value, Wrong> {
    match value {
        Value::String(text) => expand(text, tokens).map(Value::String),
        Value::Array(_) => members::list(value, |item| substitute(item, tokens)).map(Value::Array),
        Value::Object(object) => {
            let member = |(name, value): (&String, &Value)| {
                Ok((name.clone(), substitute(value, tokens).map_err(|wrong| wrong.inside(name))?))
            };
            object.iter().map(member).collect::<Result<_, _>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}

fn expand(text: &str, tokens: &Tokens) -> Result<String, Wrong> {
    let mut pieces = text.split("${token:");
    let mut expanded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) =
            piece.split_once('}').ok_or_else(|| Wrong::new("has a `${token:` without its `}`"))?;
        expanded.push_str(token_named(name, tokens)?);
        expanded.push_str(rest);
    }
    Ok(expanded)
}

fn token_named<'t>(name: &str, tokens: &'t Tokens) -> Result<&'t str, Wrong> {
    tokens.get(name).map(String::as_str).ok_or_else(|| Wrong::new("names none of the file's `tokens`"))
}

#[cfg(test)]
mod tests;
