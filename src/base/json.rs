//! JSON that came from outside, read once and within bounds.
//!
//! A second member of the same name is refused at any depth (two readers would see two documents), and so are
//! nesting beyond [`MAX_DEPTH`] and trailing text. RFC 8259 section 4, RFC 7515 section 4.

use core::fmt;
use std::collections::BTreeSet;

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
    read(bytes, Strict { depth: 0 })
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

/// The members of an object in the order of the text, each once. For an object of a few members, of which some are
/// looked up once: a table would take longer to build.
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads `bytes` as one JSON object.
    ///
    /// # Errors
    /// As [`object`].
    pub fn read(bytes: &[u8]) -> Result<Self, JsonFault> {
        read(bytes, Listed)
    }

    /// The value of the member `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The value of the member `name`, taken out; `null` stays in its place.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value.take())
    }

    fn has_duplicates(&self) -> bool {
        let mut seen = BTreeSet::new();
        !self.0.iter().all(|(name, _)| seen.insert(name.as_str()))
    }
}

fn read<'t, S: DeserializeSeed<'t>>(bytes: &'t [u8], seed: S) -> Result<S::Value, JsonFault> {
    // As a whole: string by string would take longer.
    let text =
        core::str::from_utf8(bytes).map_err(|fault| JsonFault::not_text(bytes, fault.valid_up_to()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(JsonFault::from)?;
    deserializer.end().map_err(JsonFault::from)?;
    Ok(value)
}

/// Why a text is not the JSON that was asked for. Shows the place, never the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonFault {
    line: usize,
    column: usize,
    problem: &'static str,
}

impl JsonFault {
    /// `bytes` are UTF-8 only up to `end`.
    fn not_text(bytes: &[u8], end: usize) -> Self {
        let good = bytes.get(..end).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = good.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        Self { line, column, problem: "not UTF-8" }
    }
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

/// Room for the claims of most tokens.
const USUAL_MEMBERS: usize = 12;

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
        let mut object = Object::with_capacity(if self.depth == 0 { USUAL_MEMBERS } else { 0 });
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
    }
}

struct Listed;

impl<'de> DeserializeSeed<'de> for Listed {
    type Value = Members;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Listed {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let mut list = Members(Vec::with_capacity(4));
        while let Some(name) = members.next_key()? {
            list.0.push((name, members.next_value_seed(Strict { depth: 1 })?));
        }
        if list.has_duplicates() { Err(A::Error::custom(DUPLICATE)) } else { Ok(list) }
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
            assert_eq!(Members::read(text).map(drop).unwrap_err().problem, DUPLICATE);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(value(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(value(&nested(MAX_DEPTH + 1)).unwrap_err().problem, TOO_DEEP);
        assert!(value(&b"[".repeat(1_000_000)).is_err());
        let inside = |depth: usize| [b"{\"a\":", &nested(depth)[..], b"}"].concat();
        assert!(object(&inside(MAX_DEPTH - 1)).is_ok() && Members::read(&inside(MAX_DEPTH - 1)).is_ok());
        assert!(object(&inside(MAX_DEPTH)).is_err() && Members::read(&inside(MAX_DEPTH)).is_err());
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
            assert!(object(text).is_err() && Members::read(text).is_err());
        }
    }

    #[test]
    fn a_member_that_stands_twice_among_many_is_refused() {
        for count in [2, 16, 17, 3000] {
            let named = |name: usize| format!("\"{name}\":0");
            let names: Vec<String> = (0..count).map(named).collect();
            let text = |last: usize| format!("{{{},{}}}", names.join(","), named(last));
            assert!(Members::read(text(count).as_bytes()).is_ok(), "{count}");
            for last in [0, count / 2, count - 1] {
                assert!(Members::read(text(last).as_bytes()).is_err(), "{last} of {count}");
            }
        }
    }

    #[test]
    fn members_are_found_by_their_names() {
        let mut members = Members::read(br#"{"a":1,"\u0062":{"c":2}}"#).unwrap();
        assert_eq!((members.get("a"), members.get("c")), (Some(&1.into()), None));
        assert_eq!(members.take("b"), Some(serde_json::json!({"c": 2})));
    }

    #[test]
    fn a_fault_tells_its_place() {
        let place = |text: &[u8]| object(text).map(drop).unwrap_err().to_string();
        assert_eq!(place(b"{\n \"a\": \"\xff\"}"), "not UTF-8 (line 2, column 8)");
        assert_eq!(place(b"{\n \"a\": }"), "not JSON (line 2, column 7)");
    }

    #[test]
    fn the_fault_does_not_quote_the_text() {
        let fault = object(br#"{"password":hunter2}"#).unwrap_err().to_string();
        assert!(!fault.contains("hunter") && fault.contains("line 1"), "{fault}");
    }
}
