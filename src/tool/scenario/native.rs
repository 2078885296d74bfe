//! Runs a suite on the engine itself, in this process.

use super::answers::Issuers;
use super::compare::{self, Observed};
use super::expect::Outcome;
use super::load::{Case, Suite};
use crate::document::Diagnostic;
use crate::gate::Verdict;
use crate::http::message::HeaderEdits;
use crate::tool::compiled;
use crate::tool::driver::{Driver, Judged};
use crate::tool::line;
use crate::tool::request::Request;

/// What became of one test.
pub struct Outcomes {
    /// What the test says.
    pub name: String,
    /// Every difference between what was expected and what was found; none = the test passed.
    pub mismatches: Vec<String>,
    /// What the engine has to say about its decision.
    pub detail: String,
}

/// Runs every test of `suite`, state kept from one to the next. `environment` is where the policy's secrets come from.
///
/// # Errors
/// When the policy is refused: everything that is wrong with it.
pub fn run(
    suite: &Suite,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Outcomes>, Vec<Diagnostic>> {
    let compiled = compiled::compile(&suite.policy, suite.differences.clone(), environment)?;
    let mut driver = Driver::new(compiled.policy);
    let mut issuers = Issuers::new(&suite.answers);
    Ok(suite.cases.iter().map(|case| single(case, &mut driver, &mut issuers)).collect())
}

fn single(case: &Case, driver: &mut Driver, issuers: &mut Issuers) -> Outcomes {
    issuers.begin(&case.answers);
    let judged = driver.judge(&case.request, case.now, &mut |callout| issuers.ask(callout.path.expose()));
    let (mismatches, detail) = match judged {
        Ok(judged) => {
            let observed = observe(&case.request, &judged, issuers);
            (compare::mismatches(&case.expect, &observed), judged.verdict.note().detail.clone())
        }
        Err(stuck) => (vec![stuck.to_string()], String::new()),
    };
    Outcomes { name: case.name.clone(), mismatches, detail }
}

fn observe(request: &Request, judged: &Judged, issuers: &Issuers) -> Observed {
    let note = judged.verdict.note();
    let text = |name: &Option<std::rc::Rc<str>>| Some(name.as_deref().map(str::to_owned));
    let mut observed = Observed {
        outcome: Outcome::Admit,
        status: None,
        reason: Some(note.reason.to_owned()),
        rule: text(&note.rule),
        issuer: text(&note.issuer),
        headers: Vec::new(),
        body: Vec::new(),
        upstream: Vec::new(),
        asked: Some(issuers.asked().clone()),
    };
    match &judged.verdict {
        Verdict::Admit { edits, .. } => observed.upstream = after(request, edits),
        Verdict::Refuse { response, .. } => {
            observed.outcome = Outcome::Refuse;
            observed.status = Some(response.status);
            let fields = line::fields(response).into_iter();
            observed.headers = fields.map(|(name, value)| (name.to_owned(), value)).collect();
            observed.body = response.body.clone().into_bytes();
        }
    }
    observed
}

/// The fields of `request` once `edits` are made, `:path` and `:authority` among them.
pub fn after(request: &Request, edits: &HeaderEdits) -> Vec<(String, Vec<u8>)> {
    let pseudo = [(":path", &request.path), (":authority", &request.authority), (":method", &request.method)];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
    let mut fields: Vec<_> = pseudo.chain(request.headers.iter().cloned()).collect();
    fields.retain(|(name, _)| !edits.remove.iter().any(|removed| **removed == **name));
    for (name, value) in &edits.set {
        fields.retain(|(found, _)| **found != **name);
        fields.push((name.to_string(), value.as_bytes().to_vec()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_everything_is_removed_and_then_everything_set() {
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let request = Request {
            headers: vec![field("a", "1"), field("b", "2"), field("a", "3")],
            ..Request::default()
        };
        let edits = HeaderEdits {
            remove: vec!["a".into()],
            set: vec![("a".into(), "4".into()), (":path".into(), "/x".into())],
        };
        let seen = after(&request, &edits);
        assert_eq!(seen.iter().filter(|(name, _)| name == "a").collect::<Vec<_>>(), [&field("a", "4")]);
        assert!(seen.contains(&field("b", "2")) && seen.contains(&field(":path", "/x")));
        assert!(!seen.contains(&field(":path", "/")));
    }
}
