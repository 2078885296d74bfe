//! Whom to ask, how, and as whom.

use core::time::Duration;

use crate::base::base64url;
use crate::base::secret::Secret;
use crate::http::form;
use crate::http::message::Callout;
use crate::http::uri::Uri;

/// How an issuer is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Token introspection, RFC 7662.
    Rfc7662,
}

/// An issuer's endpoint for questions about tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The dialect.
    pub protocol: Protocol,
    /// Where to ask.
    pub uri: Uri,
    /// The proxy's cluster for it.
    pub cluster: String,
    /// As whom to ask.
    pub client: ClientAuthentication,
    /// How long to wait.
    pub timeout: Duration,
}

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

impl Endpoint {
    /// All that makes this endpoint the one it is, its client's secret included: equal for equal endpoints only.
    pub fn identity(&self) -> Vec<u8> {
        let uri = self.uri.to_string();
        let protocol = format!("{:?}", self.protocol);
        let (id, secret) = match &self.client {
            ClientAuthentication::None => ("", ""),
            ClientAuthentication::Basic { id, secret } | ClientAuthentication::Post { id, secret } => {
                (id.as_str(), secret.expose().as_str())
            }
            ClientAuthentication::Bearer { token } => ("", token.expose().as_str()),
        };
        let mut identity = Vec::new();
        for part in [protocol.as_str(), &uri, &self.cluster, id, secret] {
            identity.extend((part.len() as u64).to_le_bytes());
            identity.extend(part.as_bytes());
        }
        identity
    }

    /// A `POST` of `form` to this endpoint, with the client's authentication; `accept` is what we can read.
    pub(super) fn post(&self, mut form: String, accept: &str) -> Callout {
        let mut fields = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", accept.to_owned()),
        ];
        match &self.client {
            ClientAuthentication::None => {}
            ClientAuthentication::Basic { id, secret } => {
                let pair =
                    format!("{}:{}", form::encode(id.as_bytes()), form::encode(secret.expose().as_bytes()));
                fields.push(("authorization", format!("Basic {}", base64url::encode_standard(pair))));
            }
            ClientAuthentication::Post { id, secret } => {
                form::append(&mut form, "client_id", id.as_bytes());
                form::append(&mut form, "client_secret", secret.expose().as_bytes());
            }
            ClientAuthentication::Bearer { token } => {
                fields.push(("authorization", format!("Bearer {}", token.expose())));
            }
        }
        Callout {
            cluster: self.cluster.clone(),
            method: "POST",
            scheme: self.uri.scheme(),
            authority: self.uri.authority().to_owned(),
            path: Secret::new(self.uri.path().to_owned()),
            fields: Secret::new(fields),
            body: Secret::new(form),
            timeout: self.timeout,
        }
    }
}
