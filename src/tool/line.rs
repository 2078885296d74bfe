//! One line of `decide`, in and out.

use serde_json::{Map, Value, json};

use super::driver::Judged;
use super::members::{self, Members, Wrong};
use super::request::{self, Reply, Request};
use crate::base::json;
use crate::base::time::UnixTime;
use crate::gate::{Note, Verdict};
use crate::http::message::{Callout, Response};

/// A request to decide, with the replies of issuers.
pub struct Line {
    /// The caller's own name for it.
    pub id: Value,
    /// The clock, where the line sets it.
    pub now: Option<UnixTime>,
    /// The request.
    pub request: Request,
    /// What issuers reply, in the order in which they are asked.
    pub replies: Vec<Reply>,
}

/// A line that cannot be read.
pub struct BadLine {
    /// The line's `id`, or null where it has none that can be read.
    pub id: Value,
    /// What is wrong, and where in the line.
    pub problem: String,
}

const KNOWN: &[&str] = &[
    "id",
    "now",
    "method",
    "scheme",
    "authority",
    "path",
    "headers",
    "route",
    "client_cert_sha256",
    "replies",
];

/// Reads one line.
///
/// # Errors
/// When it is not JSON, or not a request.
pub fn read(line: &[u8]) -> Result<Line, BadLine> {
    let line = json::value(line)
        .map_err(|fault| BadLine { id: Value::Null, problem: format!("cannot be read as JSON: {fault}") })?;
    let id = line.get("id").cloned().unwrap_or_default();
    request_of(&line)
        .map(|(now, request, replies)| Line { id: id.clone(), now, request, replies })
        .map_err(|wrong| BadLine { id, problem: wrong.to_string() })
}

fn request_of(line: &Value) -> Result<(Option<UnixTime>, Request, Vec<Reply>), Wrong> {
    let members = Members::of(line, KNOWN)?;
    let now = members.read("now", time)?;
    let defaults = Request::default();
    let request = Request {
        method: members.need("method", members::owned)?,
        scheme: members.read("scheme", members::owned)?.unwrap_or(defaults.scheme),
        authority: members.need("authority", members::owned)?,
        path: members.need("path", members::owned)?,
        headers: members.need("headers", members::fields)?,
        route: members.read("route", request::route)?.unwrap_or_default(),
        client_cert_sha256: members.read("client_cert_sha256", request::certificate)?,
        body: Vec::new(),
    };
    let replies = members.read("replies", |replies| members::list(replies, reply))?.unwrap_or_default();
    Ok((now, request, replies))
}

/// Reads a point in time: a number of seconds since 1970.
pub(super) fn time(value: &Value) -> Result<UnixTime, Wrong> {
    let seconds = value.as_f64().ok_or_else(|| members::expected("seconds since 1970", value))?;
    UnixTime::from_numeric_date(seconds).ok_or_else(|| Wrong::new("is no time: write seconds since 1970"))
}

/// Reads the reply of an issuer.
pub(super) fn reply(value: &Value) -> Result<Reply, Wrong> {
    let members = Members::of(value, &["status", "headers", "body", "error"])?;
    if let Some(failure) = members.read("error", request::failure)? {
        Members::of(value, &["error"])?;
        return Ok(Reply::Failed(failure));
    }
    Ok(Reply::Answered {
        status: members.need("status", members::status)?,
        headers: members.read("headers", members::fields)?.unwrap_or_default(),
        body: members.read("body", members::bytes)?.unwrap_or_default(),
    })
}

