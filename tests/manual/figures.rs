//! The manual's figures are those that the benchmark judges, each with its goal, its spread and what is beside it.

use crate::figures::Results;
use crate::goals::{COMPARISONS, Comparison, Outcome, Work, judge};
use crate::guard::Guard;
use crate::read;

/// Costs of `rounds` rounds: what `cost` says of each listener, and 10 without filters.
fn results(rounds: u32, cost: impl Fn(&str, Guard, f64) -> f64) -> Results {
    let mut results = Results::default();
    for round in 0..rounds {
        let mut done: Vec<(&str, Guard)> = Vec::new();
        for (path, guard) in COMPARISONS.iter().flat_map(Comparison::measured) {
            if done.contains(&(path, guard)) {
                continue;
            }
            if !done.iter().any(|(other, _)| *other == path) {
                results.record(path, Guard::Open, 10.0, 1.0);
            }
            done.push((path, guard));
            results.record(path, guard, 10.0 + cost(path, guard, f64::from(round)), 1.0);
        }
    }
    results
}

#[test]
fn a_figure_above_its_goal_is_told_as_missed_with_its_spread() {
    // On one path they take 10, and ours takes 12 to 14.
    let outcomes = judge(&results(3, |path, guard, round| {
        if path == "remembered" && guard == Guard::Scopegate { 12.0 + round } else { 10.0 }
    }));
    assert_eq!(outcomes.len(), COMPARISONS.len());
    assert_eq!(
        outcomes[0].row(),
        "| one JWT over and over, RS256 | remembers it | jwt_authn, cached | 1.3 ± 0.1 | 1.1, **missed** |"
    );
    assert!(!outcomes[0].reached());
    assert_eq!(
        outcomes[1].row(),
        "| 500 JWTs in turn, RS256 | remembers them | jwt_authn, cached | 1.00 ± 0.00 | 1.1 |"
    );
    assert!(outcomes[1].reached());
    // The cheapest round of ours, over theirs.
    assert_eq!(outcomes[0].least, Some(1.2));
}

#[test]
fn what_has_no_figures_is_not_judged_and_what_is_no_number_is_missed() {
    assert!(judge(&Results::default()).is_empty());
    // Neither side adds anything.
    let outcomes = judge(&results(1, |_, _, _| 0.0));
    let ratio = |outcome: &&Outcome| outcome.figure.is_nan();
    assert!(outcomes.iter().filter(ratio).count() > 10);
    assert!(
        outcomes.iter().filter(ratio).all(|outcome| !outcome.reached() && outcome.row().contains("missed"))
    );
}

#[test]
fn a_growth_is_compared_round_by_round() {
    let outcomes = judge(&results(3, |path, guard, round| match (path, guard) {
        // The machine is slower in each round, for both.
        ("workers-1", _) => 10.0 + 10.0 * round,
        ("workers-4", Guard::Native) => 20.0 + 20.0 * round,
        ("workers-4", Guard::Scopegate) => 30.0 + 30.0 * round,
        _ => 10.0,
    }));
    let growth = outcomes.iter().find(|outcome| outcome.cells[0].starts_with("one JWT, growth")).unwrap();
    assert_eq!((growth.figure, growth.spread), (1.5, Some(0.0)));
}

/// The rows of the table of the figures, and the prose around it.
fn section() -> (Vec<Vec<String>>, String) {
    let section = read("src/manual/figures.md");
    let (rows, prose): (Vec<&str>, Vec<&str>) = section.lines().partition(|line| line.starts_with("| "));
    let cells =
        |row: &str| row.trim_matches(['|', ' ']).split(" | ").map(|cell| cell.trim().to_owned()).collect();
    (rows.into_iter().skip(1).filter(|row| !row.starts_with("| --")).map(cells).collect(), prose.join("\n"))
}

/// What a cell of the table says: a figure, and how far from it the rounds lie. A run that kept no spread has none.
fn told(cell: &str) -> Option<f64> {
    let figure = cell.split_once(" ± ").map_or(cell, |(figure, _)| figure);
    figure.trim_start_matches("above ").parse().ok()
}

#[test]
fn the_page_has_every_comparison_with_its_goal_and_says_which_were_missed() {
    let (rows, _) = section();
    assert_eq!(rows.len(), COMPARISONS.len());
    for (comparison, row) in COMPARISONS.iter().zip(&rows) {
        let [requests, ours, beside, figure, goal] = row.as_slice() else {
            panic!("not five cells: {row:?}")
        };
        assert_eq!(
            [requests, ours, beside].map(String::as_str),
            comparison.cells().each_ref().map(String::as_str)
        );
        let limit = goal.trim_end_matches(", **missed**");
        assert_eq!(limit.parse(), Ok(comparison.limit), "{row:?}");
        match told(figure) {
            // A figure on the limit may be on either side of it: it is rounded.
            Some(figure) if figure > comparison.limit => assert!(goal.ends_with("missed**"), "{row:?}"),
            Some(figure) if figure < comparison.limit => assert!(!goal.ends_with("missed**"), "{row:?}"),
            Some(_) => {}
            None => assert!(figure == "not measured" && limit == goal, "{row:?}"),
        }
    }
}

#[test]
fn rows_of_unlike_work_are_marked() {
    for comparison in &COMPARISONS {
        let [.., beside] = comparison.cells();
        assert_eq!(beside.contains("**unlike work**"), comparison.work == Work::Unlike, "{beside}");
        let measured: Vec<_> = comparison.measured().map(|(_, guard)| guard).collect();
        let is_ours = measured.iter().all(|guard| guard.is_ours());
        assert_eq!(comparison.work == Work::Ours, is_ours, "{beside}");
        // Nobody without a filter, and nobody who asks each time, does what we do.
        if measured.iter().any(|guard| matches!(guard, Guard::Forwarding | Guard::Open | Guard::ExtAuthz)) {
            assert!(comparison.work == Work::Unlike, "{beside}");
        }
    }
}
