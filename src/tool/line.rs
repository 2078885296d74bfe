//! One line of `decide`, in and out.

use serde_json::{Map, Value, json};

use super::driver::Judged;
use super::request::{self, Reply, Request};
use super::values::{self, bytes, in_one_line, owned, status, time};
use crate::base::json;
use crate::base::time::UnixTime;
use crate::document::{self, Node};
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
    document::read("request", &line, request_of)
        .map(|(now, request, replies)| Line { id: id.clone(), now, request, replies })
        .map_err(|found| BadLine { id, problem: in_one_line(&found) })
}

const FIELDS: &str = "a list of pairs [name, value]";

fn request_of(line: &Node<'_>) -> Option<(Option<UnixTime>, Request, Vec<Reply>)> {
    let members = line.members(KNOWN)?;
    let defaults = Request::default();
    // What cannot be read has been said, and nothing of the line is used then.
    let text = |name| members.need(name, "a string").and_then(|node| owned(&node)).unwrap_or_default();
    let request = Request {
        method: text("method"),
        scheme: members.read("scheme", owned).unwrap_or(defaults.scheme),
        authority: text("authority"),
        path: text("path"),
        headers: members.need("headers", FIELDS).and_then(|node| values::fields(&node)).unwrap_or_default(),
        route: members.read("route", request::route).unwrap_or_default(),
        client_cert_sha256: members.read("client_cert_sha256", request::certificate),
        body: Vec::new(),
    };
    let replies = |node: &Node<'_>| Some(node.items("a list of replies")?.iter().filter_map(reply).collect());
    Some((members.read("now", time), request, members.read("replies", replies).unwrap_or_default()))
}

/// The reply of an issuer.
fn reply(node: &Node<'_>) -> Option<Reply> {
    const ANSWER: &[&str] = &["status", "headers", "body"];
    let members = node.members(&[ANSWER, &["error"]].concat())?;
    if let Some(failure) = members.get("error") {
        members.forbid(ANSWER, "means nothing beside `error`", "leave it out");
        return request::failure(&failure).map(Reply::Failed);
    }
    Some(Reply::Answered {
        status: members.need("status", "a status code").and_then(|node| status(&node))?,
        headers: members.read("headers", values::fields).unwrap_or_default(),
        body: members.read("body", bytes).unwrap_or_default(),
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
        let missing = problem(r#"{"id": 7}"#);
        assert!(missing.starts_with(r#"{"id":7,"error":"method: is missing: write a string; authority: is"#));
        assert!(missing.contains("; path: is missing") && missing.contains("; headers: is missing"));
        assert!(problem("[]").contains("is a list: write an object"));
        let good = r#""method": "GET", "authority": "a", "path": "/", "headers": []"#;
        for (more, place) in [
            (r#""token": "x""#, "token: is not a known key"),
            (r#""now": "1""#, "now: is a string"),
            (r#""now": 1e300"#, "now: is no time"),
            (r#""method": "PUT""#, "stands twice"),
            (r#""replies": [{"body": ""}]"#, "replies[0].status: is missing"),
            (
                r#""replies": [{"error": "gone"}]"#,
                "replies[0].error: is not one of the choices: write timeout, reset or refused",
            ),
            (
                r#""replies": [{"error": "reset", "status": 200}]"#,
                "replies[0].status: means nothing beside `error`",
            ),
            (r#""client_cert_sha256": "00""#, "client_cert_sha256: is not a SHA-256"),
        ] {
            let problem = problem(&format!("{{{good}, {more}}}"));
            assert!(problem.contains(place), "{problem}");
        }
    }
}
