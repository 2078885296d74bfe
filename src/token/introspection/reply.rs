//! What the answers of all dialects have in common, read in one way.

use core::time::Duration;

use serde_json::Value;

use super::{Silence, Word};
use crate::base::json::{self, Object};
use crate::base::time::UnixTime;
use crate::http::message::Answer;
use crate::token::fault::TokenFault;

/// The answer is an error and none.
pub(super) const CONTRADICTION: Silence =
    Silence::Misbehaved("its answer is an error, and its status says that it is none");

/// The JSON object in an answer, whatever its status; its own members that are `null` are there still.
pub(super) fn object(answer: &Answer<'_>) -> Result<Object, Silence> {
    if !answer.is_json() {
        return Err(Silence::Misbehaved("its answer is not declared as application/json, nor as any +json"));
    }
    if answer.text("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Silence::Misbehaved("its answer is compressed, which nobody asked for"));
    }
    json::object_with_nulls(answer.body).map_err(|_| Silence::Misbehaved("its answer is not a JSON object"))
}

/// The JSON object in an answer whose status alone calls the token good. There are servers that answer 200 to everything: so
/// it must not take that back by `active` (RFC 7662 section 2.2) or as an error (RFC 6749 section 5.2), whether the protocol
/// has these or not.
///
/// # Errors
/// `Inactive` for `active: false`, else that nobody knows what it means.
pub(super) fn good(answer: &Answer<'_>) -> Result<Object, Word> {
    let members = object(answer)?;
    match members.get("active") {
        None | Some(Value::Null | Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Word::Refused(TokenFault::Inactive)),
        Some(_) => return Err(malformed("active").into()),
    }
    if ["error", "error_description"].iter().any(|name| members.get(*name).is_some_and(is_said)) {
        return Err(CONTRADICTION.into());
    }
    Ok(members)
}

/// As [`good`], of an answer that is a user's profile: an attribute may be called `active` or `error` too, and only what
/// servers write to refuse a token is no attribute.
///
/// # Errors
/// `Inactive` for `active: false`, else that nobody knows what it means.
pub(super) fn good_profile(answer: &Answer<'_>) -> Result<Object, Word> {
    let members = object(answer)?;
    if members.get("active") == Some(&Value::Bool(false)) {
        return Err(Word::Refused(TokenFault::Inactive));
    }
    if members.get("error").is_some_and(|error| error.is_object() || error.is_string() && is_said(error)) {
        return Err(CONTRADICTION.into());
    }
    Ok(members)
}

/// Whether this value of `error` or `error_description` says anything.
pub(super) fn is_said(value: &Value) -> bool {
    !(value.is_null() || *value == Value::Bool(false) || value == "")
}

/// The `error` of an error response (RFC 6749 section 5.2).
pub(super) fn error(answer: &Answer<'_>) -> Result<String, Silence> {
    match object(answer)?.remove("error") {
        Some(Value::String(error)) => Ok(error),
        _ => Err(Silence::Misbehaved("its answer is an error without `error`")),
    }
}

/// The member `name` cannot be read.
pub(super) fn malformed(name: &str) -> Silence {
    Silence::Malformed(name.to_owned())
}

/// `expires_in` (RFC 6749 section 5.1), a number of seconds, fractions allowed: nothing is left of a token for which it is
/// not positive.
pub(super) fn lifetime(members: &Object) -> Result<Option<Duration>, Silence> {
    let Some(value) = members.get("expires_in").filter(|value| !value.is_null()) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| UnixTime::from_numeric_date(*seconds).is_some());
    let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    span.map(Some).ok_or_else(|| malformed("expires_in"))
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
        for over in [json!(0), json!(-1), json!(-0.5), json!(-0.0)] {
            assert_eq!(read(over.clone()), Ok(Some(Duration::ZERO)), "{over}");
        }
        assert_eq!(read(json!(null)), Ok(None));
        assert_eq!(lifetime(&Object::new()), Ok(None));
        for bad in [json!(-1e300), json!("60"), json!(true), json!([60]), json!(1e300), json!(u64::MAX)] {
            assert_eq!(read(bad.clone()), Err(malformed("expires_in")), "{bad}");
        }
    }
}
