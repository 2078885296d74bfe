//! The host a request is for, and what else proxies and servers take it for.

use std::borrow::Cow;

use super::characters::{is_sub_delimiter, is_unreserved};
use super::readings::Readings;

/// Which ports in authorities do not count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum IgnoredPorts {
    /// Each port counts: for a proxy that compares the whole authority another port is another host.
    #[default]
    None,
    /// No port counts: the proxy ignores them as well.
    All,
    /// These do not count.
    These(Vec<u16>),
}

impl IgnoredPorts {
    /// Whether `port` does not count: a number as everybody writes it.
    fn has(&self, port: &[u8]) -> bool {
        let number = core::str::from_utf8(port).ok().and_then(|port| port.parse::<u16>().ok());
        // Not `08443` or `+8443`, which are other texts for a proxy.
        let number = number.filter(|number| number.to_string().as_bytes() == port);
        match self {
            Self::None => false,
            Self::All => number.is_some(),
            Self::These(ports) => number.is_some_and(|number| ports.contains(&number)),
        }
    }
}

/// What the authority of a request is taken for, where `host` is what [`of_authority`] makes of it (empty for none):
/// the whole of it, which is what a proxy compares with the domains of its virtual hosts, and the host without user
/// information, port and last dot, which is what most servers look at; also where a host has escapes, what they stand
/// for. In lower case. `None` when it is empty, not an authority (RFC 3986 section 3.2), or such that nobody can say
/// what a server takes for the host.
pub fn readings<'a>(
    host: &'a str,
    authority: &[u8],
    ignored: &IgnoredPorts,
) -> Option<Readings<Cow<'a, str>>> {
    let rest = authority.get(host.len()..).unwrap_or_default();
    let is_ignored = || rest.strip_prefix(b":").is_some_and(|port| ignored.has(port));
    if !host.is_empty() && (rest.is_empty() || is_ignored()) {
        return Some(Readings::one(Cow::Borrowed(host)));
    }
    odd_readings(authority, ignored)
}

#[cold]
fn odd_readings(authority: &[u8], ignored: &IgnoredPorts) -> Option<Readings<Cow<'static, str>>> {
    let text = core::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let (user, place) = text.split_once('@').map_or((None, &*text), |(user, place)| (Some(user), place));
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = place.rsplit_once(':').filter(|(_, port)| is_number(port));
    let (host, port) = port.map_or((place, None), |(host, port)| (host, Some(port)));
    let name = host.trim_end_matches('.');
    let is_address = of_address(name.as_bytes()).is_some_and(|address| address == name);
    // More than one `@` or `:` is divided in one place by one and in another by the next.
    if !(is_address || !name.is_empty() && is_reg_name(name))
        || !user.is_none_or(|user| is_reg_name(user) && !user.contains('%'))
    {
        return None;
    }
    let whole = match port.filter(|port| ignored.has(port.as_bytes())) {
        Some(port) => text.get(..text.len() - port.len() - 1)?,
        None => &*text,
    };
    let mut readings = Readings::one(Cow::Owned(whole.to_owned()));
    readings.extend(user.map(|user| Cow::Owned(format!("{user}@{name}"))));
    readings.extend([Cow::Owned(name.to_owned())]);
    if name.contains('%') {
        readings.extend([Cow::Owned(decoded(name)?)]);
    }
    Some(readings)
}

/// Whether `text` can be a host's name (RFC 3986 section 3.2.2, `reg-name`), its escapes unchecked. None has a comma:
/// Envoy makes one authority of two `Host` fields with it (RFC 9112 section 3.2 has them refused), and each server takes
/// whichever it likes.
fn is_reg_name(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'%' || is_unreserved(byte) || is_sub_delimiter(byte) && byte != b',')
}

/// What `name` is with its escapes decoded, if that is still a name: without escapes, and without a last dot.
fn decoded(name: &str) -> Option<String> {
    let mut pieces = name.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        let is_escape = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_escape)?;
        text.push(char::from(byte.to_ascii_lowercase()));
        text.push_str(rest);
    }
    let name = text.trim_end_matches('.');
    (!name.is_empty() && !name.contains('%') && is_reg_name(name)).then(|| name.to_owned())
}

