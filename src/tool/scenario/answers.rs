//! What issuers answer, by the path of the question.

use std::collections::BTreeMap;

use serde_json::json;

use super::tokens::Keys;
use crate::base::time::UnixTime;
use crate::document::Node;
use crate::tool::request::{self, Reply};
use crate::tool::values::{bytes, field_name, fields, status};

/// For each path the answers, one after the other; the last one repeats.
pub type Answers = BTreeMap<String, Vec<Reply>>;

/// The answers at `node`: dates relative to `now`, key names replaced by keys.
pub(super) fn read(node: &Node<'_>, keys: &Keys, now: UnixTime) -> Option<Answers> {
    let read = |(path, node): (&str, Node<'_>)| {
        if !path.starts_with('/') || path.contains('?') {
            return node.refused("is not a path", "write it as /path, without a query");
        }
        let answers = if node.value().is_array() {
            let answers = node.some_items("a list of answers")?;
            answers.iter().filter_map(|answer| single(answer, keys, now)).collect()
        } else {
            vec![single(&node, keys, now)?]
        };
        Some((path.to_owned(), answers))
    };
    Some(node.entries("an object of paths and answers")?.into_iter().filter_map(read).collect())
}

fn single(node: &Node<'_>, keys: &Keys, now: UnixTime) -> Option<Reply> {
    const BODIES: &[&str] = &["json", "keys", "body"];
    const ANSWER: &[&str] = &["status", "headers", "json", "keys", "body"];
    let members = node.members(&[ANSWER, &["error"]].concat())?;
    if let Some(failure) = members.get("error") {
        members.forbid(ANSWER, "means nothing beside `error`", "leave it out");
        return request::failure(&failure).map(Reply::Failed);
    }
    if BODIES.iter().filter(|name| members.get(name).is_some()).count() > 1 {
        return node.refused("has several of json, keys and body", "keep one of them");
    }
    let json = match (members.get("json"), members.get("keys")) {
        (Some(json), _) => Some(keys.resolve_dated(&json, now)?),
        (None, Some(names)) => Some(json!({ "keys": keys.jwks(&names)? })),
        (None, None) => None,
    };
    let mut headers = members.read("headers", headers).unwrap_or_default();
    let body = match &json {
        Some(json) => json.to_string().into_bytes(),
        None => members.read("body", bytes).unwrap_or_default(),
    };
    if json.is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
    }
    Some(Reply::Answered { status: members.read("status", status).unwrap_or(200), headers, body })
}

