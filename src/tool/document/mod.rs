//! A file that people write: YAML or JSON, one document or several, read into JSON values.
//!
//! Members that stand twice are refused in both; aliases are followed within bounds, so that a small file cannot
//! become a large one. What other readers of YAML read otherwise is remembered with its place: a policy must not have
//! any of it, since Envoy and kubectl read the same file.

mod difference;
mod scalar;
mod tree;
mod unreadable;

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use self::difference::{Difference, Place};
use crate::base::json;
use crate::document::Diagnostic;

pub use unreadable::Unreadable;

/// More than this is not a file that somebody wrote.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// All documents of a file; empty ones are left out.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// What is in each.
    pub values: Vec<Value>,
    /// What readers differ on in each.
    differences: Vec<Vec<Difference>>,
    /// The first document is one that was left out.
    begins_empty: bool,
    /// The first line end that is none to every reader: what follows it may be a comment to one of them and a member to
    /// another, wherever it stands.
    odd_line_end: Option<Place>,
}

impl Documents {
    /// The documents in `file`, or in `stdin` where its name is `-`. A file that is called YAML is read as such, also
    /// where it is JSON: Envoy does the same.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than anybody writes, or is neither JSON nor YAML.
    pub fn read(file: &str, stdin: &mut dyn Read) -> Result<Self, Unreadable> {
        let bytes = load(file, stdin)?;
        let extension = Path::new(file).extension().and_then(OsStr::to_str).unwrap_or_default();
        let is_called_yaml = ["yaml", "yml"].iter().any(|yaml| extension.eq_ignore_ascii_case(yaml));
        if is_called_yaml { Self::yaml(&bytes) } else { Self::parse(&bytes) }
    }

    /// The documents in `bytes`.
    ///
    /// # Errors
    /// When the bytes are neither JSON nor YAML.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        match json::value(bytes) {
            Ok(Value::Null) => Ok(Self::default()),
            Ok(value) => Ok(Self { values: vec![value], differences: vec![Vec::new()], ..Self::default() }),
            // A flow mapping is YAML too; where it is not that either, the author will have meant JSON.
            Err(fault) if looks_like_json(bytes) => {
                Self::yaml(bytes).map_err(|_| Unreadable(format!("is not JSON: {fault}")))
            }
            Err(_) => Self::yaml(bytes),
        }
    }

    fn yaml(bytes: &[u8]) -> Result<Self, Unreadable> {
        let text = core::str::from_utf8(bytes).map_err(|_| Unreadable("is not UTF-8 text".to_owned()))?;
        let (documents, begins_empty) = tree::read(text)?;
        let (values, differences) = documents.into_iter().unzip();
        Ok(Self { values, differences, begins_empty, odd_line_end: odd_line_end(text) })
    }

    /// What Envoy, kubectl or other readers of YAML read otherwise in `part`, a value inside one of these documents and
    /// not a copy of it. Empty for JSON, which has one reading.
    pub fn differences_in(&self, part: &Value) -> Vec<Diagnostic> {
        let documents = self.values.iter().zip(&self.differences);
        let mut ways =
            documents.filter_map(|(value, found)| Some((value, difference::way(value, part)?, found)));
        let Some((document, way, found)) = ways.next() else { return Vec::new() };
        let is_of_kubernetes = document.get("kind").is_some();
        let counts = |one: &&Difference| is_of_kubernetes || one.reason != scalar::KEY_NUMBER;
        let mut told: Vec<Diagnostic> =
            found.iter().filter(counts).filter_map(|one| one.within(&way)).collect();
        if let Some((line, column)) = self.odd_line_end {
            told.push(Diagnostic {
                at: "policy".to_owned(),
                problem: format!(
                    "stands in a file with a character that ends a line for some readers only (line {line}, column \
                     {column})"
                ),
                remedy: "take it out, or write it as \\r, \\N, \\L or \\P in double quotes".to_owned(),
            });
        }
        // Those of Kubernetes are one resource each.
        if (self.values.len() > 1 || self.begins_empty) && !is_of_kubernetes {
            told.push(Diagnostic {
                at: "policy".to_owned(),
                problem: "stands in a file of several documents, of which Envoy reads the first alone"
                    .to_owned(),
                remedy: "give each document a file of its own".to_owned(),
            });
        }
        told
    }
}

/// What is in `file`, or in `stdin` where its name is `-`.
///
/// # Errors
/// When the file cannot be read or is larger than anybody writes.
pub fn load(file: &str, stdin: &mut dyn Read) -> Result<Vec<u8>, Unreadable> {
    let bytes = if file == STDIN { bytes_of(stdin) } else { std::fs::File::open(file).and_then(bytes_of) };
    let bytes = bytes.map_err(|error| Unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable(format!("is larger than {MAX_BYTES} bytes: give the file of one proxy")));
    }
    Ok(bytes)
}

