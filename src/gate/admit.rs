//! What the upstream is told about whoever calls.

use std::rc::Rc;

use serde_json::Value;

use crate::base::base64url;
use crate::http::message::FieldValue;
use crate::policy::Upstream;
use crate::token::grant::Grant;

/// The longest single identity header.
const LONGEST: usize = 8 * 1024;

/// The identity headers for `grant`. A claim that is not there, or that cannot be a header value, is left out.
pub(super) fn identity(upstream: &Upstream, grant: &Grant) -> Vec<(Rc<str>, Rc<str>)> {
    let mut headers = Vec::new();
    for (name, claim) in &upstream.headers {
        let value = text(grant, claim).filter(|value| value.len() <= LONGEST).and_then(FieldValue::new);
        if let Some(value) = value.filter(|value| !value.as_str().is_empty()) {
            headers.push((name.as_str().into(), value.as_str().into()));
        }
    }
    if let Some(name) = &upstream.claims_header
        && let Ok(claims) = serde_json::to_vec(grant.claims())
        && let Some(value) = FieldValue::new(base64url::encode(claims))
    {
        headers.push((name.as_str().into(), value.as_str().into()));
    }
    headers
}

/// The text of a claim: what the grant knows under the three names that every issuer has something for, else the
/// claim itself.
fn text(grant: &Grant, claim: &str) -> Option<String> {
    match claim {
        "sub" => grant.subject().map(str::to_owned),
        "client_id" => grant.client().map(str::to_owned),
        "scope" => Some(grant.scopes().to_text()),
        _ => plain(grant.claim(claim)?),
    }
}

/// A scalar as text; an array of scalars with commas between them, unless a member holds one itself.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(members) => {
            let scalar = |member: &Value| if member.is_array() { None } else { plain(member) };
            let texts = members.iter().map(scalar).collect::<Option<Vec<_>>>()?;
            (!texts.iter().any(|text| text.contains(','))).then(|| texts.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::expect::IssuerId;
    use crate::token::grant::for_test;
    use serde_json::json;

    fn header(claims: Value, claim: &str) -> Option<String> {
        let upstream = Upstream::new(vec![("x".into(), claim.into())], None, Vec::new(), &[]);
        identity(&upstream, &for_test(IssuerId(0), claims)).pop().map(|(_, value)| value.to_string())
    }

    #[test]
    fn scalars_and_lists_become_text() {
        assert_eq!(header(json!({"sub": "alice"}), "sub").as_deref(), Some("alice"));
        assert_eq!(header(json!({"n": 7}), "n").as_deref(), Some("7"));
        assert_eq!(header(json!({"b": true}), "b").as_deref(), Some("true"));
        assert_eq!(header(json!({"groups": ["a", "b"]}), "groups").as_deref(), Some("a,b"));
        assert_eq!(header(json!({"scope": "b a"}), "scope").as_deref(), Some("b a"));
        assert_eq!(header(json!({"scope": ["b", "a"]}), "scope").as_deref(), Some("b a"));
        let longest = "x".repeat(8192);
        assert_eq!(header(json!({"c": longest}), "c"), Some(longest));
        assert_eq!(header(json!({"realm": {"id": "x"}}), "/realm/id").as_deref(), Some("x"));
    }

    #[test]
    fn what_cannot_be_a_header_value_is_left_out() {
        for claim in [
            json!("a\r\nx-admin: true"),
            json!("a\u{0}"),
            json!("caf\u{e9}"),
            json!(" a"),
            json!(""),
            json!("x".repeat(8193)),
            json!(["a,b", "c"]),
            json!([["a"]]),
            json!({"a": 1}),
            json!(null),
        ] {
            assert_eq!(header(json!({"c": claim}), "c"), None);
        }
    }

    #[test]
    fn all_claims_travel_encoded() {
        let upstream = Upstream::new(Vec::new(), Some("x-claims".into()), Vec::new(), &[]);
        let headers = identity(&upstream, &for_test(IssuerId(0), json!({"name": "Zo\u{eb}\r\n"})));
        let decoded = base64url::decode(&*headers[0].1).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&decoded).unwrap(), json!({"name": "Zo\u{eb}\r\n"}));
    }
}
