//! How large the module is, how long it takes to load, what remembering costs in memory.

use std::fs;

use kit::deadline::timed;
use kit::envoy::{Envoy, Launch, validate};
use kit::places;
use scopegate::jose::algorithm::Algorithm;
use serde_json::Value;

use crate::cast::Cast;
use crate::figures::median;
use crate::goals::Outcome;
use crate::guard::Guard;
use crate::load::Load;
use crate::machine;
use crate::paths::request;
use crate::progress;
use crate::run::is_wanted;
use crate::sides::{CACHED_TOKENS, Surroundings, bootstrap};

/// A size.
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    /// What it is to be at most.
    limit: Option<f64>,
    measure: fn(&Cast, &Surroundings) -> Result<f64, String>,
}

pub(crate) const SIZES: [Size; 5] = [
    Size { name: "size", what: "the module", unit: "KB", limit: Some(800.0), measure: module },
    Size {
        name: "load",
        what: "time to load: Envoy validate with the filter minus without",
        unit: "s",
        limit: Some(0.5),
        measure: load,
    },
    Size {
        name: "load-cpu",
        what: "the same in CPU time, all threads",
        unit: "s",
        limit: None,
        measure: load_cpu,
    },
    Size {
        name: "memory",
        what: "memory for 10,000 remembered tokens, full tables, a worker",
        unit: "MB",
        limit: Some(32.0),
        measure: memory,
    },
    Size {
        name: "memory-flat",
        what: "growth over --tokens more, once the tables are full",
        unit: "MB",
        limit: Some(1.0),
        measure: growth,
    },
];

impl Size {
    /// What became of it, where it has a goal.
    pub(crate) fn outcome(&self, figure: f64) -> Option<Outcome> {
        let cells = [self.what.to_owned(), String::new(), String::new()];
        let of = |limit| Outcome { cells, limit, figure, spread: None, least: None, unit: self.unit };
        self.limit.map(of)
    }
}

/// Measures what is wanted of them.
pub(crate) fn measure<'s>(
    sizes: &'s [Size],
    only: &[String],
    cast: &Cast,
    around: &Surroundings,
) -> Result<Vec<(&'s Size, f64)>, String> {
    let wanted = sizes.iter().filter(|size| is_wanted(size.name, only));
    wanted
        .map(|size| {
            progress::stage(&format!("measuring {}", size.name));
            (size.measure)(cast, around).map(|figure| (size, figure))
        })
        .collect()
}

fn module(_: &Cast, around: &Surroundings) -> Result<f64, String> {
    let data = fs::metadata(&around.module).map_err(|error| error.to_string())?;
    Ok(data.len() as f64 / 1_000.0)
}

fn load(_: &Cast, around: &Surroundings) -> Result<f64, String> {
    added_to_validation(around, |validate| {
        let (time, validated) = timed(validate);
        validated.map(|()| time.as_secs_f64())
    })
}

fn load_cpu(_: &Cast, around: &Surroundings) -> Result<f64, String> {
    added_to_validation(around, |validate| {
        let before = machine::cpu_time_of_ended()?;
        validate()?;
        Ok(machine::cpu_time_of_ended()? - before)
    })
}

/// What the filter adds to what `measure` says of Envoy's validation of a configuration.
fn added_to_validation(
    around: &Surroundings,
    measure: impl Fn(&dyn Fn() -> Result<(), String>) -> Result<f64, String>,
) -> Result<f64, String> {
    const TIMES: usize = 7;
    let folder = places::scratch("bench-load")?;
    let [with, without] = [Guard::Scopegate, Guard::Open].map(|guard| bootstrap(&[guard.side(around)]));
    let validation = |config: &Value| match validate(&folder, config)? {
        (true, _) => Ok(()),
        (false, said) => Err(said),
    };
    let difference = |_| Ok(measure(&|| validation(&with))? - measure(&|| validation(&without))?);
    (0..TIMES).map(difference).collect::<Result<Vec<_>, String>>().map(|differences| median(&differences))
}

/// After so many tokens nothing grows that has a bound. A hash table in which entries come and go takes its last step,
/// to twice its size, when it is full of places where something was, which takes two to three times its capacity.
const SETTLED: usize = 4 * CACHED_TOKENS;

fn memory(cast: &Cast, around: &Surroundings) -> Result<f64, String> {
    grown(cast, around, 0, SETTLED)
}

fn growth(cast: &Cast, around: &Surroundings) -> Result<f64, String> {
    grown(cast, around, SETTLED, SETTLED + around.more_tokens)
}

/// How many tokens are made, and sent, at once.
const AT_ONCE: usize = 50_000;

/// How much a proxy grows from its token number `from` to its token number `to`.
fn grown(cast: &Cast, around: &Surroundings, from: usize, to: usize) -> Result<f64, String> {
    let config = bootstrap(&[Guard::Scopegate.side(around)]);
    let envoy = Envoy::start(&places::scratch("bench-memory")?, &config, Launch::workers(1))?;
    let port = envoy.port(&Guard::Scopegate.name())?;
    let send_some = |numbers: core::ops::Range<usize>| {
        let count = numbers.len();
        let tokens = cast.tokens(Algorithm::Hs256, numbers)?;
        let requests: Vec<_> =
            tokens.iter().map(|token| request("/orders/1", 0, token).head_bytes()).collect();
        let tally = Load::new(port, 1, &requests).and_then(|mut load| load.send(count as u64));
        match tally.map_err(|error| error.to_string())?.others(200) {
            0 => Ok(()),
            others => Err(format!("{others} of {count} tokens were refused")),
        }
    };
    let send = |numbers: core::ops::Range<usize>| {
        let end = numbers.end;
        numbers.step_by(AT_ONCE).try_for_each(|from| {
            progress::detail(&format!("sending tokens, {from} of {end}"));
            send_some(from..end.min(from + AT_ONCE))
        })
    };
    // What the proxy needs for any request at all, and has from then on.
    const FIRST: usize = 200;
    send(0..FIRST)?;
    if from > FIRST {
        send(FIRST..from)?;
    }
    let before = machine::resident(envoy.pid())?;
    send(from.max(FIRST)..to)?;
    let after = machine::resident(envoy.pid())?;
    Ok((after as f64 - before as f64) * 1.024 / 1_000.0)
}
