//! What the system knows of a process: where it may run, what it has used.

use std::collections::BTreeMap;
use std::process::Command;
use std::{fs, process, thread};

/// The core of the proxy, and the core of everything else.
const PROXY_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// Whether there are two cores to be pinned to.
pub(crate) fn check() -> Result<(), String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return Err("proxy and load need a core each, and there is only one".to_owned());
    }
    Ok(())
}

/// Leaves a core to the proxy.
pub(crate) fn pin_load() -> Result<(), String> {
    pin(process::id(), LOAD_CORE)
}

/// Gives the proxy a core of its own.
pub(crate) fn pin_proxy(pid: u32) -> Result<(), String> {
    pin(pid, PROXY_CORE)
}

fn pin(pid: u32, core: usize) -> Result<(), String> {
    let taskset = ["-a", "-c", "-p", &core.to_string(), &pid.to_string()];
    let output = Command::new("taskset").args(taskset).output();
    let output = output.map_err(|error| format!("taskset: {error}; Debian: apt-get install util-linux"))?;
    if output.status.success() { Ok(()) } else { Err(format!("taskset: {}", output.stderr.escape_ascii())) }
}

/// The CPU time that the threads of a process have used, in nanoseconds.
#[derive(Default)]
pub(crate) struct CpuTime {
    /// All of them.
    pub(crate) total: u64,
    /// Each of the proxy's workers, by its name.
    pub(crate) workers: BTreeMap<String, u64>,
}

impl CpuTime {
    /// What `pid` has used so far.
    pub(crate) fn of(pid: u32) -> Result<Self, String> {
        let tasks = format!("/proc/{pid}/task");
        let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
        let mut used = Self::default();
        for entry in entries.filter_map(Result::ok) {
            let read = |name: &str| {
                let file = entry.path().join(name);
                fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
            };
            // utime and stime count in hundredths of a second; this is their sum, exactly.
            let time = read("schedstat")?.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0);
            used.total += time;
            let name = read("comm")?;
            if name.starts_with("wrk:") {
                used.workers.insert(name, time);
            }
        }
        Ok(used)
    }

    /// What was used since `before`.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        self.total = self.total.saturating_sub(before.total);
        for (name, time) in &mut self.workers {
            *time = time.saturating_sub(before.workers.get(name).copied().unwrap_or(0));
        }
        self
    }

    /// What the idlest worker has done, 1 being its even share.
    pub(crate) fn least_share(&self) -> f64 {
        let all: u64 = self.workers.values().sum();
        let least = self.workers.values().min().copied().unwrap_or(0);
        least as f64 * self.workers.len() as f64 / all as f64
    }
}

/// The CPU time in seconds that the processes have used that this one started and that have ended.
pub(crate) fn cpu_time_of_ended() -> Result<f64, String> {
    /// The system counts in these; Linux on every processor of today.
    const TICKS_A_SECOND: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // Fields 16 and 17; the name, which is the second, may have anything in it but a later parenthesis.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: f64 = fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_A_SECOND)
}

/// The memory of `pid` that is in use, in KiB.
pub(crate) fn resident(pid: u32) -> Result<u64, String> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.ok_or_else(|| format!("{file} has no VmRSS"))
}

/// The load average, when it is more than proxy and load make themselves.
pub(crate) fn foreign_load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let load = text.split(' ').next()?;
    (load.parse::<f64>().ok()? > 2.5).then(|| format!("load average {load}"))
}
