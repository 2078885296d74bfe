//! How we show the issuer who asks.

use std::sync::Arc;

use serde_json::Value;

use super::{Question, Silence};
use crate::base::base64url;
use crate::base::json::Object;
use crate::base::secret::Secret;
use crate::http::form;
use crate::jose::signing_key::SigningKey;

/// How we show the issuer who asks (RFC 6749 section 2.3, RFC 7662 section 2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientAuthentication {
    /// Not at all.
    None,
    /// By the id alone, as `client_id` in the form: a public client, or one that the cluster's certificate proves
    /// (RFC 8705 section 2).
    Named {
        /// The client id.
        id: String,
    },
    /// HTTP Basic; id and secret are form-encoded first.
    Basic {
        /// The client id.
        id: String,
        /// The client secret.
        secret: Secret<String>,
    },
    /// `client_id` and `client_secret` in the form.
    Post {
        /// The client id.
        id: String,
        /// The client secret.
        secret: Secret<String>,
    },
    /// An access token of our own.
    Bearer {
        /// The token.
        token: Secret<String>,
    },
    /// A signed assertion of who we are (RFC 7523 sections 2.2 and 3).
    PrivateKeyJwt {
        /// The client id.
        id: String,
        /// Who is to accept the assertion: the issuer (RFC 7523bis section 3).
        audience: String,
        /// What it is signed with.
        key: Arc<SigningKey>,
    },
}

impl ClientAuthentication {
    /// The client id, where there is one.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Named { id }
            | Self::Basic { id, .. }
            | Self::Post { id, .. }
            | Self::PrivateKeyJwt { id, .. } => Some(id),
            Self::None | Self::Bearer { .. } => None,
        }
    }

    /// What nobody but the client and the issuer knows; empty where there is no such thing.
    pub(super) fn secret(&self) -> Secret<Vec<u8>> {
        Secret::new(match self {
            Self::None | Self::Named { .. } => Vec::new(),
            Self::Basic { secret, .. } | Self::Post { secret, .. } => secret.expose().clone().into_bytes(),
            Self::Bearer { token } => token.expose().clone().into_bytes(),
            Self::PrivateKeyJwt { key, .. } => return key.material(),
        })
    }

    /// Adds to a request what shows who asks `question`: to its `form`, or to its `fields`.
    ///
    /// # Errors
    /// [`Silence::Unsigned`].
    pub(super) fn add(
        &self,
        question: &Question<'_>,
        form: &mut String,
        fields: &mut Vec<(&'static str, String)>,
    ) -> Result<(), Silence> {
        match self {
            Self::None => {}
            Self::Named { id } => form::append(form, "client_id", id.as_bytes()),
            Self::Basic { id, secret } => {
                let pair =
                    format!("{}:{}", form::encode(id.as_bytes()), form::encode(secret.expose().as_bytes()));
                fields.push(("authorization", format!("Basic {}", base64url::encode_standard(pair))));
            }
            Self::Post { id, secret } => {
                form::append(form, "client_id", id.as_bytes());
                form::append(form, "client_secret", secret.expose().as_bytes());
            }
            Self::Bearer { token } => fields.push(("authorization", format!("Bearer {}", token.expose()))),
            Self::PrivateKeyJwt { id, audience, key } => {
                let assertion = key.sign("JWT", &assertion(id, audience, question), question.signer);
                form::append(form, "client_assertion_type", ASSERTION_TYPE);
                form::append(form, "client_assertion", assertion.ok_or(Silence::Unsigned)?.as_bytes());
            }
        }
        Ok(())
    }
}

const ASSERTION_TYPE: &[u8] = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion is good, in seconds: it is sent at once.
const ASSERTION_LIFETIME: i64 = 60;

