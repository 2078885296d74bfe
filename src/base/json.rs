//! JSON that came from outside, read once and within bounds.
//!
//! A second member of the same name is refused at any depth (two readers would see two documents), and so are
//! nesting beyond [`MAX_DEPTH`] and trailing text. RFC 8259 section 4, RFC 7515 section 4.

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many arrays and objects may stand inside each other.
pub const MAX_DEPTH: usize = 64;

/// A JSON object; members in the order of the text.
pub type Object = Map<String, Value>;

/// Reads `bytes` as one JSON value.
///
/// # Errors
/// What is wrong and where (line and column), without any of the text itself.
pub fn value(bytes: &[u8]) -> Result<Value, JsonFault> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer).map_err(JsonFault::from)?;
    deserializer.end().map_err(JsonFault::from)?;
    Ok(value)
}

/// Reads `bytes` as one JSON object.
///
/// # Errors
/// As [`value`], and for any value that is not an object.
pub fn object(bytes: &[u8]) -> Result<Object, JsonFault> {
    match value(bytes)? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonFault { line: 1, column: 1, problem: "not a JSON object" })
        }
    }
}

/// Why a text is not the JSON that was asked for. Shows the place, never the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonFault {
    line: usize,
    column: usize,
    problem: &'static str,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        // serde_json's message may quote the input; only our own two sentences and the category are kept.
        let text = error.to_string();
        let problem = if text.starts_with(DUPLICATE) {
            DUPLICATE
        } else if text.starts_with(TOO_DEEP) {
            TOO_DEEP
        } else if error.is_eof() {
            "ends too early"
        } else {
            "not JSON"
        };
        Self { line: error.line(), column: error.column(), problem }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.problem, self.line, self.column)
    }
}

const DUPLICATE: &str = "a member stands twice";
const TOO_DEEP: &str = "nested too deeply";

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH { Ok(Self { depth: self.depth + 1 }) } else { Err(E::custom(TOO_DEEP)) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(value) = members.next_element_seed(inner)? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        assert!(object(br#"{"a":1,"b":{"c":[{"d":1}]}}"#).is_ok());
        for text in [&br#"{"a":1,"a":1}"#[..], br#"{"b":{"c":[{"d":1,"d":2}]}}"#, br#"{"a":1,"\u0061":2}"#] {
            assert_eq!(object(text).unwrap_err().problem, DUPLICATE);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(value(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(value(&nested(MAX_DEPTH + 1)).unwrap_err().problem, TOO_DEEP);
        assert!(value(&b"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        for text in [
            &b""[..],
            b"[]",
            b"1",
            b"{}{}",
            b"{} x",
            b"{\"a\":}",
            b"{\"a\":NaN}",
            b"{\"a\":\"\xff\"}",
            b"{'a':1}",
        ] {
            assert!(object(text).is_err());
        }
    }

    #[test]
    fn the_fault_does_not_quote_the_text() {
        let fault = object(br#"{"password":hunter2}"#).unwrap_err().to_string();
        assert!(!fault.contains("hunter") && fault.contains("line 1"), "{fault}");
    }
}
