//! The `Authorization` field and its one form that carries a token: `scheme token` (RFC 9110 section 11.4, RFC 6750
//! section 2.1).
//!
//! A token is visible ASCII (RFC 6749 appendix A.12) without a comma, which separates credentials. RFC 6750 wants a
//! token68; issuers hand out more than that (`!`, `|`, `:`, an inner `=`), and clients present what they were given.

/// What a field that may carry a token holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'h> {
    /// A credential of another scheme: none of ours.
    Foreign,
    /// The text after the scheme, which [`check`] has yet to look at.
    Token(&'h [u8]),
    /// The scheme is ours and what follows is not one token.
    Malformed,
    /// More than one credential, one of which is ours.
    Several,
}

/// Finds the token in one field value under `scheme` (compared without case). With `scheme` empty the whole value is
/// the token. Its text is not looked at: a token that is known has been looked at before.
pub fn find<'h>(value: &'h [u8], scheme: &[u8]) -> Presented<'h> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return Presented::Malformed;
    }
    if scheme.is_empty() {
        return Presented::Token(value);
    }
    let several = || value.contains(&b',') && is_ours(value, scheme);
    if !has_scheme(value, scheme) {
        return if several() { Presented::Several } else { Presented::Foreign };
    }
    let rest = value.get(scheme.len()..).unwrap_or_default();
    match rest.iter().position(|byte| *byte != b' ') {
        Some(start) if start > 0 => Presented::Token(rest.get(start..).unwrap_or_default()),
        _ if several() => Presented::Several,
        _ => Presented::Malformed,
    }
}

/// Looks at the text that [`find`] found. It passes when it is one token, or longer than one looks.
pub fn check(text: &[u8]) -> Presented<'_> {
    let long = text.len() > LONGEST_LOOK;
    if !long && is_token(text) {
        Presented::Token(text)
    // A proxy joins repeated fields with a comma, which no token holds.
    } else if text.contains(&b',') {
        Presented::Several
    } else if long {
        Presented::Token(text)
    } else {
        Presented::Malformed
    }
}

/// Finds the token in one field value, as [`find`] does, and looks at it.
pub fn read<'h>(value: &'h [u8], scheme: &[u8]) -> Presented<'h> {
    match find(value, scheme) {
        Presented::Token(text) => check(text),
        other @ (Presented::Foreign | Presented::Malformed | Presented::Several) => other,
    }
}

/// Whether one field value holds a credential under `scheme`, good or not; with `scheme` empty any value does.
pub fn is_ours(value: &[u8], scheme: &[u8]) -> bool {
    let ours = |part: &[u8]| has_scheme(part.trim_ascii(), scheme);
    scheme.is_empty() || ours(value) || value.split(|byte| *byte == b',').any(ours)
}

/// Whether `text` is a token that one credential can carry.
pub fn is_token(text: &[u8]) -> bool {
    // Every token that is not remembered passes here. Sixteen at a time: to stop at each that is not allowed would cost
    // more than to look at the rest.
    let allowed = |byte: &u8| byte.is_ascii_graphic() & (*byte != b',');
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & allowed(byte));
    !text.is_empty() && text.chunks(16).all(all)
}

/// The longest text whose characters are looked at; no limit on tokens is higher.
const LONGEST_LOOK: usize = 1 << 16;

fn has_scheme(value: &[u8], scheme: &[u8]) -> bool {
    // As it is written almost always, first.
    value.get(..scheme.len()).is_some_and(|start| start == scheme || start.eq_ignore_ascii_case(scheme))
        && value.get(scheme.len()).is_none_or(|byte| matches!(byte, b' ' | b'\t'))
}

