//! `scopegate check`: every problem of the policies in files.

use std::io;

use serde_json::Value;

use super::within;
use crate::config;
use crate::document::Diagnostic;
use crate::policy::{Introspection, Issuer, Keys};
use crate::tool::compiled::{self, Compiled};
use crate::tool::console::{Console, Exit};
use crate::tool::document::Documents;
use crate::tool::envoy::{self, Configuration, Filter, Surroundings, Ways};
use crate::tool::notes;
use crate::tool::policy_file::{self, prefix};

/// Checks `files`, each to its end; `warned` is what a warning means for the exit code.
pub(in crate::tool) fn run(files: &[String], warned: Exit, console: &mut Console<'_>) -> io::Result<Exit> {
    let mut exit = Exit::Good;
    for file in files {
        exit = exit.and(check(file, warned, console)?);
    }
    Ok(exit)
}

fn check(file: &str, warned: Exit, console: &mut Console<'_>) -> io::Result<Exit> {
    let documents = match Documents::read(file, console.stdin) {
        Ok(documents) => documents,
        Err(problem) => return wrong(console, file, &problem.to_string()),
    };
    let surroundings = Surroundings::of(&documents.values);
    let mut found = None;
    for (index, document) in documents.values.iter().enumerate() {
        let prefix = prefix(&documents.values, index);
        if !envoy::is_of_a_proxy(document) {
            if !config::is_policy(document) {
                continue;
            }
            let place = within(file, prefix.trim_end_matches(": "));
            let exit = policy(&place, document, documents.differences_in(document), console)?.0;
            found = Some(found.map_or(exit, |before: Exit| before.and(exit)));
            continue;
        }
        for filter in envoy::find(document) {
            let place = within(file, &format!("{prefix}{}", filter.place));
            let exit = check_filter(&place, &filter, &documents, &surroundings, warned, console)?;
            found = Some(found.map_or(exit, |before: Exit| before.and(exit)));
        }
    }
    let missing = surroundings.missing_chains().into_iter().map(|chain| {
        format!(
            "ERROR: filter_chain_name {chain:?} is none of the named_filter_chains: requests that choose it pass without \
             any filter: write one of those"
        )
    });
    let advice: Vec<String> = missing.chain(Ways::of(&documents.values).past_the_filter()).collect();
    let around = warn(&advice, file, warned, console)?;
    found.map_or_else(|| wrong(console, file, policy_file::NONE), |exit| Ok(exit.and(around)))
}

/// A line for each piece of advice; what that means for the exit code, which is `warned` where there is one.
fn warn(advice: &[String], place: &str, warned: Exit, console: &mut Console<'_>) -> io::Result<Exit> {
    for advice in advice {
        writeln!(console.out, "warning: {place}: {advice}")?;
    }
    Ok(if advice.is_empty() { Exit::Good } else { warned })
}

fn check_filter(
    place: &str,
    filter: &Filter<'_>,
    documents: &Documents,
    surroundings: &Surroundings,
    warned: Exit,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let document = match &filter.configuration {
        Configuration::Policy(document) => document,
        Configuration::Unreadable(problem) => return wrong(console, place, problem),
    };
    let (exit, compiled) = policy(place, document, documents.differences_in(document), console)?;
    let variables = compiled.map(|compiled| compiled.variables).unwrap_or_default();
    let advice = envoy::advise(filter, document, &variables, surroundings);
    Ok(exit.and(warn(&advice, place, warned, console)?))
}

fn policy(
    place: &str,
    document: &Value,
    differences: Vec<Diagnostic>,
    console: &mut Console<'_>,
) -> io::Result<(Exit, Option<Compiled>)> {
    match compiled::compile(document, differences, console.environment) {
        Ok(compiled) if !compiled.mistakes().is_empty() => {
            for mistake in compiled.mistakes() {
                writeln!(console.out, "{place}: {mistake}")?;
            }
            Ok((Exit::Problems, Some(compiled)))
        }
        Ok(compiled) => {
            let (issuers, rules) = (compiled.policy.issuers.len(), compiled.policy.rules.len());
            let (issuers, rules) = (count(issuers, "issuer"), count(rules, "rule"));
            writeln!(console.out, "{place}: good: {issuers}, {rules}")?;
            for name in &compiled.unset {
                writeln!(
                    console.err,
                    "note: {place}: the variable {name}, which holds a secret, is not set here"
                )?;
            }
            for note in notes::about(&compiled.policy) {
                writeln!(console.err, "note: {place}: {note}")?;
            }
            let unsealed = unsealed(&compiled);
            if !unsealed.is_empty() {
                writeln!(
                    console.err,
                    "note: {place}: nothing seals the key sets of {}: each worker fetches them for itself: with \
                     `seal: {{env: NAME}}` one worker fetches for all, and one that starts has them at once",
                    unsealed.join(", ")
                )?;
            }
            Ok((Exit::Good, Some(compiled)))
        }
        Err(problems) => {
            for problem in problems {
                writeln!(console.out, "{place}: {problem}")?;
            }
            Ok((Exit::Problems, None))
        }
    }
}

/// The issuers whose key sets are fetched, and which no secret of the policy can seal for other workers.
fn unsealed(compiled: &Compiled) -> Vec<&str> {
    let policy = &compiled.policy;
    let is_fetched = |issuer: &Issuer| issuer.keys.iter().any(|keys| matches!(keys, Keys::Fetched(_)));
    // A variable that is not set here may hold a secret that is long enough.
    let may_be_sealed = |issuer: &Issuer| {
        let has_secret = |asked: &Introspection| !asked.endpoint.secret().expose().is_empty();
        policy.seal.is_some()
            || policy.sealing_secret(issuer).is_some()
            || (!compiled.unset.is_empty() && issuer.introspection.as_ref().is_some_and(has_secret))
    };
    let unsealed = policy.issuers.iter().filter(|issuer| is_fetched(issuer) && !may_be_sealed(issuer));
    unsealed.map(|issuer| &*issuer.name).collect()
}

fn wrong(console: &mut Console<'_>, place: &str, problem: &str) -> io::Result<Exit> {
    writeln!(console.out, "{place}: {problem}")?;
    Ok(Exit::Problems)
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
