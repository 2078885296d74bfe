//! The scenarios of `tests/scenarios`, which also run natively, through the built module in the real proxy.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use kit::client::Request;
use kit::clock::Clock;
use kit::deadline::unix_now;
use kit::envoy::Launch;
use kit::issuer::Answer;
use kit::places;
use kit::suites;
use libtest_mimic::Trial;
use scopegate::base::time::UnixTime;
use scopegate::tool::request::{self, Failure, Reply};
use scopegate::tool::scenario::{self, Case, Expectation, Observed, Outcome, Suite};
use serde_json::{Value, json};

use crate::ring::{Plan, Site, ignored, start_in, trial};

/// Those that move no clock share an Envoy; each of the others has one of its own, with a clock that goes along. A test
/// that does not run is named, with the reason.
pub(crate) fn trials() -> Vec<Trial> {
    let suites: Vec<_> = suites::files(places::root())
        .into_iter()
        .map(|file| (suites::name(&file), load(&file, unix_now())))
        .collect();
    let no_clock = Clock::missing();
    let mut trials = vec![trial("scenarios::hold_in_envoy", all_hold)];
    for (file, suite) in suites {
        for case in &suite.cases {
            if let Some(why) = case.envoy.as_deref().or(no_clock.filter(|_| case.now != suite.now)) {
                trials.push(ignored(&format!("scenarios::{file}: {} ({why})", case.name)));
            }
        }
        if no_clock.is_none() && moves_clock(&suite) {
            let name = format!("scenarios::{file}_holds_in_an_envoy_whose_clock_is_moved");
            trials.push(trial(&name, move || holds_while_time_goes_on(&file)));
        }
    }
    trials
}

fn load(file: &Path, now: i64) -> Suite {
    scenario::load(file, Some(UnixTime::from_secs(now))).unwrap()
}

fn moves_clock(suite: &Suite) -> bool {
    suite.cases.iter().any(|case| case.envoy.is_none() && case.now != suite.now)
}

