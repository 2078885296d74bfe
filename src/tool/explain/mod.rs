//! `scopegate explain`: one decision, step by step, in words.
//!
//! - knows: what the engine decided, and the pure functions below it that show how a request looks to it
//! - must not know: how to decide; every outcome told here is the engine's own
//! - in: a policy and one request; out: text without the token and without any secret

mod binding;
mod outcome;
mod proof;
mod rule;
mod text;
mod token;

use std::io;

use clap::Args;
use serde_json::{Value, json};

use self::text::Text;
use super::command;
use super::compiled::Compiled;
use super::console::{Console, Exit};
use super::document::STDIN;
use super::driver::Driver;
use super::line::{self, BadLine, Line};
use super::policy_file::PolicyDocument;
use crate::base::time::UnixTime;

/// The policy, and the request: as options, or as a line of `decide`.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: command::PolicyArgs,
    /// Read the request from standard input, as a line of `scopegate decide`.
    #[arg(long, conflicts_with_all = ["method", "scheme", "authority", "path", "headers", "token", "replies", "route", "route_rule", "client_cert_sha256"])]
    line: bool,
    /// The method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// http or https.
    #[arg(long, default_value = "https")]
    scheme: String,
    /// Host, and port where there is one.
    #[arg(long, value_name = "HOST", required_unless_present = "line")]
    authority: Option<String>,
    /// Path and query.
    #[arg(long, default_value = "/")]
    path: String,
    /// A header field.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A token; the same as `-H 'authorization: Bearer TOKEN'`.
    #[arg(long)]
    token: Option<String>,
    /// The name of Envoy's route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// The rule that the route's metadata names.
    #[arg(long, value_name = "RULE")]
    route_rule: Option<String>,
    /// The SHA-256 of the certificate that the client has on its connection, in hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    client_cert_sha256: Option<String>,
    /// What an issuer replies, as in `replies` of a line of `decide`; several in the order in which they are asked.
    #[arg(long = "reply", value_name = "JSON")]
    replies: Vec<String>,
    /// The clock, in seconds since 1970; the wall clock by default.
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    now: Option<f64>,
}

/// Explains one decision.
pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>) -> io::Result<Exit> {
    let file = &arguments.policy.file;
    if arguments.line && file == STDIN {
        writeln!(console.err, "--policy -: standard input holds the request: give the policy as a file")?;
        return Ok(Exit::Usage);
    }
    let request = if arguments.line { from_stdin(console)? } else { from_options(arguments) };
    let line = match request {
        Ok(line) => line,
        Err(bad) => {
            writeln!(console.err, "the request: {}", bad.problem)?;
            return Ok(Exit::Usage);
        }
    };
    let Some((document, compiled)) = command::load(file, console)? else { return Ok(Exit::Problems) };
    let now = match arguments.now.map(UnixTime::from_numeric_date) {
        Some(None) => {
            writeln!(console.err, "--now: is no time: give seconds since 1970")?;
            return Ok(Exit::Usage);
        }
        Some(Some(now)) => line.now.unwrap_or(now),
        None => line.now.unwrap_or_else(console.clock),
    };
    match explain(&document, &compiled, line, now) {
        Ok(text) => console.out.write_all(text.as_bytes()).map(|()| Exit::Good),
        Err(problem) => writeln!(console.err, "{problem}").map(|()| Exit::Problems),
    }
}

fn explain(
    document: &PolicyDocument,
    compiled: &Compiled,
    line: Line,
    now: UnixTime,
) -> Result<String, String> {
    let mut replies = line.replies.into_iter();
    let mut driver = Driver::new(std::rc::Rc::clone(&compiled.policy));
    let judged =
        driver.judge(&line.request, now, &mut |_| replies.next()).map_err(|stuck| stuck.to_string())?;
    let mut text = Text::new(now);
    text.request(&line.request);
    rule::tell(&mut text, document, &compiled.policy, &line.request, &judged);
    token::tell(&mut text, &compiled.policy, &line.request, &judged);
    outcome::tell(&mut text, &compiled.policy, &judged);
    Ok(text.finish())
}

fn from_stdin(console: &mut Console<'_>) -> io::Result<Result<Line, BadLine>> {
    let mut text = Vec::new();
    console.stdin.read_until(b'\n', &mut text)?;
    Ok(line::read(&text))
}

/// The options are put into a line first, so that both ways are checked alike.
fn from_options(arguments: &Arguments) -> Result<Line, BadLine> {
    let wrong = |problem: String| BadLine { id: Value::Null, problem };
    let mut headers = Vec::new();
    for header in &arguments.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| wrong("-H: has no colon: write 'name: value'".to_owned()))?;
        headers.push(json!([name.trim(), value.trim()]));
    }
    headers.extend(arguments.token.iter().map(|token| json!(["authorization", format!("Bearer {token}")])));
    let replies: Result<Vec<Value>, _> =
        arguments.replies.iter().map(|reply| serde_json::from_str(reply)).collect();
    let replies = replies.map_err(|_| wrong("--reply: is not JSON".to_owned()))?;
    let line = json!({
        "method": arguments.method,
        "scheme": arguments.scheme,
        "authority": arguments.authority,
        "path": arguments.path,
        "headers": headers,
        "route": {"name": arguments.route, "rule": arguments.route_rule},
        "client_cert_sha256": arguments.client_cert_sha256,
        "replies": replies,
    });
    line::read(line.to_string().as_bytes())
}
