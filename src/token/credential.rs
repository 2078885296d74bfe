//! The one credential in a request, or none, or too many (RFC 6750 section 2, RFC 9449 section 7.1).

use std::borrow::Cow;
use std::rc::Rc;

use super::dpop;
use crate::base::secret::Secret;
use crate::http::authorization::{self, Presented};
use crate::http::head::RequestHead;
use crate::http::message::HeaderEdits;
use crate::http::{cookie, form};

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

/// The edits that take the token out of a request, and its proof, so that the upstream does not see them.
pub fn strip(head: &RequestHead<'_>, places: &[Place], edits: &mut HeaderEdits) {
    let mut target = Cow::Borrowed(head.path);
    for place in places {
        match place {
            Place::Header { name, scheme } => {
                let ours =
                    |value| authorization::is_ours(value, scheme.as_deref().unwrap_or_default().as_bytes());
                if head.values(name.as_bytes()).any(ours) {
                    edits.remove.push(Rc::clone(name));
                }
            }
            Place::Query(name) => target = Cow::Owned(form::without(&target, name.as_bytes())),
            Place::Cookie(_) => {}
        }
    }
    strip_cookies(head, places, edits);
    if places.iter().any(|place| place.scheme() == Scheme::Dpop)
        && head.first(dpop::FIELD.as_bytes()).is_some()
    {
        edits.remove.push(dpop::FIELD.into());
    }
    if *target != *head.path {
        // Text whatever else the client wrote there: the token must not stay because of it.
        edits.set.push((":path".into(), form::target_text(&target).into()));
    }
}

