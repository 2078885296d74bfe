//! Where an issuer's keys are, as the issuer says: RFC 8414 section 3, then OpenID Connect Discovery section 4.

use crate::base::json;
use crate::http::message::Answer;
use crate::http::uri::Uri;

/// The two places of an issuer's metadata, in the order in which they are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// RFC 8414: the well-known part stands between host and path.
    AuthorizationServer,
    /// OpenID Connect: it stands behind the path.
    OpenId,
}

impl Place {
    /// The metadata document of `issuer`.
    pub(super) fn of(self, issuer: &Uri) -> Uri {
        let path = issuer.path().trim_end_matches('/');
        issuer.with_path(match self {
            Self::AuthorizationServer => format!("/.well-known/oauth-authorization-server{path}"),
            Self::OpenId => format!("{path}/.well-known/openid-configuration"),
        })
    }
}

/// That neither place has metadata.
pub(super) const NOT_THERE: &str =
    "its metadata is not at the places that RFC 8414 and OpenID Connect have for `issuer`";

/// Both places of the metadata of `issuer`, for people.
pub(super) fn places(issuer: &Uri) -> String {
    format!("{} and {}", Place::AuthorizationServer.of(issuer), Place::OpenId.of(issuer))
}

/// The `jwks_uri` in an issuer's metadata.
///
/// # Errors
/// A sentence: not the metadata of `issuer` (compared byte for byte, RFC 8414 section 3.3), or no usable `jwks_uri`.
pub(super) fn jwks_uri(answer: &Answer<'_>, issuer: &str) -> Result<Uri, &'static str> {
    if answer.status != 200 {
        return Err(NOT_THERE);
    }
    let metadata = json::object(answer.body).map_err(|_| "its metadata is not a JSON object")?;
    if metadata.get("issuer").and_then(serde_json::Value::as_str) != Some(issuer) {
        return Err("its metadata names another issuer");
    }
    let uri =
        metadata.get("jwks_uri").and_then(serde_json::Value::as_str).ok_or("its metadata has no jwks_uri")?;
    Uri::parse(uri).map_err(|_| "its metadata's jwks_uri is not an http or https URI")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_are_told() {
        let told = places(&Uri::parse("https://x.example/a").unwrap());
        let (one, other) = (
            "https://x.example/.well-known/oauth-authorization-server/a",
            "https://x.example/a/.well-known/openid-configuration",
        );
        assert_eq!(told, format!("{one} and {other}"));
    }

    #[test]
    fn the_two_places() {
        let at = |place: Place, issuer: &str| place.of(&Uri::parse(issuer).unwrap()).to_string();
        let (rfc8414, openid) = (Place::AuthorizationServer, Place::OpenId);
        assert_eq!(
            at(rfc8414, "https://x.example"),
            "https://x.example/.well-known/oauth-authorization-server"
        );
        assert_eq!(
            at(rfc8414, "https://x.example/a/"),
            "https://x.example/.well-known/oauth-authorization-server/a"
        );
        for issuer in ["https://x.example/a", "https://x.example/a/"] {
            assert_eq!(at(openid, issuer), "https://x.example/a/.well-known/openid-configuration");
        }
    }

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        let read = |status, body: &str| {
            jwks_uri(&Answer { status, fields: &[], body: body.as_bytes() }, "https://x.example")
                .map(|uri| uri.to_string())
        };
        let good = r#"{"issuer":"https://x.example","jwks_uri":"https://x.example/jwks"}"#;
        assert_eq!(read(200, good), Ok("https://x.example/jwks".into()));
        for (status, body) in [
            (404, good),
            (200, "{"),
            (200, r#"{"issuer":"https://x.example/","jwks_uri":"https://x.example/jwks"}"#),
            (200, r#"{"jwks_uri":"https://x.example/jwks"}"#),
            (200, r#"{"issuer":"https://x.example"}"#),
            (200, r#"{"issuer":"https://x.example","jwks_uri":"/jwks"}"#),
        ] {
            assert!(read(status, body).is_err(), "{body}");
        }
    }
}
