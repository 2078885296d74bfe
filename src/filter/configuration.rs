//! The policy document as the proxy hands it over.
//!
//! Envoy unwraps a `StringValue` or `BytesValue`, which then holds JSON, and leaves a `Struct` as it is: a serialized
//! protobuf message (`google/protobuf/struct.proto`). Nothing says which of the two came, and how the bytes begin does
//! not tell either: `0A 7B` is a line feed and a brace, and also a member of 123 bytes.
//!
//! The byte `12` tells. It is the tag of a map entry's value, and protobuf writes a value into each entry: a `Struct`
//! with members has that byte, and one without members is empty. In JSON it is a control character, which RFC 8259
//! section 2 allows nowhere. So no bytes are both.

use serde_json::{Map, Number, Value};

use super::protobuf::{Wire, fields};
use crate::base::json::MAX_DEPTH;
use crate::config;

/// The document.
///
/// # Errors
/// A sentence when it is neither JSON nor a `Struct`, has a member twice or is nested too deeply.
pub fn document(bytes: &[u8]) -> Result<Value, String> {
    if bytes.contains(&VALUE) {
        return read_struct(bytes, 1).map(Value::Object).ok_or_else(|| NEITHER.to_owned());
    }
    match bytes.trim_ascii_start().first() {
        None => Err(EMPTY.to_owned()),
        Some(b'{') => config::read_json(bytes).map_err(|error| error.to_string()),
        Some(_) => Err(NEITHER.to_owned()),
    }
}

/// The tag of the field `value` in an entry of a map: number 2, length-delimited.
const VALUE: u8 = 2 << 3 | 2;

const EMPTY: &str = "the configuration is empty: write the policy into the filter's `configuration`";

const NEITHER: &str = "the configuration is neither JSON nor a google.protobuf.Struct: write the policy into the \
                       filter's `configuration` as one or the other";

/// `message Struct { map<string, Value> fields = 1; }`, which is number `depth` of those that stand inside each other.
fn read_struct(message: &[u8], depth: usize) -> Option<Map<String, Value>> {
    let mut members = Vec::new();
    for field in fields(message) {
        let (1, Wire::Bytes(entry)) = field? else { return None };
        members.push(read_entry(entry, depth)?);
    }
    // A protobuf map has no order; one is chosen, so that the same policy always means the same.
    members.sort_by(|one, other| one.0.cmp(&other.0));
    let count = members.len();
    let object: Map<String, Value> = members.into_iter().collect();
    (object.len() == count).then_some(object)
}

/// `message FieldsEntry { string key = 1; Value value = 2; }`, both of which are always written.
fn read_entry(entry: &[u8], depth: usize) -> Option<(String, Value)> {
    let (mut name, mut value) = (None, None);
    for field in fields(entry) {
        match field? {
            (1, Wire::Bytes(text)) if name.is_none() => name = Some(string(text)?),
            (2, Wire::Bytes(message)) if value.is_none() => value = Some(read_value(message, depth)?),
            _ => return None,
        }
    }
    name.zip(value)
}

/// `message Value { oneof kind { null = 1; double = 2; string = 3; bool = 4; Struct = 5; ListValue = 6; } }`
fn read_value(message: &[u8], depth: usize) -> Option<Value> {
    let mut value = Value::Null;
    for field in fields(message) {
        value = match field? {
            (1, Wire::Varint(_)) => Value::Null,
            (2, Wire::Fixed64(bits)) => number(f64::from_bits(bits))?,
            (3, Wire::Bytes(text)) => Value::String(string(text)?),
            (4, Wire::Varint(truth)) => Value::Bool(truth != 0),
            (5 | 6, Wire::Bytes(_)) if depth >= MAX_DEPTH => return None,
            (5, Wire::Bytes(message)) => Value::Object(read_struct(message, depth + 1)?),
            (6, Wire::Bytes(message)) => {
                let values = fields(message).map(|field| match field? {
                    (1, Wire::Bytes(message)) => read_value(message, depth + 1),
                    _ => None,
                });
                Value::Array(values.collect::<Option<_>>()?)
            }
            _ => return None,
        };
    }
    Some(value)
}

/// Every number travels as a double; one that is whole was written as an integer.
fn number(double: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= EXACT {
        return Some(Value::from(double as i64));
    }
    Number::from_f64(double).map(Value::Number)
}

fn string(bytes: &[u8]) -> Option<String> {
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
