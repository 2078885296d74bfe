//! Reading a JSON value member by member: what is unknown is refused, and every problem names its place.

use core::fmt;

use serde_json::Value;

use crate::base::base64url;
use crate::base::json::Object;
use crate::config::member_place;
use crate::http::characters::is_token;

/// What is wrong with a value, and where in the document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    at: String,
    problem: String,
}

impl Wrong {
    /// A problem of the value itself.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { at: String::new(), problem: problem.into() }
    }

    /// The same problem, seen from the object in which the value stands under `name`.
    #[must_use]
    pub fn inside(self, name: &str) -> Self {
        self.below(&member_place("", name))
    }

    /// The same problem, seen from the array in which the value stands at `index`.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.below(&format!("[{index}]"))
    }

    fn below(self, step: &str) -> Self {
        let dot = if self.at.is_empty() || self.at.starts_with('[') { "" } else { "." };
        Self { at: format!("{step}{dot}{}", self.at), problem: self.problem }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.at, self.problem)
        }
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub struct Members<'v>(&'v Object);

impl<'v> Members<'v> {
    /// The members of `value`, all of which must be among `known`.
    ///
    /// # Errors
    /// When `value` is not an object, or has a member of another name.
    pub fn of(value: &'v Value, known: &[&str]) -> Result<Self, Wrong> {
        let object = object(value)?;
        let unknown = object.keys().find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(Self(object)), |name| {
            Err(Wrong::new(format!("unknown: write one of {}", known.join(", "))).inside(name))
        })
    }

    /// The member `name`, whatever it is.
    pub fn get(self, name: &str) -> Option<&'v Value> {
        self.0.get(name)
    }

    /// The member `name` as `read` reads it; `None` where it is absent or null.
    ///
    /// # Errors
    /// What `read` says, with the place.
    pub fn read<T>(
        self,
        name: &str,
        read: impl FnOnce(&'v Value) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        let value = self.0.get(name).filter(|value| !value.is_null());
        value.map(read).transpose().map_err(|wrong| wrong.inside(name))
    }

    /// As [`Self::read`], for a member that must be there.
    ///
    /// # Errors
    /// As [`Self::read`], and when the member is absent.
    pub fn need<T>(self, name: &str, read: impl FnOnce(&'v Value) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.read(name, read)?.ok_or_else(|| Wrong::new("is missing").inside(name))
    }

    /// As [`Self::read`], for a member of which an explicit null means something.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_or_null<T>(
        self,
        name: &str,
        read: impl FnOnce(&'v Value) -> Result<T, Wrong>,
    ) -> Result<Option<Option<T>>, Wrong> {
        let read = self.read(name, read)?;
        Ok(if self.0.contains_key(name) { Some(read) } else { None })
    }
}

/// The value as an object.
///
/// # Errors
/// When it is not one.
pub fn object(value: &Value) -> Result<&Object, Wrong> {
    value.as_object().ok_or_else(|| expected("an object", value))
}

/// The value as a text.
///
/// # Errors
/// When it is not one.
pub fn text(value: &Value) -> Result<&str, Wrong> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// The value as a text of one's own.
///
/// # Errors
/// When it is not a text.
pub fn owned(value: &Value) -> Result<String, Wrong> {
    text(value).map(str::to_owned)
}

/// The value as true or false.
///
/// # Errors
/// When it is neither.
pub fn boolean(value: &Value) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// The value as a number that is not negative and whole.
///
/// # Errors
/// When it is not one.
pub fn whole(value: &Value) -> Result<u64, Wrong> {
    value.as_u64().ok_or_else(|| expected("a whole number", value))
}

/// The value as a status code.
///
/// # Errors
/// When it is not a number from 100 to 599.
pub fn status(value: &Value) -> Result<u16, Wrong> {
    let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
    status
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| Wrong::new("is not a status code: write a number from 100 to 599"))
}

/// Every member of an array, as `read` reads it.
///
/// # Errors
/// When the value is not an array, and what `read` says, with the place.
pub fn list<'v, T>(
    value: &'v Value,
    mut read: impl FnMut(&'v Value) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let items = value.as_array().ok_or_else(|| expected("a list", value))?;
    let read = |(index, item)| read(item).map_err(|wrong| wrong.at_index(index));
    items.iter().enumerate().map(read).collect()
}

