//! A filter's configuration as the filter will get it.

use std::borrow::Cow;

use serde_json::Value;

use crate::base::{base64url, json};

/// What a filter has for a policy.
pub enum Configuration<'d> {
    /// A document: a value in the file, or what a text there says.
    Policy(Cow<'d, Value>),
    /// None, or something that the filter cannot read: what, and what to write instead.
    Unreadable(String),
}

/// The configuration of Envoy's filter: an `Any` that Envoy unwraps.
pub(super) fn of_any(any: Option<&Value>) -> Configuration<'_> {
    let Some(any) = any else {
        return unreadable("is missing: write the policy here, as a google.protobuf.Struct");
    };
    let value = any.get("value");
    let kind = any.get("@type").and_then(Value::as_str).unwrap_or_default();
    match (kind.rsplit('/').next().unwrap_or_default(), value) {
        ("google.protobuf.Struct", value) => of_struct(value, "value"),
        ("google.protobuf.StringValue", Some(Value::String(text))) => of_text(text.as_bytes()),
        ("google.protobuf.BytesValue", Some(Value::String(text))) => base64url::decode_standard(text)
            .map_or_else(
                || unreadable("is not base64: write the policy as a Struct"),
                |bytes| of_text(&bytes),
            ),
        _ => unreadable(
            "is neither a google.protobuf.Struct nor a StringValue or BytesValue with a value: write `\"@type\": \
             type.googleapis.com/google.protobuf.Struct` and the policy under `value`",
        ),
    }
}

/// A configuration that stands there as it is.
pub(super) fn of_struct<'d>(value: Option<&'d Value>, name: &str) -> Configuration<'d> {
    match value {
        Some(policy @ Value::Object(_)) => Configuration::Policy(Cow::Borrowed(policy)),
        Some(_) => unreadable("is not an object: write the policy here"),
        None => unreadable(&format!("is missing: write the policy under `{name}`")),
    }
}

fn of_text(text: &[u8]) -> Configuration<'static> {
    json::value(text).map_or_else(
        |fault| {
            unreadable(&format!("is not JSON: {fault}: the filter reads JSON here; YAML belongs in a Struct"))
        },
        |policy| Configuration::Policy(Cow::Owned(policy)),
    )
}

fn unreadable(problem: &str) -> Configuration<'static> {
    Configuration::Unreadable(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(kind: &str, value: Value) -> Result<Value, String> {
        let any = json!({"@type": format!("type.googleapis.com/google.protobuf.{kind}"), "value": value});
        match of_any(Some(&any)) {
            Configuration::Policy(policy) => Ok(policy.into_owned()),
            Configuration::Unreadable(problem) => Err(problem),
        }
    }

    #[test]
    fn envoys_three_forms_are_read() {
        let policy = json!({"rules": []});
        assert_eq!(read("Struct", policy.clone()), Ok(policy.clone()));
        assert_eq!(read("StringValue", json!("{\"rules\": []}")), Ok(policy.clone()));
        assert_eq!(read("BytesValue", json!("eyJydWxlcyI6IFtdfQ==")), Ok(policy));
    }

    #[test]
    fn what_the_filter_could_not_read_is_told() {
        assert!(read("StringValue", json!("rules: []")).unwrap_err().contains("not JSON"));
        assert!(read("BytesValue", json!("?")).unwrap_err().contains("base64"));
        assert!(read("Struct", json!([])).unwrap_err().contains("not an object"));
        assert!(read("Duration", json!("1s")).unwrap_err().contains("neither"));
        assert!(matches!(of_any(None), Configuration::Unreadable(_)));
    }
}
