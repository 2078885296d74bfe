//! What real issuers send and answer, as it was found: each case a policy, lines for `decide`, and what must come of them.

use serde_json::Value;

use super::{file, finish, program};

const CASES: &str = include_str!("../../data/field.json");

/// Tokens in them are of this time.
const NOW: &str = "1800000000";

/// Whether `decision` has the outcome that `words` begin with, and the status and reason that they may go on with.
fn is(decision: &Value, words: &str) -> bool {
    let status = decision["status"].to_string();
    let said = [decision["outcome"].as_str().unwrap(), &status, decision["reason"].as_str().unwrap()];
    let mut words = words.split_whitespace();
    words.next() == Some(said[0]) && words.all(|word| said.contains(&word))
}

#[test]
fn what_real_issuers_send_is_judged_as_it_should_be() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let policy = file(&format!("field-{name}.yaml"), case["policy"].as_str().unwrap());
        let lines: String =
            case["lines"].as_array().unwrap().iter().map(|line| format!("{line}\n")).collect();
        let mut command = program(&["decide", "--policy", &policy, "--now", NOW]);
        command.env("S", "x");
        let run = finish(command, &lines);
        let (decisions, expected) = (run.lines(), case["expected"].as_str().unwrap());
        let wanted: Vec<_> = expected.split(';').collect();
        let mut holds = run.code == 0
            && decisions.len() == wanted.len()
            && decisions.iter().zip(&wanted).all(|(decision, words)| is(decision, words));
        if let Some(part) = case["callout_body_has"].as_str() {
            let asked = decisions.iter().filter_map(|decision| decision["callouts"].as_array()).flatten();
            holds &= asked.filter_map(|callout| callout["body"].as_str()).any(|body| body.contains(part));
        }
        if case["upstream_has"].is_array() {
            let set =
                decisions.iter().filter_map(|decision| decision["upstream"]["set"].as_array()).flatten();
            holds &= set.into_iter().any(|field| *field == case["upstream_has"]);
        }
        if !holds {
            wrong.push(format!("{name} ({}): {expected}, and not {}{}", case["what"], run.out, run.err));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 50);
}
