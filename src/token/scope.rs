//! Scopes as a token holds them (RFC 6749 section 3.3).

use serde_json::Value;

/// Whether `text` is a scope-token: visible ASCII without space, quote and backslash.
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The scopes of one token, in its order, each once. Compared exactly: case, prefix and all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// The scopes in a space-delimited text.
    pub fn from_text(text: &str) -> Self {
        let mut scopes = Self::default();
        scopes.extend(text.split(' '));
        scopes
    }

    /// The scopes in a claim: a space-delimited string or an array of strings. `None` for any other value: it is
    /// never taken for "no scopes".
    pub fn from_claim(claim: &Value) -> Option<Self> {
        match claim {
            Value::String(text) => Some(Self::from_text(text)),
            Value::Array(members) => {
                let mut scopes = Self::default();
                scopes.extend(members.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?);
                Some(scopes)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    /// Adds `scopes` that are not there yet.
    pub fn extend<'s>(&mut self, scopes: impl IntoIterator<Item = &'s str>) {
        for scope in scopes {
            if !scope.is_empty() && !self.0.iter().any(|held| held == scope) {
                self.0.push(scope.to_owned());
            }
        }
    }

    /// The scopes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The space-delimited text.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_and_array_say_the_same() {
        let scopes = Scopes::from_claim(&json!("b a  b")).unwrap();
        assert_eq!(scopes.to_text(), "b a");
        assert_eq!(Scopes::from_claim(&json!(["b", "a", "b"])), Some(scopes));
        assert!(Scopes::from_text("").is_empty() && !Scopes::from_text("a").is_empty());
    }

    #[test]
    fn only_single_spaces_separate() {
        assert_eq!(Scopes::from_text("a\tb,c").iter().collect::<Vec<_>>(), ["a\tb,c"]);
        assert_eq!(Scopes::from_claim(&json!(["a b"])).unwrap().iter().collect::<Vec<_>>(), ["a b"]);
    }

    #[test]
    fn another_type_is_not_no_scope() {
        for claim in [json!(null), json!(1), json!({"a": 1}), json!(["a", 1]), json!(true)] {
            assert_eq!(Scopes::from_claim(&claim), None, "{claim}");
        }
    }

    #[test]
    fn scope_tokens_are_as_the_rfc_says() {
        assert!(is_scope_token("read:orders") && is_scope_token("https://x/y!"));
        assert!(
            !is_scope_token("")
                && !is_scope_token("a b")
                && !is_scope_token("a\"")
                && !is_scope_token("a\\")
                && !is_scope_token("é")
        );
    }
}
