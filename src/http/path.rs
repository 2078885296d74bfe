//! The normal form of a path, and what else servers read it as.
//!
//! A server behind the proxy may read a path in its own way. A path that leads somewhere else from server to server
//! (dots, slashes, control characters) is refused here, before any rule is tried. Every other path is reduced to one
//! text: query and fragment cut, escaped unreserved characters decoded, other escapes in upper case, characters that
//! no path may hold escaped (RFC 3986 sections 2.3 and 6.2.2). Where servers go on from there in ways that are known,
//! all of these are its readings.

use core::fmt;
use std::borrow::Cow;

use super::characters::{is_sub_delimiter, is_unreserved};
use super::readings::Readings;

/// A path in normal form: begins with `/`, visible ASCII only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'a>(Cow<'a, str>);

impl<'a> Path<'a> {
    /// Reduces a request target to its path's normal form.
    ///
    /// # Errors
    /// When servers could be led to different places by the path, or it does not begin with `/`.
    pub fn normalize(target: &'a [u8]) -> Result<Self, Ambiguous> {
        match Self::plain(target) {
            Some(path) => Ok(path),
            None => Self::of(path_of(target)),
        }
    }

    /// What servers read a request target's path as: its normal form; the same with reserved characters that are
    /// escaped as they stand (RFC 3986 section 2.2: most servers decode a path before they look at it); both without
    /// the parameters after a `;` (section 3.3: so do Java's servers, before or after they decode); and where there is
    /// a `#`, which no target may have, the path up to it and beyond it.
    ///
    /// # Errors
    /// As for [`Path::normalize`], for any of the readings.
    pub fn readings(target: &'a [u8]) -> Result<Readings<Self>, Ambiguous> {
        match Self::plain(target) {
            Some(path) => Ok(Readings::one(path)),
            None => Self::odd_readings(target),
        }
    }

    #[cold]
    fn odd_readings(target: &'a [u8]) -> Result<Readings<Self>, Ambiguous> {
        let raw = path_of(target);
        let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
        let mut readings = Readings::one(Self::of(raw)?);
        for raw in [raw, target.get(..end).unwrap_or_default()] {
            let text = Self::of(raw)?.0.into_owned();
            let cut = without_parameters(&text);
            let decoded = with_reserved(&text);
            let both = [without_parameters(&decoded), with_reserved(&cut)];
            let texts = [text, decoded, cut].into_iter().chain(both);
            readings.extend(texts.map(|text| Self(Cow::Owned(text))));
        }
        Ok(readings)
    }

    /// The path of a target that has one reading only, told at first sight: it is in normal form and has neither
    /// parameters nor a fragment.
    fn plain(target: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(target.get(..plain_length(target)?)?).ok()?;
        Some(Self(Cow::Borrowed(text)))
    }

    fn of(raw: &[u8]) -> Result<Self, Ambiguous> {
        if raw.first() != Some(&b'/') {
            return Err(Ambiguous::NotAbsolute);
        }
        let text = decode(raw)?;
        check_segments(&text)?;
        Ok(Self(Cow::Owned(text)))
    }

    /// The segments between the slashes; a path that ends in `/` has an empty last one.
    pub fn segments(&self) -> impl Iterator<Item = &str> + Clone {
        Segments(self.0.strip_prefix('/'))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is left of a path, after a slash. Segments are short: to go byte by byte is quicker than a search.
#[derive(Clone)]
struct Segments<'p>(Option<&'p str>);

impl<'p> Iterator for Segments<'p> {
    type Item = &'p str;

    fn next(&mut self) -> Option<&'p str> {
        let rest = self.0?;
        let slash = rest.bytes().position(|byte| byte == b'/');
        let (segment, rest) = match slash.and_then(|slash| Some((rest.get(..slash)?, rest.get(slash + 1..)?)))
        {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        self.0 = rest;
        Some(segment)
    }
}

/// Why nobody can say where a path leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ambiguous {
    /// It does not begin with `/`.
    NotAbsolute,
    /// `.` or `..` is a segment, in some encoding, or stands before a `;`.
    DotSegment,
    /// Two slashes follow each other.
    EmptySegment,
    /// `/` or `\` is escaped, or `\` stands there as it is.
    Separator,
    /// A control character, in some encoding.
    Control,
    /// A `%` that two hexadecimal digits do not follow.
    BrokenEscape,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "it does not begin with a slash",
            Self::DotSegment => "it has a '.' or '..' segment",
            Self::EmptySegment => "it has an empty segment",
            Self::Separator => "it has an escaped slash or a backslash",
            Self::Control => "it has a control character",
            Self::BrokenEscape => "it has a broken percent escape",
        })
    }
}