/// One file, at the times that its tests say.
fn holds_while_time_goes_on(file: &str) {
    let suite = load(&places::root().join(format!("tests/scenarios/{file}.yaml")), unix_now());
    let launch = Launch { clock: Some(suite.now.as_millis()), ..Launch::workers(1) };
    let sites =
        start_in(&format!("scenarios-{file}"), vec![(file.to_owned(), plan(&suite))], launch).unwrap();
    let problems: Vec<String> =
        suite.cases.iter().flat_map(|case| run(&sites[0], file, &suite, case)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_eq!(sites[0].envoy.traps(), Vec::<String>::new());
}

/// All other files side by side, the tests of each one after the other: state is kept from one to the next. Tokens are made
/// for the time at which they are used, so nothing else runs between here and there.
fn all_hold() {
    let files = suites::files(places::root());
    let loaded = files.iter().map(|file| (suites::name(file), load(file, unix_now())));
    let has_its_own = |suite: &Suite| moves_clock(suite) && Clock::missing().is_none();
    let suites: Vec<_> = loaded.filter(|(_, suite)| !has_its_own(suite)).collect();
    let plans = suites.iter().map(|(name, suite)| (name.clone(), plan(suite))).collect();
    let sites = start_in("scenarios", plans, Launch::workers(1)).unwrap();
    let all = |site: &Site, name: &str, suite: &Suite| -> Vec<String> {
        let now = suite.cases.iter().filter(|case| case.now == suite.now);
        now.flat_map(|case| run(site, name, suite, case)).collect()
    };
    let problems: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = sites
            .iter()
            .zip(&suites)
            .map(|(site, (name, suite))| scope.spawn(move || all(site, name, suite)))
            .collect();
        running.into_iter().flat_map(|file| file.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_eq!(sites[0].envoy.traps(), Vec::<String>::new());
}

fn plan(suite: &Suite) -> Plan {
    let mut plan = Plan::exactly(suites::policy(suite));
    for name in suites::variables(&suite.policy) {
        plan = plan.environment(&name, suites::SECRET);
    }
    for (path, replies) in &suite.answers {
        plan = plan.answers(path, replies.iter().map(answer).collect());
    }
    if suite.policy["client_certificate"]["from"] == "x-forwarded-client-cert" {
        plan = plan.manager(json!({"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"}));
    }
    let named = suite.cases.iter().filter_map(|case| route(&case.request.route));
    named.fold(plan, Plan::route)
}

/// Selects a request's route; the application never looks at it.
const ROUTE: &str = "x-scenario-route";

/// An Envoy route for what a request says of its route; requests choose it by a header.
fn route(route: &request::Route) -> Option<Value> {
    let key = route_key(route)?;
    let mut found =
        json!({"match": {"prefix": "/", "headers": [{"name": ROUTE, "string_match": {"exact": key}}]}});
    if let Some(name) = &route.name {
        found["name"] = json!(name);
    }
    if let Some(rule) = &route.rule {
        found["metadata"] = json!({"filter_metadata": {"scopegate": {"rule": rule}}});
    }
    Some(found)
}

fn route_key(route: &request::Route) -> Option<String> {
    let named = route.name.is_some() || route.rule.is_some();
    named
        .then(|| format!("{}/{}", route.name.as_deref().unwrap_or("-"), route.rule.as_deref().unwrap_or("-")))
}

fn answer(reply: &Reply) -> Answer {
    match reply {
        Reply::Failed(Failure::Timeout) => Answer::Silence,
        Reply::Failed(Failure::Reset | Failure::Refused) => Answer::Reset,
        Reply::Answered { status, headers, body } => {
            let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
            let headers = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            Answer::Reply { status: *status, headers, body: body.clone() }
        }
    }
}

/// Runs one test; everything that was not as expected.
fn run(site: &Site, file: &str, suite: &Suite, case: &Case) -> Vec<String> {
    if case.envoy.is_some() {
        return Vec::new();
    }
    play(site, &case.answers);
    // After the answers, which a filter that fetches in the background may ask for at once.
    if site.envoy.has_clock() {
        site.envoy.set_clock(case.now.as_millis()).unwrap();
    }
    let expect = suites::expectation(suite, case);
    let before: BTreeMap<&String, usize> =
        expect.asked.keys().map(|path| (path, site.issuer.asked(path))).collect();
    let observed = observe(site, &case.request, &expect);
    // What this test had answered otherwise is as before.
    for path in case.answers.keys() {
        site.issuer.answers(path, Answer::status(404));
    }
    play(site, suite.answers.iter().filter(|(path, _)| case.answers.contains_key(*path)));
    let mut observed = match observed {
        Ok(observed) => observed,
        Err(problem) => return vec![format!("{file}: {}: {problem}", case.name)],
    };
    let asked = |(path, before): (&String, usize)| (path.clone(), (site.issuer.asked(path) - before) as u64);
    observed.asked = Some(before.into_iter().map(asked).collect());
    let mismatches = scenario::mismatches(&expect, &observed);
    mismatches.iter().map(|mismatch| format!("{file}: {}: {mismatch}", case.name)).collect()
}

/// From now on `answers` are given.
fn play<'a>(site: &Site, answers: impl IntoIterator<Item = (&'a String, &'a Vec<Reply>)>) {
    for (path, replies) in answers {
        site.issuer.answers_in_turn(path, replies.iter().map(answer).collect());
    }
}

fn observe(site: &Site, request: &request::Request, expect: &Expectation) -> Result<Observed, String> {
    let sent = site.upstream.count();
    let response = site.send(&as_bytes(request));
    let logged = site.logged(&response);
    // The reason in the access log's own field is the one in the filter state.
    let by_us = logged.get("details").strip_prefix("scopegate_");
    if by_us.is_some_and(|reason| reason != logged.get("reason")) {
        return Err(format!("the access log has two reasons: {logged:?}"));
    }
    let by_us = by_us.is_some();
    if !by_us && logged.get("details") != "via_upstream" {
        return Err(format!("Envoy itself answered: {logged:?}"));
    }
    if by_us && (logged.went_upstream() || site.upstream.count() != sent) {
        return Err(format!("it was refused, and reached the upstream: {logged:?}"));
    }
    let known = |name: &str| Some(logged.get(name).to_owned()).filter(|value| !value.is_empty());
    let mut headers: Vec<_> =
        response.head.fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    // Envoy's own.
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "server"));
    let upstream = site.upstream.received().into_iter().nth(sent);
    let upstream = upstream.filter(|_| !by_us).map(|received| {
        let path = (":path".to_owned(), received.head.word(1).as_bytes().to_vec());
        received.head.fields.into_iter().chain([path]).collect()
    });
    // A gRPC client is told in another way: Envoy puts 200 in the place of the status.
    let grpc = response.head.get("grpc-status").is_some();
    Ok(Observed {
        outcome: if by_us { Outcome::Refuse } else { Outcome::Admit },
        status: (by_us && !grpc).then_some(response.status),
        reason: known("reason"),
        rule: Some(known("rule")),
        issuer: Some(known("issuer")),
        headers,
        body: response.body,
        upstream: upstream.unwrap_or_default(),
        asked: expect.asked.is_empty().then(BTreeMap::new),
    })
}

fn text(value: &[u8]) -> String {
    kit::wire::text(value)
}

fn as_bytes(request: &request::Request) -> Request {
    let start = format!("{} {}", request.method, request.path);
    let mut sent = Request::raw(start, &request.authority);
    for (name, value) in &request.headers {
        sent = sent.field(name, value);
    }
    if let Some(key) = route_key(&request.route) {
        sent = sent.field(ROUTE, key);
    }
    if request.body.is_empty() { sent } else { sent.body(request.body.clone()) }
}
