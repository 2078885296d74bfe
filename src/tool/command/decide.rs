//! `scopegate decide`: JSON Lines in, JSON Lines out.

use std::io;

use serde_json::Value;

use crate::base::time::UnixTime;
use crate::tool::console::{Console, Exit};
use crate::tool::document::STDIN;
use crate::tool::driver::Driver;
use crate::tool::line::{self, BadLine};

/// Decides about the requests on standard input under the policy in `file`.
pub(in crate::tool) fn run(file: &str, now: Option<f64>, console: &mut Console<'_>) -> io::Result<Exit> {
    if file == STDIN {
        writeln!(console.err, "--policy -: standard input holds the requests: give the policy as a file")?;
        return Ok(Exit::Usage);
    }
    let now = match now.map(|seconds| UnixTime::from_numeric_date(seconds).ok_or(())).transpose() {
        Ok(now) => now,
        Err(()) => {
            writeln!(console.err, "--now: is no time: give seconds since 1970")?;
            return Ok(Exit::Usage);
        }
    };
    let Some((_, compiled)) = super::load(file, console)? else { return Ok(Exit::Problems) };
    let mut driver = Driver::new(compiled.policy);
    let mut exit = Exit::Good;
    let mut text = Vec::new();
    while console.stdin.read_until(b'\n', &mut text)? > 0 {
        if !text.trim_ascii().is_empty() {
            let now = now.unwrap_or_else(console.clock);
            let line = decide(&text, now, &mut driver).unwrap_or_else(|bad| {
                exit = Exit::Problems;
                line::refused(bad)
            });
            serde_json::to_writer(&mut *console.out, &line)?;
            writeln!(console.out)?;
            console.out.flush()?;
        }
        text.clear();
    }
    Ok(exit)
}

fn decide(text: &[u8], now: UnixTime, driver: &mut Driver) -> Result<Value, BadLine> {
    let line = line::read(text)?;
    let mut replies = line.replies.into_iter();
    let judged = driver.judge(&line.request, line.now.unwrap_or(now), &mut |_| replies.next());
    match judged {
        Ok(judged) => Ok(line::decided(line.id, &judged)),
        Err(stuck) => Err(BadLine { id: line.id, problem: stuck.to_string() }),
    }
}
