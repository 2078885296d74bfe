//! Which requests a rule is about: hosts, methods, paths, routes.

use core::fmt;

use crate::http::{host, path};

/// What of a request the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// One of the readings of the authority (`http::host`); `None` where none is looked at. Rules with `hosts` do not
    /// match then.
    pub host: Option<&'a str>,
    /// The method, in the case in which it was sent.
    pub method: &'a [u8],
    /// The path; `None` for `OPTIONS *` and a `CONNECT` without one. Rules with `paths` do not match then.
    pub path: Option<&'a path::Path<'a>>,
    /// The name of the proxy's route; `None` where it has none. Rules with `routes` do not match then.
    pub route: Option<&'a [u8]>,
}

/// Which requests a rule is about. Every list that is not empty needs one of its entries to match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matcher {
    /// Hosts.
    pub hosts: Vec<HostPattern>,
    /// Methods, exact. An empty list stands for every method but `CONNECT`.
    pub methods: Vec<String>,
    /// Paths.
    pub paths: Vec<PathPattern>,
    /// Names of the proxy's routes, exact.
    pub routes: Vec<String>,
}

/// The method that opens a tunnel; only a rule that names it matches it.
pub(super) const CONNECT: &[u8] = b"CONNECT";

/// A host, or every host below one; in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host that has at least one label more on its left: `*.` and this.
    Below(String),
}

/// A path as a rule names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathPattern {
    pub(super) segments: Vec<Segment>,
    /// Whether `**` follows: zero or more segments of any kind.
    pub(super) open: bool,
}

/// One segment of a path pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    /// This text.
    Literal(String),
    /// Any one segment that is not empty.
    Parameter,
}

impl Matcher {
    /// Whether every request that `other` matches is matched by this too, entry by entry.
    pub(super) fn covers(&self, other: &Self) -> bool {
        covers_all(&self.hosts, &other.hosts, HostPattern::covers)
            && self.covers_methods(other)
            && covers_all(&self.paths, &other.paths, PathPattern::covers)
            && covers_all(&self.routes, &other.routes, String::eq)
    }

    fn covers_methods(&self, other: &Self) -> bool {
        let is_connect = |method: &String| method.as_bytes() == CONNECT;
        if self.methods.is_empty() {
            !other.methods.iter().any(is_connect)
        } else {
            covers_all(&self.methods, &other.methods, String::eq)
        }
    }
}

impl HostPattern {
    /// Reads a host, or `*.` and a host; case does not count.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        if name.contains('*') {
            return Err("has a `*` that is not a leading `*.`");
        }
        let host = host::of_authority(name.as_bytes()).ok_or("is not a host")?;
        if host.len() != name.len() {
            return Err("has a port");
        }
        if host.split('.').any(str::is_empty) {
            return Err("has an empty label");
        }
        match below {
            true if host.starts_with('[') => Err("has a `*` before an address"),
            true => Ok(Self::Below(host.into_owned())),
            false => Ok(Self::Exact(host.into_owned())),
        }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_below = |name: &str, parent: &str| {
            name.strip_suffix(parent)
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty())
        };
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Exact(_), Self::Below(_)) => false,
            (Self::Below(parent), Self::Exact(name)) => is_below(name, parent),
            (Self::Below(parent), Self::Below(name)) => name == parent || is_below(name, parent),
        }
    }
}

impl PathPattern {
    /// Reads literal segments, `{name}`, and a last `**`. Literal segments are reduced to the normal form of paths.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
            return Err(format!("has a `{c}`"));
        }
        // No path has them as they are. Whoever writes one means a regular expression, or a parameter.
        if let Some(c) = text.chars().find(|c| matches!(c, '[' | ']' | '|' | '\\' | '^' | '<' | '>')) {
            return Err(format!("has a `{c}`, and is no regular expression"));
        }
        if !text.starts_with('/') {
            return Err("does not begin with `/`".to_owned());
        }
        let path = path::Path::normalize(text.as_bytes())
            .map_err(|why| format!("has more than one reading: {why}"))?;
        let mut segments = Vec::new();
        let mut names = Vec::new();
        // Normal segments are as many as those that were written, where `{` and `}` stand as they are.
        let mut both = text.split('/').skip(1).zip(path.segments()).peekable();
        while let Some((written, normal)) = both.next() {
            if written == "**" && both.peek().is_none() {
                return Ok(Self { segments, open: true });
            }
            segments.push(segment(written, normal, &mut names)?);
        }
        Ok(Self { segments, open: false })
    }

    /// What servers read a path of this pattern as besides.
    pub(super) fn other_readings(&self) -> Vec<Self> {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text,
            Segment::Parameter => "x",
        });
        let text = format!("/{}", texts.collect::<Vec<_>>().join("/"));
        let readings = path::Path::readings(text.as_bytes()).ok();
        let others = readings.iter().flat_map(|readings| readings.others());
        let read = |(segment, text): (&Segment, &str)| match segment {
            Segment::Literal(_) => Segment::Literal(text.to_owned()),
            Segment::Parameter => Segment::Parameter,
        };
        others
            .map(|path| Self {
                segments: self.segments.iter().zip(path.segments()).map(read).collect(),
                open: self.open,
            })
            .collect()
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_long_enough = if self.open {
            other.segments.len() >= self.segments.len()
        } else {
            !other.open && other.segments.len() == self.segments.len()
        };
        is_long_enough && self.segments.iter().zip(&other.segments).all(|(one, other)| one.covers(other))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter => f.write_str("/{}")?,
            }
        }
        if self.open { f.write_str("/**") } else { Ok(()) }
    }
}

