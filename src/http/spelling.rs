//! Names of fields, cookies and parameters as servers behind a proxy may read them.
//!
//! CGI makes a variable of a field: letters in one case, digits, and everything else an underscore (RFC 3875 section
//! 4.1.18 says so of `-`; PHP and lighttpd do it to every byte). To such a server `x.auth_subject` and `x-auth-subject`
//! are one name.

/// Some names, each of them in every spelling.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spellings {
    names: Vec<Box<[u8]>>,
    /// A bit for each length that one of them has, modulo 64: almost every name of a request differs in that already.
    lengths: u64,
}

impl Spellings {
    /// All spellings of `names`.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut spellings = Self::default();
        for name in names {
            spellings.lengths |= length(name.as_bytes());
            spellings.names.push(name.bytes().map(fold).collect());
        }
        spellings
    }

    /// Whether a server may take `name` for one of these.
    pub fn contain(&self, name: &[u8]) -> bool {
        self.lengths & length(name) != 0 && self.names.iter().any(|ours| same(name, ours))
    }
}

/// Whether a server may take one name for the other.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| fold(*one) == fold(*other))
}

/// Whether a server may take the cookie or the parameter `name` for the one that is called `ours`: PHP makes one character of
/// `.`, a blank, `[` and `_`, leaves out blanks in front, ends a name at a NUL byte and makes a list of `name[]`; ASP.NET
/// reads letters of either case.
pub fn same_variable(name: &[u8], ours: &[u8]) -> bool {
    const fn fold(byte: u8) -> u8 {
        match byte {
            b'.' | b' ' | b'[' => b'_',
            _ => byte.to_ascii_lowercase(),
        }
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii_start();
    let Some((start, rest)) = name.split_at_checked(ours.len()) else { return false };
    (rest.is_empty() || rest.starts_with(b"["))
        && start.iter().zip(ours).all(|(one, other)| fold(*one) == fold(*other))
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' }
}

const fn length(name: &[u8]) -> u64 {
    1 << (name.len() & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_letter_or_digit_is_one_character() {
        let ours = Spellings::of(["x-auth-subject", "y"]);
        for byte in (0..=255).filter(|byte: &u8| !byte.is_ascii_alphanumeric()) {
            let name = [b"x".as_slice(), b"auth", b"subject"].join(&byte);
            assert!(ours.contain(&name), "{byte:#x}");
        }
        assert!(ours.contain(b"X-Auth_SUBJECT") && ours.contain(b"Y"));
    }

    #[test]
    fn a_variable_has_the_spellings_that_servers_fold() {
        for name in [
            "my_session",
            "my.session",
            "my session",
            "my[session",
            "MY_Session",
            " my_session",
            "my.session[]",
            "my_session[a][b]",
            "my_session\0x",
        ] {
            assert!(same_variable(name.as_bytes(), b"my_session"), "{name}");
        }
        for name in [
            "my-session",
            "my_sessions",
            "my_sessio",
            "xmy_session",
            "my_session_[]",
            "my",
            "",
            "my_session]",
        ] {
            assert!(!same_variable(name.as_bytes(), b"my_session"), "{name}");
        }
        assert!(same_variable(b"my_session", b"my.session"), "whichever of them the policy names");
    }

    #[test]
    fn letters_digits_and_lengths_make_another_name() {
        let ours = Spellings::of(["x-auth-subject"]);
        for name in
            ["x-auth-subjects", "xxauth-subject", "x-auth0subject", "x-auth-subjec", "", "x--auth-subject"]
        {
            assert!(!ours.contain(name.as_bytes()), "{name}");
        }
        // As long but for 64 bytes.
        assert!(!ours.contain(&[b'-'; 14 + 64]));
        assert!(!ours.contain(&[&b"x-auth-subject"[..], &[b'-'; 64]].concat()));
        assert!(!same(b"x", b"x-auth") && !same(b"x-auth", b"x") && same(b"x", b"X"));
        let long = "x".repeat(64);
        assert!(Spellings::of([&*long]).contain(long.as_bytes()), "a name as long as there are bits");
        assert!(!Spellings::default().contain(b""));
    }
}
