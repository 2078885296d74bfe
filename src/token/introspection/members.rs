//! Whose the members of an answer are, and so which of them are read as registered claims.
//!
//! | protocol | members that are the server's own | what else there may be |
//! | --- | --- | --- |
//! | `rfc7662`, `mule`, `google_tokeninfo` | all | nothing |
//! | `openam` | `scope`, `client_id`, `token_type`, `tokenName`, `expires_in` | attributes of the user, as the scopes name them |
//! | `pingfederate` | what stands beside `access_token` | attributes of the user, within it |
//! | `userinfo` | `sub`, `client_id` | the user's profile |
//!
//! `sub` and `cnf` are read in every protocol: whose the token is, and what binds it, is never guessed. A user's attribute
//! has any name and any type (`purpose`, `typ`, `exp`), and says nothing about the token: one with the name of a claim about
//! it is dropped. `iss` and `aud` may be the server's in a profile too (OpenID Connect Core 1.0 section 5.3.2): where they
//! have the type of these claims they are compared with what the policy names, and then dropped as well.

use serde_json::Value;

use super::kind;
use crate::base::json::Object;
use crate::base::time::UnixTime;
use crate::token::claims;
use crate::token::fault::TokenFault;

/// Claims about a token, and not about its user (RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 9396 section 9.1). Rules
/// rely on them, and so no attribute of a user is one: he could give himself what a rule wants of the token.
const ABOUT_TOKEN: [&str; 10] =
    ["iss", "aud", "exp", "nbf", "iat", "jti", "auth_time", "acr", "amr", "authorization_details"];

/// Whose the members of an answer are.
#[derive(Clone, Copy, Default)]
pub(super) enum Members {
    /// The server's, all of them.
    #[default]
    Servers,
    /// Attributes of a user, of any name and type, beside these of the server's own.
    Profile(&'static [&'static str]),
}

/// The registered claims of an answer, each with its type.
pub(super) struct Registered {
    pub(super) issuer: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) expires: Option<UnixTime>,
    pub(super) begins: Option<UnixTime>,
}

impl Members {
    /// The registered claims among `claims`, which are about an access token.
    ///
    /// # Errors
    /// `OtherKind` where the server says that it is none, `ClaimMalformed` for a member of the server's with a wrong type.
    pub(super) fn registered(self, claims: &Object) -> Result<Registered, TokenFault> {
        match self {
            Self::Servers => {
                kind::check(claims, &|_| true)?;
                Ok(Registered {
                    issuer: claims::text(claims, "iss")?.map(str::to_owned),
                    audiences: claims::audiences(claims)?,
                    expires: claims::time(claims, "exp")?,
                    begins: claims::time(claims, "nbf")?,
                })
            }
            Self::Profile(own) => {
                kind::check(claims, &|member| own.contains(&member))?;
                Ok(Registered {
                    issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned),
                    audiences: claims::audiences(claims).unwrap_or_default(),
                    expires: None,
                    begins: None,
                })
            }
        }
    }

    /// Whether the member `name` is a user's attribute with the name of a claim about a token.
    pub(super) fn is_namesake(self, name: &str) -> bool {
        matches!(self, Self::Profile(own) if ABOUT_TOKEN.contains(&name) && !own.contains(&name))
    }

    /// Whether the member `name` is a user's attribute with the name of what says in tokens of which kind they are.
    pub(super) fn is_no_kind(self, name: &str) -> bool {
        matches!(self, Self::Profile(own) if kind::MEMBERS.contains(&name) && !own.contains(&name))
    }

    /// Whether the member `name` is the server's own in a profile.
    pub(super) fn is_own(self, name: &str) -> bool {
        matches!(self, Self::Profile(own) if own.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namesake_has_the_name_of_a_claim_about_a_token_and_is_not_the_servers_own() {
        let profile = Members::Profile(&["token_type", "exp"]);
        for name in ["iss", "aud", "nbf", "acr", "authorization_details"] {
            assert!(profile.is_namesake(name) && !profile.is_no_kind(name), "{name}");
            assert!(!Members::Servers.is_namesake(name), "{name}");
        }
        for name in ["purpose", "typ"] {
            assert!(profile.is_no_kind(name) && !profile.is_namesake(name), "{name}");
            assert!(!Members::Servers.is_no_kind(name), "{name}");
        }
        for name in ["sub", "token_type", "exp"] {
            assert!(!profile.is_namesake(name) && !profile.is_no_kind(name), "{name}");
        }
    }

    #[test]
    fn what_is_the_servers_own_is_named() {
        let profile = Members::Profile(&["token_type", "scope"]);
        assert!(profile.is_own("scope") && profile.is_own("token_type") && !profile.is_own("exp"));
        assert!(!Members::Servers.is_own("scope"));
    }
}
