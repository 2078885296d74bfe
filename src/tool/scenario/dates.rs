//! Dates relative to now: `{in: 5m}` and `{ago: 5m}`.

use serde_json::{Value, json};

use crate::base::time::UnixTime;
use crate::document::Node;
use crate::document::values::duration;

/// What is written at `node`, with a NumericDate for every `{in: D}` and `{ago: D}`.
pub(in crate::tool) fn resolve(node: &Node<'_>, now: UnixTime) -> Option<Value> {
    if shift(node).is_some() {
        return moment(node, now).map(numeric_date);
    }
    match node.value() {
        Value::Object(_) => {
            let entries = node.entries("an object")?.into_iter();
            let resolve = |(name, node): (&str, Node<'_>)| Some((name.to_owned(), resolve(&node, now)?));
            Some(Value::Object(entries.filter_map(resolve).collect()))
        }
        Value::Array(_) => Some(node.items("a list")?.iter().filter_map(|node| resolve(node, now)).collect()),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(value.clone()),
    }
}

/// The point in time that `{in: D}` or `{ago: D}` means.
pub(super) fn moment(node: &Node<'_>, now: UnixTime) -> Option<UnixTime> {
    match shift(node) {
        Some(("in", span)) => duration(&span).map(|span| now.plus(span)),
        Some((_, span)) => duration(&span).map(|span| now.minus(span)),
        None => node.refused("is not a time", "write {in: 5m} or {ago: 5m}"),
    }
}

/// The one member of `{in: D}` or `{ago: D}`.
fn shift<'d>(node: &Node<'d>) -> Option<(&'d str, Node<'d>)> {
    node.value().as_object().filter(|object| object.len() == 1)?;
    node.entries("an object")?.pop().filter(|(name, _)| matches!(*name, "in" | "ago"))
}

fn numeric_date(at: UnixTime) -> Value {
    let milliseconds = at.as_millis();
    if milliseconds % 1000 == 0 { json!(at.as_secs()) } else { json!(milliseconds as f64 / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn resolved(value: &Value) -> Result<Value, String> {
        let read = document::read("value", value, |node| resolve(node, UnixTime::from_secs(1000)));
        read.map_err(|found| found[0].to_string())
    }

    #[test]
    fn dates_are_relative_to_now_at_any_depth() {
        let value =
            json!({"exp": {"in": "5m"}, "a": [{"ago": "1s"}, {"x": {"in": "500ms"}}], "in": "5m", "b": 1});
        let expected = json!({"exp": 1300, "a": [999, {"x": 1000.5}], "in": "5m", "b": 1});
        assert_eq!(resolved(&value).unwrap(), expected);
    }

    #[test]
    fn a_wrong_span_names_its_place() {
        let wrong = resolved(&json!({"a": [{"in": 5}]})).unwrap_err();
        assert!(wrong.starts_with("a[0].in: is a number: write a duration like "), "{wrong}");
    }
}
