//! Both forms of a configuration are told apart, whatever is in them.

use super::*;
use serde_json::json;

fn varint_of(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &varint_of(bytes.len())[..], bytes].concat()
}

fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    bytes_field(1, &[bytes_field(1, name.as_bytes()), bytes_field(2, value)].concat())
}

fn text(value: &str) -> Vec<u8> {
    bytes_field(3, value.as_bytes())
}

#[test]
fn json_is_read_and_what_is_wrong_with_it_is_told() {
    for (text, expected) in [
        (&b" {\"a\": 1}"[..], json!({"a": 1})),
        (b"\n{\"a\": \"\\u0012\"}", json!({"a": "\u{12}"})),
        (b"{}", json!({})),
    ] {
        assert_eq!(document(text), Ok(expected));
    }
    for (text, problem) in [
        (&b"\n\t \r{"[..], "ends too early (line 2, column 4)"),
        (b"{\"a\": 1, \"a\": 2}", "a member stands twice (line 1, column 16)"),
        (b"{} {}", "not JSON (line 1, column 4)"),
    ] {
        let told = format!("policy: {problem}: write one JSON object in which no key stands twice");
        assert_eq!(document(text), Err(told));
    }
}

/// A policy has the same bound in either form.
#[test]
fn what_is_nested_too_deeply_is_refused_in_both_forms() {
    let list_of = |value: &[u8]| bytes_field(6, &bytes_field(1, value));
    let object_of = |value: &[u8]| bytes_field(5, &entry("a", value));
    let nested = |depth: usize, list: bool| {
        let inner =
            (1..depth).fold(text("x"), |value, _| if list { list_of(&value) } else { object_of(&value) });
        entry("a", &inner)
    };
    for list in [false, true] {
        assert!(document(&nested(MAX_DEPTH + 1, list)).is_err(), "{list}");
        let read = document(&nested(MAX_DEPTH, list)).unwrap().to_string();
        assert!(document(read.as_bytes()).is_ok());
        let deeper = format!("{{\"a\":{read}}}");
        assert!(document(deeper.as_bytes()).unwrap_err().contains("nested too deeply"));
    }
}

#[test]
fn a_struct_becomes_the_json_that_was_written() {
    let double = |value: f64| [&[2 << 3 | 1][..], &value.to_le_bytes()].concat();
    let list = bytes_field(6, &[bytes_field(1, &double(600.0)), bytes_field(1, &text("x"))].concat());
    let message = [
        entry("b", &double(0.5)),
        entry("a", &bytes_field(5, &entry("list", &list))),
        entry("t", &[4 << 3, 1]),
        entry("n", &[1 << 3, 0]),
    ]
    .concat();
    let read = document(&message).unwrap().to_string();
    let written = r#"{"a":{"list":[600,"x"]},"b":0.5,"n":null,"t":true}"#;
    assert_eq!(read, written);
}

/// Lengths that begin like JSON (`7B` is `{`; `09`, `0A`, `0D` and `20` are blank), and where a length takes a byte more.
#[test]
fn a_struct_is_read_whatever_the_length_of_its_first_member_and_the_order_of_the_others() {
    let lengths = (0..=300).chain(16_366..=16_386);
    for length in lengths {
        // Names and texts that a reader of JSON would like to see.
        for fill in if length > 300 { &["{"][..] } else { &["{", "\n", "x"] } {
            let filled = fill.repeat(length);
            let members = [("{", "\"a\": 1}"), ("value", &filled), (&filled, "{}"), ("\n", "\t")];
            let expected = json!({"{": "\"a\": 1}", "value": filled, (filled.clone()): "{}", "\n": "\t"});
            if length == 1 && expected.as_object().map_or(0, Map::len) < members.len() {
                continue;
            }
            for first in 0..members.len() {
                let mut ordered = members.to_vec();
                ordered.rotate_left(first);
                let message: Vec<u8> =
                    ordered.iter().flat_map(|(name, value)| entry(name, &text(value))).collect();
                assert_eq!(document(&message).unwrap(), expected, "{fill:?} {length} {first}");
            }
        }
    }
}

#[test]
fn a_struct_that_begins_like_json_is_none() {
    let message = entry("a", &text(&"x".repeat(123 - 7)));
    assert!(
        message.starts_with(b"\n{") && document(&message).unwrap()["a"].as_str().unwrap().starts_with("xxx")
    );
    // An entry of white space whose name is the beginning of an object.
    let message = entry("{\"a\":\"b c", &text(&"x".repeat(32 - 15)));
    assert!(message.starts_with(b"\n \n\t{") && document(&message).is_ok());
}

#[test]
fn nothing_is_both_json_and_a_struct() {
    // Each value of an entry has this byte before it, and no JSON has it anywhere.
    for text in [&b"{\"a\": \"\x12\"}"[..], b"{\x12}", b"\x12{}", b"{}\x12"] {
        assert!(serde_json::from_slice::<Value>(text).is_err() && document(text).is_err());
    }
    let without_value = bytes_field(1, &bytes_field(1, b"a"));
    assert_eq!(document(&without_value), Err(NEITHER.to_owned()));
    assert_eq!(document(&[entry("b", &text("")), without_value].concat()), Err(NEITHER.to_owned()));
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    assert!(document(&[entry("a", &text("b")), entry("c", &text("b"))].concat()).is_ok());
    assert_eq!(document(&[entry("a", &text("b")), entry("a", &text("b"))].concat()), Err(NEITHER.to_owned()));
    let twice = [bytes_field(1, b"a"), bytes_field(2, &text("b")), bytes_field(2, &text("b"))].concat();
    assert_eq!(document(&bytes_field(1, &twice)), Err(NEITHER.to_owned()));
}

#[test]
fn what_is_neither_is_refused_wherever_it_is_cut() {
    let message = entry("a", &text("text"));
    for end in 1..message.len() {
        assert!(document(&message[..end]).is_err(), "{end}");
    }
    assert!(document(b"").is_err() && document(b"  ").is_err() && document(b"issuers: {}").is_err());
}
