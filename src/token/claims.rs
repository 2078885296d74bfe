//! Registered claims, read with their types: a claim of the wrong type is never taken for an absent one
//! (RFC 7519 section 4.1, RFC 7662 section 2.2). One that is `null` is absent: [`crate::base::json::object`] leaves it out.

use serde_json::Value;

use super::expect::{Expect, IssuerId};
use super::fault::TokenFault;
use super::grant::{Grant, Window};
use super::scope::Scopes;
use crate::base::json::Object;
use crate::base::time::UnixTime;

/// The claim `name`, or what a JSON pointer (RFC 6901) leads to when `name` begins with `/`. `null` is absent.
pub(super) fn find<'c>(claims: &'c Object, name: &str) -> Option<&'c Value> {
    let Some(pointer) = name.strip_prefix('/') else {
        return claims.get(name).filter(|value| !value.is_null());
    };
    let mut members = pointer.split('/').map(unescaped);
    let mut value = claims.get(&members.next()?)?;
    for member in members {
        value = match value {
            Value::Object(object) => object.get(&member)?,
            Value::Array(array) => array.get(index(&member)?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(value).filter(|value| !value.is_null())
}

/// Whether `name`, a claim or a JSON pointer, is the claim `claim` or leads into it.
pub(super) fn is_within(name: &str, claim: &str) -> bool {
    let Some(pointer) = name.strip_prefix('/') else { return name == claim };
    pointer.split('/').next().is_some_and(|first| unescaped(first) == claim)
}

/// A part of a JSON pointer as the name that it stands for (RFC 6901 section 4).
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// An index of RFC 6901 section 4: digits without a sign and without leading zeros.
fn index(text: &str) -> Option<usize> {
    text.parse::<usize>().ok().filter(|index| index.to_string() == text)
}

/// The claim `name` (or JSON pointer) as text; `None` when it is absent.
///
/// # Errors
/// `ClaimMalformed` for any other type.
pub fn text<'c>(claims: &'c Object, name: &str) -> Result<Option<&'c str>, TokenFault> {
    match find(claims, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenFault::ClaimMalformed(name.to_owned())),
    }
}

/// The claim `name` as a time; `None` when it is absent.
///
/// # Errors
/// `ClaimMalformed` for anything but a JSON number in the range of time.
pub fn time(claims: &Object, name: &str) -> Result<Option<UnixTime>, TokenFault> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    match claim.as_f64().and_then(UnixTime::from_numeric_date) {
        Some(time) => Ok(Some(time)),
        None => Err(TokenFault::ClaimMalformed(name.to_owned())),
    }
}

/// The members of `aud`: one string or an array of strings; empty when it is absent.
///
/// # Errors
/// `ClaimMalformed` for any other type.
pub fn audiences(claims: &Object) -> Result<Vec<String>, TokenFault> {
    let members = match claims.get("aud") {
        None => return Ok(Vec::new()),
        Some(Value::String(audience)) => return Ok(vec![audience.clone()]),
        Some(Value::Array(members)) => members,
        Some(_) => return Err(TokenFault::ClaimMalformed("aud".to_owned())),
    };
    let texts = members.iter().map(|member| member.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    texts.ok_or_else(|| TokenFault::ClaimMalformed("aud".to_owned()))
}

/// The scopes in those of the claims `names` that are there; `None` when none is.
///
/// # Errors
/// `ClaimMalformed` for a claim that is neither text nor a list of texts.
pub(super) fn scopes(claims: &Object, names: &[String]) -> Result<Option<Scopes>, TokenFault> {
    let mut found: Option<Scopes> = None;
    for name in names {
        if let Some(claim) = find(claims, name) {
            let more = Scopes::from_claim(claim).ok_or_else(|| TokenFault::ClaimMalformed(name.clone()))?;
            found.get_or_insert_default().extend(more.iter());
        }
    }
    Ok(found)
}

/// The first of the claims `names` that is there: the client.
///
/// # Errors
/// `ClaimMalformed` for any of them that is no text.
pub(super) fn client<'c>(claims: &'c Object, names: &[String]) -> Result<Option<&'c str>, TokenFault> {
    let mut client = None;
    for name in names {
        let found = text(claims, name)?;
        client = client.or(found);
    }
    Ok(client)
}

/// Whether every claim of `names` is there.
///
/// # Errors
/// `ClaimMissing`.
pub(super) fn required(claims: &Object, names: &[String]) -> Result<(), TokenFault> {
    match names.iter().find(|name| find(claims, name).is_none()) {
        Some(missing) => Err(TokenFault::ClaimMissing(missing.clone())),
        None => Ok(()),
    }
}

/// Claims with their `window` become a grant, when they are well-formed.
///
/// # Errors
/// `ClaimMalformed` for a subject, client, scope or audience of the wrong type.
pub(super) fn grant(
    claims: Object,
    window: Window,
    issuer: IssuerId,
    expect: &Expect,
) -> Result<Grant, TokenFault> {
    Ok(Grant {
        issuer,
        subject: text(&claims, "sub")?.map(str::to_owned),
        client: client(&claims, &expect.client_claims)?.map(str::to_owned),
        scopes: scopes(&claims, &expect.scope_claims)?.unwrap_or_default(),
        audiences: audiences(&claims)?,
        window,
        claims,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_time_is_a_number_in_range() {
        let read = |value: Value| time(&object(json!({"exp": value})), "exp");
        assert_eq!(read(json!(10)), Ok(Some(UnixTime::from_secs(10))));
        assert_eq!(read(json!(10.5)), Ok(Some(UnixTime::from_millis(10_500))));
        assert_eq!(time(&Object::new(), "exp"), Ok(None));
        for bad in
            [json!("10"), json!(true), json!([10]), json!({}), json!(1e300), json!(u64::MAX), json!(i64::MIN)]
        {
            assert_eq!(read(bad.clone()).map_err(|fault| fault.code()), Err("claim_malformed"), "{bad}");
        }
    }

    #[test]
    fn a_name_is_within_a_claim_that_it_is_or_that_its_pointer_leads_into() {
        for (name, claim) in [("scp", "scp"), ("/scp", "scp"), ("/scp/0", "scp"), ("/a~1b/c", "a/b")] {
            assert!(is_within(name, claim), "{name} {claim}");
        }
        for (name, claim) in [("scope", "scp"), ("/scope/scp", "scp"), ("/a~1b/c", "a"), ("scp/0", "scp")] {
            assert!(!is_within(name, claim), "{name} {claim}");
        }
    }

    #[test]
    fn an_audience_of_the_wrong_type_is_no_absent_audience() {
        let read = |value: Value| audiences(&object(json!({"aud": value})));
        assert_eq!(read(json!("a")), Ok(vec!["a".to_owned()]));
        assert_eq!(read(json!(["a", "b"])), Ok(vec!["a".to_owned(), "b".to_owned()]));
        for bad in [json!(1), json!({"a": 1}), json!(["a", 1]), json!([["a"]])] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
