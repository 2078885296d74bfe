//! Which kind of token an answer is about: many issuers call refresh tokens, ID tokens and codes active too.

use serde_json::Value;

use crate::base::json::Object;
use crate::token::fault::TokenFault;

/// Where issuers say it: Hydra and Cognito, RFC 7662, Keycloak, ForgeRock, Curity.
pub(super) const MEMBERS: [&str; 5] = ["token_use", "token_type", "typ", "tokenName", "purpose"];

/// What no access token is called, in lower-case letters.
const OTHERS: [&str; 8] =
    ["refresh", "refreshtoken", "offline", "offlinetoken", "idtoken", "code", "logout", "logouttoken"];

/// Whether `claims` say that the token is an access token, or nothing about it. Only these members say which kind it
/// is, those of them that `is_read` in the protocol, and only the kinds that are listed are no access tokens: what access
/// tokens are called has no end.
///
/// # Errors
/// `OtherKind`, or `ClaimMalformed` for a member of a wrong type.
pub(super) fn check(claims: &Object, is_read: &dyn Fn(&str) -> bool) -> Result<(), TokenFault> {
    for member in MEMBERS.into_iter().filter(|member| is_read(member)) {
        let is_other = match claims.get(member) {
            None | Some(Value::Null) => false,
            Some(Value::String(kind)) => is_other(kind),
            Some(_) => return Err(TokenFault::ClaimMalformed(member.to_owned())),
        };
        if is_other {
            return Err(TokenFault::OtherKind(member));
        }
    }
    Ok(())
}

/// Whether `kind`, folded to lower-case letters, is or ends in what no access token is called.
fn is_other(kind: &str) -> bool {
    let letters = kind.chars().filter(char::is_ascii_alphabetic);
    let folded: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    OTHERS.iter().any(|other| folded.ends_with(other)) || ends_in_id(kind)
}

/// Whether the last word of `kind` is `id`. Other words end in these two letters (`valid`, `hybrid`), so here it takes
/// a word of its own: after something that is no letter, or a capital after a small letter.
fn ends_in_id(kind: &str) -> bool {
    let kind = kind.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let mut backwards = kind.chars().rev();
    let (last, first, before) = (backwards.next(), backwards.next(), backwards.next());
    let (Some('d' | 'D'), Some(first @ ('i' | 'I'))) = (last, first) else { return false };
    before.is_none_or(|before| {
        !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_issuers_call_other_tokens_is_no_access_token() {
        for kind in [
            "refresh",
            "refresh_token",
            "Refresh",
            "REFRESH TOKEN",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "Offline",
            "offline_token",
            "id",
            "ID",
            "Id.",
            "id_token",
            "ID Token",
            "openid_token",
            "urn:ietf:params:oauth:token-type:id_token",
            "urn:example:id",
            "oidcId",
            "authorization_code",
            "code",
            "Logout",
            "logout-token",
        ] {
            assert!(is_other(kind), "{kind}");
        }
    }

    #[test]
    fn what_issuers_call_access_tokens_passes() {
        for kind in [
            "",
            "Bearer",
            "bearer",
            "DPoP",
            "PoP",
            "mac",
            "N_A",
            "access",
            "access_token",
            "AccessToken",
            "at+jwt",
            "JWT",
            "offline_access",
            "urn:ietf:params:oauth:token-type:access_token",
            "urn:pingidentity.com:oauth2:validated_token",
            "valid",
            "hybrid",
            "openid",
            "grid",
            "VALID",
        ] {
            assert!(!is_other(kind), "{kind}");
        }
    }

    #[test]
    fn each_member_that_says_the_kind_is_looked_at_and_no_other() {
        let checked = |claims: serde_json::Value| check(claims.as_object().unwrap(), &|_| true);
        for member in MEMBERS {
            assert_eq!(checked(json!({member: "refresh_token"})), Err(TokenFault::OtherKind(member)));
            assert_eq!(checked(json!({member: "Bearer"})), Ok(()));
            assert_eq!(checked(json!({member: null})), Ok(()));
            let malformed = Err(TokenFault::ClaimMalformed(member.to_owned()));
            for wrong in [json!(7), json!(true), json!(["refresh_token"]), json!({})] {
                assert_eq!(checked(json!({member: wrong})), malformed, "{member}");
            }
        }
        assert_eq!(checked(json!({"grant_type": "refresh_token", "scope": "id", "client_id": "id"})), Ok(()));
    }
}
