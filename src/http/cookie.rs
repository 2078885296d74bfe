//! The `Cookie` field (RFC 6265 section 5.4), as far as one named cookie goes.

/// The values of every cookie called `name` in one field value, in order.
pub fn values<'h>(field: &'h [u8], name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    pairs(field).filter(move |pair| name_of(pair) == name).map(|pair| {
        let value = pair.iter().position(|byte| *byte == b'=').and_then(|equals| pair.get(equals + 1..));
        value.unwrap_or_default().trim_ascii()
    })
}

/// Whether one field value has a cookie of a name for which `is_ours`. It is asked about each name, and whether that is the
/// cookie's own: of what servers may take for a further cookie within another one's value it is not.
pub fn has(field: &[u8], is_ours: impl Fn(&[u8], bool) -> bool) -> bool {
    pairs(field).any(|pair| has_name(pair, &is_ours))
}

/// The field value without the cookies for which [`has`] holds; `None` when nothing is left. What is put into a request is
/// text: a cookie that is none (RFC 6265 section 4.1.1 has US-ASCII alone) is lost, and takes no other with it.
pub fn without(field: &[u8], is_ours: impl Fn(&[u8], bool) -> bool) -> Option<String> {
    let others = pairs(field).filter(|pair| !has_name(pair, &is_ours));
    let kept: Vec<&str> = others.filter_map(|pair| core::str::from_utf8(pair).ok()).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

fn pairs(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// Whether the cookie, or what begins behind a blank or a comma in it, has such a name. Python's `SimpleCookie` ends a
/// cookie at a blank; RFC 2965 section 3.3.4 wants a comma taken for a semicolon.
fn has_name(pair: &[u8], is_ours: &impl Fn(&[u8], bool) -> bool) -> bool {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0x0b | b',');
    is_ours(name_of(pair), true) || pair.split(is_end).skip(1).any(|part| is_ours(name_of(part), false))
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
        let has = |field: &[u8]| has(field, |name, _| name == b"session");
        assert!(has(b"a=1; session=x") && has(b"session"));
        assert!(!has(b"a=session; sessions=x; Session=y") && !has(b""));
    }

    #[test]
    fn the_others_stay() {
        let without = |field: &[u8]| without(field, |name, _| matches!(name, b"session" | b"login"));
        assert_eq!(without(b"a=1; session=x; b=2").as_deref(), Some("a=1; b=2"));
        assert_eq!(without(b"login=x;a=1; session=x").as_deref(), Some("a=1"));
        assert_eq!(without(b"session=x"), None);
        assert_eq!(without(b"a=1; b=caf\xe9; session=x; c=2").as_deref(), Some("a=1; c=2"));
    }
    #[test]
    fn what_some_servers_take_for_a_further_cookie_is_told_from_a_cookie_of_its_own() {
        let told = |field: &'static [u8]| {
            let names = core::cell::RefCell::new(Vec::new());
            has(field, |name, is_own| {
                names.borrow_mut().push((name.to_vec(), is_own));
                false
            });
            names
                .into_inner()
                .into_iter()
                .filter(|(name, _)| name == b"s")
                .map(|(_, is_own)| is_own)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(b"a=1; s=2"), [true]);
        for field in
            [&b"a=1 s=2"[..], b"a=1\ts=2", b"a=1\x0bs=2", b"a=1,s=2", b"a=1, s=2", b"a s", b"a=\"1, s=2\""]
        {
            assert_eq!(told(field), [false], "{}", field.escape_ascii());
        }
        assert!(told(b"a=s; b=1-s=2").is_empty());
    }
}
