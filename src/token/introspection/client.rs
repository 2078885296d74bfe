//! How we show the issuer who asks.

use crate::base::base64url;
use crate::base::secret::Secret;
use crate::http::form;

/// How we show the issuer who asks (RFC 6749 section 2.3, RFC 7662 section 2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientAuthentication {
    /// Not at all, or by the cluster's client certificate.
    None,
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
}

impl ClientAuthentication {
    /// What nobody but the client and the issuer knows; empty where there is no such thing.
    pub(super) fn secret(&self) -> Secret<Vec<u8>> {
        Secret::new(match self {
            Self::None => Vec::new(),
            Self::Basic { secret, .. } | Self::Post { secret, .. } => secret.expose().clone().into_bytes(),
            Self::Bearer { token } => token.expose().clone().into_bytes(),
        })
    }

    /// Adds to a request what shows who asks: to its `form`, or to its `fields`.
    pub(super) fn add(&self, form: &mut String, fields: &mut Vec<(&'static str, String)>) {
        match self {
            Self::None => {}
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(client: &ClientAuthentication) -> (String, Vec<(&'static str, String)>) {
        let (mut form, mut fields) = ("token=t".to_owned(), Vec::new());
        client.add(&mut form, &mut fields);
        (form, fields)
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
        assert_eq!(added(&ClientAuthentication::None), ("token=t".into(), vec![]));
    }
}
