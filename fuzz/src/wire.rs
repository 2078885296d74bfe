//! The wire form of a `google.protobuf.Struct`, written from `google/protobuf/struct.proto`.

use serde_json::{Map, Value};

/// `object` as a serialized `Struct`. Protobuf's maps have no order: `order` chooses one for each.
pub(crate) fn structure(object: &Map<String, Value>, order: &mut Order) -> Vec<u8> {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    for last in (1..members.len()).rev() {
        members.swap(last, order.below(last + 1));
    }
    let mut message = Vec::new();
    for (name, value) in members {
        let entry = [field(1, name.as_bytes()), field(2, &wire(value, order))].concat();
        message.extend(field(1, &entry));
    }
    message
}

/// Numbers that an input decides.
pub(crate) struct Order(u64);

impl Order {
    /// Every input has its own.
    pub(crate) fn of(input: &[u8]) -> Self {
        // FNV-1a.
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(input.iter().fold(0xcbf2_9ce4_8422_2325, step) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn wire(value: &Value, order: &mut Order) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        Value::Number(number) => {
            let double = number.as_f64().expect("a number is a double");
            [&[2 << 3 | 1][..], &double.to_le_bytes()].concat()
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Bool(truth) => vec![4 << 3, u8::from(*truth)],
        Value::Object(object) => field(5, &structure(object, order)),
        Value::Array(members) => {
            let members: Vec<u8> = members.iter().flat_map(|member| field(1, &wire(member, order))).collect();
            field(6, &members)
        }
    }
}

/// A length-delimited field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        field.push(length as u8 & 0x7f | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}
