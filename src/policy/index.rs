//! From a request to its first rule, without trying rules one by one.
//!
//! Path patterns share a tree of segments. Where a pattern ends, a table leads from host, method and route (each a
//! number, 0 for "any") to the first rule with that combination. A request walks its own segments, literal and
//! parameter side by side, and looks up its few combinations in each table that it reaches.

use std::borrow::Cow;

use super::matcher::{CONNECT, HostPattern, Matcher, PathPattern, Segment, Target};
use super::rules::Unreachable;
use crate::base::table::Table;

/// Where all rules can be found.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first is the root.
    nodes: Vec<Node>,
    /// The first is that of the rules without paths.
    tables: Vec<FirstRules>,
    hosts: Hosts,
    methods: Numbers,
    routes: Numbers,
}

/// What follows after the segments so far.
#[derive(Debug, Default)]
struct Node {
    literals: Table<String, usize>,
    parameter: Option<usize>,
    /// The table of the patterns that end here.
    end: Option<usize>,
    /// The table of the patterns that end here with `**`.
    open: Option<usize>,
}

/// The first rule for each combination.
type FirstRules = Table<Key, u32>;

/// Host, method and route.
type Key = (u32, u32, u32);

const ANY: u32 = 0;

/// The node that nothing has led to yet.
const ROOT: usize = 0;

/// The table of rules without paths.
const PATHLESS: usize = 0;

/// One segment of what is looked for: text, or a parameter when it is another pattern.
#[derive(Clone, Copy)]
enum Step<'s> {
    Text(&'s str),
    Parameter,
}

impl<'s> Step<'s> {
    fn of(segment: &'s Segment) -> Self {
        match segment {
            Segment::Literal(text) => Self::Text(text),
            Segment::Parameter => Self::Parameter,
        }
    }
}

/// The numbers to look for. Where no rule asks for a host (or method, or route) there is just one, and nothing to
/// allocate.
struct Wanted {
    hosts: Cow<'static, [u32]>,
    methods: Cow<'static, [u32]>,
    routes: Cow<'static, [u32]>,
}

/// Only what holds for any host, method or route.
const NOTHING_ELSE: Cow<'static, [u32]> = Cow::Borrowed(&[ANY]);

impl Index {
    /// The index of the rules with these matchers, in their order.
    pub(super) fn new(matchers: &[&Matcher]) -> Result<Self, Vec<Unreachable>> {
        let mut index =
            Self { nodes: vec![Node::default()], tables: vec![FirstRules::default()], ..Self::default() };
        let mut entries = Entries::default();
        let mut unreachable = Vec::new();
        for ((rule, matcher), number) in matchers.iter().enumerate().zip(0..) {
            if let Some(covered_by) = index.covering(matcher, matchers, &entries) {
                unreachable.push(Unreachable { rule, covered_by });
            }
            index.insert(matcher, number, &mut entries);
        }
        if unreachable.is_empty() { Ok(index) } else { Err(unreachable) }
    }

    /// The first rule that matches `target`.
    pub(super) fn find(&self, target: &Target<'_>) -> Option<u32> {
        self.find_counting(target, &mut 0)
    }

    /// As [`Index::find`]; `work` counts the nodes that were entered and the combinations that were looked up.
    fn find_counting(&self, target: &Target<'_>, work: &mut usize) -> Option<u32> {
        let wanted = Wanted {
            hosts: self.hosts.matching(target.host),
            methods: self.methods.matching(Some(target.method), target.method != CONNECT),
            routes: self.routes.matching(target.route, true),
        };
        let mut first: Option<u32> = None;
        let mut lookups = 0;
        let mut look = |table: usize| {
            let Some(table) = self.tables.get(table).filter(|table| !table.is_empty()) else { return };
            for key in wanted.keys() {
                lookups += 1;
                let Some(rule) = table.get(&key) else { continue };
                first = Some(first.map_or(*rule, |first| first.min(*rule)));
            }
        };
        look(PATHLESS);
        if let Some(path) = target.path {
            *work += self.walk(path.segments().map(Step::Text), false, look);
        }
        *work += lookups;
        first
    }

