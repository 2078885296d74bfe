//! The `Cookie` field (RFC 6265 section 5.4), as far as one named cookie goes.

/// The values of every cookie called `name` in one field value, in order.
pub fn values<'h>(field: &'h [u8], name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    pairs(field).filter(move |pair| name_of(pair) == name).map(|pair| {
        let value = pair.iter().position(|byte| *byte == b'=').and_then(|equals| pair.get(equals + 1..));
        value.unwrap_or_default().trim_ascii()
    })
}

/// The field value without the cookie called `name`; `None` when nothing is left.
pub fn without(field: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = pairs(field).filter(|pair| name_of(pair) != name).collect();
    (!kept.is_empty()).then(|| kept.join(&b"; "[..]))
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
    fn the_others_stay() {
        assert_eq!(without(b"a=1; session=x; b=2", b"session").as_deref(), Some(&b"a=1; b=2"[..]));
        assert_eq!(without(b"session=x", b"session"), None);
    }
}
