//! Who plays in the story: the keys of the issuer `corp`, and everybody's tokens.

use kit::deadline::unix_now;
use scopegate::jose::algorithm::Algorithm;
use scopegate::tool::mint::{MintError, PrivateKey};
use serde_json::{Map, Value, json};

const HOUR: i64 = 3600;

pub(crate) struct Cast {
    keys: Value,
    tokens: Vec<(&'static str, String)>,
}

impl Cast {
    /// Makes a key and signs the tokens, as `scopegate mint` does.
    pub(crate) fn mint() -> Result<Self, String> {
        Self::of(unix_now()).map_err(|error| error.to_string())
    }

    fn of(now: i64) -> Result<Self, MintError> {
        let key = PrivateKey::generate(Algorithm::Es256, Some("corp-1"))?;
        let header = Map::from_iter([("typ".to_owned(), json!("at+jwt"))]);
        let sign = |subject: &str, scope: &str, expires: i64| {
            let claims = json!({
                "iss": "https://corp.example", "aud": "orders-api", "client_id": "orders-web",
                "sub": subject, "scope": scope, "iat": now - HOUR, "exp": expires,
            });
            key.sign(&header, &claims)
        };
        let alice = sign("alice", "read:orders", now + 12 * HOUR)?;
        let tokens = vec![
            ("TAMPERED", with_one_bit_changed(&alice)),
            ("ALICE", alice),
            ("BOB", sign("bob", "write:orders", now + 12 * HOUR)?),
            ("EXPIRED", sign("alice", "read:orders", now - HOUR / 2)?),
            ("CAROL", "opaque-of-carol".to_owned()),
            ("STRANGER", "opaque-of-nobody".to_owned()),
            ("LATECOMER", "opaque-of-a-latecomer".to_owned()),
        ];
        Ok(Self { keys: json!({"keys": [key.public_jwk()]}), tokens })
    }

    /// What the issuer publishes.
    pub(crate) const fn keys(&self) -> &Value {
        &self.keys
    }

    /// The token called `name`.
    pub(crate) fn token(&self, name: &str) -> Result<&str, String> {
        let found = self.tokens.iter().find(|(token, _)| *token == name);
        found.map(|(_, token)| &**token).ok_or_else(|| format!("there is no token {name}"))
    }

    /// All tokens as variables of a shell.
    pub(crate) fn exports(&self) -> String {
        self.tokens.iter().map(|(name, token)| format!("export {name}='{token}'\n")).collect()
    }
}

/// `token` with another first letter of its signature.
fn with_one_bit_changed(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    format!("{signed}.{other}{rest}")
}