/// How long the path before the query is, where nothing in it has a second reading: nothing to decode, no parameters,
/// and no segment that is empty or begins with a dot. Almost every path is so, and costs one look at each byte.
fn plain_length(target: &[u8]) -> Option<usize> {
    if target.first() != Some(&b'/') {
        return None;
    }
    let mut before = 0;
    for (length, byte) in target.iter().enumerate() {
        let is_plain = PLAIN.get(usize::from(*byte)) == Some(&true);
        if !is_plain || before == b'/' && matches!(byte, b'/' | b'.') {
            return (*byte == b'?').then_some(length);
        }
        before = *byte;
    }
    Some(target.len())
}

/// The bytes that everybody reads alike: all that can stand in a path as they are, but for the `;` of parameters.
#[allow(clippy::indexing_slicing, reason = "done while compiling, which fails where it is out of bounds")]
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = byte != b';' as usize && !needs_work(byte as u8);
        byte += 1;
    }
    plain
};

/// The part of a target before its query, or before its fragment where it has one.
fn path_of(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    target.get(..end).unwrap_or_default()
}

/// Whether `byte` can stand in a path's normal form as it is: a slash, or what RFC 3986 section 3.3 calls `pchar`, but
/// for escapes.
const fn needs_work(byte: u8) -> bool {
    !(byte == b'/' || is_unreserved(byte) || is_reserved(byte))
}

/// Whether `byte` may be escaped in a path or not, and the two are not the same to everybody: what is allowed in
/// segments without being unreserved.
const fn is_reserved(byte: u8) -> bool {
    is_sub_delimiter(byte) || matches!(byte, b':' | b'@')
}

fn decode(raw: &[u8]) -> Result<String, Ambiguous> {
    let mut text = String::with_capacity(raw.len() + 8);
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        let (byte, escaped) = if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
            let (high, low) = (digit(bytes.next()), digit(bytes.next()));
            let (Some(high), Some(low)) = (high, low) else { return Err(Ambiguous::BrokenEscape) };
            ((high * 16 + low) as u8, true)
        } else {
            (byte, false)
        };
        match byte {
            0..=0x1f | 0x7f => return Err(Ambiguous::Control),
            b'\\' => return Err(Ambiguous::Separator),
            b'/' if escaped => return Err(Ambiguous::Separator),
            _ if is_unreserved(byte) || !(escaped || needs_work(byte)) => text.push(char::from(byte)),
            // One text for each byte: what may not stand in a path as it is counts as its escape.
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(text)
}

/// `path`, a text in normal form, with escaped reserved characters as they are.
fn with_reserved(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let escaped = piece.split_at_checked(2).and_then(|(digits, rest)| {
            let byte = u8::from_str_radix(digits, 16).ok().filter(|byte| is_reserved(*byte))?;
            Some((byte, rest))
        });
        match escaped {
            Some((byte, rest)) => {
                text.push(char::from(byte));
                text.push_str(rest);
            }
            None => {
                text.push('%');
                text.push_str(piece);
            }
        }
    }
    text
}

/// `path` with each segment cut at its first `;`.
fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split_once(';').map_or(segment, |(name, _)| name));
    names.collect::<Vec<_>>().join("/")
}