/// Takes out the cookies of all places at once: there is one field for them, and of two edits of it only one would count.
fn strip_cookies(head: &RequestHead<'_>, places: &[Place], edits: &mut HeaderEdits) {
    let names: Vec<&[u8]> = places.iter().filter_map(Place::cookie).map(str::as_bytes).collect();
    let is_ours = |name: &[u8]| names.contains(&name);
    if names.is_empty() || !head.values(b"cookie").any(|field| cookie::has(field, is_ours)) {
        return;
    }
    edits.remove.push("cookie".into());
    let kept: Vec<String> =
        head.values(b"cookie").filter_map(|field| cookie::without(field, is_ours)).collect();
    if !kept.is_empty() {
        edits.set.push(("cookie".into(), kept.join("; ").into()));
    }
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
mod tests {
    use super::*;

    fn places() -> Vec<Place> {
        vec![
            Place::Header { name: "authorization".into(), scheme: Some("Bearer".into()) },
            Place::Header { name: "x-access-token".into(), scheme: None },
            Place::Query("access_token".into()),
            Place::Cookie("session".into()),
        ]
    }

    fn head<'h>(path: &'h str, fields: &[(&'h str, &'h str)]) -> RequestHead<'h> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        RequestHead::from_pairs([(&b":path"[..], path.as_bytes())].into_iter().chain(fields))
    }

    fn found<'h>(path: &'h str, fields: &[(&'h str, &'h str)]) -> Found<'h> {
        find(&head(path, fields), &places())
    }

    #[test]
    fn each_place_is_read() {
        let token = Found::Token(Secret::new(b"t.o.k".into()), Scheme::Bearer);
        assert_eq!(found("/", &[("authorization", "Bearer t.o.k")]), token);
        assert_eq!(found("/", &[("x-access-token", "t.o.k")]), token);
        assert_eq!(found("/?access_token=t.o.k", &[]), token);
        assert_eq!(found("/", &[("cookie", "a=b; session=t.o.k")]), token);
        assert_eq!(found("/?a=b", &[("authorization", "Basic eDp5"), ("cookie", "a=b")]), Found::Nothing);
    }

    #[test]
    fn one_place_counts_unless_it_is_configured() {
        let only_header = places().into_iter().take(1).collect::<Vec<_>>();
        assert_eq!(find(&head("/?access_token=t", &[("cookie", "session=t")]), &only_header), Found::Nothing);
    }

    #[test]
    fn a_token_with_a_proof_is_told_from_one_without() {
        let mut both = places();
        both.push(Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) });
        let find = |value| find(&head("/", &[("authorization", value)]), &both);
        let token = |scheme| Found::Token(Secret::new(b"t".into()), scheme);
        assert_eq!(find("DPoP t"), token(Scheme::Dpop));
        assert_eq!(find("dpop t"), token(Scheme::Dpop));
        assert_eq!(find("Bearer t"), token(Scheme::Bearer));
        assert_eq!(find("DPoP"), Found::Malformed);
        for value in ["DPoP t,Bearer t", "Bearer t,DPoP t", "DPoP t,DPoP t", "Basic t,DPoP t"] {
            assert_eq!(find(value), Found::Several, "{value}");
        }
        assert_eq!(found("/", &[("authorization", "DPoP t")]), Found::Nothing, "unless it is looked for");
    }

    #[test]
    fn the_proof_goes_where_the_token_goes() {
        let fields = [("authorization", "DPoP t"), ("dpop", "p"), ("dpop", "q")];
        let place = Place::Header { name: "authorization".into(), scheme: Some(DPOP.into()) };
        let mut edits = HeaderEdits::default();
        strip(&head("/", &fields), &[place], &mut edits);
        assert_eq!(edits.remove, ["authorization", "dpop"].map(Rc::from));
        let mut edits = HeaderEdits::default();
        strip(&head("/", &fields), &places(), &mut edits);
        assert!(edits == HeaderEdits::default(), "without DPoP in the policy both are another's");
    }

    #[test]
    fn two_credentials_are_too_many() {
        assert_eq!(
            found("/", &[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            Found::Several
        );
        assert_eq!(
            found("/", &[("authorization", "Basic a"), ("authorization", "Bearer b")]),
            Found::Several
        );
        assert_eq!(found("/?access_token=a", &[("authorization", "Bearer a")]), Found::Several);
        assert_eq!(found("/?access_token=a&access_token=a", &[]), Found::Several);
        assert_eq!(found("/", &[("cookie", "session=a"), ("cookie", "session=b")]), Found::Several);
        assert_eq!(found("/?access_token=", &[("authorization", "Bearer a")]), Found::Several);
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        assert_eq!(found("/", &[("authorization", "Bearer")]), Found::Malformed);
        assert_eq!(found("/?access_token=", &[]), Found::Malformed);
        assert_eq!(found("/?access_token=a%20b", &[]), Found::Malformed);
        assert_eq!(found("/", &[("cookie", "session=a,b")]), Found::Malformed);
    }

    #[test]
    fn the_token_is_taken_out_and_nothing_else() {
        let fields = [("authorization", "Bearer a"), ("cookie", "a=b; session=x; c=d"), ("x-other", "1")];
        let mut edits = HeaderEdits::default();
        strip(&head("/p?a=1&access_token=t", &fields), &places(), &mut edits);
        assert_eq!(edits.remove, ["authorization", "cookie"].map(Rc::from));
        let pair = |name: &str, value: &str| (name.into(), value.into());
        assert_eq!(edits.set, [pair("cookie", "a=b; c=d"), pair(":path", "/p?a=1")]);
    }

    #[test]
    fn the_token_is_taken_out_whatever_stands_beside_it() {
        let target: &[u8] = b"/p?access_token=t&x=\xff";
        let mut edits = HeaderEdits::default();
        strip(&RequestHead::from_pairs([(&b":path"[..], target)]), &places(), &mut edits);
        assert_eq!(edits.set, [(":path".into(), "/p?x=%FF".into())]);
        let cookies: &[u8] = b"login=1; town=Orl\xe9ans; session=x";
        let mut edits = HeaderEdits::default();
        strip(&RequestHead::from_pairs([(&b"cookie"[..], cookies)]), &places(), &mut edits);
        assert_eq!(edits.set, [("cookie".into(), "login=1".into())], "the login at the upstream stays");
    }

    #[test]
    fn the_tokens_of_all_cookies_and_parameters_are_taken_out() {
        let names = ["session", "old"];
        let places: Vec<Place> = names
            .into_iter()
            .flat_map(|name| [Place::Cookie(name.to_owned()), Place::Query(name.to_owned())])
            .collect();
        let fields = [("cookie", "old=t; a=b; session=t"), ("cookie", "c=d; old=t")];
        let mut edits = HeaderEdits::default();
        strip(&head("/p?old=t&a=1&session=t", &fields), &places, &mut edits);
        let pair = |name: &str, value: &str| (name.into(), value.into());
        assert_eq!(edits.remove, ["cookie"].map(Rc::from));
        assert_eq!(edits.set, [pair("cookie", "a=b; c=d"), pair(":path", "/p?a=1")]);
    }

    #[test]
    fn another_scheme_is_left_alone() {
        let mut edits = HeaderEdits::default();
        strip(&head("/", &[("authorization", "Basic eDp5")]), &places(), &mut edits);
        assert!(edits == HeaderEdits::default());
    }
}
