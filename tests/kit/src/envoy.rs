//! The real proxy as a child process: started, watched until it is ready, asked, and stopped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::bootstrap::access_log_file;
use super::client::{Origin, Request, exchange};
use super::clock::Clock;
use super::deadline::{PATIENCE, poll};
use super::places;

/// Loading the module once for each listener is most of it.
const START: Duration = Duration::from_secs(60);

/// Where an access log on standard output ends.
pub const OUTPUT: &str = "envoy.out";

/// How Envoy is started.
#[derive(Clone, Copy)]
pub struct Launch {
    /// How many threads handle requests.
    pub workers: usize,
    /// What of scopegate's own lines is written: `info`, `debug`, … Envoy's own stay at `info`.
    pub filter_log: &'static str,
    /// What the clock shows that the test moves, in milliseconds since the epoch; `None` for the system's.
    pub clock: Option<i64>,
}

impl Launch {
    /// With so many workers.
    pub const fn workers(workers: usize) -> Self {
        Self { workers, filter_log: "info", clock: None }
    }
}

/// A running Envoy; it ends with this value.
pub struct Envoy {
    child: Child,
    folder: PathBuf,
    admin: u16,
    clock: Option<Clock>,
}

/// A request's line in the access log.
#[derive(Clone, Debug, Default)]
pub struct Logged(Value);

impl Logged {
    /// The member `name`; empty when Envoy had nothing to say.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether Envoy chose an upstream host for the request.
    pub fn went_upstream(&self) -> bool {
        !self.get("upstream").is_empty()
    }
}

impl Envoy {
    /// Starts Envoy with `config` in `folder` and waits until it serves.
    pub fn start(folder: &Path, config: &Value, launch: Launch) -> Result<Self, String> {
        Self::start_with_file(folder, &write_config(folder, config)?, launch)
    }

    /// Starts Envoy with the configuration in `config` and waits until it serves. Its log goes to `folder`, what it
    /// writes on standard output to [`OUTPUT`] in there.
    pub fn start_with_file(folder: &Path, config: &Path, launch: Launch) -> Result<Self, String> {
        let program = places::envoy()?;
        let admin_file = folder.join("admin.address");
        let create = |name| File::create(folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let (log, output) = (create("envoy.log")?, create(OUTPUT)?);
        let clock = launch.clock.map(|now| Clock::new(folder, now)).transpose()?;
        let child = Command::new(&program)
            .envs(clock.iter().flat_map(Clock::environment))
            .arg("--config-path")
            .arg(config)
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(["--concurrency", &launch.workers.to_string(), "--disable-hot-restart"])
            .args(["--component-log-level", &format!("wasm:{}", launch.filter_log)])
            .args(["--file-flush-interval-msec", "5", "--drain-time-s", "1", "--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let mut envoy = Self { child, folder: folder.to_path_buf(), admin: 0, clock };
        envoy.wait_until_ready(&admin_file)?;
        Ok(envoy)
    }

    fn wait_until_ready(&mut self, admin_file: &Path) -> Result<(), String> {
        let ended = poll(START, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Err(format!("Envoy ended with {status}")));
            }
            let address = fs::read_to_string(admin_file).ok()?;
            self.admin = address.trim().rsplit(':').next()?.parse().ok()?;
            self.ask_admin("GET", "/ready").is_ok_and(|(status, _)| status == 200).then_some(Ok(()))
        });
        ended.unwrap_or_else(|| Err(format!("Envoy is not ready after {START:?}"))).map_err(|problem| {
            let log = self.folder.join("envoy.log");
            format!("{problem}; its last words, of {}:\n{}", log.display(), last_lines(&self.log(), 12))
        })
    }

    /// The port of the listener `name`, as soon as it has one.
    pub fn port(&self, name: &str) -> Result<u16, String> {
        let port = poll(PATIENCE, || self.ports().get(name).copied());
        port.ok_or_else(|| format!("Envoy has no listener {name}:\n{}", last_lines(&self.log(), 12)))
    }

