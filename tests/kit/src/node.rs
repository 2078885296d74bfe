//! Programs of Node, from `tests/providers`, with the modules that `build.sh` installed for them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::deadline::{PATIENCE, poll};
use super::places;
use super::wire::text;

/// A program that serves on a port of the loopback interface; it ends with this value.
pub struct NodeServer {
    child: Child,
    port: u16,
}

impl NodeServer {
    /// Starts `server.mjs` of `tests/providers/FOLDER` and waits until it has written `{"port": ..}`; `name` keeps its
    /// files apart from those of others.
    pub fn start(folder: &str, name: &str, options: &Value) -> Result<Self, String> {
        let scratch = places::scratch(name)?;
        let create = |name| File::create(scratch.join(name)).map_err(|error| format!("{name}: {error}"));
        let (output, log) = (scratch.join("out"), scratch.join("log"));
        let child = command(folder, "server.mjs", options)?
            // It ends when this pipe does, however we end.
            .stdin(Stdio::piped())
            .stdout(create("out")?)
            .stderr(create("log")?)
            .spawn()
            .map_err(|error| format!("node does not start: {error}"))?;
        let mut started = Self { child, port: 0 };
        let ready = poll(PATIENCE, || {
            if let Ok(Some(status)) = started.child.try_wait() {
                return Some(Err(format!("{folder} ended with {status}")));
            }
            let said: Value = serde_json::from_str(&fs::read_to_string(&output).ok()?).ok()?;
            started.port = u16::try_from(said["port"].as_u64()?).ok()?;
            Some(Ok(()))
        });
        let words = || fs::read_to_string(&log).unwrap_or_default();
        ready
            .unwrap_or_else(|| Err(format!("{folder} does not get ready")))
            .map_err(|problem| format!("{problem}; its words:\n{}", words()))?;
        Ok(started)
    }

    /// Its loopback port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `client.mjs` of `tests/providers/FOLDER` to its end; what it wrote.
pub fn run_client(folder: &str, options: &Value) -> Result<Value, String> {
    let output = command(folder, "client.mjs", options)?.output();
    let output = output.map_err(|error| format!("node does not start: {error}"))?;
    let words = text(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{folder} ended with {}; its words:\n{words}", output.status))
}

fn command(folder: &str, program: &str, options: &Value) -> Result<Command, String> {
    let modules = places::node_modules(folder)?;
    let program: PathBuf = places::root().join("tests/providers").join(folder).join(program);
    let mut command = Command::new("node");
    command.arg(program).arg(modules).arg(options.to_string());
    Ok(command)
}
