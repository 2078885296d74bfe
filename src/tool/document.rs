//! A file that people write: YAML or JSON, one document or several, read into JSON values.
//!
//! Members that stand twice are refused in both; aliases are followed within bounds, so that a small file cannot
//! become a large one.

use core::fmt;
use std::io::Read;

use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::base::json;

/// More than this is not a file that somebody wrote.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// Why a file cannot be read. Shows the place, never the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is in `file`, or in `stdin` where its name is `-`.
///
/// # Errors
/// When the file cannot be read or is larger than anybody writes.
pub fn load(file: &str, stdin: &mut dyn Read) -> Result<Vec<u8>, Unreadable> {
    let bytes = if file == STDIN { read(stdin) } else { std::fs::File::open(file).and_then(read) };
    let bytes = bytes.map_err(|error| Unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable(format!("is larger than {MAX_BYTES} bytes: give the file of one proxy")));
    }
    Ok(bytes)
}

/// All documents in `bytes`; empty ones are left out.
///
/// # Errors
/// When the bytes are neither JSON nor YAML.
pub fn parse(bytes: &[u8]) -> Result<Vec<Value>, Unreadable> {
    let documents = match json::value(bytes) {
        Ok(value) => vec![value],
        Err(fault) if looks_like_json(bytes) => {
            // A flow mapping is YAML too; where it is not that either, the author will have meant JSON.
            yaml(bytes).map_err(|_| Unreadable(format!("is not JSON: {fault}")))?
        }
        Err(_) => yaml(bytes)?,
    };
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn read(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn looks_like_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn yaml(bytes: &[u8]) -> Result<Vec<Value>, Unreadable> {
    let text = core::str::from_utf8(bytes).map_err(|_| Unreadable("is not UTF-8 text".to_owned()))?;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        strict_booleans: true,
        // A snippet would show the neighbourhood of the mistake, which may be a secret.
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let place = error
            .location()
            .map(|place| format!(" (line {}, column {})", place.line(), place.column()))
            .unwrap_or_default();
        let why = why(&error.without_snippet().to_string());
        Unreadable(format!("is not YAML: {why}{place}"))
    })
}

/// The reason among those that are known, since the reader's own words may quote the text.
fn why(message: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| message.to_ascii_lowercase().contains(word));
    if has(&["duplicate"]) {
        "a key stands twice in one mapping: keep one of them"
    } else if has(&["alias", "anchor", "budget", "replay", "limit", "exceed"]) {
        "an alias without its anchor, or far more aliases, nesting or text than a person writes"
    } else if has(&["indent"]) {
        "the indentation is not right"
    } else if has(&["tab"]) {
        "a tab stands where only spaces may"
    } else {
        "it cannot be understood from here on"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<Value> {
        parse(text.as_bytes()).unwrap()
    }

    fn problem(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn json_and_yaml_are_the_same_document() {
        let document = json!({"a": [1, 1.5, true, null, "x"], "b": {"c": "no"}});
        for text in [
            &document.to_string(),
            "a: [1, 1.5, true, null, x]\nb:\n  c: no\n",
            "{a: [1, 1.5, true, null, x], b: {c: no}}",
        ] {
            assert_eq!(read(text), core::slice::from_ref(&document), "{text}");
        }
        assert_eq!(read("{\"b\": 1, \"a\": 2}")[0].to_string(), "{\"b\":1,\"a\":2}");
        assert_eq!(read("b: 1\na: 2")[0].to_string(), "{\"b\":1,\"a\":2}");
    }

    #[test]
    fn several_documents_are_read_and_empty_ones_left_out() {
        assert_eq!(read("---\na: 1\n---\n---\nb: 2\n"), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(read(""), [] as [Value; 0]);
        assert_eq!(read("# nothing\n"), [] as [Value; 0]);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        for text in ["a: 1\na: 2\n", "x: {a: 1, a: 1}", "x:\n - a: 1\n   \"a\": 2\n"] {
            assert!(problem(text).contains("twice"), "{}", problem(text));
        }
        assert!(problem("{\"a\": 1, \"a\": 2}").contains("twice"));
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let text = "base: &b {x: 1, y: 2}\nfirst: *b\nsecond:\n  <<: *b\n  y: 3\n";
        let base = json!({"x": 1, "y": 2});
        assert_eq!(read(text)[0]["first"], base);
        assert_eq!(read(text)[0]["second"], json!({"x": 1, "y": 3}));
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(parse(text.as_bytes()).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse("a: *missing".as_bytes()).is_err());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_the_text() {
        for text in ["a: 1\nb: [hunter2\n", "a: 1\n\thunter2: 2\n", "a: \"hunter2\nb", "{\"a\": hunter2,}}"] {
            let problem = problem(text);
            assert!(problem.contains("line") && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn numbers_without_an_end_and_bytes_that_are_no_text_are_refused() {
        assert!(parse(b"a: .nan").is_err());
        assert!(parse(b"a: \xff").is_err());
    }
}
