//! What a rule asks of a token's `authorization_details` (RFC 9396).

use serde_json::Value;

use crate::token::grant::Grant;

/// One authorization detail that a token must have. An element of the token's fits when it is of this type and has all
/// of these values in its common data fields (section 2.2); empty lists and `None` ask nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WantedDetail {
    /// `type`, compared byte for byte.
    pub kind: String,
    /// Each is in `locations`.
    pub locations: Vec<String>,
    /// Each is in `actions`.
    pub actions: Vec<String>,
    /// Each is in `datatypes`.
    pub datatypes: Vec<String>,
    /// `identifier` is this.
    pub identifier: Option<String>,
    /// Each is in `privileges`.
    pub privileges: Vec<String>,
}

impl WantedDetail {
    /// Whether one element of the grant's `authorization_details` fits, all by itself: what two elements have together
    /// was granted for neither. Anything but an array of objects (section 2) has none that could.
    pub(super) fn is_held(&self, grant: &Grant) -> bool {
        let details = grant.claim("authorization_details").and_then(Value::as_array);
        details.is_some_and(|details| {
            details.iter().all(Value::is_object) && details.iter().any(|detail| self.fits(detail))
        })
    }

    fn fits(&self, detail: &Value) -> bool {
        let is = |field, wanted: &str| detail.get(field).and_then(Value::as_str) == Some(wanted);
        is("type", &self.kind)
            && self.identifier.as_ref().is_none_or(|identifier| is("identifier", identifier))
            && has_all(detail.get("locations"), &self.locations)
            && has_all(detail.get("actions"), &self.actions)
            && has_all(detail.get("datatypes"), &self.datatypes)
            && has_all(detail.get("privileges"), &self.privileges)
    }
}

/// Whether `field` is an array that has each of `wanted`.
fn has_all(field: Option<&Value>, wanted: &[String]) -> bool {
    let held = field.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    wanted.iter().all(|wanted| held.iter().any(|held| held.as_str() == Some(wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::token::expect::IssuerId;
    use crate::token::grant;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn payment() -> WantedDetail {
        WantedDetail {
            kind: "payment_initiation".into(),
            locations: texts(&["https://api.example.com"]),
            actions: texts(&["initiate", "status"]),
            datatypes: texts(&["iban"]),
            identifier: Some("7".into()),
            privileges: texts(&["admin"]),
        }
    }

    /// What satisfies [`payment`], and more.
    fn granted() -> Value {
        json!({
            "type": "payment_initiation",
            "locations": ["https://other.example.com", "https://api.example.com"],
            "actions": ["cancel", "status", "initiate"],
            "datatypes": ["iban"],
            "identifier": "7",
            "privileges": ["user", "admin"],
            "instructedAmount": {"currency": "EUR", "amount": "123.50"},
        })
    }

    fn holds(wanted: &WantedDetail, claim: Value) -> bool {
        wanted.is_held(&grant::for_test(IssuerId(0), json!({"authorization_details": claim})))
    }

    #[test]
    fn one_element_has_everything() {
        assert!(holds(&payment(), json!([granted()])));
        assert!(holds(&payment(), json!([{"type": "account_information"}, granted()])));
        let type_alone = WantedDetail { kind: "payment_initiation".into(), ..WantedDetail::default() };
        assert!(holds(&type_alone, json!([{"type": "payment_initiation", "actions": 1}])));
        assert!(!holds(&type_alone, json!([{"type": "Payment_initiation"}])));
    }

    #[test]
    fn each_field_counts() {
        for (field, value) in [
            ("type", json!("payment")),
            ("type", json!(["payment_initiation"])),
            ("locations", json!(["https://api.example.com/"])),
            ("locations", json!("https://api.example.com")),
            ("actions", json!(["initiate"])),
            ("actions", json!("initiate status")),
            ("actions", json!({"initiate": 1, "status": 1})),
            ("datatypes", json!([["iban"]])),
            ("identifier", json!(7)),
            ("identifier", json!(["7"])),
            ("privileges", json!([])),
            ("privileges", json!(null)),
        ] {
            let mut detail = granted();
            detail[field] = value.clone();
            assert!(!holds(&payment(), json!([detail])), "{field} {value}");
        }
    }

    #[test]
    fn elements_are_not_added_up() {
        let (mut one, mut other) = (granted(), granted());
        one["actions"] = json!(["initiate"]);
        other["actions"] = json!(["status"]);
        assert!(!holds(&payment(), json!([one, other])));
    }

    #[test]
    fn a_claim_of_another_type_holds_nothing() {
        for claim in [
            json!(null),
            json!([]),
            json!(true),
            granted(),
            json!(json!([granted()]).to_string()),
            json!([[granted()]]),
            json!([granted(), "payment_initiation"]),
        ] {
            assert!(!holds(&payment(), claim.clone()), "{claim}");
        }
        assert!(!payment().is_held(&grant::for_test(IssuerId(0), json!({}))));
    }
}