/// The claims of an assertion (section 3). One is made for each question, since an issuer takes none twice.
fn assertion(id: &str, audience: &str, question: &Question<'_>) -> Object {
    let now = question.now.as_secs();
    let claims = [
        ("iss", Value::from(id)),
        ("sub", Value::from(id)),
        ("aud", Value::from(audience)),
        ("jti", Value::from(base64url::encode(question.nonce))),
        ("iat", Value::from(now)),
        ("exp", Value::from(now.saturating_add(ASSERTION_LIFETIME))),
    ];
    claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::examples::{NOW, ec_key, question_about};
    use super::*;
    use crate::http::form::query_values;
    use crate::jose::algorithm::{Algorithm, Algorithms};
    use crate::jose::backend::NoAccelerator;
    use crate::jose::jws::Unverified;
    use crate::jose::key_set::{KeySet, Origin};
    use crate::jose::verify::verify;
    use serde_json::json;

    fn added(client: &ClientAuthentication) -> (String, Vec<(&'static str, String)>) {
        let (mut form, mut fields) = ("token=t".to_owned(), Vec::new());
        client.add(&question_about("t", ""), &mut form, &mut fields).unwrap();
        (form, fields)
    }

    fn private_key_jwt(key: &Value, algorithm: Algorithm) -> ClientAuthentication {
        let key = Arc::new(SigningKey::from_jwk(key.as_object().unwrap(), algorithm).unwrap());
        ClientAuthentication::PrivateKeyJwt { id: "gw".into(), audience: "https://idp.test".into(), key }
    }

    #[test]
    fn an_assertion_says_who_asks_whom_and_when() {
        let (form, fields) = added(&private_key_jwt(&ec_key(), Algorithm::Es256));
        assert!(fields.is_empty());
        let value = |name: &str| query_values(format!("?{form}").as_bytes(), name.as_bytes()).remove(0);
        assert_eq!(value("client_assertion_type"), ASSERTION_TYPE);
        let mut public = ec_key();
        public.as_object_mut().unwrap().remove("d");
        let set = json!({"keys": [public]});
        let (keys, _) = KeySet::parse(set.as_object().unwrap(), Origin::Inline).unwrap();
        let assertion = value("client_assertion");
        let assertion = Unverified::parse(&assertion).unwrap();
        let verified = verify(assertion, &keys, Algorithms::ASYMMETRIC, &NoAccelerator).unwrap();
        let expected = json!({
            "iss": "gw", "sub": "gw", "aud": "https://idp.test", "jti": "CQkJCQkJCQkJCQkJCQkJCQ",
            "iat": NOW.as_secs(), "exp": NOW.as_secs() + 60,
        });
        assert_eq!(Value::Object(verified.into_inner().into_claims()), expected);
    }

    #[test]
    fn no_part_of_a_key_is_shown() {
        let shown = format!("{:?}", private_key_jwt(&ec_key(), Algorithm::Es256));
        assert!(shown.contains("gw") && !shown.contains("jpsQ"), "{shown}");
        assert!(!shown.to_lowercase().contains("secret_scalar"), "{shown}");
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_they_are_joined() {
        let client = ClientAuthentication::Basic { id: "a:b".into(), secret: Secret::new("s &".into()) };
        let (form, fields) = added(&client);
        assert_eq!(form, "token=t");
        let pair = base64url::encode_standard("a%3Ab:s%20%26");
        assert_eq!(fields, [("authorization", format!("Basic {pair}"))]);
    }

    #[test]
    fn each_other_way_has_its_one_place() {
        let client = ClientAuthentication::Post { id: "a&b".into(), secret: Secret::new("s=".into()) };
        assert_eq!(added(&client), ("token=t&client_id=a%26b&client_secret=s%3D".into(), vec![]));
        let client = ClientAuthentication::Bearer { token: Secret::new("own".into()) };
        assert_eq!(added(&client).1, [("authorization", "Bearer own".to_owned())]);
        let client = ClientAuthentication::Named { id: "a&b".into() };
        assert_eq!(added(&client), ("token=t&client_id=a%26b".into(), vec![]));
        assert_eq!(added(&ClientAuthentication::None), ("token=t".into(), vec![]));
    }
}
