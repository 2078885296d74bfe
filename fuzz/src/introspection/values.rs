//! The values in a reply, read naively.

use serde_json::{Map, Value};

type Members = Map<String, Value>;

/// The member `name`, unless it is absent or `null`.
pub(super) fn own(members: &Members, name: &str) -> Option<Value> {
    members.get(name).filter(|value| !value.is_null()).cloned()
}

/// `expires_in`, where it is a number that can be a time.
pub(super) fn seconds(members: &Members) -> Option<f64> {
    members.get("expires_in")?.as_f64().filter(|span| in_range(*span))
}

/// `expires_in` as RFC 7662's servers say it, whose RFC does not have it: a number or digits, more than none.
pub(super) fn rest_of_life(members: &Members) -> Option<f64> {
    let value = members.get("expires_in")?;
    let digits = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let span = value.as_f64().or_else(|| digits?.parse().ok())?;
    (span > 0.0 && in_range(span)).then_some(span)
}

pub(super) fn in_range(seconds: f64) -> bool {
    seconds.abs() <= 9_007_199_254_740_992.0
}

pub(super) fn whole(value: &Value) -> Option<String> {
    (value.is_i64() || value.is_u64()).then(|| value.to_string())
}

/// One text or several, each once where `split` says that one is several with spaces between.
pub(super) fn texts(value: &Value, split: bool) -> Option<Vec<String>> {
    let list: Vec<String> = match value {
        Value::String(text) if split => text.split(' ').map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Array(members) => {
            members.iter().map(|member| member.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    if !split {
        return Some(list);
    }
    let mut once: Vec<String> = Vec::new();
    for text in list {
        if !text.is_empty() && !once.contains(&text) {
            once.push(text);
        }
    }
    Some(once)
}

/// The members that Google's answers about ID tokens have, and no others.
pub(super) const ID_TOKEN: [&str; 9] =
    ["iss", "iat", "nbf", "at_hash", "c_hash", "nonce", "alg", "kid", "typ"];

/// The claims about a token that no attribute of its user is.
pub(super) const ABOUT_TOKEN: [&str; 10] =
    ["iss", "aud", "exp", "nbf", "iat", "jti", "auth_time", "acr", "amr", "authorization_details"];

/// The members in which servers say which kind of token it is.
pub(super) const KINDS: [&str; 5] = ["token_use", "token_type", "typ", "tokenName", "purpose"];

pub(super) fn is_no_access_token(kind: &str) -> bool {
    let folded: String =
        kind.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let others =
        ["refresh", "refreshtoken", "offline", "offlinetoken", "idtoken", "code", "logout", "logouttoken"];
    let letters: Vec<char> = kind.chars().collect();
    let end = letters.iter().rposition(char::is_ascii_alphabetic).map_or(0, |last| last + 1);
    let is_word = match &letters[..end] {
        [] | [_] => false,
        [first, last] => first.eq_ignore_ascii_case(&'i') && last.eq_ignore_ascii_case(&'d'),
        [.., before, first, last] => {
            let begins = !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && *first == 'I');
            begins && first.eq_ignore_ascii_case(&'i') && last.eq_ignore_ascii_case(&'d')
        }
    };
    is_word || others.iter().any(|other| folded.ends_with(other))
}

pub(super) fn names_somebody(members: &Members) -> bool {
    let named = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let profile = |value: &Members| {
        value.get("id").and_then(whole).is_some() || named(value.get("id")) || named(value.get("username"))
    };
    named(members.get("sub"))
        || profile(members)
        || members.get("user").and_then(Value::as_object).is_some_and(profile)
}

/// Seconds in milliseconds.
pub(super) fn milliseconds(seconds: f64) -> i128 {
    seconds.floor() as i128 * 1000 + ((seconds - seconds.floor()) * 1000.0) as i128
}

/// Whether the header of a signed reply says what it is.
pub(super) fn is_signed_answer(body: &[u8]) -> bool {
    let header = body.split(|byte| *byte == b'.').next().and_then(crate::naive::base64url);
    let header = header.and_then(|header| serde_json::from_slice::<Value>(&header).ok()).unwrap_or_default();
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == "token-introspection+jwt"
}
