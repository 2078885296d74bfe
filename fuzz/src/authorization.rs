//! The one credential of a request: found as RFC 6750 and RFC 9110 have it, and gone once it is taken out.
//!
//! An input is text: a line of places (any of `a`, `d`, `x`, `q`, `c`, `e`), a line with the request target, and a line for each
//! field, `name:value`.

use scopegate::http::head::RequestHead;
use scopegate::http::message::HeaderEdits;
use scopegate::token::credential::{self, Found, Place, Scheme};

use crate::naive::{self, cut};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Takes a request as text.
pub fn run(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let letters = lines.next().unwrap_or_default();
    let places: Vec<Place> = all_places()
        .into_iter()
        .filter(|(letter, _)| letters.contains(letter))
        .map(|(_, place)| place)
        .collect();
    let target = lines.next().unwrap_or_default().to_vec();
    let fields: Fields = lines
        .filter_map(|line| {
            let (name, value) = cut(line, b':');
            Some((name.to_ascii_lowercase(), value?.to_vec())).filter(|(name, _)| !name.is_empty())
        })
        .collect();
    check(&target, &fields, &places);
}

fn check(target: &[u8], fields: &Fields, places: &[Place]) {
    let request = head(target, fields);
    let found = credential::find(&request, places);
    let here: Vec<Reading> = places
        .iter()
        .map(|place| look(target, fields, place))
        .filter(|here| *here != Reading::Nothing)
        .collect();
    let expected = match here.as_slice() {
        [] => Reading::Nothing,
        [one] => one.clone(),
        _ => Reading::Several,
    };
    assert_eq!(reading(&found), expected, "{}", target.escape_ascii());

    let mut edits = HeaderEdits::default();
    credential::strip(&request, places, false, &mut edits);
    let (after_target, after) = edited(target, fields, &edits);
    for place in places {
        let left = look(&after_target, &after, place);
        assert!(matches!(left, Reading::Nothing | Reading::Malformed), "{place:?} still holds {left:?}");
        assert_eq!(
            reading(&credential::find(&head(&after_target, &after), std::slice::from_ref(place))),
            left
        );
    }
    let mut again = HeaderEdits::default();
    credential::strip(&head(&after_target, &after), places, false, &mut again);
    assert!(again == HeaderEdits::default(), "nothing is left to take out");
    untouched(target, fields, &after_target, &after, places);
}

/// What no place names stays as it was.
fn untouched(target: &[u8], fields: &Fields, after_target: &[u8], after: &Fields, places: &[Place]) {
    let ours = |name: &[u8]| {
        places.iter().any(|place| match place {
            Place::Header { name: ours, .. } => {
                ours.as_bytes() == name || (place.scheme() == Scheme::Dpop && name == b"dpop")
            }
            Place::Cookie(_) => name == b"cookie",
            Place::Query(_) => false,
        })
    };
    let others = |fields: &Fields| fields.iter().filter(|(name, _)| !ours(name)).cloned().collect::<Fields>();
    assert!(others(fields) == others(after), "a field that is no place was touched");
    let names: Vec<&[u8]> = places
        .iter()
        .filter_map(|place| if let Place::Query(name) = place { Some(name.as_bytes()) } else { None })
        .collect();
    let is_ours = |pair: &[u8]| {
        let name = naive::form(cut(pair, b'=').0);
        names.iter().any(|ours| passes_for(&name, ours))
    };
    // Some servers end a parameter at a `;` too.
    let kept = |target: &[u8]| {
        let pairs = raw_parameters(target).filter(|pair| !is_ours(pair));
        let parts = pairs.map(|pair| {
            let parts = pair.split(|byte| *byte == b';').filter(|part| !is_ours(part));
            parts.collect::<Vec<_>>().join(&b';')
        });
        parts.filter(|pair| !pair.is_empty()).map(|pair| parameter(&pair)).collect::<Fields>()
    };
    assert!(kept(target) == kept(after_target), "another parameter was touched");
    assert!(
        kept(after_target) == parameters(after_target),
        "a parameter that passes for the token's goes on"
    );
    let names: Vec<&[u8]> = places.iter().filter_map(Place::cookie).map(str::as_bytes).collect();
    let has_name = |pair: &[u8]| {
        let name = cut(pair, b'=').0.trim_ascii();
        names.contains(&name) || names.iter().any(|ours| passes_for(&naive::form(name), ours))
    };
    // Some servers end a cookie at a blank or a comma too.
    let is_ours = |pair: &[u8]| {
        has_name(pair) || pair.split(|byte| b" \t\n\x0b\x0c\r,".contains(byte)).skip(1).any(has_name)
    };
    // A cookie that is no text may be lost.
    let others = |fields: &Fields| {
        let pairs = cookies(fields).into_iter().filter(|pair| core::str::from_utf8(pair).is_ok());
        pairs.filter(|pair| !is_ours(pair)).collect::<Vec<_>>()
    };
    assert_eq!(others(fields), others(after), "another cookie was touched");
    assert!(!cookies(after).iter().any(|pair| is_ours(pair)), "a cookie that passes for the token's goes on");
    let path = |target: &[u8]| naive::percent(cut(target, b'?').0);
    assert_eq!(path(target), path(after_target), "the path was touched");
}

