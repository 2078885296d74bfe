//! What the answers of all dialects have in common, read in one way.

use core::time::Duration;

use serde_json::Value;

use super::Silence;
use crate::base::json::{self, Object};
use crate::base::time::UnixTime;
use crate::http::message::Answer;

/// The answer has a status that the protocol gives no meaning.
pub(super) const STATUS: Silence =
    Silence::Misbehaved("its answer has a status that the protocol does not have");

/// The JSON object in an answer, whatever its status; its own members that are `null` are there still.
pub(super) fn object(answer: &Answer<'_>) -> Result<Object, Silence> {
    if !answer.is_json() {
        return Err(Silence::Misbehaved("its answer is not declared as application/json, nor as any +json"));
    }
    json::object_with_nulls(answer.body).map_err(|_| Silence::Misbehaved("its answer is not a JSON object"))
}

/// The `error` of an error response (RFC 6749 section 5.2).
pub(super) fn error(answer: &Answer<'_>) -> Result<String, Silence> {
    match object(answer)?.remove("error") {
        Some(Value::String(error)) => Ok(error),
        _ => Err(Silence::Misbehaved("its answer is an error without `error`")),
    }
}

/// `expires_in` (RFC 6749 section 5.1) in seconds, fractions allowed; may be negative.
pub(super) fn expires_in(members: &Object) -> Result<Option<f64>, Silence> {
    let Some(value) = members.get("expires_in").filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_f64().filter(|seconds| UnixTime::from_numeric_date(*seconds).is_some()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(malformed("expires_in")),
    }
}

/// The member `name` cannot be read.
pub(super) fn malformed(name: &str) -> Silence {
    Silence::Malformed(name.to_owned())
}

/// `expires_in` as a span of time.
pub(super) fn lifetime(members: &Object) -> Result<Option<Duration>, Silence> {
    let span = |seconds| Duration::try_from_secs_f64(seconds).map_err(|_| malformed("expires_in"));
    expires_in(members)?.map(span).transpose()
}

/// The first of `names` that is text and not empty.
pub(super) fn first_text(members: &Object, names: &[&str]) -> Option<String> {
    let text = |name: &&str| members.get(*name).and_then(Value::as_str).filter(|text| !text.is_empty());
    names.iter().find_map(text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::examples::object;
    use super::*;
    use serde_json::json;

    #[test]
    fn expires_in_is_a_number_of_seconds() {
        let read = |value: Value| lifetime(&object(json!({"expires_in": value})));
        assert_eq!(read(json!(1.5)), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(read(json!(0)), Ok(Some(Duration::ZERO)));
        assert_eq!(read(json!(null)), Ok(None));
        assert_eq!(lifetime(&Object::new()), Ok(None));
        for bad in [json!(-1), json!("60"), json!(true), json!([60]), json!(1e300), json!(u64::MAX)] {
            assert_eq!(read(bad.clone()), Err(malformed("expires_in")), "{bad}");
        }
    }
}
