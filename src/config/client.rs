//! `client`: as whom an issuer is asked.

use super::reader::Members;
use super::secret::{Environment, secret};
use super::values::choice;
use crate::base::secret::Secret;
use crate::token::introspection::ClientAuthentication;

/// How the client shows who it is, as it is named.
#[derive(Clone, Copy)]
enum Method {
    Basic,
    Post,
    PrivateKeyJwt,
    Bearer,
    None,
}

const KEYS: &[&str] = &["id", "secret", "method"];

const METHODS: &[(&str, Method)] = &[
    ("basic", Method::Basic),
    ("post", Method::Post),
    ("private_key_jwt", Method::PrivateKeyJwt),
    ("bearer", Method::Bearer),
    ("none", Method::None),
];

/// The `client` of an endpoint that wants to know who asks.
pub(super) fn client(members: &Members<'_>, environment: Environment<'_>) -> Option<ClientAuthentication> {
    const WHAT: &str = "{id: .., secret: ..}, or {method: none} where the endpoint needs neither";
    let client = members.need("client", WHAT)?.members(KEYS)?;
    let method = client.get("method").map_or(Some(Method::Basic), |node| choice(&node, METHODS));
    let needs_id = matches!(method?, Method::Basic | Method::Post | Method::PrivateKeyJwt);
    let id = match client.get("id") {
        Some(node) => node.text("the client id").map(str::to_owned),
        None if needs_id => client.missing("id", "the client id"),
        None => None,
    };
    let secret =
        || client.need("secret", "the secret, or {env: NAME}").and_then(|node| secret(&node, environment));
    match method? {
        Method::Basic => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Basic { id, secret }),
        Method::Post => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Post { id, secret }),
        Method::Bearer => bearer(&client, secret()?),
        Method::None => {
            client.forbid(&["secret"], "has no meaning beside `method: none`", "leave it out");
            Some(ClientAuthentication::None)
        }
        Method::PrivateKeyJwt => {
            client.get("method")?.refuse("is not available yet", "write basic or post");
            None
        }
    }
}

fn bearer(client: &Members<'_>, token: Secret<String>) -> Option<ClientAuthentication> {
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        client.get("secret")?.refuse("cannot stand in a header", "write a token of visible ASCII");
        return None;
    }
    Some(ClientAuthentication::Bearer { token })
}

/// Where the token itself is the credential, `client` has nothing to say but that.
pub(super) fn no_client(members: &Members<'_>) {
    let Some(node) = members.get("client") else { return };
    let Some(client) = node.members(KEYS) else { return };
    match client.get("method").map_or(Some(Method::Basic), |node| choice(&node, METHODS)) {
        None | Some(Method::None) => {}
        Some(Method::Basic | Method::Post | Method::PrivateKeyJwt | Method::Bearer) => {
            node.refuse("has no meaning in this protocol", "leave it out, the token itself is shown");
        }
    }
}
