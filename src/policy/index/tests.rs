use super::*;
use crate::http::path::Path;

const HOSTS: &[&str] = &["a.test", "b.a.test", "*.a.test", "*.b.a.test", "*.test", "c.test"];
const METHODS: &[&str] = &["GET", "POST", "CONNECT"];
const PATHS: &[&str] = &[
    "/",
    "/**",
    "/a",
    "/a/",
    "/a/**",
    "/a/b",
    "/a/{x}",
    "/{x}",
    "/{x}/b",
    "/{x}/{y}",
    "/a/b/**",
    "/{x}/b/**",
    "/a/b/c",
    "/b/{x}/",
];
const ROUTES: &[&str] = &["one", "two"];

/// Small and repeatable; good enough to make cases.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn some<'t>(&mut self, of: &[&'t str]) -> Vec<&'t str> {
        let count = [0, 0, 1, 1, 2, 3][self.roll(6)];
        (0..count).map(|_| of[self.roll(of.len())]).collect()
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    fn matcher(&mut self) -> Matcher {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        Matcher {
            hosts: self.some(HOSTS).into_iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
            methods: owned(self.some(METHODS)),
            paths: self.some(PATHS).into_iter().map(|path| PathPattern::parse(path).unwrap()).collect(),
            routes: owned(self.some(ROUTES)),
        }
    }
}

/// What the policy page says about a match, word by word.
fn matches(matcher: &Matcher, target: &Target<'_>) -> bool {
    let host = |pattern: &HostPattern| match (pattern, target.host) {
        (_, None) => false,
        (HostPattern::Exact(name), Some(host)) => name == host,
        (HostPattern::Below(name), Some(host)) => {
            host.strip_suffix(name.as_str()).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
        }
    };
    let path = |pattern: &PathPattern| target.path.is_some_and(|path| path_matches(pattern, path));
    let method = |method: &String| method.as_bytes() == target.method;
    (matcher.hosts.is_empty() || matcher.hosts.iter().any(host))
        && (matcher.methods.iter().any(method) || (matcher.methods.is_empty() && target.method != b"CONNECT"))
        && (matcher.paths.is_empty() || matcher.paths.iter().any(path))
        && (matcher.routes.is_empty()
            || matcher.routes.iter().any(|route| Some(route.as_bytes()) == target.route))
}

fn path_matches(pattern: &PathPattern, path: &Path<'_>) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    let fits = |(pattern, segment): (&Segment, &&str)| match pattern {
        Segment::Literal(text) => text == segment,
        Segment::Parameter => !segment.is_empty(),
    };
    let is_long_enough = if pattern.open {
        segments.len() >= pattern.segments.len()
    } else {
        segments.len() == pattern.segments.len()
    };
    is_long_enough && pattern.segments.iter().zip(&segments).all(fits)
}

/// The first earlier matcher that covers each, found by comparing all with all.
fn unreachable(matchers: &[&Matcher]) -> Vec<Unreachable> {
    let covering = |rule: usize| (0..rule).find(|earlier| matchers[*earlier].covers(matchers[rule]));
    let all = 0..matchers.len();
    all.filter_map(|rule| covering(rule).map(|covered_by| Unreachable { rule, covered_by })).collect()
}

#[test]
fn the_index_answers_as_trying_every_rule_in_order_does() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let hosts = [
        None,
        Some("a.test"),
        Some("b.a.test"),
        Some("x.b.a.test"),
        Some("xa.test"),
        Some(".a.test"),
        Some("z"),
    ];
    let paths =
        ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/x", "/x/b", "/x/y", "/x/b/c/d", "/b/x/", "/x/y/z"];
    let paths: Vec<Path<'_>> = paths.iter().map(|path| Path::normalize(path.as_bytes()).unwrap()).collect();
    let mut found_one = 0;
    for _ in 0..400 {
        let matchers: Vec<Matcher> = (0..1 + dice.roll(30)).map(|_| dice.matcher()).collect();
        let mut matchers: Vec<&Matcher> = matchers.iter().collect();
        let dead = unreachable(&matchers);
        assert_eq!(Index::new(&matchers).err().unwrap_or_default(), dead);
        for dead in dead.iter().rev() {
            matchers.remove(dead.rule);
        }
        let index = Index::new(&matchers).unwrap();
        for _ in 0..50 {
            let target = Target {
                host: hosts[dice.roll(hosts.len())],
                method: dice.one(&["GET", "POST", "PUT", "get", "CONNECT"]).as_bytes(),
                path: Some(&paths[dice.roll(paths.len())]).filter(|_| dice.roll(10) > 0),
                route: Some(dice.one(&["one", "two", "three"]).as_bytes()).filter(|_| dice.roll(3) > 0),
            };
            let expected = matchers.iter().position(|matcher| matches(matcher, &target));
            assert_eq!(index.find(&target), expected.map(|rule| rule as u32), "{target:?} {matchers:#?}");
            found_one += usize::from(expected.is_some());
        }
    }
    assert!(found_one > 5_000, "{found_one}");
}

/// `count` rules as an API gateway has them, and how much work the last of them is.
fn work_among(count: usize) -> usize {
    let matchers: Vec<Matcher> = (0..count)
        .map(|number| Matcher {
            hosts: vec![HostPattern::parse(&format!("*.s{}.test", number % 100)).unwrap()],
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            paths: vec![PathPattern::parse(&format!("/api/v{number}/{{id}}/**")).unwrap()],
            routes: Vec::new(),
        })
        .collect();
    let index = Index::new(&matchers.iter().collect::<Vec<_>>()).unwrap();
    let (host, path) = (format!("x.s{}.test", (count - 1) % 100), format!("/api/v{}/7/a/b", count - 1));
    let path = Path::normalize(path.as_bytes()).unwrap();
    let target = Target { host: Some(&host), method: b"GET", path: Some(&path), route: None };
    let mut work = 0;
    assert_eq!(index.find_counting(&target, &mut work), Some(count as u32 - 1));
    work
}

#[test]
fn ten_thousand_rules_are_no_more_work_than_ten() {
    assert_eq!(work_among(10), work_among(10_000));
    assert_eq!(work_among(10), 8, "four nodes, and each of two hosts with each of two methods");
}

#[test]
fn a_long_host_or_path_is_no_more_work_than_the_patterns_are_long() {
    let matcher = Matcher {
        hosts: vec![HostPattern::parse("*.a.test").unwrap()],
        paths: vec![PathPattern::parse("/a/b/**").unwrap()],
        ..Matcher::default()
    };
    let index = Index::new(&[&matcher]).unwrap();
    let (host, path) = (format!("{}a.test", "a.".repeat(30_000)), "/a/b".repeat(10_000));
    let path = Path::normalize(path.as_bytes()).unwrap();
    let target = Target { host: Some(&host), method: b"GET", path: Some(&path), route: None };
    let mut work = 0;
    assert_eq!(index.find_counting(&target, &mut work), Some(0));
    assert_eq!(work, 5, "three nodes, and two hosts");
    assert_eq!(index.hosts.above(&host).count(), 1);
}

#[test]
fn a_rule_without_match_leaves_nothing_for_those_after_it_but_connect() {
    let everything = Matcher::default();
    let get = Matcher { methods: vec!["GET".to_owned()], ..Matcher::default() };
    let connect = Matcher { methods: vec!["CONNECT".to_owned()], ..Matcher::default() };
    let unreachable = Index::new(&[&everything, &get, &connect]).err().unwrap();
    assert_eq!(unreachable, [Unreachable { rule: 1, covered_by: 0 }]);
}
