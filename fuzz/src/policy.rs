//! A policy document: taken or refused with a place for each problem, and the same however it is written down.

mod decides;

use std::rc::Rc;

use scopegate::base::json;
use scopegate::base::time::UnixTime;
use scopegate::config;
use scopegate::document::Diagnostic;
use scopegate::filter::configuration;
use scopegate::gate::{Facts, Gate, RequestId, Step, Verdict};
use scopegate::http::head::RequestHead;
use scopegate::http::message::FieldValue;
use scopegate::jose::backend::NoAccelerator;
use scopegate::policy::Policy;
use scopegate::tool::document;
use serde_json::{Map, Value, json};

use self::decides::{Asked, HOST, Outcome};
use crate::wire::{self, Order};

/// A secret that only the environment holds.
const SECRET: &str = "hunter2hunter2";

/// Takes a document, in YAML or JSON.
pub fn run(input: &[u8]) {
    if input.windows(SECRET.len()).any(|text| text == SECRET.as_bytes()) {
        return;
    }
    let json = config::read_json(input).ok();
    if let Some((policy, value)) = json.as_ref().and_then(|value| Some((compile(value).ok()?, value))) {
        accepted(policy, value);
    }
    let Ok(documents) = document::parse(input) else { return };
    if let Some(value) = &json {
        assert_eq!(documents.first().unwrap_or(&Value::Null), value, "JSON is read as JSON");
    }
    for value in &documents {
        // What the tool has read is what the filter will be given, through a proxy that writes it anew.
        let text = value.to_string();
        assert_eq!(json::value(text.as_bytes()).as_ref(), Ok(value), "{text}");
        let first = compile(value);
        let floats = compile(&floated(value));
        assert_eq!(outcome(&first), outcome(&floats), "a Struct knows only floats: {text}");
        let ordered = compile(&sorted(value));
        assert_eq!(first.is_ok(), ordered.is_ok(), "a Struct keeps no order: {text}");
        if let Value::Object(object) = value {
            travelled(object, input);
        }
        if let Ok(policy) = first {
            accepted(policy, value);
        }
    }
}

fn compile(document: &Value) -> Result<Policy, Vec<Diagnostic>> {
    let environment = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let compiled = config::compile(document, &environment);
    if let Err(problems) = &compiled {
        assert!(!problems.is_empty(), "refused for nothing");
        for problem in problems {
            let Diagnostic { at, problem: what, remedy } = problem;
            assert!(!at.is_empty() && !what.is_empty() && !remedy.is_empty(), "{problem:?}");
            assert!(!problem.to_string().contains(SECRET), "a problem shows a secret");
            assert!(!problem.to_string().contains(char::is_control), "{problem:?} is no line");
        }
    }
    compiled
}

/// What came of a document, all but the tables that are worked out of it, which have an order of their own.
fn outcome(compiled: &Result<Policy, Vec<Diagnostic>>) -> String {
    match compiled {
        Ok(policy) => {
            let Policy { issuers, rules, unmatched, places, forward_token, upstream, .. } = policy;
            let Policy { dpop, responses, cors, cors_preflight, route_metadata, mode, limits, .. } = policy;
            let rules = rules.iter().collect::<Vec<_>>();
            let parts = (issuers, rules, unmatched, places, forward_token, upstream);
            let more = (dpop, responses, cors, cors_preflight, route_metadata, mode, limits);
            // A test of a claim takes the number as it was written, and compares it as a number.
            format!("{parts:?} {more:?}").replace(".0)", ")")
        }
        Err(problems) => format!("{problems:?}"),
    }
}

/// The filter gets a policy as Envoy serializes it, its members in any order.
fn travelled(object: &Map<String, Value>, input: &[u8]) {
    let message = wire::structure(object, &mut Order::of(input));
    if message.is_empty() {
        return;
    }
    let document = configuration::document(&message).expect("what Envoy writes is read");
    // A whole number has one zero.
    let doubles = sorted(&numbers(&Value::Object(object.clone()), &|double| Some(double + 0.0)));
    let expected = compile(&doubles);
    assert_eq!(outcome(&compile(&document)), outcome(&expected), "a Struct is what was written: {doubles}");
}

fn floated(value: &Value) -> Value {
    numbers(value, &|float| (float.abs() < 9e15).then_some(float))
}

/// `value` with those numbers as floats of which `float` makes one.
fn numbers(value: &Value, float: &dyn Fn(f64) -> Option<f64>) -> Value {
    match value {
        Value::Number(number) => number.as_f64().and_then(float).map_or(value.clone(), |float| json!(float)),
        Value::Array(members) => members.iter().map(|member| numbers(member, float)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), numbers(value, float));
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(members) => members.iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            members.into_iter().collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Where a page comes from that no input lists, but by a word of its own.
const PAGE: &str = "https://page.example.com";

/// A page may read an answer where the policy lists its origin, or `*` without credentials, and nowhere else.
fn readable(document: &Value, fields: &[(&'static str, FieldValue)]) {
    let field = |name| fields.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str());
    let listed = document["cors"]["origins"].as_array();
    let is_listed = |origin: &str| listed.is_some_and(|listed| listed.iter().any(|one| one == origin));
    let expected = ["*", PAGE].into_iter().find(|origin| is_listed(origin));
    assert_eq!(field("access-control-allow-origin"), expected);
    if field("access-control-allow-credentials").is_some() {
        assert!(expected == Some(PAGE), "any page may use its visitor's cookies");
    }
}

/// What every policy is asked, without a token.
const REQUESTS: &[Asked] = &[
    Asked { method: "GET", path: "/", is_preflight: false },
    Asked { method: "POST", path: "/orders/1", is_preflight: false },
    Asked { method: "OPTIONS", path: "*", is_preflight: false },
    Asked { method: "OPTIONS", path: "/orders/1", is_preflight: true },
    Asked { method: "CONNECT", path: "", is_preflight: false },
];

/// A policy that was accepted has rules, shows no secret, and does with requests without a token what its text says.
fn accepted(policy: Policy, document: &Value) {
    assert!(!policy.is_closed(), "a policy without rules");
    assert!(!format!("{policy:?}").contains(SECRET), "a policy shows a secret");
    assert!((256..=65_536).contains(&policy.limits.token_bytes));
    let mut gate = Gate::new(Rc::new(policy), [7; 16], Rc::new(NoAccelerator));
    let now = UnixTime::from_secs(1_800_000_000);
    gate.refresh(now);
    for (id, asked) in (0..).zip(REQUESTS.iter().copied()) {
        let Asked { method, path, is_preflight } = asked;
        let fields = [(":method", method), (":authority", HOST), (":path", path), ("origin", PAGE)];
        let preflight = is_preflight.then_some(("access-control-request-method", "PUT"));
        let fields = fields.into_iter().chain(preflight);
        let head = RequestHead::from_pairs(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let (outcome, reason) = match gate.open(RequestId(id), &head, &Facts::default(), now) {
            Step::Settle(Verdict::Admit { note, .. }) => (Outcome::Admitted, note.reason),
            Step::Settle(Verdict::Refuse { response, note }) => {
                readable(document, &response.fields);
                let described = note.reason == "metadata";
                (if described { Outcome::Described } else { Outcome::Refused }, note.reason)
            }
            Step::Park => panic!("a request without a token waits"),
        };
        assert_eq!(outcome, decides::outcome(document, asked), "{asked:?}: {reason}");
    }
    for ask in gate.asks(now) {
        assert!(!ask.callout.cluster.is_empty() && !ask.callout.timeout.is_zero());
    }
}