impl Segment {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            (Self::Literal(_), Self::Parameter) => false,
            (Self::Parameter, Self::Literal(text)) => !text.is_empty(),
            (Self::Parameter, Self::Parameter) => true,
        }
    }
}

/// The segment that is `text`, or `normal` in its normal form.
fn segment(text: &str, normal: &str, names: &mut Vec<String>) -> Result<Segment, String> {
    if text == "**" {
        return Err("has a `**` that is not the last segment".to_owned());
    }
    if text.starts_with(':') {
        return Err("has a segment that begins with `:`, and only `{name}` stands for other text".to_owned());
    }
    if text.contains('*') {
        return Err("has a `*` inside; only a last segment `**` stands for more than itself".to_owned());
    }
    if !text.contains(['{', '}']) {
        return Ok(Segment::Literal(normal.to_owned()));
    }
    let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if name.is_empty() || !is_name(name) {
        return Err(format!(
            "has `{text}`, which is neither a literal segment nor a `{{name}}` of letters, digits, `_`, `-`"
        ));
    }
    if names.iter().any(|known| known == name) {
        return Err(format!("names `{{{name}}}` twice"));
    }
    names.push(name.to_owned());
    Ok(Segment::Parameter)
}

/// Whether each of `others` is covered by one of `ours`; an empty list stands for everything.
fn covers_all<T>(ours: &[T], others: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    ours.is_empty()
        || (!others.is_empty() && others.iter().all(|other| ours.iter().any(|one| covers(one, other))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    fn path(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn hosts_that_no_request_can_have_are_refused() {
        assert_eq!(host("*.API.example.com"), HostPattern::Below("api.example.com".into()));
        assert_eq!(host("[::1]"), HostPattern::Exact("[::1]".into()));
        for text in [
            "", "*", "*.", "*.*.a", "a.*", "a*.b", "a:80", "*.a:80", "a..b", ".a", "a.", "*.[::1]", "a/b",
            "a b", "http://a",
        ] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_reduced_to_the_normal_form() {
        assert_eq!(path("/%6Frders/caf\u{e9}/%7Bx%7D"), path("/orders/caf%C3%A9/%7bx%7d"));
        assert_ne!(path("/orders"), path("/orders/"));
    }

    #[test]
    fn names_of_parameters_say_nothing() {
        assert_eq!(path("/{order_id}/{line-no}/{Z9}"), path("/{a}/{b}/{c}"));
    }

    #[test]
    fn one_host_covers_another() {
        for (one, other) in [
            ("a.test", "a.test"),
            ("*.test", "a.test"),
            ("*.test", "b.a.test"),
            ("*.test", "*.test"),
            ("*.test", "*.a.test"),
        ] {
            assert!(host(one).covers(&host(other)), "{one} {other}");
        }
        for (one, other) in [
            ("a.test", "b.test"),
            ("a.test", "*.a.test"),
            ("*.a.test", "a.test"),
            ("*.a.test", "*.test"),
            ("*.a.test", "ba.test"),
            ("*.a.test", "*.ba.test"),
        ] {
            assert!(!host(one).covers(&host(other)), "{one} {other}");
        }
    }

    #[test]
    fn paths_that_no_request_can_have_are_refused() {
        for text in [
            "",
            "a",
            "*",
            "/a?b",
            "/a#b",
            "/a//b",
            "/a/../b",
            "/a%2Fb",
            "/**/a",
            "/a/*",
            "/a/b*",
            "/a/{",
            "/a/{}",
            "/{a}.json",
            "/{a}/{a}",
            "/{a b}",
            "/a\\b",
            "/:a",
            "/a/:b/c",
            "/[0-9]+",
            "/(a|b)",
            "^/a",
            "/a^",
            "/<a>",
            "/a]",
            "/a%",
            "//",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_pattern_covers_another() {
        for (one, other) in [
            ("/a", "/a"),
            ("/{x}", "/a"),
            ("/{x}", "/{y}"),
            ("/**", "/"),
            ("/**", "/a/**"),
            ("/a/**", "/a"),
            ("/a/**", "/a/"),
            ("/a/**", "/a/{x}/b"),
            ("/{x}/**", "/a/b"),
        ] {
            assert!(path(one).covers(&path(other)), "{one} {other}");
        }
        for (one, other) in [
            ("/a", "/b"),
            ("/a", "/{x}"),
            ("/a", "/a/"),
            ("/a", "/a/**"),
            ("/a/**", "/**"),
            ("/a/**", "/{x}/**"),
            ("/{x}", "/"),
            ("/a/{x}", "/a/"),
            ("/a/b/**", "/a/**"),
            ("/A", "/a"),
        ] {
            assert!(!path(one).covers(&path(other)), "{one} {other}");
        }
        for other in ["a.b.c", "*.a.b.c", "*.b.c"] {
            assert!(host("*.b.c").covers(&host(other)), "{other}");
        }
        assert!(!host("*.b.c").covers(&host("b.c")) && !host("*.b.c").covers(&host("ab.c")));
        assert!(!host("*.b.c").covers(&host("*.c")) && !host("a.b.c").covers(&host("*.b.c")));
    }

    #[test]
    fn only_a_rule_that_names_connect_covers_connect() {
        let methods = |methods: &[&str]| Matcher {
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            ..Matcher::default()
        };
        assert!(methods(&[]).covers(&methods(&["GET"])) && methods(&[]).covers(&methods(&[])));
        assert!(!methods(&[]).covers(&methods(&["GET", "CONNECT"])));
        assert!(methods(&["GET", "CONNECT"]).covers(&methods(&["CONNECT"])));
        assert!(!methods(&["GET"]).covers(&methods(&[])));
    }
}
