//! Whether a rule can be about requests of a part of a host, and whether its paths can be those of any request.

use super::matcher::{HostPattern, Matcher, PathPattern, Segment};

/// The requests of one host whose paths lie in one place.
#[derive(Debug)]
pub(super) struct Area {
    host: HostPattern,
    within: PathPattern,
    without: Vec<PathPattern>,
}

impl Area {
    /// All of `host` (lower case) from `prefix` down: a path in normal form without a `/` at its end.
    pub(super) fn new(host: &str, prefix: &str) -> Self {
        Self {
            host: HostPattern::Exact(host.to_owned()),
            within: PathPattern::below(prefix),
            without: Vec::new(),
        }
    }

    /// This area, less what lies from `prefix` down.
    #[must_use]
    pub(super) fn less(mut self, prefix: &str) -> Self {
        self.without.push(PathPattern::below(prefix));
        self
    }

    /// Whether a request in this area can be one of those that `matcher` matches.
    pub(super) fn meets(&self, matcher: &Matcher) -> bool {
        let is_outside = |path: &PathPattern| self.without.iter().any(|outside| outside.covers(path));
        let hosts = || matcher.hosts.iter().any(|host| host.covers(&self.host));
        let paths = || matcher.paths.iter().any(|path| self.within.meets(path) && !is_outside(path));
        (matcher.hosts.is_empty() || hosts()) && (matcher.paths.is_empty() || paths())
    }

    /// Whether `matcher` matches every request in this area that is no `CONNECT`.
    pub(super) fn is_within(&self, matcher: &Matcher) -> bool {
        let whole = Matcher {
            hosts: vec![self.host.clone()],
            paths: vec![self.within.clone()],
            ..Matcher::default()
        };
        matcher.covers(&whole)
    }
}

impl Matcher {
    /// The place of the first path that no request can have, and what else servers read it as: of a request that is read in
    /// several ways every one has to lead to the same rule, and none of these paths can be that one.
    pub fn one_sided_path(&self) -> Option<(usize, String)> {
        let is_listed = |reading: &PathPattern| self.paths.iter().any(|path| path.meets(reading));
        self.paths.iter().enumerate().find_map(|(at, path)| {
            let missing = path.other_readings().into_iter().find(|reading| !is_listed(reading))?;
            Some((at, missing.to_string()))
        })
    }
}

impl PathPattern {
    /// `prefix` and all paths below it.
    fn below(prefix: &str) -> Self {
        let segments = prefix.split('/').skip(1).map(|segment| Segment::Literal(segment.to_owned()));
        Self { segments: segments.collect(), open: true }
    }

    /// Whether there is a path that both match.
    fn meets(&self, other: &Self) -> bool {
        let long_enough = |one: &Self, other: &Self| one.open || one.segments.len() >= other.segments.len();
        long_enough(self, other)
            && long_enough(other, self)
            && self.segments.iter().zip(&other.segments).all(|(one, other)| one.meets(other))
    }
}

impl Segment {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            (Self::Literal(text), Self::Parameter) | (Self::Parameter, Self::Literal(text)) => {
                !text.is_empty()
            }
            (Self::Parameter, Self::Parameter) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(hosts: &[&str], paths: &[&str]) -> Matcher {
        Matcher {
            hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
            paths: paths.iter().map(|path| PathPattern::parse(path).unwrap()).collect(),
            ..Matcher::default()
        }
    }

    #[test]
    fn a_path_that_servers_read_in_two_ways_is_one_of_no_request_unless_both_are_listed() {
        let one_sided = |paths: &[&str]| matcher(&[], paths).one_sided_path();
        for (paths, at, other) in [
            (&["/a;v=1/{id}/**"][..], 0, "/a/{}/**"),
            (&["/x", "/orders%3Aexport"], 1, "/orders:export"),
            (&["/u/%40me"], 0, "/u/@me"),
            (&["/a%3Bb", "/a;b"], 0, "/a"),
            (&["/a;b", "/{x}/c"], 0, "/a"),
            (&["/a/;x"], 0, "/a/"),
        ] {
            assert_eq!(one_sided(paths), Some((at, other.to_owned())), "{paths:?}");
        }
        for paths in [
            &["/a;v=1/{id}", "/a/7"][..],
            &["/orders%3Aexport", "/orders:export"],
            &["/a%3Bb", "/a;b", "/a"],
            &["/{x}", "/a;b"],
            &["/a;b", "/**"],
            &["/a:b/@c", "/caf%C3%A9/a%20b", "/", "/**"],
            &[],
        ] {
            assert_eq!(one_sided(paths), None, "{paths:?}");
        }
    }

    #[test]
    fn the_host_counts() {
        let area = Area::new("api.example.com", "");
        for hosts in [&[][..], &["api.example.com"], &["x.test", "*.example.com"], &["*.com"]] {
            assert!(area.meets(&matcher(hosts, &[])), "{hosts:?}");
        }
        for hosts in [["example.com"], ["*.api.example.com"], ["www.example.com"]] {
            assert!(!area.meets(&matcher(&hosts, &[])), "{hosts:?}");
        }
    }

    #[test]
    fn the_path_counts() {
        let area = Area::new("a", "/v1/mcp");
        for paths in [
            &[][..],
            &["/**"],
            &["/v1/**"],
            &["/v1/mcp"],
            &["/v1/mcp/"],
            &["/v1/mcp/tools/{id}"],
            &["/{version}/mcp"],
            &["/other", "/v1/mcp"],
        ] {
            assert!(area.meets(&matcher(&[], paths)), "{paths:?}");
        }
        for paths in [["/"], ["/v1"], ["/v1/"], ["/v1/mcps"], ["/v2/**"], ["/{only}"], ["/v1/x/**"]] {
            assert!(!area.meets(&matcher(&[], &paths)), "{paths:?}");
        }
    }

    #[test]
    fn patterns_meet_in_paths_that_both_match() {
        let path = |text: &str| PathPattern::parse(text).unwrap();
        for (one, other, meet) in
            [("/a", "/a", true), ("/a", "/a/b", false), ("/a/**", "/a/b", true), ("/{x}", "/a/**", true)]
        {
            assert_eq!(path(one).meets(&path(other)), meet, "{one} {other}");
            assert_eq!(path(other).meets(&path(one)), meet, "{other} {one}");
        }
    }

    #[test]
    fn a_matcher_has_all_of_it_or_not() {
        let area = Area::new("a.test", "/mcp");
        for all in
            [matcher(&[], &[]), matcher(&["*.test"], &["/x", "/mcp/**"]), matcher(&["a.test"], &["/**"])]
        {
            assert!(area.is_within(&all), "{all:?}");
        }
        let reading = Matcher { methods: vec!["GET".into()], ..Matcher::default() };
        let routed = Matcher { routes: vec!["r".into()], ..Matcher::default() };
        for part in [matcher(&["b.test"], &[]), matcher(&[], &["/mcp", "/mcp/x/**"]), reading, routed] {
            assert!(!area.is_within(&part), "{part:?}");
        }
    }

    #[test]
    fn what_belongs_to_another_area_does_not_count() {
        let area = Area::new("a", "").less("/mcp");
        for paths in [["/mcp"], ["/mcp/**"], ["/mcp/tools/{id}"]] {
            assert!(!area.meets(&matcher(&[], &paths)), "{paths:?}");
        }
        for paths in [&[][..], &["/**"], &["/mcps"], &["/{any}"], &["/mcp", "/orders"]] {
            assert!(area.meets(&matcher(&[], paths)), "{paths:?}");
        }
    }
}
