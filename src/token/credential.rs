//! The one credential in a request, or none, or too many (RFC 6750 section 2, RFC 9449 section 7.1).

use std::borrow::Cow;
use std::rc::Rc;

use super::dpop;
use crate::base::secret::Secret;
use crate::http::authorization::{self, Presented};
use crate::http::head::RequestHead;
use crate::http::message::HeaderEdits;
use crate::http::{cookie, form, spelling};

/// A place in a request where a token may stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the header field `name` (lower case), after `scheme` where there is one.
    Header {
        /// The field's name in lower case.
        name: Rc<str>,
        /// The authentication scheme before the token; `None` where the token is the whole value.
        scheme: Option<String>,
    },
    /// As a parameter of the query.
    Query(String),
    /// As a cookie.
    Cookie(String),
}

/// How a token is presented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// By itself (RFC 6750), wherever it stands.
    Bearer,
    /// With a proof (RFC 9449).
    Dpop,
}

/// The name of the scheme of RFC 9449 section 7.1.
pub const DPOP: &str = "DPoP";

impl Place {
    /// The name of the header field (lower case), where this is one.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header { name, .. } => Some(name),
            Self::Query(_) | Self::Cookie(_) => None,
        }
    }

    /// The name of the parameter, where this is one.
    pub fn query(&self) -> Option<&str> {
        match self {
            Self::Query(name) => Some(name),
            Self::Header { .. } | Self::Cookie(_) => None,
        }
    }

    /// The name of the cookie, where this is one.
    pub fn cookie(&self) -> Option<&str> {
        match self {
            Self::Cookie(name) => Some(name),
            Self::Header { .. } | Self::Query(_) => None,
        }
    }

    /// Whether this is the header field `name` (lower case).
    pub fn is_header(&self, name: &[u8]) -> bool {
        self.header().is_some_and(|header| header.as_bytes() == name)
    }

    /// Whether the field `name` (lower case) holds this place.
    pub fn is_in(&self, name: &[u8]) -> bool {
        match self {
            Self::Header { .. } => self.is_header(name),
            Self::Query(_) => false,
            Self::Cookie(_) => name == b"cookie",
        }
    }

    /// How a token in this place is presented.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Header { scheme: Some(scheme), .. } if scheme.eq_ignore_ascii_case(DPOP) => Scheme::Dpop,
            Self::Header { .. } | Self::Query(_) | Self::Cookie(_) => Scheme::Bearer,
        }
    }
}

/// What the places of a request hold together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found<'h> {
    /// No credential of a kind that is looked for.
    Nothing,
    /// Exactly one token, and how it is presented.
    Token(Secret<Cow<'h, [u8]>>, Scheme),
    /// Something in one of the places that is not a token.
    Malformed,
    /// More than one.
    Several,
}

impl Found<'_> {
    fn into_owned(self) -> Found<'static> {
        match self {
            Self::Nothing => Found::Nothing,
            Self::Token(token, scheme) => Found::Token(token.into_owned(), scheme),
            Self::Malformed => Found::Malformed,
            Self::Several => Found::Several,
        }
    }
}

/// What stands in a token's place, before its text was looked at.
pub enum Candidate<'h> {
    /// The text of the only credential, whatever it is.
    Text(&'h [u8], Scheme),
    /// What there is besides.
    Found(Found<'h>),
}

impl<'h> Candidate<'h> {
    /// Looks at the text.
    pub fn check(self) -> Found<'h> {
        match self {
            Self::Text(text, scheme) => found(authorization::check(text), scheme),
            Self::Found(found) => found,
        }
    }
}

/// Looks for a credential in all `places` of `head`.
pub fn find<'h>(head: &RequestHead<'h>, places: &[Place]) -> Found<'h> {
    candidate(head, places).check()
}

/// Looks for a credential in all `places` of `head`, and not at the text of one that stands alone in a field.
pub fn candidate<'h>(head: &RequestHead<'h>, places: &[Place]) -> Candidate<'h> {
    let mut candidate = Candidate::Found(Found::Nothing);
    for place in places {
        let here = look(head, place);
        candidate = match (candidate, here) {
            (Candidate::Found(Found::Nothing), here) => here,
            (candidate, Candidate::Found(Found::Nothing)) => candidate,
            _ => return Candidate::Found(Found::Several),
        };
    }
    candidate
}

