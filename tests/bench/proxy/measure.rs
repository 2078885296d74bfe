//! Measures: every listener of every path in turn, in rounds.

use std::collections::BTreeMap;

use kit::client::exchange;
use kit::envoy::Envoy;

use crate::cast::SUBJECT;
use crate::figures::Results;
use crate::guard::Guard;
use crate::load::Load;
use crate::machine::CpuTime;
use crate::paths::{Prepared, Proxy};
use crate::progress;
use crate::sides::SEEN;

/// How much is measured, of each worker.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) requests: u64,
}

impl Effort {
    /// Many short rounds: what else the machine does then hits both sides of a ratio, or neither.
    pub(crate) const FULL: Self = Self { rounds: 21, requests: 2_000 };
    pub(crate) const QUICK: Self = Self { rounds: 5, requests: 1_500 };
}

/// Before each measurement: brings a listener's code and data back into the core's caches, and each of several tokens once.
const WARM_UP: u64 = 600;

/// A worker that does less than this part of its even share leaves the work to the others.
const LEAST_SHARE: f64 = 0.1;

/// Measures `paths`, each on its proxy.
pub(crate) fn measure(
    envoys: &BTreeMap<Proxy, Envoy>,
    paths: &[Prepared],
    effort: Effort,
) -> Result<Results, String> {
    let mut results = Results::default();
    for round in 0..=effort.rounds {
        let stage =
            if round == 0 { "checking".to_owned() } else { format!("round {round} of {}", effort.rounds) };
        progress::stage(&stage);
        for prepared in paths {
            let path = &prepared.path;
            progress::detail(&format!("{stage}: {}", path.name));
            let envoy = envoys.get(&path.proxy).ok_or("no proxy for it")?;
            for guard in path.measured() {
                let run = Run { envoy, prepared, guard };
                // The round before the first one shows that each listener does what it is measured for.
                let figure = if round == 0 { run.check().map(|()| None) } else { run.cost(effort).map(Some) };
                let figure =
                    figure.map_err(|problem| format!("{} on \"{}\": {problem}", path.name, guard.name()))?;
                if let Some(used) = figure {
                    let cost = used.total as f64 / 1_000.0 / run.requests(effort) as f64;
                    results.record(&path.name, guard, cost, used.least_share());
                }
            }
        }
    }
    // As a worker does to whom no connections fall; a busy machine does not do it.
    if results.least_share() < LEAST_SHARE {
        return Err(format!("a worker did only {:.2} of its even share", results.least_share()));
    }
    Ok(results)
}

/// One path on one listener.
struct Run<'b> {
    envoy: &'b Envoy,
    prepared: &'b Prepared,
    guard: Guard,
}

impl Run<'_> {
    /// Sends one request that says who it pretends to be, and looks at what an upstream would be told.
    fn check(&self) -> Result<(), String> {
        let wanted = self.prepared.path.status(self.guard);
        let response = exchange(self.port()?, &self.prepared.probe).map_err(|error| error.to_string())?;
        if response.status != wanted {
            return Err(format!("answered {} instead of {wanted}: {}", response.status, response.text()));
        }
        let seen = response.head.get(SEEN).unwrap_or_default();
        if self.guard.checks() && wanted == 200 && seen != SUBJECT {
            return Err(format!("an upstream would take {SUBJECT} for {seen:?}"));
        }
        Ok(())
    }

    /// The CPU time of the proxy for all requests of a round.
    fn cost(&self, effort: Effort) -> Result<CpuTime, String> {
        let workers = self.prepared.path.proxy.workers();
        let load = Load::new(self.port()?, workers, &self.prepared.requests);
        let mut load = load.map_err(|error| error.to_string())?;
        self.send(&mut load, WARM_UP * workers as u64)?;
        let before = CpuTime::of(self.envoy.pid())?;
        self.send(&mut load, self.requests(effort))?;
        Ok(CpuTime::of(self.envoy.pid())?.since(&before))
    }

    fn requests(&self, effort: Effort) -> u64 {
        effort.requests * self.prepared.path.proxy.workers() as u64
    }

    fn send(&self, load: &mut Load<'_>, count: u64) -> Result<(), String> {
        let wanted = self.prepared.path.status(self.guard);
        let tally = load.send(count).map_err(|error| format!("the load broke off: {error}"))?;
        match tally.others(wanted) {
            0 => Ok(()),
            others => Err(format!("{others} of {count} answers were not {wanted}: {:?}", tally.0)),
        }
    }

    fn port(&self) -> Result<u16, String> {
        self.envoy.port(&self.guard.name())
    }
}
