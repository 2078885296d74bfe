//! The scenarios of `tests/scenarios`, which also run natively and in Envoy, through the built module in this host.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Trial;
use proxy_wasm_host::HeaderMapExt;
use scopegate::tool::scenario::{self, Answers, Case, Issuers, Observed, Outcome};

use crate::services::Sharing;
use crate::streams::{Fate, Stream};
use crate::worker::{Process, Program, Worker};
use crate::{root, suites, text};

/// How many scenarios have run.
static RUN: AtomicUsize = AtomicUsize::new(0);

/// See [`RUN`].
pub(crate) fn count() -> usize {
    RUN.load(Ordering::SeqCst)
}

/// Each file on each kind of host.
pub(crate) fn trials(program: &Arc<Program>) -> Vec<Trial> {
    let files = suites::files(&root());
    let all = Sharing::ALL.into_iter().flat_map(|sharing| files.iter().map(move |file| (sharing, file)));
    let trial = |(sharing, file): (Sharing, &std::path::PathBuf)| {
        let (program, path) = (Arc::clone(program), file.clone());
        Trial::test(format!("scenarios::{}::{}", sharing.name(), suites::name(file)), move || {
            let problems = run(&program, sharing, &path)?;
            if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
        })
    };
    all.map(trial).collect()
}

/// The tests of a file one after the other, at the times that they say; everything that was not as expected.
fn run(program: &Program, sharing: Sharing, file: &Path) -> Result<Vec<String>, String> {
    let suite = scenario::load(file, None).map_err(|error| error.to_string())?;
    let variables = suites::variables(&suite.policy).into_iter().map(|name| (name, suites::SECRET));
    let process = Process::new(sharing, suite.now, &variables.collect::<Vec<_>>());
    let mut worker = Worker::start(program, &process, &suites::policy(&suite))?;
    let mut issuers = Issuers::new(&suite.answers);
    issuers.begin(&Answers::new());
    pass_time(&mut worker, &mut issuers);
    let mut problems = Vec::new();
    for case in &suite.cases {
        process.clock.set(case.now);
        // Where only ticks wake the root there was one just now.
        if sharing != Sharing::WithQueues {
            issuers.begin(&case.answers);
            pass_time(&mut worker, &mut issuers);
        }
        issuers.begin(&case.answers);
        let observed = observe(&mut worker, case, &mut issuers)?;
        let mismatches = scenario::mismatches(&suites::expectation(&suite, case), &observed);
        problems.extend(mismatches.iter().map(|mismatch| format!("{}: {mismatch}", case.name)));
        RUN.fetch_add(1, Ordering::SeqCst);
    }
    worker.is_sound()?;
    Ok(problems)
}

/// A tick, and the questions that it leads to.
fn pass_time(worker: &mut Worker<'_>, issuers: &mut Issuers) {
    worker.tick();
    worker.work(&mut |target| issuers.ask(target));
}

fn observe(worker: &mut Worker<'_>, case: &Case, issuers: &mut Issuers) -> Result<Observed, String> {
    let id = worker.open(&case.request);
    let fate = worker.settle(id, &mut |target| issuers.ask(target));
    if !case.request.body.is_empty() && worker.body(id, case.request.body.len()) != (fate == Fate::GoesOn) {
        return Err(format!("{}: the body goes another way than the head: {fate:?}", case.name));
    }
    let stream = worker.close(id);
    let published = |name: &str| stream.published(&format!("scopegate.{name}"));
    let mut observed = Observed {
        outcome: Outcome::Admit,
        status: None,
        reason: published("reason"),
        rule: Some(published("rule")),
        issuer: Some(published("issuer")),
        headers: Vec::new(),
        body: Vec::new(),
        upstream: Vec::new(),
        asked: Some(issuers.asked().clone()),
    };
    match &stream.answer {
        None => observed.upstream = upstream(&stream),
        Some(answer) => {
            let details = text(&answer.status_code_details);
            let reason = details.strip_prefix("scopegate_");
            if observed.reason.is_some() && reason != observed.reason.as_deref() {
                return Err(format!("{}: two reasons: {details} and {:?}", case.name, observed.reason));
            }
            observed.reason = reason.map(str::to_owned);
            observed.outcome = Outcome::Refuse;
            observed.status = u16::try_from(answer.status_code).ok();
            observed.headers = answer.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
            let grpc = answer.grpc_status.map(|status| ("grpc-status".to_owned(), status.to_string()));
            observed.headers.extend(grpc);
            observed.body = answer.body.to_vec();
        }
    }
    Ok(observed)
}

fn upstream(stream: &Stream) -> Vec<(String, Vec<u8>)> {
    let fields = stream.head.pairs().into_iter();
    fields.map(|(name, value)| (text(&name), value)).collect()
}