/// All cookies, as they stand between the semicolons.
fn cookies(fields: &Fields) -> Vec<Vec<u8>> {
    let fields = fields.iter().filter(|(name, _)| name == b"cookie");
    let pairs = fields.flat_map(|(_, value)| value.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    pairs.filter(|pair| !pair.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Whether PHP or ASP.NET could take the variable `name` for `ours`, or for a list of that name.
fn passes_for(name: &[u8], ours: &[u8]) -> bool {
    let plain = |name: &[u8]| -> Vec<u8> {
        let folded = name.iter().map(|byte| if b". [".contains(byte) { b'_' } else { *byte });
        folded.collect::<Vec<u8>>().to_ascii_lowercase()
    };
    let name = cut(name, 0).0.trim_ascii_start();
    let brackets = (0..name.len()).filter(|at| name[*at] == b'[');
    brackets.chain([name.len()]).any(|end| plain(&name[..end]) == plain(ours))
}

#[derive(Clone, PartialEq, Debug)]
enum Reading {
    Nothing,
    /// A token, and whether it comes with a proof.
    Token(Vec<u8>, bool),
    Malformed,
    Several,
}

fn reading(found: &Found<'_>) -> Reading {
    match found {
        Found::Nothing => Reading::Nothing,
        Found::Token(token, scheme) => Reading::Token(token.expose().to_vec(), *scheme == Scheme::Dpop),
        Found::Malformed => Reading::Malformed,
        Found::Several => Reading::Several,
    }
}

fn all_places() -> Vec<(u8, Place)> {
    vec![
        (b'a', Place::Header { name: "authorization".into(), scheme: Some("Bearer".into()) }),
        (b'd', Place::Header { name: "authorization".into(), scheme: Some("DPoP".into()) }),
        (b'x', Place::Header { name: "x-access-token".into(), scheme: None }),
        (b'q', Place::Query("access_token".into())),
        (b'c', Place::Cookie("session".into())),
        (b'e', Place::Cookie("login".into())),
    ]
}

fn head<'h>(target: &'h [u8], fields: &'h Fields) -> RequestHead<'h> {
    // Pseudo fields come from the proxy, and it lets no second one through.
    let fields = fields
        .iter()
        .filter(|(name, _)| !name.starts_with(b":"))
        .map(|(name, value)| (name.as_slice(), value.as_slice()));
    RequestHead::from_pairs([(&b":path"[..], target)].into_iter().chain(fields))
}

fn edited(target: &[u8], fields: &Fields, edits: &HeaderEdits) -> (Vec<u8>, Fields) {
    let mut target = target.to_vec();
    let mut fields = fields.clone();
    fields.retain(|(name, _)| !edits.remove.iter().any(|removed| removed.as_bytes() == name));
    for (name, value) in &edits.set {
        if &**name == ":path" {
            target = value.as_bytes().to_vec();
        } else {
            fields.retain(|(found, _)| found != name.as_bytes());
            fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
    }
    (target, fields)
}

fn look(target: &[u8], fields: &Fields, place: &Place) -> Reading {
    let values = |wanted: &str| {
        fields
            .iter()
            .filter(|(name, _)| name == wanted.as_bytes())
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    match place {
        Place::Header { name, scheme } => header(&values(name), scheme.as_deref()),
        Place::Query(name) => single(
            parameters(target)
                .into_iter()
                .filter(|(found, _)| found == name.as_bytes())
                .map(|(_, value)| value)
                .collect(),
        ),
        Place::Cookie(name) => single(
            values("cookie")
                .iter()
                .flat_map(|field| field.split(|byte| *byte == b';'))
                .map(|pair| cut(pair, b'='))
                .filter(|(found, _)| found.trim_ascii() == name.as_bytes())
                .map(|(_, value)| value.unwrap_or_default().trim_ascii().to_vec())
                .collect(),
        ),
    }
}

/// The list of credentials that fields of one name are together (RFC 9110 section 5.3).
fn header(values: &[Vec<u8>], scheme: Option<&str>) -> Reading {
    if values.is_empty() {
        return Reading::Nothing;
    }
    let list = values.join(&b","[..]);
    let list = list.trim_ascii();
    if list.is_empty() {
        return Reading::Malformed;
    }
    let members: Vec<&[u8]> = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
    let ours = |member: &[u8]| {
        scheme.is_none_or(|scheme| {
            let (word, rest) =
                member.split_at(member.iter().position(u8::is_ascii_whitespace).unwrap_or(member.len()));
            word.eq_ignore_ascii_case(scheme.as_bytes())
                && rest.first().is_none_or(|byte| b" \t".contains(byte))
        })
    };
    let token = |text: &[u8]| {
        if naive::is_token(text) {
            Reading::Token(text.to_vec(), scheme == Some("DPoP"))
        } else {
            Reading::Malformed
        }
    };
    match (members.as_slice(), scheme) {
        ([member], _) if !ours(member) => Reading::Nothing,
        ([member], None) => token(member),
        ([member], Some(scheme)) => {
            let rest = &member[scheme.len()..];
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            token(&rest[spaces..])
        }
        (members, _) if members.iter().any(|member| ours(member)) => Reading::Several,
        _ => Reading::Nothing,
    }
}

fn single(values: Vec<Vec<u8>>) -> Reading {
    match values.as_slice() {
        [] => Reading::Nothing,
        [value] => {
            let value = value.trim_ascii();
            if naive::is_token(value) { Reading::Token(value.to_vec(), false) } else { Reading::Malformed }
        }
        _ => Reading::Several,
    }
}

/// The parameters of a target's query, decoded.
fn parameters(target: &[u8]) -> Fields {
    raw_parameters(target).map(parameter).collect()
}

fn raw_parameters(target: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (_, query) = cut(cut(target, b'#').0, b'?');
    query.unwrap_or_default().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty())
}

fn parameter(pair: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (name, value) = cut(pair, b'=');
    (naive::form(name), naive::form(value.unwrap_or_default()))
}
