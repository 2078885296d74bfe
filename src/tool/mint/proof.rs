//! DPoP proofs (RFC 9449 section 4.2), and what binds a token to the key that makes them.

use serde_json::{Map, Value, json};

use super::error::MintError;
use super::key::PrivateKey;
use super::random::random;
use crate::base::base64url;
use crate::base::time::UnixTime;
use crate::token::dpop;

/// What a proof is about.
#[derive(Clone, Copy)]
pub struct Subject<'s> {
    /// The request's method.
    pub method: &'s str,
    /// The request's URI.
    pub uri: &'s str,
    /// The token that it carries.
    pub token: &'s str,
    /// When the proof is made.
    pub now: UnixTime,
}

impl PrivateKey {
    /// A proof that whoever sends the request of `subject` holds this key. Members of `header` and `claims` go before
    /// what is usual, and a `null` takes a member away.
    ///
    /// # Errors
    /// When there is no random number for `jti`, or the signature cannot be made.
    pub fn proof(
        &self,
        subject: &Subject<'_>,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
    ) -> Result<String, MintError> {
        let mut public = self.public_jwk();
        if let Some(members) = public.as_object_mut() {
            members.retain(|name, _| !matches!(name.as_str(), "kid" | "alg" | "use"));
        }
        let mut whole = Map::from_iter([
            ("typ".to_owned(), json!("dpop+jwt")),
            ("kid".to_owned(), Value::Null),
            ("jwk".to_owned(), public),
        ]);
        whole.extend(header.clone());
        let said = json!({
            "jti": base64url::encode(random::<16>()?),
            "htm": subject.method,
            "htu": subject.uri,
            "iat": subject.now.as_secs(),
            "ath": dpop::token_hash(subject.token.as_bytes()),
        });
        let mut said = said.as_object().cloned().unwrap_or_default();
        said.extend(claims.clone());
        said.retain(|_, value| !value.is_null());
        self.sign(&whole, &Value::Object(said))
    }
}