    /// Tells `reached` every table whose pattern matches all that `steps` (and `**`, when `open`) match. Returns how
    /// many nodes it took.
    fn walk<'s>(
        &self,
        steps: impl Iterator<Item = Step<'s>> + Clone,
        open: bool,
        mut reached: impl FnMut(usize),
    ) -> usize {
        let mut visited = 0;
        // Where a literal and a parameter both fit, the parameter waits here.
        let mut pending = Vec::new();
        let mut here = Some((ROOT, steps));
        while let Some((number, mut steps)) = here.take().or_else(|| pending.pop()) {
            let Some(node) = self.nodes.get(number) else { continue };
            visited += 1;
            node.open.into_iter().for_each(&mut reached);
            let Some(step) = steps.next() else {
                node.end.filter(|_| !open).into_iter().for_each(&mut reached);
                continue;
            };
            let (literal, parameter) = match step {
                Step::Text(text) => {
                    (node.literals.get(text).copied(), node.parameter.filter(|_| !text.is_empty()))
                }
                Step::Parameter => (None, node.parameter),
            };
            here = match (literal, parameter) {
                (Some(literal), Some(parameter)) => {
                    pending.push((parameter, steps.clone()));
                    Some((literal, steps))
                }
                (one, None) | (None, one) => one.map(|node| (node, steps)),
            };
        }
        visited
    }

    fn insert(&mut self, matcher: &Matcher, rule: u32, entries: &mut Entries) {
        let numbers = Wanted {
            hosts: any_or(&matcher.hosts, |host| self.hosts.number(host)),
            methods: any_or(&matcher.methods, |method| self.methods.number(method)),
            routes: any_or(&matcher.routes, |route| self.routes.number(route)),
        };
        let tables = if matcher.paths.is_empty() {
            vec![PATHLESS]
        } else {
            matcher.paths.iter().map(|path| self.table(path)).collect()
        };
        for number in tables {
            let Some(table) = self.tables.get_mut(number) else { continue };
            for key in numbers.keys() {
                table.entry(key).or_insert(rule);
                entries.entry((number, key)).or_default().push(rule);
            }
        }
    }

    /// The table for `pattern`, made where it is not there yet.
    fn table(&mut self, pattern: &PathPattern) -> usize {
        let node = pattern.segments.iter().fold(0, |node, segment| self.child(node, segment));
        let next = self.tables.len();
        let Some(node) = self.nodes.get_mut(node) else { return PATHLESS };
        let table = *if pattern.open { &mut node.open } else { &mut node.end }.get_or_insert(next);
        if table == next {
            self.tables.push(FirstRules::default());
        }
        table
    }

    fn child(&mut self, parent: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(parent) else { return parent };
        let child = match segment {
            Segment::Literal(text) => *parent.literals.entry(text.clone()).or_insert(next),
            Segment::Parameter => *parent.parameter.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }
}

/// Every rule of each combination; needed only while the index is made.
type Entries = Table<(usize, Key), Vec<u32>>;

impl Index {
    /// The first rule so far that covers `matcher`. Such a rule covers each single combination of it, so only the
    /// rules that cover the combination with the fewest such rules are compared in full.
    fn covering(&self, matcher: &Matcher, matchers: &[&Matcher], entries: &Entries) -> Option<usize> {
        let paths = matcher.paths.iter().map(Some).chain(matcher.paths.is_empty().then_some(None));
        let found = paths.flat_map(|path| {
            let tables = self.tables_covering(path);
            self.combinations(matcher).into_iter().map(move |wanted| {
                let places = tables.iter().flat_map(|table| wanted.keys().map(|key| (*table, key)));
                places.filter_map(|place| entries.get(&place)).map(Vec::as_slice).collect::<Vec<_>>()
            })
        });
        let fewest = found.min_by_key(|rules| rules.iter().map(|rules| rules.len()).sum::<usize>());
        let mut candidates = fewest?.concat();
        candidates.sort_unstable();
        let mut candidates = candidates.into_iter().filter_map(|rule| usize::try_from(rule).ok());
        candidates.find(|rule| matchers.get(*rule).is_some_and(|earlier| earlier.covers(matcher)))
    }

    fn tables_covering(&self, path: Option<&PathPattern>) -> Vec<usize> {
        let mut tables = vec![PATHLESS];
        if let Some(path) = path {
            let steps = path.segments.iter().map(Step::of);
            self.walk(steps, path.open, |table| tables.push(table));
        }
        tables
    }

