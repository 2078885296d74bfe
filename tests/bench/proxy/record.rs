//! The figures for other programs to read.

use serde_json::{Map, Value, json};

use crate::figures::{Results, median};
use crate::goals::Outcome;
use crate::guard::Guard;
use crate::measure::Effort;
use crate::paths::Path;
use crate::sizes::Size;

/// Everything of a run.
pub(crate) fn record(
    effort: Effort,
    paths: &[&Path],
    results: &Results,
    sizes: &[(&Size, f64)],
    outcomes: &[Outcome],
) -> Value {
    let goal = |outcome: &Outcome| {
        let Outcome { cells: [requests, ours, beside], limit, figure, spread, least, unit } = outcome;
        json!({
            "requests": requests, "ours": ours, "beside": beside, "unit": unit,
            "limit": limit, "figure": figure, "spread": spread, "least": least, "reached": outcome.reached(),
        })
    };
    json!({
        "unit": "CPU microseconds of Envoy for a request",
        "idlest_worker": results.least_share(),
        "rounds": effort.rounds,
        "requests": effort.requests,
        "paths": paths.iter().map(|path| of_path(path, results)).collect::<Vec<_>>(),
        "sizes": sizes.iter().map(|(size, figure)| size_of(size, *figure)).collect::<Vec<_>>(),
        "goals": outcomes.iter().map(goal).collect::<Vec<_>>(),
    })
}

fn of_path(path: &Path, results: &Results) -> Value {
    let listeners = path.measured().map(|guard| (guard.name(), of_guard(path, guard, results)));
    let workers = path.proxy.workers();
    json!({"name": path.name, "what": path.what, "workers": workers, "listeners": Map::from_iter(listeners)})
}

fn of_guard(path: &Path, guard: Guard, results: &Results) -> Value {
    let (total, added) = (results.total(&path.name, guard), results.added(&path.name, guard));
    let least = results.least_added(&path.name, guard);
    json!({"total": median(&total), "added": median(&added), "least_added": least, "every_round": total})
}

fn size_of(size: &Size, figure: f64) -> Value {
    json!({"name": size.name, "what": size.what, "unit": size.unit, "figure": figure})
}