/// Every member of an object with its name, as `read` reads it.
///
/// # Errors
/// When the value is not an object, and what `read` says, with the place.
pub fn table<'v, T>(
    value: &'v Value,
    mut read: impl FnMut(&'v str, &'v Value) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let read = |(name, item): (&'v String, &'v Value)| read(name, item).map_err(|wrong| wrong.inside(name));
    object(value)?.iter().map(read).collect()
}

/// A text, or bytes that are none: `{"base64": "…"}`.
///
/// # Errors
/// When the value is neither.
pub fn bytes(value: &Value) -> Result<Vec<u8>, Wrong> {
    if let Some(text) = value.as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if !value.is_object() {
        return Err(expected("a string or {\"base64\": …}", value));
    }
    Members::of(value, &["base64"])?.need("base64", |value| {
        base64url::decode_standard(text(value)?)
            .ok_or_else(|| Wrong::new("is not base64 (RFC 4648 section 4, padded)"))
    })
}

/// Header fields, a list of `[name, value]` pairs; names become lower case.
///
/// # Errors
/// When the value is not such a list, or a name is none.
pub fn fields(value: &Value) -> Result<Vec<(String, Vec<u8>)>, Wrong> {
    list(value, |pair| match pair.as_array().map(Vec::as_slice) {
        Some([name, value]) => Ok((
            field_name(name).map_err(|wrong| wrong.at_index(0))?,
            bytes(value).map_err(|wrong| wrong.at_index(1))?,
        )),
        _ => Err(expected("a pair [name, value]", pair)),
    })
}

/// The name of a header field in lower case.
///
/// # Errors
/// When the value is no text or not a token (RFC 9110 section 5.6.2).
pub fn field_name(value: &Value) -> Result<String, Wrong> {
    let name = text(value)?;
    if !is_token(name) {
        return Err(Wrong::new("is not the name of a header field"));
    }
    Ok(name.to_ascii_lowercase())
}

/// That `value` is not what was asked for; its kind is told, the value itself is not.
pub fn expected(what: &str, value: &Value) -> Wrong {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Wrong::new(format!("is {found}: write {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_names_its_place() {
        let value = json!({"a": {"b": [["x", "y"], ["x", 1]]}});
        let inner = |value| Members::of(value, &["b"])?.need("b", fields);
        let problem = Members::of(&value, &["a"]).and_then(|members| members.need("a", inner)).unwrap_err();
        assert_eq!(problem.to_string(), "a.b[1][1]: is a number: write a string or {\"base64\": …}");
    }

    #[test]
    fn unknown_members_are_refused() {
        let wrong = Members::of(&json!({"c": 1}), &["a", "b"]).err().unwrap();
        assert_eq!(wrong.to_string(), "c: unknown: write one of a, b");
    }

    #[test]
    fn bytes_may_be_base64() {
        assert_eq!(bytes(&json!("caf\u{e9}")).unwrap(), "caf\u{e9}".as_bytes());
        assert_eq!(bytes(&json!({"base64": "/wA="})).unwrap(), [0xff, 0]);
        for value in [json!({"base64": "/wA"}), json!({"base64": 1}), json!({}), json!(1)] {
            assert!(bytes(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn field_names_are_checked_and_made_lower_case() {
        assert_eq!(fields(&json!([["X-A", "b"]])).unwrap(), [("x-a".to_owned(), b"b".to_vec())]);
        for pair in [json!([":method", "x"]), json!(["", "x"]), json!(["a b", "x"]), json!(["a"]), json!("a")]
        {
            assert!(fields(&json!([pair])).is_err(), "{pair}");
        }
    }

    #[test]
    fn an_explicit_null_can_mean_something() {
        let value = json!({"a": null, "b": "x"});
        let members = Members::of(&value, &["a", "b", "c"]).unwrap();
        assert_eq!(members.read_or_null("a", owned), Ok(Some(None)));
        assert_eq!(members.read_or_null("b", owned), Ok(Some(Some("x".to_owned()))));
        assert_eq!(members.read_or_null("c", owned), Ok(None));
        assert_eq!(members.read("a", owned), Ok(None));
    }
}