/// The value of the first parameter `name` in `field`, a list of challenges (RFC 9110 section 11.6.1).
pub fn challenge_parameter(field: &str, name: &str) -> Option<String> {
    const BETWEEN: [char; 3] = [' ', '\t', ','];
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches(BETWEEN);
        let word = rest.split([' ', '\t', ',', '=', '"']).next().filter(|word| !word.is_empty());
        let Some(word) = word else {
            // A value of no name, or the end.
            rest = match rest.strip_prefix('=') {
                Some(after) => after,
                None if rest.is_empty() => return None,
                None => parameter_value(rest).1,
            };
            continue;
        };
        rest = rest.strip_prefix(word)?;
        // A scheme has no value, a parameter has one.
        let Some(after) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else { continue };
        let (value, after) = parameter_value(after.trim_start_matches([' ', '\t']));
        if word.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// A token or quoted-string at the beginning of `text`, and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let value = text.split([' ', '\t', ',']).next().unwrap_or_default();
        return (value.to_owned(), text.strip_prefix(value).unwrap_or_default());
    };
    let (mut value, mut characters) = (String::new(), quoted.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(value: &str) -> Presented<'_> {
        read(value.as_bytes(), b"Bearer")
    }

    #[test]
    fn scheme_in_any_case_and_one_token() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", "  Bearer abc "] {
            assert!(bearer(value) == Presented::Token(b"abc"), "{value}");
        }
        assert!(bearer("Bearer a-._~+/1==") == Presented::Token(b"a-._~+/1=="));
    }

    #[test]
    fn other_schemes_are_not_ours() {
        for value in
            ["Basic abc", "Bearerabc", "Bearer2 abc", "Digest a=\"b\", c=d", "abc.def.ghi", "Basic a,Basic b"]
        {
            assert!(bearer(value) == Presented::Foreign, "{value}");
        }
    }

    #[test]
    fn what_is_not_one_token_is_malformed() {
        for value in [
            "",
            "  ",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer\tabc",
            "Bearer \tabc",
            "Bearer a\u{7f}",
            "Bearer \0",
            "Bearer é",
        ] {
            assert!(bearer(value) == Presented::Malformed, "{value:?}");
        }
        assert!(read(b"Bearer a\xff", b"Bearer") == Presented::Malformed);
    }

    #[test]
    fn a_token_is_any_visible_ascii_without_a_comma() {
        let visible: String = ('!'..='~').filter(|letter| *letter != ',').collect();
        for token in
            ["00D0000000EXA!AQ0AQ", "12|abc", "123:abc", "a=b", "ATATT3x=1F2", "=", "\"a\"", &visible]
        {
            assert!(bearer(&format!("Bearer {token}")) == Presented::Token(token.as_bytes()), "{token}");
            assert!(read(token.as_bytes(), b"") == Presented::Token(token.as_bytes()), "{token}");
        }
    }

    #[test]
    fn a_comma_means_several() {
        for value in ["Bearer a,Bearer b", "Basic x, Bearer b", "Bearer a,", "bearer a, Basic x"] {
            assert!(bearer(value) == Presented::Several, "{value}");
        }
    }

    #[test]
    fn no_text_is_no_token() {
        assert!(!is_token(b"") && check(b"") == Presented::Malformed && is_token(b"a"));
    }

    #[test]
    fn a_scheme_that_no_space_follows_carries_nothing() {
        // What is found may be known, and then nobody looks at it.
        assert!(find(b"Bearer\tabc", b"Bearer") == Presented::Malformed);
        assert!(find(b"Bearer\tabc, Bearer b", b"Bearer") == Presented::Several);
    }

    #[test]
    fn a_text_longer_than_any_token_is_not_looked_at() {
        let mut text = vec![b'\t'; LONGEST_LOOK];
        assert!(check(&text) == Presented::Malformed);
        text.push(b'\t');
        assert!(check(&text) == Presented::Token(&text));
        text.push(b',');
        assert!(check(&text) == Presented::Several);
    }

    #[test]
    fn without_a_scheme_the_value_is_the_token() {
        assert!(read(b"abc", b"") == Presented::Token(b"abc"));
        assert!(read(b"Bearer abc", b"") == Presented::Malformed);
        assert!(read(b"a,b", b"") == Presented::Several);
    }

    #[test]
    fn a_parameter_of_a_challenge_is_found_among_schemes_and_quotes() {
        let error = |field| challenge_parameter(field, "error");
        for field in [
            r#"Bearer error="insufficient_scope""#,
            r#"Bearer realm="a, error=x", Error = insufficient_scope, scope="b""#,
            r#"Basic realm="a\"b", Bearer realm="c",error="insufficient\_scope""#,
            "Negotiate abc==, Bearer error=insufficient_scope",
            r#""a value of no name" error=insufficient_scope"#,
        ] {
            assert_eq!(error(field).as_deref(), Some("insufficient_scope"), "{field}");
        }
        for field in [
            "",
            "Bearer",
            "error",
            r#""error=x""#,
            r#"Bearer realm="error=x""#,
            "Bearer errors=x",
            "Bearer realm=error=x",
            "==",
            "\"",
        ] {
            assert_eq!(error(field), None, "{field}");
        }
    }
}
