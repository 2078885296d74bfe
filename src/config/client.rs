//! `client`: as whom an issuer is asked.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::secret::{Environment, secret};
use crate::base::json;
use crate::base::secret::Secret;
use crate::document::Members;
use crate::document::values::choice;
use crate::jose::algorithm::Algorithm;
use crate::jose::fault::KeyFault;
use crate::jose::signing_key::SigningKey;
use crate::token::introspection::ClientAuthentication;

/// How the client shows who it is, as it is named.
#[derive(Clone, Copy)]
enum Method {
    Basic,
    Post,
    PrivateKeyJwt,
    Bearer,
    Tls,
    None,
}

const KEYS: &[&str] = &["id", "secret", "method", "key", "alg", "audience"];

/// What only `method: private_key_jwt` has.
const ASSERTION: &[&str] = &["key", "alg", "audience"];

const METHODS: &[(&str, Method)] = &[
    ("basic", Method::Basic),
    ("post", Method::Post),
    ("private_key_jwt", Method::PrivateKeyJwt),
    ("bearer", Method::Bearer),
    ("tls", Method::Tls),
    ("none", Method::None),
];

/// The `client` of an endpoint that wants to know who asks. `audience` is for whom it signs where it does not say.
pub(super) fn client(
    members: &Members<'_>,
    environment: Environment<'_>,
    audience: Option<&str>,
) -> Option<ClientAuthentication> {
    const WHAT: &str = "{id: .., secret: ..}, or {method: none} where the endpoint needs neither";
    let client = members.need("client", WHAT)?.members(KEYS)?;
    let method = client.get("method").map_or(Some(Method::Basic), |node| choice(&node, METHODS));
    let needs_id = matches!(method?, Method::Basic | Method::Post | Method::PrivateKeyJwt | Method::Tls);
    let id = match client.get("id") {
        Some(node) => node.text("the client id").map(str::to_owned),
        None if needs_id => client.missing("id", "the client id"),
        None => None,
    };
    let secret =
        || client.need("secret", "the secret, or {env: NAME}").and_then(|node| secret(&node, environment));
    match method? {
        Method::PrivateKeyJwt => {
            let problem = "has no meaning beside `method: private_key_jwt`";
            client.forbid(&["secret"], problem, "leave it out, `key` is what is signed with");
        }
        Method::Basic | Method::Post | Method::Bearer | Method::Tls | Method::None => {
            client.forbid(ASSERTION, "is for `method: private_key_jwt`", "leave it out");
        }
    }
    match method? {
        Method::Basic => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Basic { id, secret }),
        Method::Post => id.zip(secret()).map(|(id, secret)| ClientAuthentication::Post { id, secret }),
        Method::Bearer => bearer(&client, secret()?),
        Method::Tls => {
            let remedy = "leave it out, the cluster's client certificate is what shows who asks";
            client.forbid(&["secret"], "has no meaning beside `method: tls`", remedy);
            Some(ClientAuthentication::Named { id: id? })
        }
        Method::None => {
            client.forbid(&["secret"], "has no meaning beside `method: none`", "leave it out");
            Some(id.map_or(ClientAuthentication::None, |id| ClientAuthentication::Named { id }))
        }
        Method::PrivateKeyJwt => {
            const AUDIENCE: &str = "who the issuer says it is, like https://idp.example.com";
            let audience = match client.get("audience") {
                Some(node) => node.text(AUDIENCE),
                None => audience,
            };
            let key = key(&client, environment).map(Arc::new);
            Some(ClientAuthentication::PrivateKeyJwt { id: id?, audience: audience?.to_owned(), key: key? })
        }
    }
}

/// The private key that `client` signs with, and its algorithm: `alg`, or what the key itself says.
fn key(client: &Members<'_>, environment: Environment<'_>) -> Option<SigningKey> {
    const KEY: &str = "a private JSON Web Key, or {env: NAME}";
    const ALGORITHMS: &[(&str, Algorithm)] = &[
        ("ES256", Algorithm::Es256),
        ("EdDSA", Algorithm::EdDsa),
        ("RS256", Algorithm::Rs256),
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
    ];
    let node = client.need("key", KEY)?;
    let jwk = match node.value() {
        Value::Object(jwk) if !jwk.contains_key("env") => Cow::Borrowed(jwk),
        Value::Object(_) => {
            let text = secret(&node, environment)?;
            let read = json::object(text.expose().as_bytes());
            let refuse = |fault| node.refuse(format!("the variable holds no JSON Web Key: {fault}"), REMEDY);
            Cow::Owned(read.map_err(refuse).ok()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return node.wrong_type(KEY);
        }
    };
    let algorithm = match (client.get("alg"), jwk.get("alg").and_then(Value::as_str)) {
        (Some(node), _) => choice(&node, ALGORITHMS),
        (None, Some(name)) => Algorithm::from_name(name).or_else(|| client.missing("alg", "ES256 or EdDSA")),
        (None, None) => client.missing("alg", "ES256 or EdDSA, or RS256 where the proxy signs"),
    };
    let algorithm = algorithm?;
    let key = if ALGORITHMS.iter().any(|(_, known)| *known == algorithm) {
        SigningKey::from_jwk(&jwk, algorithm)
    } else {
        Err(KeyFault::Unfit)
    };
    key.map_err(|fault| node.refuse(fault.to_string(), REMEDY)).ok()
}

const REMEDY: &str =
    "write a private key of type EC with P-256, OKP with Ed25519, or RSA with all its numbers";

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
        Some(Method::Basic | Method::Post | Method::PrivateKeyJwt | Method::Bearer | Method::Tls) => {
            node.refuse("has no meaning in this protocol", "leave it out, the token itself is shown");
        }
    }
}