/// All documents in `bytes`, for whoever does not mind what others read; empty ones are left out.
///
/// # Errors
/// When the bytes are neither JSON nor YAML.
pub fn parse(bytes: &[u8]) -> Result<Vec<Value>, Unreadable> {
    Documents::parse(bytes).map(|documents| documents.values)
}

fn bytes_of(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the first carriage return stands that no line feed follows, or the first of the three characters that end a line
/// in YAML 1.1 (section 4.2) and none in YAML 1.2 (section 5.4).
fn odd_line_end(text: &str) -> Option<Place> {
    const ODD: [char; 4] = ['\r', '\u{85}', '\u{2028}', '\u{2029}'];
    text.split('\n').zip(1..).find_map(|(line, number)| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let column = line.chars().position(|one| ODD.contains(&one))?;
        Some((number, column + 1))
    })
}

fn looks_like_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
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

    /// What is found in the member `policy` of a file, and what of it in the whole.
    fn differences(text: &str) -> (Vec<String>, usize) {
        let documents = Documents::parse(text.as_bytes()).unwrap();
        let [document] = documents.values.as_slice() else { panic!("{text}") };
        let told = documents.differences_in(&document["policy"]);
        (told.iter().map(ToString::to_string).collect(), documents.differences_in(document).len())
    }

    #[test]
    fn what_others_read_otherwise_is_told_where_it_stands() {
        let (told, all) = differences(
            "other: 1.5\npolicy:\n  rules:\n    - name: NO\n      x-y: {\"a b\": [true, 0123]}\n    - {y: 2001-12-14}\n",
        );
        let number =
            "is not the same for YAML 1.2, Envoy and kubectl: to some it is a text, or another number";
        let word = "is a text in YAML 1.2, and true or false for Envoy and kubectl";
        assert_eq!(
            told,
            [
                format!("rules[0].name: {word} (line 4, column 13): write it in quotes, or write true or false"),
                format!(
                    "rules[0].x-y[\"a b\"][1]: {number} (line 5, column 27): write it in quotes, or as a whole number of \
                     at most 2147483647 without leading zeros"
                ),
                format!("rules[1].y: {word} (line 6, column 8): write it in quotes, or write true or false"),
                "rules[1].y: is a text in YAML 1.2, and no text in YAML 1.1 (line 6, column 11): write it in quotes"
                    .to_owned(),
            ]
        );
        assert_eq!(all, told.len() + 1);
    }

    #[test]
    fn what_envoy_or_kubectl_refuse_within_brackets_has_to_be_quoted_there_alone() {
        for (text, places) in [
            ("policy: {uri: https://a.test/b?c=d, e: f}", &["uri"][..]),
            (
                "policy:\n  rules:\n    - {match: {paths: [/a, :b]}, x?: 1}",
                &["rules[0].match.paths[1]", "rules[0][\"x?\"]"],
            ),
            ("policy: {a: {b: [{c: d?}]}, e: f}\nx: {y: z?}", &["a.b[0].c"]),
            (
                "policy:\n  uri: https://a.test/b?c=d\n  list: [a]\n  more: :b?\n  last?: {a: b}\n  paths:\n  - :c",
                &[],
            ),
            ("policy: {uri: \"https://a.test/b?c=d\", 'x?': ':b', a: b:c}", &[]),
            ("{\"policy\": {\"a\": \"b?\"}}", &[]),
        ] {
            let (told, _) = differences(text);
            let found: Vec<_> = told.iter().filter_map(|told| told.split(": ").next()).collect();
            assert_eq!(found, places, "{text}");
        }
    }

    #[test]
    fn what_is_quoted_or_json_is_read_alike() {
        for text in [
            "policy: {a: 'NO', \"y\": \"0123\", b: '1.5'}",
            "policy:\n  a: |\n    NO\n  b: >-\n    0123\n",
            "{\"policy\": {\"a\": 1.5, \"b\": 9007199254740993}}",
        ] {
            assert_eq!(differences(text), (Vec::new(), 0), "{text}");
        }
    }

    #[test]
    fn a_line_end_that_is_none_to_every_reader_is_told_wherever_it_stands() {
        for (odd, escape) in [('\r', "\\r"), ('\u{85}', "\\N"), ('\u{2028}', "\\L"), ('\u{2029}', "\\P")] {
            for text in [
                format!("other: 1\npolicy: {{a: 1}}\n # {odd}mode: observe\n"),
                format!("other: 1\npolicy: {{a: 1}}\nx: \"b{odd} c\"\n"),
            ] {
                let (told, _) = differences(&text);
                let [told] = told.as_slice() else { panic!("{text:?}: {told:?}") };
                assert!(told.contains("ends a line for some readers only (line 3, column "), "{told}");
            }
            let escaped = format!("policy: {{a: \"b{escape}c\"}}\n");
            assert_eq!(differences(&escaped), (Vec::new(), 0), "{escaped}");
            assert_eq!(read(&escaped)[0]["policy"]["a"], json!(format!("b{odd}c")));
        }
        assert_eq!(differences("policy:\r\n  a: b\r\n\r\n  # c\r\n"), (Vec::new(), 0));
    }

    #[test]
    fn a_file_that_is_called_yaml_is_no_json() {
        let folder = std::env::temp_dir().join(format!("scopegate-document-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, count) in [("a.yaml", 1), ("a.YML", 1), ("a.json", 0), ("a", 0)] {
            let file = folder.join(name);
            std::fs::write(&file, "{\"a\": 1.5}").unwrap();
            let documents = Documents::read(file.to_str().unwrap(), &mut std::io::empty()).unwrap();
            assert_eq!(documents.differences_in(&documents.values[0]).len(), count, "{name}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn aliases_anchors_merge_keys_and_tags_are_told_inside_a_policy_and_not_outside() {
        for (text, expected) in [
            ("policy: {a: *x, b: 1}\nother: 1", "is an alias"),
            ("policy: *x\nother: 1", "is an alias"),
            ("policy: {a: &y {b: 1}}\nother: 1", "has an anchor"),
            ("policy: &y {a: 1}\nother: 1", "has an anchor"),
            ("policy: {<<: *x}\nother: 1", "has a merge key"),
            ("policy: {a: [{<<: {b: 1}}]}\nother: 1", "has a merge key"),
            ("policy: {a: !!str 5}\nother: 1", "has a tag"),
            ("policy: {!x a: 5}\nother: 1", "has a tag"),
            ("policy: {a: !x [5]}\nother: 1", "has a tag"),
        ] {
            let (told, _) = differences(&format!("first: &x {{m: 1}}\n{text}"));
            assert!(told.iter().any(|told| told.contains(expected)), "{text}: {told:?}");
        }
        let around = "a: &a {policy: {k: 1}}\nb: &b !x {<<: *a}\nc: *b\npolicy: {k: 1}\n";
        assert_eq!(differences(around).0, [] as [&str; 0]);
    }

    #[test]
    fn a_policy_that_stands_behind_an_alias_or_a_merge_key_is_looked_at_too() {
        for text in [
            "a: &a {policy: {k: NO}}\nb: *a\n",
            "a: &a {policy: {k: NO}}\nb: {<<: *a}\n",
            "a: &a {policy: {k: NO}}\nb: {<<: [{x: 1}, *a]}\n",
        ] {
            let documents = Documents::parse(text.as_bytes()).unwrap();
            let told = documents.differences_in(&documents.values[0]["b"]["policy"]);
            assert_eq!(told.iter().map(|told| told.at.as_str()).collect::<Vec<_>>(), ["k"], "{text}");
        }
    }

    #[test]
    fn numbers_of_a_key_have_their_names_where_envoy_reads_them_and_not_where_kubectl_does() {
        let policy = "{keys: [{kty: RSA, n: NO-B64, e: AQAB}, {kty: EC, x: a, y: b}], other: {n: 1}}";
        let other = ["other.n"];
        let (told, _) = differences(&format!("policy: {policy}\n"));
        let places = |told: &[String]| -> Vec<String> {
            told.iter().filter_map(|told| told.split(": ").next().map(str::to_owned)).collect()
        };
        assert_eq!(places(&told), other);
        let (told, _) = differences(&format!("kind: WasmPlugin\npolicy: {policy}\n"));
        assert_eq!(places(&told), ["keys[0].n", "keys[1].y", "other.n"]);
        assert!(told[0].contains("misses a number of this key"), "{told:?}");
        let (told, _) = differences("policy: {kty: RSA, n: 0123, k: {y: 1}}\n");
        assert_eq!(places(&told), ["n", "k.y"], "{told:?}");
    }

    #[test]
    fn nesting_is_that_of_json() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(
            Documents::yaml(nested(64).as_bytes()).is_ok() && Documents::yaml(nested(65).as_bytes()).is_err()
        );
        let aliased = |depth: usize| format!("a: &a {}\nb: [[[*a]]]\n", nested(depth));
        assert!(
            Documents::yaml(aliased(60).as_bytes()).is_ok()
                && Documents::yaml(aliased(61).as_bytes()).is_err()
        );
    }
}
