//! Whom to ask, and how.

use core::time::Duration;

use super::client::ClientAuthentication;
use super::{Question, Silence};
use crate::base::secret::Secret;
use crate::http::form;
use crate::http::message::Callout;
use crate::http::uri::Uri;

/// How an issuer is asked, with what that way needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Token introspection, RFC 7662.
    Rfc7662 {
        /// As whom to ask.
        client: ClientAuthentication,
    },
    /// The `validate_bearer` grant type of PingFederate.
    PingFederate {
        /// As whom to ask.
        client: ClientAuthentication,
    },
    /// `tokeninfo` of OpenAM and its heirs.
    OpenAm {
        /// Where the token stands.
        token_in: TokenIn,
    },
    /// `validate` of the Mule OAuth provider.
    Mule {
        /// Where the token stands.
        token_in: TokenIn,
        /// Whether the issuer is told which scopes the rule requires.
        send_scopes: bool,
    },
    /// Google's `tokeninfo`.
    GoogleTokenInfo,
    /// Whatever answers only to a good token: OpenID Connect UserInfo, or a profile.
    UserInfo,
}

impl Protocol {
    /// Whether answers say whom the token is for. Where they do not, a list of audiences lets nobody in.
    pub const fn names_audience(&self) -> bool {
        matches!(self, Self::Rfc7662 { .. } | Self::GoogleTokenInfo)
    }
}

/// Where the token stands in a question that it authenticates itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenIn {
    /// As `access_token` in the query.
    Query,
    /// In the `Authorization` field.
    Header,
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
    /// How long to wait.
    pub timeout: Duration,
}

impl Endpoint {
    /// All that makes this endpoint the one it is, its client's secret included: equal for equal endpoints only.
    pub fn identity(&self) -> Vec<u8> {
        let (protocol, uri, secret) = (format!("{:?}", self.protocol), self.uri.to_string(), self.secret());
        let mut identity = Vec::new();
        for part in [protocol.as_bytes(), uri.as_bytes(), self.cluster.as_bytes(), secret.expose()] {
            identity.extend((part.len() as u64).to_le_bytes());
            identity.extend(part);
        }
        identity
    }

    /// What nobody but the client and the issuer knows; empty where there is no such thing.
    pub fn secret(&self) -> Secret<Vec<u8>> {
        match &self.protocol {
            Protocol::Rfc7662 { client } | Protocol::PingFederate { client } => client.secret(),
            Protocol::OpenAm { .. }
            | Protocol::Mule { .. }
            | Protocol::GoogleTokenInfo
            | Protocol::UserInfo => Secret::new(Vec::new()),
        }
    }

    /// Whether an answer depends on the scopes that are asked for, and not on the token alone.
    pub const fn sends_scopes(&self) -> bool {
        matches!(self.protocol, Protocol::Mule { send_scopes: true, .. })
    }

    /// A `POST` of `form`, which puts `question`, as `client`; `accept` is what we can read.
    ///
    /// # Errors
    /// [`Silence::Unsigned`].
    pub(super) fn post(
        &self,
        client: &ClientAuthentication,
        question: &Question<'_>,
        mut form: String,
        accept: &str,
    ) -> Result<Callout, Silence> {
        let mut fields = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", accept.to_owned()),
        ];
        client.add(question, &mut form, &mut fields)?;
        Ok(self.callout("POST", self.uri.path().to_owned(), fields, form))
    }

    /// A `GET` that `token` authenticates, with `scopes` in the query where there are any.
    pub(super) fn get(&self, token_in: TokenIn, token: &[u8], scopes: &str) -> Callout {
        let mut fields = vec![("accept", "application/json".to_owned())];
        let mut query = String::new();
        match token_in {
            TokenIn::Query => form::append(&mut query, "access_token", token),
            TokenIn::Header => {
                // INVARIANT: a credential is visible ASCII; every byte of it is one character.
                let token: String = token.iter().copied().map(char::from).collect();
                fields.push(("authorization", format!("Bearer {token}")));
            }
        }
        if !scopes.is_empty() {
            form::append(&mut query, "scopes", scopes.as_bytes());
        }
        let path = self.uri.path();
        let joint = match (query.is_empty(), path.contains('?')) {
            (true, _) => "",
            (false, true) => "&",
            (false, false) => "?",
        };
        self.callout("GET", format!("{path}{joint}{query}"), fields, String::new())
    }

    fn callout(
        &self,
        method: &'static str,
        path: String,
        fields: Vec<(&'static str, String)>,
        body: String,
    ) -> Callout {
        Callout {
            cluster: self.cluster.clone(),
            method,
            scheme: self.uri.scheme(),
            authority: self.uri.authority().to_owned(),
            path: Secret::new(path),
            fields: Secret::new(fields),
            body: Secret::new(body),
            timeout: self.timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::endpoint;
    use super::*;

    #[test]
    fn the_query_of_the_uri_stays() {
        let mut endpoint = endpoint(Protocol::UserInfo);
        let path = |endpoint: &Endpoint, token_in, scopes| {
            endpoint.get(token_in, b"a+b/c=", scopes).path.expose().clone()
        };
        assert_eq!(path(&endpoint, TokenIn::Query, ""), "/ask?access_token=a%2Bb%2Fc%3D");
        assert_eq!(path(&endpoint, TokenIn::Header, ""), "/ask");
        endpoint.uri = Uri::parse("https://idp.test/ask?realm=%2Fx").unwrap();
        assert_eq!(path(&endpoint, TokenIn::Header, "a b"), "/ask?realm=%2Fx&scopes=a%20b");
        assert_eq!(path(&endpoint, TokenIn::Header, ""), "/ask?realm=%2Fx");
    }

    #[test]
    fn everything_that_makes_an_endpoint_counts_in_its_identity() {
        let secret = |secret: &str| Protocol::Rfc7662 {
            client: ClientAuthentication::Basic { id: "us".into(), secret: Secret::new(secret.to_owned()) },
        };
        let make = |protocol, uri, cluster: &str| Endpoint {
            uri: Uri::parse(uri).unwrap(),
            cluster: cluster.to_owned(),
            ..endpoint(protocol)
        };
        let all = [
            make(secret("one"), "https://idp.test/ask", "idp"),
            // As long, part by part,
            make(secret("two"), "https://idp.test/ask", "idp"),
            make(secret("one"), "https://idp.test/asx", "idp"),
            make(secret("one"), "https://idp.test/ask", "idx"),
            make(Protocol::UserInfo, "https://idp.test/ask", "idp"),
            // and the same text, divided elsewhere.
            make(secret("one"), "https://idp.test/aski", "dp"),
            make(secret("pone"), "https://idp.test/ask", "id"),
        ];
        let identities: std::collections::BTreeSet<_> = all.iter().map(Endpoint::identity).collect();
        assert_eq!(identities.len(), all.len());
        assert!(identities.contains(&make(secret("one"), "https://IDP.test/ask", "idp").identity()));
    }

    #[test]
    fn a_question_shows_no_token() {
        let endpoint = endpoint(Protocol::UserInfo);
        for token_in in [TokenIn::Query, TokenIn::Header] {
            let callout = endpoint.get(token_in, b"hunter2", "");
            assert!(!format!("{callout:?}").contains("hunter2"));
        }
    }
}
