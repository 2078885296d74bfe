//! Values of requests and replies, as the tool's files have them.

use serde_json::Value;

use crate::base::base64url;
use crate::base::time::UnixTime;
use crate::document::values::number;
use crate::document::{Diagnostic, Node};
use crate::http::characters::is_token;

/// All of `found` in one line.
pub(super) fn in_one_line(found: &[Diagnostic]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A text of one's own, which may be empty.
pub(super) fn owned(node: &Node<'_>) -> Option<String> {
    node.string().map(str::to_owned)
}

/// A point in time, in seconds since 1970.
pub(super) fn time(node: &Node<'_>) -> Option<UnixTime> {
    const WHAT: &str = "seconds since 1970";
    let Some(seconds) = node.value().as_f64() else { return node.wrong_type(WHAT) };
    UnixTime::from_numeric_date(seconds).or_else(|| node.refused("is no time", format!("write {WHAT}")))
}

/// A status code.
pub(super) fn status(node: &Node<'_>) -> Option<u16> {
    number(node, 100..=599).and_then(|status| u16::try_from(status).ok())
}

/// A text, or bytes that are none: `{"base64": "…"}`.
pub(super) fn bytes(node: &Node<'_>) -> Option<Vec<u8>> {
    if let Some(text) = node.value().as_str() {
        return Some(text.as_bytes().to_vec());
    }
    if !node.value().is_object() {
        return node.wrong_type("a string or {\"base64\": …}");
    }
    let node = node.members(&["base64"])?.need("base64", "bytes in base64")?;
    base64url::decode_standard(node.string()?)
        .or_else(|| node.refused("is not base64", "write it as RFC 4648 section 4 says, padded"))
}

/// Header fields, a list of `[name, value]` pairs; names become lower case.
pub(super) fn fields(node: &Node<'_>) -> Option<Vec<(String, Vec<u8>)>> {
    const PAIR: &str = "a pair [name, value]";
    let field = |node: Node<'_>| {
        let pair = node.items(PAIR)?;
        let [name, value] = pair.as_slice() else {
            return node.refused("is no pair", format!("write {PAIR}"));
        };
        let (name, value) = (name.string().and_then(|text| field_name(name, text)), bytes(value));
        Some((name?, value?))
    };
    Some(node.items("a list of pairs [name, value]")?.into_iter().filter_map(field).collect())
}

/// `name`, which is written at `node`, as the name of a header field in lower case (RFC 9110 section 5.1).
pub(super) fn field_name(node: &Node<'_>, name: &str) -> Option<String> {
    if !is_token(name) {
        return node.refused("is not the name of a header field", "write a name like x-request-id");
    }
    Some(name.to_ascii_lowercase())
}

/// An object, which was made of the one at `node`.
pub(super) fn object(node: &Node<'_>, value: Value) -> Option<crate::base::json::Object> {
    match value {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            node.with(&value).wrong_type("an object")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use serde_json::json;

    fn read<T>(value: &Value, read: fn(&Node<'_>) -> Option<T>) -> Result<T, String> {
        document::read("value", value, read).map_err(|found| in_one_line(&found))
    }

    #[test]
    fn bytes_may_be_base64() {
        assert_eq!(read(&json!("caf\u{e9}"), bytes).unwrap(), "caf\u{e9}".as_bytes());
        assert_eq!(read(&json!({"base64": "/wA="}), bytes).unwrap(), [0xff, 0]);
        for value in [json!({"base64": "/wA"}), json!({"base64": 1}), json!({}), json!(1)] {
            assert!(read(&value, bytes).is_err(), "{value}");
        }
    }

    #[test]
    fn field_names_are_checked_and_made_lower_case() {
        assert_eq!(read(&json!([["X-A", "b"]]), fields).unwrap(), [("x-a".to_owned(), b"b".to_vec())]);
        for pair in [json!([":method", "x"]), json!(["", "x"]), json!(["a b", "x"]), json!(["a"]), json!("a")]
        {
            assert!(read(&json!([pair]), fields).is_err(), "{pair}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let wrong = json!([["x", "y"], ["x", 1], ["a b", {"base64": "?"}]]);
        let found = document::read("value", &wrong, fields).unwrap_err();
        let places: Vec<_> = found.iter().map(|found| found.at.as_str()).collect();
        assert_eq!(places, ["[1][1]", "[2][0]", "[2][1].base64"]);
        assert_eq!(found[0].to_string(), "[1][1]: is a number: write a string or {\"base64\": …}");
    }
}
