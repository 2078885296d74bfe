//! What a JWT is when it is no access token: issuers sign other things with the same keys (RFC 8725 section 2.8).
//!
//! Only marks that no known access token has decide alone. `at_hash` and `nonce` stand in access tokens of Dex, of older
//! Keycloak and of Azure AD B2C too: they decide only where nothing says "access token".

use serde_json::Value;

use super::expect::is_media_type;
use super::introspection::signed;
use crate::base::json::Object;

/// Values of the header's `typ`, in the form of [`super::expect::media_type`], that no access token has, and what they
/// say in words.
const OTHER_TYPES: &[(&str, &str)] = &[
    ("oauth-id-jag+jwt", "its header's typ is that of an assertion, to be exchanged for a token"),
    ("logout+jwt", "its header's typ is that of a logout token"),
    ("secevent+jwt", "its header's typ is that of a security event"),
    ("dpop+jwt", "its header's typ is that of a DPoP proof"),
    (signed::TYPE, "its header's typ is that of an issuer's answer about a token"),
    ("client-authentication+jwt", "its header's typ is that of a client's assertion"),
];

/// What one claim says of the token that has it; where it says that this is no access token, in words.
enum Says {
    /// It is for its issuer's own endpoints.
    Other(&'static str),
    /// It is an ID token.
    IdToken(&'static str),
    /// It is like an ID token, and may be something else.
    LikeIdToken(&'static str),
    /// It is an access token.
    AccessToken,
    Nothing,
}

/// The words for a header's `typ` with which a JWT is never an access token, whatever a policy allows, and whatever
/// parameters stand behind it (RFC 9110 section 8.3.1).
pub fn other_type(typ: &str) -> Option<&'static str> {
    let typ = typ.split(';').next().unwrap_or_default().trim_ascii();
    OTHER_TYPES.iter().find(|(other, _)| is_media_type(typ, other)).map(|(_, words)| *words)
}

/// The words for what in `claims` says that a JWT with this `typ` in its header is no access token; `None` where nothing
/// does. An ID token will do where `accepts_id_tokens`. Shows no value but those that count.
pub fn other_claims(typ: Option<&str>, claims: &Object, accepts_id_tokens: bool) -> Option<&'static str> {
    let mut id_token = None;
    let mut like_id_token = None;
    let mut is_access_token = typ.is_some_and(|typ| is_media_type(typ, "at+jwt"));
    for (name, value) in claims {
        match says(name, value) {
            Says::Other(words) => return Some(words),
            Says::IdToken(words) => id_token = Some(words),
            Says::LikeIdToken(words) => like_id_token = Some(words),
            Says::AccessToken => is_access_token = true,
            Says::Nothing => {}
        }
    }
    id_token.or(like_id_token.filter(|_| !is_access_token)).filter(|_| !accepts_id_tokens)
}

/// The words for a claim that says of a token that it is a refresh, an offline, a logout or an ID token.
macro_rules! kinds {
    ($claim:literal) => {
        (
            $claim,
            [
                concat!("its claim ", $claim, " is that of a refresh token"),
                concat!("its claim ", $claim, " is that of an offline token"),
                concat!("its claim ", $claim, " is that of a logout token"),
                concat!("it is an ID token: its claim ", $claim, " says so"),
            ],
        )
    };
}

/// The claims that call a token by its kind: Keycloak's, Cognito's, those of Django's Simple JWT and Flask-JWT-Extended,
/// ForgeRock's and Curity's; each with its words.
const KINDS: [(&str, [&str; 4]); 6] = [
    kinds!("typ"),
    kinds!("token_use"),
    kinds!("token_type"),
    kinds!("type"),
    kinds!("tokenName"),
    kinds!("purpose"),
];

fn says(name: &str, value: &Value) -> Says {
    match name {
        "scope" | "scp" => Says::AccessToken,
        // OpenID Connect Core sections 3.3.2.11, 3.1.3.6 and 2.
        "c_hash" => Says::IdToken("it is an ID token: it has the claim c_hash"),
        "at_hash" => Says::LikeIdToken(
            "it is like an ID token: it has the claim at_hash, and nothing says that it is an access token",
        ),
        "nonce" => Says::LikeIdToken(
            "it is like an ID token: it has the claim nonce, and nothing says that it is an access token",
        ),
        _ => {
            let words = KINDS.iter().find(|(claim, _)| *claim == name);
            words.zip(value.as_str()).map_or(Says::Nothing, |((_, words), kind)| called(name, kind, *words))
        }
    }
}

/// What the claim `name` says with `kind`, which issuers write with and without `token` behind it: `refresh`,
/// `refresh_token`, `RefreshToken`, and some as the end of a URN (RFC 8693 section 3). Case and what is no letter do not
/// count.
fn called(name: &str, kind: &str, [refresh, offline, logout, id]: [&'static str; 4]) -> Says {
    let kind = kind.rsplit(':').next().unwrap_or_default();
    let letters = kind.chars().filter(char::is_ascii_alphabetic);
    let folded: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    match (name, folded.strip_suffix("token").unwrap_or(&folded)) {
        (_, "refresh") => Says::Other(refresh),
        (_, "offline") => Says::Other(offline),
        (_, "logout") => Says::Other(logout),
        (_, "id") => Says::IdToken(id),
        ("typ", "bearer" | "dpop") | ("token_use", "access") => Says::AccessToken,
        _ => Says::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn other(typ: Option<&str>, claims: &Value) -> Option<&'static str> {
        other_claims(typ, claims.as_object().unwrap(), false)
    }

    #[test]
    fn a_type_of_something_else_is_known_in_every_spelling() {
        for typ in ["logout+jwt", "application/LOGOUT+jwt", "dpop+jwt", "secevent+jwt", "oauth-id-jag+jwt"] {
            assert!(other_type(typ).is_some(), "{typ}");
        }
        for typ in [
            "token-introspection+jwt",
            "client-authentication+jwt",
            "logout+jwt;v=1",
            "application/dpop+jwt ; charset=utf-8",
        ] {
            assert!(other_type(typ).is_some(), "{typ}");
        }
        for typ in ["", "JWT", "at+jwt", "logout", "xlogout+jwt", ";logout+jwt", "at+jwt;logout+jwt"] {
            assert_eq!(other_type(typ), None, "{typ}");
        }
    }

    #[test]
    fn a_mark_of_an_id_token_decides_alone_unless_these_are_accepted() {
        for claims in [
            json!({"typ": "ID", "scope": "openid"}),
            json!({"token_use": "id", "scope": "openid"}),
            json!({"c_hash": "x", "scope": "openid"}),
        ] {
            assert!(other(Some("at+jwt"), &claims).is_some(), "{claims}");
            assert_eq!(other_claims(None, claims.as_object().unwrap(), true), None, "{claims}");
        }
    }

    #[test]
    fn a_kind_counts_in_each_claim_and_spelling_that_issuers_have_for_it() {
        for name in ["typ", "token_use", "token_type", "type", "tokenName", "purpose"] {
            for (kind, is_for_its_issuer) in [
                ("refresh_token", true),
                ("RefreshToken", true),
                ("REFRESH TOKEN", true),
                ("offline", true),
                ("offline_token", true),
                ("logout_token", true),
                ("ID", false),
                ("id_token", false),
                ("Id-Token", false),
                ("urn:ietf:params:oauth:token-type:refresh_token", true),
                ("urn:ietf:params:oauth:token-type:id_token", false),
            ] {
                let claims = json!({name: kind, "scope": "a"});
                assert!(other(Some("at+jwt"), &claims).is_some_and(|words| words.contains(name)), "{claims}");
                let accepted = other_claims(None, claims.as_object().unwrap(), true);
                assert_eq!(accepted.is_some(), is_for_its_issuer, "{claims}");
            }
            for kind in [
                "access_token",
                "urn:ietf:params:oauth:token-type:access_token",
                "urn:example:refresh:x",
                "offline_access",
                "token",
                "valid",
                "refreshable",
                "not refresh",
                ":",
            ] {
                assert_eq!(other(None, &json!({name: kind})), None, "{name} {kind}");
            }
        }
    }

    #[test]
    fn a_token_for_the_issuer_itself_is_never_accepted() {
        for typ in ["Refresh", "Offline", "Logout", "refresh"] {
            let claims = json!({"typ": typ, "scope": "a", "nonce": "n"});
            assert!(other(None, &claims).is_some(), "{typ}");
            assert!(other_claims(None, claims.as_object().unwrap(), true).is_some(), "{typ}");
        }
        for name in ["token_type", "type", "token_use"] {
            let claims = |kind: &str| json!({name: kind, "scope": "a"});
            assert!(other_claims(None, claims("refresh").as_object().unwrap(), true).is_some(), "{name}");
            for kind in ["access", "Bearer", "refreshing", ""] {
                assert_eq!(other(None, &claims(kind)), None, "{name} {kind}");
            }
        }
    }

    #[test]
    fn at_hash_and_nonce_decide_where_nothing_says_access_token() {
        for name in ["at_hash", "nonce"] {
            let with = |claim: &str, value: Value| json!({name: "x", claim: value});
            assert!(other(None, &json!({name: "x"})).is_some());
            assert!(other(Some("JWT"), &with("scopes", json!("a"))).is_some());
            assert!(other(Some("JWT"), &with("typ", json!("JWT"))).is_some());
            assert!(other(Some("JWT"), &with("token_use", json!(["access"]))).is_some());
            assert_eq!(other(Some("application/at+jwt"), &json!({name: "x"})), None);
            for (claim, value) in [
                ("scope", "openid"),
                ("scp", "a"),
                ("typ", "Bearer"),
                ("typ", "DPoP"),
                ("token_use", "access"),
            ] {
                assert_eq!(other(None, &with(claim, json!(value))), None, "{name} {claim}");
            }
            assert_eq!(other_claims(None, json!({name: "x"}).as_object().unwrap(), true), None);
        }
    }

    #[test]
    fn an_ordinary_token_has_no_mark() {
        for claims in
            [json!({}), json!({"sub": "a", "azp": "b"}), json!({"typ": "Bearer"}), json!({"typ": 7})]
        {
            assert_eq!(other(None, &claims), None, "{claims}");
        }
    }
}