/// The line that tells of a decision.
pub fn decided(id: Value, judged: &Judged) -> Value {
    let note = judged.verdict.note();
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("id", id);
    let (outcome, status, headers, body, set, remove) = match &judged.verdict {
        Verdict::Admit { edits, .. } => {
            ("admit", None, Vec::new(), "", edits.set.as_slice(), edits.remove.as_slice())
        }
        Verdict::Refuse { response, .. } => (
            "refuse",
            Some(response.status),
            fields(response),
            response.body.as_str(),
            [].as_slice(),
            [].as_slice(),
        ),
    };
    put("outcome", json!(outcome));
    put("status", json!(status));
    put("reason", json!(note.reason));
    put("rule", json!(note.rule.as_deref()));
    put("issuer", json!(issuer(note)));
    put("headers", json!(headers));
    put("body", json!(body));
    let set: Vec<_> = set.iter().map(|(name, value)| (&**name, &**value)).collect();
    let remove: Vec<_> = remove.iter().map(|name| &**name).collect();
    put("upstream", json!({ "set": set, "remove": remove }));
    put("callouts", judged.questions.iter().map(|(callout, _)| asked(callout)).collect());
    Value::Object(line)
}

/// The line that tells why there is no decision.
pub fn refused(bad: BadLine) -> Value {
    json!({ "id": bad.id, "error": bad.problem })
}

/// The fields of a refusal, `grpc-status` among them where the client speaks gRPC.
pub(super) fn fields(response: &Response) -> Vec<(&str, String)> {
    let fields = response.fields.iter().map(|(name, value)| (*name, value.as_str().to_owned()));
    let grpc = response.grpc_status.map(|status| ("grpc-status", status.to_string()));
    fields.chain(grpc).collect()
}

fn issuer(note: &Note) -> Option<&str> {
    note.issuer.as_deref()
}

/// A question, secrets and all: whoever tests a policy wants to see what its issuers get.
fn asked(callout: &Callout) -> Value {
    json!({
        "cluster": callout.cluster,
        "method": callout.method,
        "authority": callout.authority,
        "path": callout.path.expose(),
        "headers": callout.sent_fields().collect::<Vec<_>>(),
        "body": callout.body.expose(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> String {
        let bad = read(line.as_bytes()).err().unwrap();
        refused(bad).to_string()
    }

    #[test]
    fn a_whole_line_is_read() {
        let line = r#"{"id": [1], "now": 1.5, "method": "GET", "authority": "a", "path": "/", "headers": [["X-A", {"base64": "/w=="}]],
            "route": {"name": "r"}, "replies": [{"status": 200, "headers": [["Content-Type", "x"]], "body": "b"}, {"error": "reset"}]}"#;
        let line = read(line.as_bytes()).ok().unwrap();
        assert_eq!((line.id, line.now), (json!([1]), Some(UnixTime::from_millis(1500))));
        assert_eq!(line.request.headers, [("x-a".to_owned(), vec![0xff])]);
        assert_eq!((line.request.scheme.as_str(), line.request.route.name.as_deref()), ("https", Some("r")));
        assert_eq!(line.replies.len(), 2);
    }

    #[test]
    fn a_line_that_is_not_valid_is_refused_under_its_id() {
        assert_eq!(
            problem("{"),
            r#"{"id":null,"error":"cannot be read as JSON: ends too early (line 1, column 1)"}"#
        );
        assert_eq!(problem(r#"{"id": 7}"#), r#"{"id":7,"error":"method: is missing"}"#);
        assert!(problem("[]").contains("is a list: write an object"));
        let good = r#""method": "GET", "authority": "a", "path": "/", "headers": []"#;
        for (more, place) in [
            (r#""token": "x""#, "token: unknown"),
            (r#""now": "1""#, "now: is a string"),
            (r#""now": 1e300"#, "now: is no time"),
            (r#""method": "PUT""#, "stands twice"),
            (r#""replies": [{"body": ""}]"#, "replies[0].status: is missing"),
            (r#""replies": [{"error": "gone"}]"#, "replies[0].error: is no failure"),
            (r#""replies": [{"error": "reset", "status": 200}]"#, "replies[0].status: unknown"),
            (r#""client_cert_sha256": "00""#, "client_cert_sha256: is not a SHA-256"),
        ] {
            let problem = problem(&format!("{{{good}, {more}}}"));
            assert!(problem.contains(place), "{problem}");
        }
    }
}
