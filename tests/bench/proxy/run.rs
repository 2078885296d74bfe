//! From the arguments to the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path as File, PathBuf};

use kit::deadline::unix_now;
use kit::envoy::{Envoy, Launch};
use kit::issuer::{Answer, Issuer};
use kit::places;
use serde_json::json;

use crate::cast::{Cast, SCOPE, SUBJECT};
use crate::figures::Results;
use crate::goals::{COMPARISONS, Comparison, Outcome};
use crate::guard::Guard;
use crate::measure::{self, Effort};
use crate::paths::{self, Path, Prepared, Proxy};
use crate::sides::{Surroundings, bootstrap};
use crate::sizes::{self, SIZES};
use crate::{Arguments, authorizer, chart, goals, machine, progress, record, table};

/// Measures; whether every goal that this run has figures for was reached.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut paths = paths::all();
    if arguments.list {
        list(&paths);
        return Ok(true);
    }
    every_goal_is_measured(&paths)?;
    machine::check()?;
    paths.retain(|path| is_wanted(&path.name, &arguments.only));
    if paths.is_empty() && !SIZES.iter().any(|size| is_wanted(size.name, &arguments.only)) {
        return Err(format!("nothing is called {}; --list names what is there", arguments.only.join(" ")));
    }
    progress::stage("making keys and tokens");
    let cast = Cast::new(unix_now())?;
    let issuer = Issuer::start().map_err(|error| error.to_string())?;
    issuer.answers("/introspect", Answer::json(&json!({"active": true, "sub": SUBJECT, "scope": SCOPE})));
    let around = Surroundings {
        module: places::module()?,
        empty_module: empty_module()?,
        key_set: cast.key_set(),
        issuer: issuer.port(),
        authorizer: authorizer::start().map_err(|error| error.to_string())?,
        more_tokens: arguments.tokens,
    };
    let prepared = paths.into_iter().map(|path| path.prepare(&cast)).collect::<Result<Vec<_>, _>>()?;
    let sizes = sizes::measure(&SIZES, &arguments.only, &cast, &around)?;
    let mut effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    effort.rounds = arguments.rounds.map_or(effort.rounds, usize::from);
    let results = if prepared.is_empty() { Results::default() } else { figures(&prepared, &around, effort)? };
    progress::end();

    let paths: Vec<_> = prepared.iter().map(|prepared| &prepared.path).collect();
    let of_sizes = sizes.iter().filter_map(|(size, figure)| size.outcome(*figure));
    let outcomes: Vec<_> = goals::judge(&results).into_iter().chain(of_sizes).collect();
    if !paths.is_empty() {
        table::print(&paths, &results);
        println!();
    }
    table::print_sizes(&sizes);
    println!();
    table::print_outcomes(&outcomes);
    if let Some(load) = machine::foreign_load() {
        println!("\nThe machine had other work to do ({load}): figures swing, ratios less so.");
    }
    if let Some(file) = &arguments.json {
        write(file, &format!("{:#}\n", record::record(effort, &paths, &results, &sizes, &outcomes)))?;
    }
    if let Some(file) = &arguments.svg {
        write(file, &chart::draw(&paths, &results))?;
    }
    if arguments.goals && outcomes.is_empty() {
        return Err("nothing of this has a goal".to_owned());
    }
    Ok(outcomes.iter().all(Outcome::reached))
}

/// A comparison of what no path measures would never have a figure, and never be missed.
fn every_goal_is_measured(paths: &[Path]) -> Result<(), String> {
    let is_measured = |(name, guard): &(&str, Guard)| {
        paths.iter().any(|path| path.name == *name && path.measured().any(|measured| measured == *guard))
    };
    match COMPARISONS.iter().flat_map(Comparison::measured).find(|cost| !is_measured(cost)) {
        None => Ok(()),
        Some((name, guard)) => {
            Err(format!("a goal is about {name} on \"{}\", which is not measured", guard.name()))
        }
    }
}

fn list(paths: &[Path]) {
    let paths = paths.iter().map(|path| (path.name.as_str(), path.what.as_str()));
    for (name, what) in paths.chain(SIZES.iter().map(|size| (size.name, size.what))) {
        println!("{name:<18} {what}");
    }
}

/// Whether `name` is asked for.
pub(crate) fn is_wanted(name: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|wanted| name.starts_with(wanted.as_str()))
}

/// Measures `prepared`, each on an Envoy with the listeners that they need.
fn figures(prepared: &[Prepared], around: &Surroundings, effort: Effort) -> Result<Results, String> {
    let mut guards: BTreeMap<Proxy, BTreeSet<Guard>> = BTreeMap::new();
    for Prepared { path, .. } in prepared {
        guards.entry(path.proxy).or_default().extend(path.measured());
    }
    let started = guards.into_iter().map(|(proxy, guards)| Ok((proxy, start(proxy, &guards, around)?)));
    // Whoever starts now may run wherever there is room, and the load where it is put.
    let envoys = started.collect::<Result<BTreeMap<_, _>, String>>()?;
    machine::pin_load()?;
    let results = measure::measure(&envoys, prepared, effort)?;
    let traps: Vec<_> = envoys.values().flat_map(Envoy::traps).collect();
    if traps.is_empty() { Ok(results) } else { Err(format!("the filter trapped:\n{}", traps.join("\n"))) }
}

/// An Envoy with a listener for each of `guards`.
fn start(proxy: Proxy, guards: &BTreeSet<Guard>, around: &Surroundings) -> Result<Envoy, String> {
    let sides: Vec<_> = guards.iter().map(|guard| guard.side(around)).collect();
    let workers = proxy.workers();
    progress::stage(&format!("starting Envoy with {} listeners, workers: {workers}", sides.len()));
    let name = if proxy == Proxy::Alone { "bench".to_owned() } else { format!("bench-workers-{workers}") };
    let envoy = Envoy::start(&places::scratch(&name)?, &bootstrap(&sides), Launch::workers(workers))?;
    if proxy == Proxy::Alone {
        machine::pin_proxy(envoy.pid())?;
    }
    Ok(envoy)
}

/// The module that does nothing, which `build.sh bench` builds.
fn empty_module() -> Result<PathBuf, String> {
    let module = places::target().join("empty/wasm32-wasip1/release/empty.wasm");
    if module.is_file() { Ok(module) } else { Err(format!("{}: run ./build.sh bench", module.display())) }
}

fn write(file: &File, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