/// The host within an `authority`, for whatever takes all its spellings for one host: lower case, without port (RFC
/// 3986 section 3.2.2) and without the dot that may end a name (RFC 1034 section 3.1). `None` when there is none,
/// or when it holds anything but letters, digits, `-`, `.`, `_` and, in brackets, an address: user information and
/// other tricks name no host, nor does anything longer than a name can be. Rules go by [`readings`].
pub fn of_authority(authority: &[u8]) -> Option<Cow<'_, str>> {
    if authority.first() == Some(&b'[') {
        return of_address(authority).map(Cow::Owned);
    }
    let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end)?;
    // All characters are looked at in any case: to stop at the first that is wrong would cost more.
    let mut found = host.iter().fold(0, |found, byte| found | kind(*byte));
    found |=
        port.iter().skip(1).fold(0, |found, byte| found | if byte.is_ascii_digit() { 0 } else { FOREIGN });
    let host = host.strip_suffix(b".").unwrap_or(host);
    if found & FOREIGN != 0 || host.is_empty() || host.len() > LONGEST {
        return None;
    }
    let host = core::str::from_utf8(host).ok()?;
    Some(if found & UPPER != 0 { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

/// An address in brackets, and perhaps a port.
fn of_address(authority: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(authority).ok()?;
    let (address, after) = text.strip_prefix('[')?.split_once(']')?;
    let port = after.strip_prefix(':').or(after.is_empty().then_some(""))?;
    let plain = address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let good = plain && !address.is_empty() && address.len() + 2 <= LONGEST;
    (good && port.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("[{}]", address.to_ascii_lowercase()))
}

const UPPER: u8 = 1;
const FOREIGN: u8 = 2;

/// What `byte` is in a host's name: nothing remarkable, an upper case letter, or foreign to it.
const fn kind(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => 0,
        b'A'..=b'Z' => UPPER,
        _ => FOREIGN,
    }
}

/// The longest name in the DNS, written as text (RFC 1035 section 2.3.4).
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authority: &str, ignored: &IgnoredPorts) -> Option<Vec<String>> {
        let host = of_authority(authority.as_bytes()).unwrap_or_default();
        let readings = readings(&host, authority.as_bytes(), ignored)?;
        Some(readings.iter().map(|host| host.clone().into_owned()).collect())
    }

    #[test]
    fn an_authority_is_read_whole_and_as_its_host() {
        for (authority, expected) in [
            ("www.example.com", &["www.example.com"][..]),
            ("WWW.Example.COM", &["www.example.com"]),
            ("[::1]", &["[::1]"]),
            ("x..example.com", &["x..example.com"]),
            ("www.example.com:8443", &["www.example.com:8443", "www.example.com"]),
            ("WWW.example.com:", &["www.example.com:", "www.example.com"]),
            ("www.example.com.", &["www.example.com.", "www.example.com"]),
            ("www.example.com.:80", &["www.example.com.:80", "www.example.com"]),
            ("www.example.com..", &["www.example.com..", "www.example.com"]),
            ("[::1]:80", &["[::1]:80", "[::1]"]),
            ("acme!.example.com", &["acme!.example.com"]),
            ("a~b;c.example.com", &["a~b;c.example.com"]),
            ("x@acme.example.com", &["x@acme.example.com", "acme.example.com"]),
            ("@acme.example.com", &["@acme.example.com", "acme.example.com"]),
            ("x@acme.example.com.:1", &["x@acme.example.com.:1", "x@acme.example.com", "acme.example.com"]),
            ("a%61.Example.com", &["a%61.example.com", "aa.example.com"]),
            ("a%41%2e", &["a%41%2e", "aa"]),
        ] {
            assert_eq!(read(authority, &IgnoredPorts::None).unwrap(), expected, "{authority}");
        }
        let long = format!("{}.example.com", "a".repeat(300));
        assert_eq!(read(&long, &IgnoredPorts::None), Some(vec![long]));
    }

    #[test]
    fn what_nobody_can_divide_is_no_authority() {
        for authority in [
            "",
            ".",
            ":80",
            "x@",
            "x@:80",
            "a:1.example.com",
            "a.example.com:80:80",
            "a.example.com:x",
            "a.example.com:-1",
            "u:p@a.example.com",
            "a@b@c",
            "www.example.com,other.example.com",
            "other.example.com, www.example.com",
            "a,b@c",
            "a%2cb",
            "a/b",
            "a\\b",
            "a#b",
            "a?b",
            "a b",
            "a\"b",
            "a\u{0}b",
            "a\u{e9}",
            "[::1",
            "::1",
            "[::1]x",
            "[a.example.com]",
            "[::1]@a.example.com",
            "%3ax@a.example.com",
            "a%zz.example.com",
            "a%+1.example.com",
            "a%2",
            "a%40b.example.com",
            "a%2fb",
            "a%2541",
            "a%00",
            "a%C3%A9",
            "%2E",
        ] {
            assert_eq!(read(authority, &IgnoredPorts::All), None, "{authority:?}");
        }
        assert_eq!(readings("", b"a\xff.example.com", &IgnoredPorts::None), None);
    }

    #[test]
    fn a_port_that_is_ignored_makes_no_other_reading() {
        let these = IgnoredPorts::These(vec![443, 8443]);
        for (authority, all, some) in [
            ("a.test:8443", 1, 1),
            ("[::1]:443", 1, 1),
            ("a.test:80", 1, 2),
            ("a.test:0", 1, 2),
            ("a.test:", 2, 2),
            ("a.test:08443", 2, 2),
            ("a.test:65536", 2, 2),
            ("a.test.:443", 2, 2),
            ("x@a.test:443", 2, 2),
            ("a%61:443", 2, 2),
        ] {
            let count = |ignored| read(authority, ignored).map(|readings| readings.len());
            assert_eq!((count(&IgnoredPorts::All), count(&these)), (Some(all), Some(some)), "{authority}");
        }
        assert_eq!(read("a.test.:443", &these).unwrap(), ["a.test.", "a.test"]);
    }

    #[test]
    fn case_port_and_a_last_dot_do_not_count() {
        for authority in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com:8443",
            "api.example.com:",
            "api.example.com.",
            "api.example.com.:80",
        ] {
            assert_eq!(of_authority(authority.as_bytes()).as_deref(), Some("api.example.com"), "{authority}");
        }
        assert_eq!(of_authority(b"[::1]:80").as_deref(), Some("[::1]"));
        assert!(of_authority("a".repeat(253).as_bytes()).is_some());
        assert!(of_authority(format!("[{}]", ":".repeat(251)).as_bytes()).is_some());
    }

    #[test]
    fn tricks_name_no_host() {
        for authority in [
            "",
            ".",
            ":80",
            "user@api.example.com",
            "a b",
            "a/b",
            "api.example.com:80:80",
            "[::1",
            "[::1]x",
            "[x]",
            "a\u{e9}",
            &"a".repeat(254),
            &format!("[{}]", ":".repeat(252)),
            "[]",
            "[::1]:x",
        ] {
            assert_eq!(of_authority(authority.as_bytes()), None, "{authority}");
        }
    }
}
