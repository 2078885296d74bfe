//! What the command line tool says of files and lines that it cannot read.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kit::canary::tells_nothing;
use serde_json::json;

use super::{BEARER, ENVIRONMENT, INLINE, NOW, Planted, REPLY, TOKEN, planted};

fn tool(arguments: &[&str], stdin: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scopegate"));
    command.args(arguments).env("IDP_SECRET", ENVIRONMENT);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing closes its end; that is no failure of the test.
    let written = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    drop(written);
    let output = child.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("quiet-{name}"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_tool_shows_no_secret_of_files_that_it_cannot_read() {
    let Planted { policy, canaries, .. } = planted();
    let whole = policy.to_string();
    let (before, _) = whole.split_once(INLINE).unwrap();
    let broken = [
        format!("{before}{INLINE}"),
        whole.replace(INLINE, &format!("{INLINE}\\q")),
        whole.replace(&format!("\"{INLINE}\""), &format!("\"{INLINE}\" \"{INLINE}\"")),
        whole.replace(&format!("\"{INLINE}\""), &format!("{INLINE}: {INLINE}: {INLINE}")),
        whole.replace(&format!("\"{INLINE}\""), &format!("\"{INLINE}\", \"secret\": \"{INLINE}\"")),
        whole.replace(&format!("\"{INLINE}\""), &format!("*{INLINE}")),
        whole.replace(&format!("\"{INLINE}\""), &format!("!!int {INLINE}")),
        format!("issuers:\n  a:\n\tsecret: {INLINE}\n"),
        format!("issuers: {{a: {{introspection: {{client: {{secret: '{INLINE}}}}}}}\n"),
        format!("{INLINE}\n"),
        format!("- {INLINE}\n- {BEARER}\n"),
        format!("<<: {INLINE}\n"),
    ];
    for (number, text) in broken.iter().enumerate() {
        assert!(text.contains(INLINE), "{number} has no secret in it");
        let path = file(&format!("broken-{number}.yaml"), text);
        for arguments in [
            &["check", &path][..],
            &["test", &path],
            &["decide", "--policy", &path],
            &["explain", "--policy", &path, "--path", "/", "--token", TOKEN],
        ] {
            let said = tool(arguments, "");
            assert!(!said.is_empty(), "{arguments:?} says nothing of {text}");
            tells_nothing(&canaries, &said, &format!("what {} says of {text}", arguments[0]));
        }
    }
}

#[test]
fn the_tool_shows_no_token_of_requests_that_it_cannot_read() {
    let Planted { policy, canaries, .. } = planted();
    let path = file("policy.json", &policy.to_string());
    let header = json!([["authorization", format!("Bearer {TOKEN}")]]);
    for line in [
        format!("{{\"path\": \"/\", \"headers\": [[\"authorization\", \"Bearer {TOKEN}\"]"),
        format!("{{\"path\": \"/\", \"headers\": [[\"authorization\", \"Bearer {TOKEN}\\q\"]]}}"),
        format!("Bearer {TOKEN}"),
        json!({"path": "/", "authority": "a", "headers": [["authorization", [format!("Bearer {TOKEN}")]]]}).to_string(),
        json!({"path": "/", "authority": "a", "headers": {"authorization": TOKEN}}).to_string(),
        json!({"path": "/", "authority": "a", "headers": header, "method": 7}).to_string(),
        json!({"path": "/", "authority": "a", "headers": header, "replies": [{"status": "x", "body": REPLY}]}).to_string(),
        json!({"path": "/", "authority": "a", "headers": header, "replies": [{"status": 200, "bodyx": REPLY}]}).to_string(),
        json!({"path": "/", "authority": "a", "headers": [["authorization", {"base64": TOKEN}]]}).to_string(),
    ] {
        let said = tool(&["decide", "--policy", &path, "--now", &NOW.to_string()], &format!("{line}\n"));
        assert!(said.contains("problem") || said.contains("error"), "{said}");
        tells_nothing(&canaries, &said, &format!("what decide says of {line}"));
    }
    let token_file = |token: &str| {
        let case =
            json!({"name": "one", "request": {"path": "/", "token": token}, "expect": {"outcome": "admit"}});
        json!({"policy": path, "tests": [case]}).to_string()
    };
    let told = tool(&["test", &file("cases.yaml", &token_file(TOKEN))], "");
    assert!(told.contains("one"), "{told}");
    tells_nothing(&canaries, &told, "what test says of a case that fails");
}
