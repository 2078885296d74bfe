//! JSON that came from outside, read once and within bounds.
//!
//! A second member of the same name is refused at any depth (two readers would see two documents), and so are
//! nesting beyond [`MAX_DEPTH`] and trailing text. RFC 8259 section 4, RFC 7515 section 4.
//!
//! In what clients and issuers say, a member that is `null` is absent: many serializers write a member that has no
//! value in this way. Whoever reads an [`object`] or [`Members`] never meets such a member.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeSet;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many arrays and objects may stand inside each other.
pub const MAX_DEPTH: usize = 64;

/// A JSON object; members in the order of the text.
pub type Object = Map<String, Value>;

/// Reads `bytes` as one JSON value, with every `null` in its place.
///
/// # Errors
/// What is wrong and where (line and column), without any of the text itself.
pub fn value(bytes: &[u8]) -> Result<Value, JsonFault> {
    read(bytes, Strict { depth: 0, rules: &Rules::new(Nulls::Stay) })
}

/// Reads `bytes` as one JSON object; members that are `null` are absent, at any depth.
///
/// # Errors
/// As [`value`], and for any value that is not an object.
pub fn object(bytes: &[u8]) -> Result<Object, JsonFault> {
    match read(bytes, Strict { depth: 0, rules: &Rules::new(Nulls::AreAbsent) })? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonFault { line: 1, column: 1, problem: "not a JSON object" })
        }
    }
}

/// Reads `bytes` as [`object`] does, with a list in the member `list`, where it has one. An element of that list in
/// which a member stands twice, at any depth, is `null` and spoils no other element.
///
/// # Errors
/// As [`object`], and where `list` is not a list.
pub fn object_with_list(bytes: &[u8], list: &str) -> Result<Object, JsonFault> {
    read(bytes, WithList { list, rules: &Rules::new(Nulls::AreAbsent) })
}

/// Reads `bytes` as [`object`] does, except that members of the object itself that are `null` stay: for whoever has to
/// know what is said to be absent.
///
/// # Errors
/// As [`object`].
pub fn object_with_nulls(bytes: &[u8]) -> Result<Object, JsonFault> {
    match value(bytes)? {
        Value::Object(mut object) => {
            object.values_mut().for_each(drop_nulls);
            Ok(object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonFault { line: 1, column: 1, problem: "not a JSON object" })
        }
    }
}

/// Takes every member out of `value` that is `null`, at any depth; no deeper than values are read.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        Value::Array(members) => members.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The members of an object in the order of the text, each once, without those that are `null`. For an object of a few
/// members, of which some are looked up once: a table would take longer to build.
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

/// What becomes of a member that is `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Stay,
    AreAbsent,
}

/// How one document is read.
struct Rules {
    nulls: Nulls,
    /// Whether a member that stands twice is noted rather than refused.
    notes_twice: Cell<bool>,
    /// Whether one was noted.
    twice: Cell<bool>,
}

impl Rules {
    const fn new(nulls: Nulls) -> Self {
        Self { nulls, notes_twice: Cell::new(false), twice: Cell::new(false) }
    }

    /// A member stands twice.
    #[cold]
    fn twice<E: Error>(&self) -> Result<(), E> {
        self.twice.set(true);
        if self.notes_twice.get() { Ok(()) } else { Err(E::custom(DUPLICATE)) }
    }
}

#[derive(Clone, Copy)]
struct Strict<'r> {
    depth: usize,
    rules: &'r Rules,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH {
            Ok(Self { depth: self.depth + 1, ..self })
        } else {
            Err(E::custom(TOO_DEEP))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
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
        let mut nulls = false;
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            nulls |= value.is_null();
            if object.insert(name, value).is_some() {
                self.rules.twice()?;
            }
        }
        // Only now: a member that is `null` may still stand twice.
        if nulls && self.rules.nulls == Nulls::AreAbsent {
            object.retain(|_, value| !value.is_null());
        }
        Ok(Value::Object(object))
    }
}

/// An object with a list of which no element spoils another.
struct WithList<'r> {
    list: &'r str,
    rules: &'r Rules,
}

impl<'de> DeserializeSeed<'de> for WithList<'_> {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WithList<'_> {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
        let mut object = Object::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = if name == self.list {
                members.next_value_seed(Elements(self.rules))?
            } else {
                members.next_value_seed(Strict { depth: 1, rules: self.rules })?
            };
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(DUPLICATE));
            }
            if !value.is_null() {
                object.insert(name, value);
            }
        }
        Ok(object)
    }
}

/// The list in such an object.
struct Elements<'r>(&'r Rules);

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let Self(rules) = self;
        let mut array = Vec::new();
        rules.notes_twice.set(true);
        while let Some(value) = members.next_element_seed(Strict { depth: 2, rules })? {
            array.push(if rules.twice.take() { Value::Null } else { value });
        }
        rules.notes_twice.set(false);
        Ok(Value::Array(array))
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
        let rules = Rules::new(Nulls::AreAbsent);
        let mut list = Members(Vec::with_capacity(4));
        while let Some(name) = members.next_key()? {
            list.0.push((name, members.next_value_seed(Strict { depth: 1, rules: &rules })?));
        }
        if list.has_duplicates() {
            return Err(A::Error::custom(DUPLICATE));
        }
        list.0.retain(|(_, value)| !value.is_null());
        Ok(list)
    }
}

#[cfg(test)]
mod tests;
