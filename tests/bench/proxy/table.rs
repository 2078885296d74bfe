//! The figures for a person to read.

use crate::figures::{Results, median, ratios, spread, told};
use crate::goals::Outcome;
use crate::guard::Guard;
use crate::paths::{Path, Proxy};
use crate::sizes::Size;

/// Prints a row for each listener of each path.
pub(crate) fn print(paths: &[&Path], results: &Results) {
    println!(
        "Envoy's CPU time for a request in microseconds: medians; `least` is added in the cheapest rounds."
    );
    println!(
        "{:<18} {:<30} {:>7} {:>7} {:>5} {:>7}  ours/theirs",
        "path", "listener", "all", "added", "+-", "least"
    );
    for path in paths {
        for guard in path.measured() {
            println!("{}", row(path, guard, results).trim_end());
        }
    }
    if paths.iter().any(|path| path.proxy != Proxy::Alone) {
        println!(
            "workers-N: so many workers, which share all cores with each other and with the load; the idlest of them \
             did {:.2} of its even share.",
            results.least_share()
        );
    }
}

fn row(path: &Path, guard: Guard, results: &Results) -> String {
    let total = median(&results.total(&path.name, guard));
    let start = format!("{:<18} {:<30} {total:>7.1}", path.name, guard.name());
    if guard == Guard::Open {
        return start;
    }
    let added = results.added(&path.name, guard);
    let ours = path.guards.iter().find(|guard| guard.is_ours()).filter(|_| guard.is_theirs());
    let compared = ours.map(|ours| {
        let figures = ratios(&results.added(&path.name, *ours), &added);
        told(median(&figures), spread(&figures))
    });
    let least = results.least_added(&path.name, guard);
    let (middle, spread) = (median(&added), spread(&added));
    format!("{start} {middle:>7.1} {spread:>5.1} {least:>7.1}  {}", compared.unwrap_or_default())
}

/// Prints the sizes.
pub(crate) fn print_sizes(sizes: &[(&Size, f64)]) {
    for (size, figure) in sizes {
        println!("{:<18} {}: {figure:.2} {}", size.name, size.what, size.unit);
    }
}

/// Prints what was reached, as README has it.
pub(crate) fn print_outcomes(outcomes: &[Outcome]) {
    println!("| requests | ours | beside | ours / theirs | goal |\n| --- | --- | --- | ---: | ---: |");
    for outcome in outcomes {
        println!("{}", outcome.row());
    }
}
