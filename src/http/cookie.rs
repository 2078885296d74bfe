//! The `Cookie` field (RFC 6265 section 5.4), as far as one named cookie goes.

/// The values of every cookie called `name` in one field value, in order.
pub fn values<'h>(field: &'h [u8], name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    pairs(field).filter(move |pair| name_of(pair) == name).map(|pair| {
        let value = pair.iter().position(|byte| *byte == b'=').and_then(|equals| pair.get(equals + 1..));
        value.unwrap_or_default().trim_ascii()
    })
}

/// Whether one field value has a cookie of a name for which `is_ours`.
pub fn has(field: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> bool {
    pairs(field).any(|pair| is_ours(name_of(pair)))
}

/// The field value without the cookies of names for which `is_ours`; `None` when nothing is left. What is put into a request is text: a
/// cookie that is none (RFC 6265 section 4.1.1 has US-ASCII alone) is lost, and takes no other with it.
pub fn without(field: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Option<String> {
    let others = pairs(field).filter(|pair| !is_ours(name_of(pair)));
    let kept: Vec<&str> = others.filter_map(|pair| core::str::from_utf8(pair).ok()).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

fn pairs(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cookie_of_a_name_is_found() {
        let found = |field: &'static [u8]| values(field, b"session").collect::<Vec<_>>();
        assert_eq!(found(b"a=1; session=x.y=; b=2"), [b"x.y="]);
        assert_eq!(found(b"session=1;session=2"), [b"1", b"2"]);
        assert!(found(b"sessions=1; Session=2; x-session=3").is_empty());
        assert_eq!(found(b"session"), [b""]);
    }

    #[test]
    fn a_field_has_a_cookie_of_a_name_of_ours_or_none() {
        let has = |field: &[u8]| has(field, |name| name == b"session");
        assert!(has(b"a=1; session=x") && has(b"session"));
        assert!(!has(b"a=session; sessions=x; Session=y") && !has(b""));
    }

    #[test]
    fn the_others_stay() {
        let without = |field: &[u8]| without(field, |name| matches!(name, b"session" | b"login"));
        assert_eq!(without(b"a=1; session=x; b=2").as_deref(), Some("a=1; b=2"));
        assert_eq!(without(b"login=x;a=1; session=x").as_deref(), Some("a=1"));
        assert_eq!(without(b"session=x"), None);
        assert_eq!(without(b"a=1; b=caf\xe9; session=x; c=2").as_deref(), Some("a=1; c=2"));
    }
}