/// Fields as a mapping, or as a list of pairs where a name stands twice.
fn headers(node: &Node<'_>) -> Option<Vec<(String, Vec<u8>)>> {
    if node.value().is_array() {
        return fields(node);
    }
    let field = |(name, node): (&str, Node<'_>)| Some((field_name(&node, name)?, bytes(&node)?));
    Some(node.entries("an object of names and values")?.into_iter().filter_map(field).collect())
}

/// The issuers of a suite at work: which answer is next, and who was asked how often.
pub struct Issuers {
    always: Playing,
    here: Playing,
    asked: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Playing {
    answers: Answers,
    next: BTreeMap<String, usize>,
}

impl Issuers {
    /// Issuers that give the answers of a whole suite.
    pub fn new(answers: &Answers) -> Self {
        Self { always: Playing::of(answers), here: Playing::default(), asked: BTreeMap::new() }
    }

    /// Begins a test: its own answers come first, and nobody has been asked yet.
    pub fn begin(&mut self, answers: &Answers) {
        self.here = Playing::of(answers);
        self.asked.clear();
    }

    /// The answer to a question for `target`, path and query. `None` where the suite has none: nobody is there.
    pub fn ask(&mut self, target: &str) -> Option<Reply> {
        let path = target.split_once(['?', '#']).map_or(target, |(path, _)| path);
        *self.asked.entry(path.to_owned()).or_default() += 1;
        self.here.step(path).or_else(|| self.always.step(path))
    }

    /// How often each path was asked for since the test began.
    pub const fn asked(&self) -> &BTreeMap<String, u64> {
        &self.asked
    }
}

impl Playing {
    fn of(answers: &Answers) -> Self {
        Self { answers: answers.clone(), next: BTreeMap::new() }
    }

    fn step(&mut self, path: &str) -> Option<Reply> {
        let answers = self.answers.get(path)?;
        let next = self.next.entry(path.to_owned()).or_default();
        let answer = answers.get(*next).or_else(|| answers.last())?;
        *next += 1;
        Some(answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::tool::request::Failure;
    use serde_json::Value;

    fn answers(value: &Value) -> Result<Answers, String> {
        let keys = document::read("keys", &json!({"k": "ES256"}), Keys::make).unwrap();
        let read = document::read("answers", value, |node| read(node, &keys, UnixTime::from_secs(1000)));
        read.map_err(|found| found[0].to_string())
    }

    fn status(reply: Option<Reply>) -> u16 {
        match reply {
            Some(Reply::Answered { status, .. }) => status,
            Some(Reply::Failed(_)) | None => 0,
        }
    }

    #[test]
    fn each_form_of_an_answer_is_read() {
        let read = answers(&json!({
            "/jwks": {"keys": ["k"], "headers": {"Cache-Control": "max-age=60"}},
            "/json": {"json": {"exp": {"in": "1m"}}, "status": 201},
            "/down": {"error": "reset"},
            "/odd": {"status": 500, "headers": [["a", "b"], ["a", "c"]], "body": {"base64": "/w=="}},
        }));
        let read = read.unwrap();
        let json_type = ("content-type".to_owned(), b"application/json".to_vec());
        assert_eq!(read["/down"], [Reply::Failed(Failure::Reset)]);
        assert_eq!(
            read["/json"],
            [Reply::Answered {
                status: 201,
                headers: vec![json_type.clone()],
                body: b"{\"exp\":1060}".to_vec()
            }]
        );
        let Reply::Answered { headers, body, .. } = &read["/jwks"][0] else { panic!() };
        assert!(
            headers.contains(&json_type)
                && headers[0].0 == "cache-control"
                && body.starts_with(b"{\"keys\":[{")
        );
        let Reply::Answered { headers, body, .. } = &read["/odd"][0] else { panic!() };
        assert!(headers.len() == 2 && body == &[0xff]);
    }

    #[test]
    fn answers_come_one_after_the_other_and_the_last_one_repeats() {
        let always =
            answers(&json!({"/a": [{"status": 201}, {"status": 202}], "/b": {"status": 203}})).unwrap();
        let here = answers(&json!({"/b": {"status": 204}})).unwrap();
        let mut issuers = Issuers::new(&always);
        issuers.begin(&here);
        let mut ask = |path| status(issuers.ask(path));
        assert_eq!([ask("/a"), ask("/a?x=/b"), ask("/a"), ask("/b"), ask("/c")], [201, 202, 202, 204, 0]);
        assert_eq!((issuers.asked()["/a"], issuers.asked()["/c"]), (3, 1));
        issuers.begin(&Answers::new());
        assert_eq!((status(issuers.ask("/a")), status(issuers.ask("/b"))), (202, 203));
        assert_eq!(issuers.asked().get("/c"), None);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_place() {
        for (value, place) in [
            (json!({"jwks": {}}), "jwks: "),
            (json!({"/a": [{}, {"json": 1, "body": ""}]}), "[\"/a\"][1]: has several"),
            (json!({"/a": []}), "[\"/a\"]: is an empty list"),
            (json!({"/a": {"status": 99}}), "[\"/a\"].status: "),
            (json!({"/a": {"error": "gone"}}), "[\"/a\"].error: "),
            (json!({"/a": {"error": "reset", "status": 200}}), "[\"/a\"].status: means nothing"),
            (json!({"/a": {"keys": ["x"]}}), "[\"/a\"].keys[0]: names none"),
        ] {
            let problem = answers(&value).unwrap_err();
            assert!(problem.starts_with(place), "{problem}");
        }
    }
}
