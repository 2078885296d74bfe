//! What is to be reached, and what was.

use crate::measure::{Figures, Results, least, ratio};
use crate::paths::REMEMBERED;
use crate::sides::Guard;
use crate::sizes::Size;

/// One figure that must not be above its limit.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) compared_with: String,
    pub(crate) limit: f64,
    pub(crate) figure: f64,
    /// The figure made of the cheapest rounds.
    pub(crate) least: Option<f64>,
    pub(crate) unit: &'static str,
}

impl Goal {
    pub(crate) fn reached(&self) -> bool {
        self.figure <= self.limit
    }
}

/// What requests of a path cost on a listener.
#[derive(Clone, Copy)]
enum Cost {
    /// Beyond what they cost without filters.
    Added(&'static str, Guard),
    /// All of it.
    Total(&'static str, Guard),
}

impl Cost {
    fn figures(self, results: &Results) -> Figures {
        match self {
            Self::Added(path, guard) => results.added(path, guard),
            Self::Total(path, guard) => results.total(path, guard),
        }
    }

    fn least(self, results: &Results) -> f64 {
        match self {
            Self::Added(path, guard) => results.least_added(path, guard),
            Self::Total(path, guard) => least(&results.total(path, guard)),
        }
    }

    /// Over `theirs`, round by round.
    fn over(self, theirs: Self, results: &Results) -> f64 {
        ratio(&self.figures(results), &theirs.figures(results))
    }

    /// Over `theirs`, of the cheapest rounds.
    fn least_over(self, theirs: Self, results: &Results) -> f64 {
        self.least(results) / theirs.least(results)
    }
}

/// Row by row: ours, theirs, the limit of ours over theirs.
const RATIOS: [(&str, &str, Cost, Cost, f64); 12] = {
    use Cost::{Added, Total};
    use Guard::{
        Asking, ExtAuthz, Forgetful, Forwarding, Native, NativeRuled, NativeUncached, Ruled, Scopegate,
    };
    const CACHED: &str = "jwt_authn cached, same work";
    const UNCACHED: &str = "jwt_authn uncached, same work";
    const OURS: Cost = Added(REMEMBERED, Scopegate);
    [
        ("remembered token", CACHED, OURS, Added(REMEMBERED, Native), 0.8),
        (
            "first sight, RS256",
            UNCACHED,
            Added("first-rs256", Forgetful),
            Added("first-rs256", NativeUncached),
            0.85,
        ),
        (
            "first sight, ES256",
            UNCACHED,
            Added("first-es256", Forgetful),
            Added("first-es256", NativeUncached),
            0.9,
        ),
        (
            "first sight, EdDSA",
            UNCACHED,
            Added("first-eddsa", Forgetful),
            Added("first-eddsa", NativeUncached),
            1.1,
        ),
        (
            "first sight, PS256",
            UNCACHED,
            Added("first-ps256", Forgetful),
            Added("first-ps256", NativeUncached),
            3.0,
        ),
        (
            "1,000 rules, the last one matches",
            "jwt_authn cached with 1,000 rules",
            Added("rules-1000-last", Ruled(1_000)),
            Added("rules-1000-last", NativeRuled(1_000)),
            0.35,
        ),
        (
            "10,000 rules, the last one matches",
            "ours, 10 rules",
            Added("rules-10000-last", Ruled(10_000)),
            Added("rules-10-last", Ruled(10)),
            1.05,
        ),
        ("introspected token, remembered", "ours, remembered JWT", Added("introspected", Asking), OURS, 1.1),
        (
            "introspected token, remembered",
            "ext_authz over HTTP",
            Added("introspected", Asking),
            Added("introspected", ExtAuthz),
            0.2,
        ),
        (
            "refusing a garbage token, all of it",
            "no filter, serving from an upstream",
            Total("garbage", Scopegate),
            Total(REMEMBERED, Forwarding),
            1.0,
        ),
        (
            "refusing a garbage token, all of it",
            "ours, admitting a remembered token",
            Total("garbage", Scopegate),
            Total(REMEMBERED, Scopegate),
            1.0,
        ),
        (
            "refusing a forged token",
            "ours, admitting at first sight, RS256",
            Added("forged", Scopegate),
            Added("first-rs256", Forgetful),
            1.0,
        ),
    ]
};

/// Row by row: ours at four workers, and at one. What it grows by from one to four is compared with what jwt_authn does,
/// which takes no lock: that is what five busy threads do to each other on two cores. A lock in every request would come
/// on top.
const GROWTHS: [(&str, Cost, Cost); 2] = {
    use Cost::Added;
    use Guard::{Asking, Scopegate};
    [
        ("remembered token, 4 workers over 1", Added("workers-4", Scopegate), Added("workers-1", Scopegate)),
        (
            "introspected token, remembered, 4 workers over 1",
            Added("workers-4-opaque", Asking),
            Added("workers-1-opaque", Asking),
        ),
    ]
};
const THEIRS: (Cost, Cost) =
    (Cost::Added("workers-4", Guard::Native), Cost::Added("workers-1", Guard::Native));
const MOST_GROWTH: f64 = 1.15;

/// By the name of the size.
const LIMITS: [(&str, f64); 4] = [("size", 600.0), ("load", 0.5), ("memory", 32.0), ("memory-flat", 1.0)];

/// The goals that this run has figures for.
pub(crate) fn judge(results: &Results, sizes: &[(&Size, f64)]) -> Vec<Goal> {
    let ratios = RATIOS.iter().map(|(what, with, ours, theirs, limit)| Goal {
        what: (*what).to_owned(),
        compared_with: (*with).to_owned(),
        limit: *limit,
        figure: ours.over(*theirs, results),
        least: Some(ours.least_over(*theirs, results)),
        unit: "",
    });
    let growths = GROWTHS.iter().map(|(what, four, one)| Goal {
        what: (*what).to_owned(),
        compared_with: "jwt_authn cached, 4 workers over 1".to_owned(),
        limit: MOST_GROWTH,
        figure: four.over(THEIRS.0, results) / one.over(THEIRS.1, results),
        least: Some(four.least_over(THEIRS.0, results) / one.least_over(THEIRS.1, results)),
        unit: "",
    });
    let sizes = sizes.iter().filter_map(|(size, figure)| {
        let (_, limit) = LIMITS.iter().find(|(name, _)| *name == size.name)?;
        let what = size.what.to_owned();
        Some(Goal {
            what,
            compared_with: String::new(),
            limit: *limit,
            figure: *figure,
            least: None,
            unit: size.unit,
        })
    });
    ratios.chain(growths).chain(sizes).filter(|goal| !goal.figure.is_nan()).collect()
}
