//! What is compared with what, what is to be reached, and what was.

use crate::figures::{Figures, Results, least, median, ratios, spread, told};
use crate::guard::Guard;

/// The path that others are compared with.
pub(crate) const REMEMBERED: &str = "remembered";
/// The path on which tokens that were seen before take turns.
pub(crate) const KNOWN: &str = "known";

/// Whether both sides of a comparison do the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// The same: signature, issuer, audience, times, one scope, one identity header that no client can set.
    Same,
    /// Something else: the ratio says what the one costs beside the other, and not which of them is the quicker.
    Unlike,
    /// Both sides are scopegate.
    Ours,
}

/// What requests of a path cost on a listener.
#[derive(Clone, Copy)]
pub(crate) enum Cost {
    /// Beyond what they cost without filters.
    Added(&'static str, Guard),
    /// All of it.
    Total(&'static str, Guard),
    /// How many times as much they add on the first path as on the second.
    Growth(&'static str, &'static str, Guard),
}

impl Cost {
    fn figures(self, results: &Results) -> Figures {
        match self {
            Self::Added(path, guard) => results.added(path, guard),
            Self::Total(path, guard) => results.total(path, guard),
            Self::Growth(path, from, guard) => {
                ratios(&results.added(path, guard), &results.added(from, guard))
            }
        }
    }

    /// Of the cheapest rounds.
    fn least(self, results: &Results) -> f64 {
        match self {
            Self::Added(path, guard) => results.least_added(path, guard),
            Self::Total(path, guard) => least(&results.total(path, guard)),
            Self::Growth(path, from, guard) => {
                results.least_added(path, guard) / results.least_added(from, guard)
            }
        }
    }

    /// What has to be measured for it.
    pub(crate) fn measured(self) -> Vec<(&'static str, Guard)> {
        match self {
            Self::Added(path, guard) | Self::Total(path, guard) => vec![(path, guard)],
            Self::Growth(path, from, guard) => vec![(path, guard), (from, guard)],
        }
    }
}

/// Two costs beside each other.
pub(crate) struct Comparison {
    /// What is sent.
    pub(crate) requests: &'static str,
    /// What ours does with it.
    pub(crate) ours: &'static str,
    /// Who else, and what that does.
    pub(crate) beside: &'static str,
    pub(crate) work: Work,
    /// The most that ours over theirs is to be.
    pub(crate) limit: f64,
    costs: (Cost, Cost),
}

/// What is compared. README's table has these rows (`tests/manual.rs`).
pub(crate) const COMPARISONS: [Comparison; 20] = {
    use Cost::{Added, Growth, Total};
    use Guard::{
        Asking, ExtAuthz, Forgetful, Forwarding, Native, NativeRuled, NativeUncached, Ruled, Scopegate,
    };
    use Work::{Ours, Same, Unlike};

    const CACHED: &str = "jwt_authn, cached";
    const UNCACHED: &str = "jwt_authn, uncached";

    const fn row(
        requests: &'static str,
        ours: &'static str,
        (work, beside): (Work, &'static str),
        limit: f64,
        costs: (Cost, Cost),
    ) -> Comparison {
        Comparison { requests, ours, beside, work, limit, costs }
    }
    const fn cached(path: &'static str) -> (Cost, Cost) {
        (Added(path, Scopegate), Added(path, Native))
    }
    const fn first(path: &'static str) -> (Cost, Cost) {
        (Added(path, Forgetful), Added(path, NativeUncached))
    }
    const fn ruled(path: &'static str, rules: usize) -> (Cost, Cost) {
        (Added(path, Ruled(rules)), Added(path, NativeRuled(rules)))
    }
    const GROWTH: Cost = Growth("workers-4", "workers-1", Native);
    const ASKING_GROWTH: Cost = Growth("workers-4-opaque", "workers-1-opaque", Asking);
    const GARBAGE: Cost = Total("garbage", Scopegate);

    [
        row("one JWT over and over, RS256", "remembers it", (Same, CACHED), 1.1, cached(REMEMBERED)),
        row("500 JWTs in turn, RS256", "remembers them", (Same, CACHED), 1.1, cached(KNOWN)),
        row("another JWT each time, RS256", "verifies it", (Same, UNCACHED), 1.0, first("first-rs256")),
        row("… ES256", "verifies it", (Same, UNCACHED), 1.0, first("first-es256")),
        row("… EdDSA", "verifies it", (Same, UNCACHED), 1.0, first("first-eddsa")),
        row("… PS256", "verifies it", (Same, UNCACHED), 1.5, first("first-ps256")),
        row("… HS256", "verifies it", (Same, UNCACHED), 1.0, first("first-hs256")),
        row(
            "one JWT, the last of 1,000 rules",
            "remembers it",
            (Same, CACHED),
            0.4,
            ruled("rules-1000-last", 1_000),
        ),
        row(
            "one JWT, the last of 10,000 rules",
            "remembers it",
            (Ours, "the last of 10 rules"),
            1.05,
            (Added("rules-10000-last", Ruled(10_000)), Added("rules-10-last", Ruled(10))),
        ),
        row("one JWT, 100 headers more", "remembers it", (Same, CACHED), 1.1, cached("headers-100")),
        row("garbage, another each time", "refuses it", (Same, CACHED), 1.1, cached("garbage")),
        row("an expired JWT, another each time", "verifies, refuses", (Same, CACHED), 1.1, cached("expired")),
        row("a forged JWT, another each time", "verifies, refuses", (Same, CACHED), 1.1, cached("forged")),
        row(
            "one JWT without the scope",
            "remembers it, refuses",
            (Same, CACHED),
            1.1,
            cached("insufficient"),
        ),
        row(
            "one opaque token over and over",
            "remembers the answer",
            (Ours, "one JWT over and over"),
            1.1,
            (Added("introspected", Asking), Added(REMEMBERED, Scopegate)),
        ),
        row(
            "one opaque token over and over",
            "remembers the answer",
            (Unlike, "ext_authz, asking a loopback service each time"),
            0.2,
            (Added("introspected", Asking), Added("introspected", ExtAuthz)),
        ),
        row(
            "garbage, in total",
            "refuses it",
            (Unlike, "without a filter, a good request served by an upstream"),
            1.0,
            (GARBAGE, Total(REMEMBERED, Forwarding)),
        ),
        row(
            "garbage, in total",
            "refuses it",
            (Ours, "one JWT over and over, in total"),
            1.0,
            (GARBAGE, Total(REMEMBERED, Scopegate)),
        ),
        row(
            "one JWT, growth from 1 worker to 4",
            "remembers it",
            (Same, CACHED),
            1.15,
            (Growth("workers-4", "workers-1", Scopegate), GROWTH),
        ),
        row(
            "one opaque token, growth from 1 worker to 4",
            "remembers the answer",
            (Unlike, "jwt_authn, cached, one JWT"),
            1.15,
            (ASKING_GROWTH, GROWTH),
        ),
    ]
};

/// What became of a comparison, or of a size.
pub(crate) struct Outcome {
    /// The cells of its row: what is sent, what ours does, what is beside it.
    pub(crate) cells: [String; 3],
    pub(crate) limit: f64,
    pub(crate) figure: f64,
    /// How far half of the rounds lie from the figure at most.
    pub(crate) spread: Option<f64>,
    /// The figure made of the cheapest rounds.
    pub(crate) least: Option<f64>,
    pub(crate) unit: &'static str,
}

impl Comparison {
    /// What has to be measured for it.
    pub(crate) fn measured(&self) -> impl Iterator<Item = (&'static str, Guard)> {
        [self.costs.0, self.costs.1].into_iter().flat_map(Cost::measured)
    }

    /// The first cells of its row.
    pub(crate) fn cells(&self) -> [String; 3] {
        let beside = match self.work {
            Work::Same => self.beside.to_owned(),
            Work::Unlike => format!("{}: **unlike work**", self.beside),
            Work::Ours => format!("ours: {}", self.beside),
        };
        [self.requests.to_owned(), self.ours.to_owned(), beside]
    }

    fn outcome(&self, results: &Results) -> Option<Outcome> {
        let (ours, theirs) = self.costs;
        let figures = ratios(&ours.figures(results), &theirs.figures(results));
        (!figures.is_empty()).then(|| Outcome {
            cells: self.cells(),
            limit: self.limit,
            figure: median(&figures),
            spread: Some(spread(&figures)),
            least: Some(ours.least(results) / theirs.least(results)),
            unit: "",
        })
    }
}

impl Outcome {
    /// Whether the goal was reached; what is no number reaches none.
    pub(crate) fn reached(&self) -> bool {
        self.figure <= self.limit
    }

    /// The row of README's table.
    pub(crate) fn row(&self) -> String {
        let [requests, ours, beside] = &self.cells;
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let figure = match self.spread {
            Some(spread) => told(self.figure, spread),
            None => format!("{:.1}", self.figure),
        };
        let missed = if self.reached() { "" } else { ", **missed**" };
        format!("| {requests} | {ours} | {beside} | {figure}{unit} | {}{unit}{missed} |", self.limit)
    }
}

/// What became of the comparisons that there are figures for.
pub(crate) fn judge(results: &Results) -> Vec<Outcome> {
    COMPARISONS.iter().filter_map(|comparison| comparison.outcome(results)).collect()
}