    /// For each combination of host, method and route of `matcher`: the numbers that cover it.
    fn combinations(&self, matcher: &Matcher) -> Vec<Wanted> {
        let hosts = each_or_any(&matcher.hosts, |host| self.hosts.covering(host));
        let methods = each_or_any(&matcher.methods, |method| {
            self.methods.matching(Some(method.as_bytes()), method.as_bytes() != CONNECT)
        });
        let routes = each_or_any(&matcher.routes, |route| self.routes.matching(Some(route.as_bytes()), true));
        let mut combinations = Vec::new();
        for hosts in &hosts {
            for methods in &methods {
                combinations.extend(routes.iter().map(|routes| Wanted {
                    hosts: hosts.clone(),
                    methods: methods.clone(),
                    routes: routes.clone(),
                }));
            }
        }
        combinations
    }
}

impl Wanted {
    fn keys(&self) -> impl Iterator<Item = Key> {
        let pairs = self.hosts.iter().flat_map(|host| self.methods.iter().map(|method| (*host, *method)));
        pairs.flat_map(|(host, method)| self.routes.iter().map(move |route| (host, method, *route)))
    }
}

/// Texts, numbered from 1.
#[derive(Debug, Default)]
struct Numbers(Table<Vec<u8>, u32>);

impl Numbers {
    fn number(&mut self, text: &str) -> u32 {
        let next = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        *self.0.entry(text.as_bytes().to_vec()).or_insert(next)
    }

    fn matching(&self, text: Option<&[u8]>, any: bool) -> Cow<'static, [u32]> {
        if any && self.0.is_empty() {
            return NOTHING_ELSE;
        }
        let exact = text.and_then(|text| self.0.get(text).copied());
        exact.into_iter().chain(any.then_some(ANY)).collect()
    }
}

/// Host patterns, numbered from 1.
#[derive(Debug, Default)]
struct Hosts {
    exact: Table<String, u32>,
    below: Table<String, u32>,
    /// The length of the longest name in `below`: a longer one need not be looked up, however long the request's is.
    longest: usize,
}

impl Hosts {
    fn number(&mut self, pattern: &HostPattern) -> u32 {
        let next = u32::try_from(self.exact.len() + self.below.len() + 1).unwrap_or(u32::MAX);
        match pattern {
            HostPattern::Exact(name) => *self.exact.entry(name.clone()).or_insert(next),
            HostPattern::Below(name) => {
                self.longest = self.longest.max(name.len());
                *self.below.entry(name.clone()).or_insert(next)
            }
        }
    }

    fn matching(&self, host: Option<&str>) -> Cow<'static, [u32]> {
        let Some(host) = host.filter(|_| !self.exact.is_empty() || !self.below.is_empty()) else {
            return NOTHING_ELSE;
        };
        let exact = self.exact.get(host).copied();
        exact.into_iter().chain(self.above(host)).chain([ANY]).collect()
    }

    fn covering(&self, pattern: &HostPattern) -> Cow<'static, [u32]> {
        match pattern {
            HostPattern::Exact(name) => self.matching(Some(name)),
            HostPattern::Below(name) => {
                self.below.get(name).copied().into_iter().chain(self.above(name)).chain([ANY]).collect()
            }
        }
    }

    /// The numbers of the `*.` patterns that `name` lies below.
    fn above(&self, name: &str) -> impl Iterator<Item = u32> {
        let parents =
            name.rmatch_indices('.').filter(|(dot, _)| *dot > 0).filter_map(|(dot, _)| name.get(dot + 1..));
        parents
            .take_while(|parent| parent.len() <= self.longest)
            .filter_map(|parent| self.below.get(parent).copied())
    }
}

fn any_or<T>(entries: &[T], number: impl FnMut(&T) -> u32) -> Cow<'static, [u32]> {
    if entries.is_empty() { NOTHING_ELSE } else { entries.iter().map(number).collect() }
}

fn each_or_any<T>(entries: &[T], numbers: impl FnMut(&T) -> Cow<'static, [u32]>) -> Vec<Cow<'static, [u32]>> {
    if entries.is_empty() { vec![NOTHING_ELSE] } else { entries.iter().map(numbers).collect() }
}

#[cfg(test)]
mod tests;
