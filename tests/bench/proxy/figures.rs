//! What was measured, and what it comes to.

use std::collections::BTreeMap;

use crate::guard::Guard;

/// CPU microseconds a request, one figure for each round.
pub(crate) type Figures = Vec<f64>;

/// What was measured, by path and listener.
#[derive(Default)]
pub(crate) struct Results {
    costs: BTreeMap<(String, Guard), Figures>,
    /// What the idlest worker did, round by round, 1 being its even share.
    least_shares: BTreeMap<(String, Guard), Figures>,
}

impl Results {
    /// Takes in what one round cost, and what the idlest worker did of its even share in it.
    pub(crate) fn record(&mut self, path: &str, guard: Guard, cost: f64, least_share: f64) {
        let key = (path.to_owned(), guard);
        self.costs.entry(key.clone()).or_default().push(cost);
        self.least_shares.entry(key).or_default().push(least_share);
    }

    /// What requests on `path` cost in all; nothing when it was not measured.
    pub(crate) fn total(&self, path: &str, guard: Guard) -> Figures {
        self.costs.get(&(path.to_owned(), guard)).cloned().unwrap_or_default()
    }

    /// What the idlest worker of all did of its even share.
    pub(crate) fn least_share(&self) -> f64 {
        self.least_shares.values().map(|shares| median(shares)).fold(f64::NAN, f64::min)
    }

    /// What `guard` adds to the same requests on the listener without filters, round by round.
    pub(crate) fn added(&self, path: &str, guard: Guard) -> Figures {
        let pairs = self.total(path, guard).into_iter().zip(self.total(path, Guard::Open));
        pairs.map(|(with, without)| with - without).collect()
    }

    /// As [`Self::added`], of the cheapest round on either side: what it comes to when the machine does nothing else.
    pub(crate) fn least_added(&self, path: &str, guard: Guard) -> f64 {
        least(&self.total(path, guard)) - least(&self.total(path, Guard::Open))
    }
}

/// The middle of `figures`.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2));
    low.zip(high).map_or(f64::NAN, |(low, high)| f64::midpoint(*low, *high))
}

/// The smallest of `figures`.
pub(crate) fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::NAN, f64::min)
}

/// How far half of `figures` lie from their middle at most.
pub(crate) fn spread(figures: &[f64]) -> f64 {
    let middle = median(figures);
    median(&figures.iter().map(|figure| (figure - middle).abs()).collect::<Vec<_>>())
}

/// Each of `ours` over that of `theirs` in the same round.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Figures {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

/// `figure` with as many decimals as `spread` leaves it, and the spread.
pub(crate) fn told(figure: f64, spread: f64) -> String {
    let decimals = if spread < 0.05 { 2 } else { 1 };
    format!("{figure:.decimals$} ± {spread:.decimals$}")
}
