//! `issuer`: whom the `iss` of its tokens names.

use std::collections::HashMap;

use crate::document::{Members, quoted};
use crate::http::uri::Uri;

/// Whom the `iss` of an issuer's tokens names.
#[derive(Clone, Copy)]
pub(super) enum Identifier<'d> {
    /// This name, compared byte for byte.
    Name(&'d str),
    /// Nobody: its tokens have no `iss`.
    Nobody,
}

impl<'d> Identifier<'d> {
    /// The name, where there is one.
    pub(super) const fn name(self) -> Option<&'d str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Nobody => None,
        }
    }
}

/// `issuer`, a StringOrURI (RFC 7519 section 4.1.1). Where tokens are verified here it leads from a token to its issuer,
/// so it must be there and be nobody else's.
pub(super) fn identifier<'d>(
    name: &'d str,
    members: &Members<'d>,
    by_issuer: &mut HashMap<&'d str, &'d str>,
) -> Option<Identifier<'d>> {
    const EXAMPLE: &str =
        "the `iss` of its tokens, like https://idp.example.com, or `none` for tokens without";
    /// For tokens without `iss`.
    const NONE: &str = "none";
    let has_jwt = members.get("jwt").is_some();
    let node = if has_jwt { members.need("issuer", EXAMPLE) } else { members.get("issuer") }?;
    let text = node.text(EXAMPLE)?;
    if let Some((origin, rest)) = text.split_once("/.well-known/") {
        // RFC 8414 puts its own part between the host and the issuer's path, OpenID Connect behind both.
        let path = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        let likely = quoted(&format!("{origin}{path}"), '`');
        let remedy = format!("write the `issuer` that stands in that metadata, most likely {likely}");
        node.refuse("is where an issuer's metadata is, and no token's `iss`", remedy);
        return None;
    }
    if let Some(problem) = unusable(text) {
        node.refuse(problem, format!("write {EXAMPLE}"));
        return None;
    }
    if has_jwt && let Some(other) = by_issuer.insert(text, name) {
        let problem = format!("is the same as that of the issuer {}", quoted(other, '`'));
        node.refuse(problem, "join the two: a token's `iss` must lead to one of them");
    }
    if text != NONE {
        return Some(Identifier::Name(text));
    }
    if !has_jwt {
        node.refuse(
            "has a meaning only beside `jwt`",
            "leave it out: the `iss` of answers is not compared then",
        );
    }
    Some(Identifier::Nobody)
}

/// What is wrong with a text that is to be compared with `iss`. What looks like a URL has to be one.
fn unusable(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) || text.trim() != text {
        return Some("has a control character, or a space at its beginning or end");
    }
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    Uri::parse(text).err().filter(|_| is_url)
}