    fn ports(&self) -> BTreeMap<String, u16> {
        let listeners = self.admin_json("/listeners?format=json");
        let statuses = listeners["listener_statuses"].as_array().cloned().unwrap_or_default();
        let port_of = |status: &Value| {
            let port = status["local_address"]["socket_address"]["port_value"].as_u64()?;
            Some((status["name"].as_str()?.to_owned(), u16::try_from(port).ok()?))
        };
        statuses.iter().filter_map(port_of).collect()
    }

    /// The body of the admin page `path`.
    pub fn admin(&self, path: &str) -> String {
        self.ask_admin("GET", path).map(|(_, body)| body).unwrap_or_default()
    }

    fn admin_json(&self, path: &str) -> Value {
        serde_json::from_str(&self.admin(path)).unwrap_or_default()
    }

    fn ask_admin(&self, method: &str, path: &str) -> std::io::Result<(u16, String)> {
        let response = exchange(self.admin, &Request::new(method, path, "admin"))?;
        Ok((response.status, response.text()))
    }

    /// The value of the counter or gauge `name`; 0 while Envoy does not know it.
    pub fn stat(&self, name: &str) -> u64 {
        let text = self.admin(&format!("/stats?filter=^{}$", name.replace('.', "\\.")));
        text.trim().rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Everything Envoy has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("envoy.log")).unwrap_or_default()
    }

    /// What Envoy logged on its `listener` about the request that came from `origin`.
    pub fn logged(&self, listener: &str, origin: Origin) -> Result<Logged, String> {
        let port = Value::from(origin.port);
        let started =
            |line: &Value| line["started"].as_str().and_then(|started| started.parse::<u128>().ok());
        // A clock that the test moves says nothing about when.
        let is_new = |line: &Value| {
            self.clock.is_some() || started(line).is_some_and(|started| started >= origin.since)
        };
        let wanted = |line: &Value| line["client_port"] == port && is_new(line);
        self.logged_in(&access_log_file(&self.folder, listener), wanted).ok_or_else(|| {
            format!("the access log of {listener} has no line for the client's port {}", origin.port)
        })
    }

    /// The last line of the access log `file` that is the wanted one, as soon as it is there.
    pub fn logged_in(&self, file: &Path, wanted: impl Fn(&Value) -> bool) -> Option<Logged> {
        poll(PATIENCE, || {
            let text = fs::read_to_string(file).ok()?;
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let mut lines = whole.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| wanted(line)).map(Logged)
        })
    }

    /// The lines of Envoy's log that tell of a trap, or of anything else that Envoy calls critical.
    pub fn traps(&self) -> Vec<String> {
        let log = self.log();
        let signs = ["[critical]", "Function: proxy_", "panicked at", "wasm VM failed", "unreachable"];
        log.lines().filter(|line| signs.iter().any(|sign| line.contains(sign))).map(str::to_owned).collect()
    }

    /// Whether its clock is one that the test moves.
    pub const fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// Its clock shows `now`, in milliseconds since the epoch, and goes on from there. For one that was started with one.
    pub fn set_clock(&self, now: i64) -> Result<(), String> {
        self.clock.as_ref().ok_or("it has the system's clock")?.set(now)
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process is alive.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What Envoy says of `config` without serving it: whether it is good, and its log.
pub fn validate(folder: &Path, config: &Value) -> Result<(bool, String), String> {
    let bootstrap = write_config(folder, config)?;
    validate_file(&bootstrap)
}

/// What Envoy says of the configuration in `file`, from the file's own folder.
pub fn validate_file(file: &Path) -> Result<(bool, String), String> {
    let program = places::envoy()?;
    let output = Command::new(&program)
        .args(["--mode", "validate", "--config-path"])
        .arg(file)
        .current_dir(file.parent().unwrap_or(Path::new(".")))
        .output()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), super::wire::text(&said)))
}

fn write_config(folder: &Path, config: &Value) -> Result<PathBuf, String> {
    let file = folder.join("envoy.json");
    fs::write(&file, format!("{config:#}")).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}
