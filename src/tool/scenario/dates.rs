//! Dates relative to now: `{in: 5m}` and `{ago: 5m}`.

use core::time::Duration;

use serde_json::{Value, json};

use crate::base::duration;
use crate::base::time::UnixTime;
use crate::tool::members::{self, Wrong};

/// Replaces every `{in: D}` and `{ago: D}` in `value` by a NumericDate.
pub(in crate::tool) fn resolve(value: &Value, now: UnixTime) -> Result<Value, Wrong> {
    match value {
        Value::Object(object) => match moment(value, now)? {
            Some(at) => Ok(numeric_date(at)),
            None => {
                let resolve = |(name, value): (&String, &Value)| {
                    let value = resolve(value, now).map_err(|wrong| wrong.inside(name))?;
                    Ok((name.clone(), value))
                };
                object.iter().map(resolve).collect::<Result<_, _>>().map(Value::Object)
            }
        },
        Value::Array(_) => members::list(value, |item| resolve(item, now)).map(Value::Array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
    }
}

/// The time that `{in: D}` or `{ago: D}` means; `None` when `value` is neither.
pub(super) fn moment(value: &Value, now: UnixTime) -> Result<Option<UnixTime>, Wrong> {
    let Some(object) = value.as_object().filter(|object| object.len() == 1) else { return Ok(None) };
    let span = |name: &str| {
        let value = object.get(name)?;
        Some(self::span(value).map_err(|wrong| wrong.inside(name)))
    };
    match (span("in"), span("ago")) {
        (Some(span), _) => span.map(|span| Some(now.plus(span))),
        (None, Some(span)) => span.map(|span| Some(now.minus(span))),
        (None, None) => Ok(None),
    }
}

/// A span such as `500ms`, `30s`, `5m`, `1h` or `2d`.
pub(super) fn span(value: &Value) -> Result<Duration, Wrong> {
    duration::parse(members::text(value)?)
        .ok_or_else(|| Wrong::new(format!("is not a span of time: write it like {}", duration::EXAMPLES)))
}

fn numeric_date(at: UnixTime) -> Value {
    let milliseconds = at.as_millis();
    if milliseconds % 1000 == 0 { json!(at.as_secs()) } else { json!(milliseconds as f64 / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_relative_to_now_at_any_depth() {
        let now = UnixTime::from_secs(1000);
        let value =
            json!({"exp": {"in": "5m"}, "a": [{"ago": "1s"}, {"x": {"in": "500ms"}}], "in": "5m", "b": 1});
        let expected = json!({"exp": 1300, "a": [999, {"x": 1000.5}], "in": "5m", "b": 1});
        assert_eq!(resolve(&value, now).unwrap(), expected);
    }

    #[test]
    fn a_wrong_span_names_its_place() {
        let wrong = resolve(&json!({"a": [{"in": 5}]}), UnixTime::from_secs(0)).unwrap_err();
        assert_eq!(wrong.to_string(), "a[0].in: is a number: write a string");
    }
}