fn check_segments(text: &str) -> Result<(), Ambiguous> {
    let mut segments = text.strip_prefix('/').unwrap_or_default().split('/').peekable();
    while let Some(segment) = segments.next() {
        // A server that knows path parameters cuts them off before it resolves dots.
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        let name = name.split_once("%3B").map_or(name, |(name, _)| name);
        if matches!(name, "." | "..") {
            return Err(Ambiguous::DotSegment);
        }
        // The last segment may be empty, or nothing but parameters: `/app/;jsessionid=1` is how Java writes `/app/`.
        if name.is_empty() && segments.peek().is_some() {
            return Err(Ambiguous::EmptySegment);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(target: &str) -> Result<String, Ambiguous> {
        Path::normalize(target.as_bytes()).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn what_almost_every_path_is_costs_one_look_and_no_copy() {
        for (target, path) in [
            (&b"/"[..], "/"),
            (b"/orders/7.json", "/orders/7.json"),
            (b"/a..b/c.d/?x=/../%2f", "/a..b/c.d/"),
            (b"/a?", "/a"),
        ] {
            assert!(matches!(Path::plain(target), Some(Path(Cow::Borrowed(text))) if text == path), "{path}");
        }
        for target in [&b""[..], b"a", b"?/", b"//", b"/.a", b"/a/..", b"/a;b", b"/%61", b"/a#b", b"/a\xe9"] {
            assert!(Path::plain(target).is_none(), "{target:?}");
        }
    }

    #[test]
    fn one_text_for_each_path() {
        for (target, expected) in [
            ("/", "/"),
            ("/orders", "/orders"),
            ("/orders/", "/orders/"),
            ("/orders?x=/../y", "/orders"),
            ("/orders#x?y", "/orders"),
            ("/%6Frders?x=/../y", "/orders"),
            ("/%6Frders/%7e%41", "/orders/~A"),
            ("/caf%c3%a9/a%20b", "/caf%C3%A9/a%20b"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a[1]|{x}^`<\"", "/a%5B1%5D%7C%7Bx%7D%5E%60%3C%22"),
            ("/a%5b1%5D", "/a%5B1%5D"),
            ("/a%252e", "/a%252e"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
        ] {
            assert_eq!(normal(target).as_deref(), Ok(expected), "{target}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        use Ambiguous::{BrokenEscape, Control, DotSegment, EmptySegment, NotAbsolute, Separator};
        for (target, why) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("http://example.com/", NotAbsolute),
            ("/a/../b", DotSegment),
            ("/a/..", DotSegment),
            ("/./a", DotSegment),
            ("/a/%2e%2E/b", DotSegment),
            ("/a/.%2e/b", DotSegment),
            ("/a/..;x/b", DotSegment),
            ("/a/%2e%2e%3bx", DotSegment),
            ("//a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/;x/a", EmptySegment),
            ("/a%2fb", Separator),
            ("/a%5Cb", Separator),
            ("/a\\b", Separator),
            ("/a%00", Control),
            ("/a\u{1}b", Control),
            ("/a%7f", Control),
            ("/a%0d%0a", Control),
            ("/a%", BrokenEscape),
            ("/a%4", BrokenEscape),
            ("/a%zz", BrokenEscape),
            ("/a%+1", BrokenEscape),
        ] {
            assert_eq!(normal(target), Err(why), "{target:?}");
        }
    }

    fn readings(target: &str) -> Result<Vec<String>, Ambiguous> {
        let readings = Path::readings(target.as_bytes())?;
        Ok(readings.iter().map(|path| path.as_str().to_owned()).collect())
    }

    #[test]
    fn parameters_reserved_escapes_and_a_fragment_are_read_in_both_ways() {
        for (target, expected) in [
            ("/orders/7?a;b#c", &["/orders/7"][..]),
            ("/%6Frders/caf%C3%A9", &["/orders/caf%C3%A9"]),
            ("/admin;x=1/users", &["/admin;x=1/users", "/admin/users"]),
            ("/admin;/users;a;b", &["/admin;/users;a;b", "/admin/users"]),
            ("/;jsessionid=1", &["/;jsessionid=1", "/"]),
            ("/a/%3Bx", &["/a/%3Bx", "/a/;x", "/a/"]),
            ("/%61dmin;v=2", &["/admin;v=2", "/admin"]),
            ("/orders%3Aexport", &["/orders%3Aexport", "/orders:export"]),
            ("/a%3Bx/users", &["/a%3Bx/users", "/a;x/users", "/a/users"]),
            ("/a%3bx;y/%40b", &["/a%3Bx;y/%40b", "/a;x;y/@b", "/a%3Bx/%40b", "/a/@b", "/a;x/@b"]),
            ("/a%253B", &["/a%253B"]),
            ("/public/#/admin?x#y", &["/public/", "/public/%23/admin"]),
            ("/a#;b", &["/a", "/a%23;b", "/a%23"]),
            ("/a%23;b", &["/a%23;b", "/a%23"]),
        ] {
            assert_eq!(readings(target).unwrap(), expected, "{target}");
        }
    }

    #[test]
    fn what_is_refused_in_one_reading_is_refused() {
        for (target, why) in [
            ("/public/#/../admin", Ambiguous::DotSegment),
            ("/a#/;x/b", Ambiguous::EmptySegment),
            ("/a#%2f", Ambiguous::Separator),
            ("/a;x/..;y/b", Ambiguous::DotSegment),
            ("/a/%3Bx/b", Ambiguous::EmptySegment),
            ("/a//;x", Ambiguous::EmptySegment),
            ("a", Ambiguous::NotAbsolute),
        ] {
            assert_eq!(readings(target), Err(why), "{target}");
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing() {
        for target in ["/%7eab/%c3%a9", "/a%20b", "/a%252e", "/x;y"] {
            let once = normal(target).unwrap();
            assert_eq!(normal(&once).as_ref(), Ok(&once));
        }
    }

    #[test]
    fn segments_keep_a_last_empty_one() {
        let segments = |target: &str| {
            Path::normalize(target.as_bytes()).unwrap().segments().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(segments("/"), [""]);
        assert_eq!(segments("/a"), ["a"]);
        assert_eq!(segments("/a/"), ["a", ""]);
    }
}
