//! `WWW-Authenticate` values (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3, RFC 9728 section 5.1).

use super::credential::{DPOP, Scheme};
use crate::http::message::{FieldValue, quoted};

/// The error codes of RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9 and RFC 9470 section 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCode {
    /// The request is malformed.
    InvalidRequest,
    /// The token is not good.
    InvalidToken,
    /// The token is good and not enough.
    InsufficientScope,
    /// A stronger or more recent login is needed.
    InsufficientUserAuthentication,
    /// The proof is not good.
    InvalidDpopProof,
    /// The proof lacks a nonce that is given beside the challenge.
    UseDpopNonce,
}

impl ErrorCode {
    /// The code as it stands in a challenge.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

/// One challenge, put together parameter by parameter; every value is quoted.
pub struct Challenge(String);

impl Challenge {
    /// A challenge for tokens in `realm` that are presented by `scheme`.
    pub fn new(scheme: Scheme, realm: &str) -> Self {
        let name = match scheme {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => DPOP,
        };
        Self(format!("{name} realm={}", quoted(realm)))
    }

    /// With the parameter `name`, when there is something to say.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.push_str(", ");
            self.0.push_str(name);
            self.0.push('=');
            self.0.push_str(&quoted(value));
        }
        self
    }

    /// With an `error` code.
    #[must_use]
    pub fn error(self, code: ErrorCode) -> Self {
        self.with("error", Some(code.as_str()))
    }

    /// The field value.
    pub fn value(&self) -> FieldValue {
        FieldValue::lossy(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_quoted_and_empty_ones_left_out() {
        let challenge = Challenge::new(Scheme::Bearer, "a\"b\r\nc: d")
            .error(ErrorCode::InvalidToken)
            .with("scope", Some(""))
            .with("x", None);
        assert_eq!(challenge.value().as_str(), r#"Bearer realm="a\"bc: d", error="invalid_token""#);
    }
}