/// The edits that take the token out of a request, and its proof, so that the upstream does not see them; where the token is
/// forwarded, only cookies and parameters of another name that a server may take for the token's.
pub fn strip(head: &RequestHead<'_>, places: &[Place], is_forwarded: bool, edits: &mut HeaderEdits) {
    let headers = places.iter().filter_map(|place| match place {
        Place::Header { name, scheme } => Some((name, scheme.as_deref().unwrap_or_default())),
        Place::Query(_) | Place::Cookie(_) => None,
    });
    for (name, scheme) in headers.filter(|_| !is_forwarded) {
        if head.values(name.as_bytes()).any(|value| authorization::is_ours(value, scheme.as_bytes())) {
            edits.remove.push(Rc::clone(name));
        }
    }
    strip_cookies(head, places, is_forwarded, edits);
    if !is_forwarded
        && places.iter().any(|place| place.scheme() == Scheme::Dpop)
        && head.first(dpop::FIELD.as_bytes()).is_some()
    {
        edits.remove.push(dpop::FIELD.into());
    }
    let names: Vec<&[u8]> = places.iter().filter_map(Place::query).map(str::as_bytes).collect();
    if names.is_empty() {
        return;
    }
    let target = form::without(head.path, |name| is_out(&names, is_forwarded, name, name));
    if *target != *head.path {
        // Text whatever else the client wrote there: the token must not stay because of it.
        edits.set.push((":path".into(), form::target_text(&target).into()));
    }
}

/// Takes out the cookies of all places at once: there is one field for them, and of two edits of it only one would count.
fn strip_cookies(head: &RequestHead<'_>, places: &[Place], is_forwarded: bool, edits: &mut HeaderEdits) {
    let names: Vec<&[u8]> = places.iter().filter_map(Place::cookie).map(str::as_bytes).collect();
    // Some servers decode the names of cookies. Of what only some take for a cookie no token was judged.
    let is_out =
        |name: &[u8], is_own: bool| is_out(&names, is_forwarded && is_own, name, &form::decode(name));
    if names.is_empty() || !head.values(b"cookie").any(|field| cookie::has(field, is_out)) {
        return;
    }
    edits.remove.push("cookie".into());
    let kept: Vec<String> =
        head.values(b"cookie").filter_map(|field| cookie::without(field, is_out)).collect();
    if !kept.is_empty() {
        edits.set.push(("cookie".into(), kept.join("; ").into()));
    }
}

/// Whether the cookie or parameter `name` is none for the upstream to see: one of the token's `names`, unless it is forwarded,
/// or what a server may take for one of these.
fn is_out(names: &[&[u8]], is_forwarded: bool, name: &[u8], decoded: &[u8]) -> bool {
    if names.contains(&name) {
        return !is_forwarded;
    }
    names.iter().any(|ours| spelling::same_variable(decoded, ours))
}

fn found(presented: Presented<'_>, scheme: Scheme) -> Found<'_> {
    match presented {
        Presented::Foreign => Found::Nothing,
        Presented::Token(token) => Found::Token(Secret::new(token.into()), scheme),
        Presented::Malformed => Found::Malformed,
        Presented::Several => Found::Several,
    }
}

fn look<'h>(head: &RequestHead<'h>, place: &Place) -> Candidate<'h> {
    Candidate::Found(match place {
        Place::Header { name, scheme } => {
            let scheme = scheme.as_deref().unwrap_or_default().as_bytes();
            let mut values = head.values(name.as_bytes());
            match (values.next(), values.next()) {
                (None, _) => Found::Nothing,
                (Some(value), None) => match authorization::find(value, scheme) {
                    Presented::Token(text) => return Candidate::Text(text, place.scheme()),
                    other @ (Presented::Foreign | Presented::Malformed | Presented::Several) => {
                        found(other, place.scheme())
                    }
                },
                // Joined as a proxy joins them, so that every skin sees the same.
                (Some(first), Some(second)) => {
                    let mut joined = [first, second].join(&b","[..]);
                    for value in values {
                        joined.push(b',');
                        joined.extend(value);
                    }
                    found(authorization::read(&joined, scheme), place.scheme()).into_owned()
                }
            }
        }
        Place::Query(name) => single(form::query_values(head.path, name.as_bytes())),
        Place::Cookie(name) => {
            let values = head.values(b"cookie").flat_map(|field| cookie::values(field, name.as_bytes()));
            single(values.map(<[u8]>::to_vec).collect())
        }
    })
}

fn single(values: Vec<Vec<u8>>) -> Found<'static> {
    match values.as_slice() {
        [] => Found::Nothing,
        [value] => match authorization::read(value, b"") {
            Presented::Token(token) => Found::Token(Secret::new(Cow::Owned(token.to_vec())), Scheme::Bearer),
            Presented::Malformed | Presented::Foreign | Presented::Several => Found::Malformed,
        },
        _ => Found::Several,
    }
}

#[cfg(test)]
mod tests;
