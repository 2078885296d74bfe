//! `rules`: who may do what.

use std::collections::HashMap;
use std::rc::Rc;

use super::requirements::Requirements;
use super::values::check_name;
use crate::document::values::choice;
use crate::document::{Members, Node, quoted};
use crate::http::characters::is_token;
use crate::policy::{Access, HostPattern, Matcher, Mode, PathPattern, Rule, Rules, Unreachable};

/// How many combinations of hosts, methods, paths and routes all rules may have together: a bound on memory.
const MOST_COMBINATIONS: usize = 500_000;

pub(super) const MODES: &[(&str, Mode)] = &[("enforce", Mode::Enforce), ("observe", Mode::Observe)];

/// The rules of `policy`.
pub(super) fn rules<'d>(policy: &Members<'d>, requirements: &Requirements<'d>) -> Rules {
    const WHAT: &str = "a list of rules; the first that matches decides";
    let items = policy.need("rules", WHAT).and_then(|node| {
        let items = node.items(WHAT)?;
        if items.is_empty() {
            node.refuse("is an empty list", "write at least one rule");
        }
        Some(items)
    });
    let items = items.unwrap_or_default();
    let rules: Vec<Option<Rule>> = items.iter().map(|item| rule(item, requirements)).collect();
    check_names(&items, &rules);
    if !check_combinations(&items, &rules) {
        return Rules::default();
    }
    // A rule that could not be read would make a gap: places after it would be those of other rules.
    let Some(rules) = rules.into_iter().collect::<Option<Vec<Rule>>>() else { return Rules::default() };
    let names: Vec<Rc<str>> = rules.iter().map(|rule| rule.name.clone()).collect();
    Rules::new(rules).unwrap_or_else(|unreachable| {
        unreachable.iter().for_each(|unreachable| refuse_unreachable(*unreachable, &items, &names));
        Rules::default()
    })
}

fn rule<'d>(node: &Node<'d>, requirements: &Requirements<'d>) -> Option<Rule> {
    let members = node.members(&["name", "match", "require", "access", "mode", "forward"])?;
    let name = members.get("name").map(|node| {
        let name = node.text("a name that no other rule has").unwrap_or_default();
        if !name.is_empty() {
            check_name(&node, name);
        }
        name.into()
    });
    let matcher = members.get("match").map_or_else(|| Some(Matcher::default()), |node| matcher(&node));
    let access = access(&members, requirements);
    let mode = members.get("mode").and_then(|node| choice(&node, MODES)).unwrap_or_default();
    let forward = members.get("forward").and_then(|node| node.flag());
    Some(Rule { name: name.unwrap_or_else(|| node.at().into()), matcher: matcher?, access, mode, forward })
}

type Word = fn() -> Access;

const ACCESS: &[(&str, Word)] =
    &[("anonymous", || Access::Anonymous), ("optional", || Access::Optional), ("deny", || Access::Deny)];

fn access<'d>(members: &Members<'d>, requirements: &Requirements<'d>) -> Access {
    const BOTH: &str = "has both `require` and `access`";
    const NEITHER: &str = "has neither `require` nor `access`";
    const ONE: &str = "write one of: require: {..}, access: anonymous, access: optional, access: deny";
    if let Some(require) = members.get("require") {
        members.forbid(&["access"], BOTH, ONE);
        return Access::Require(requirements.requirement(&require));
    }
    let Some(access) = members.get("access") else {
        members.node().refuse(NEITHER, ONE);
        return Access::Deny;
    };
    choice(&access, ACCESS).map_or(Access::Deny, |access| access())
}

fn matcher(node: &Node<'_>) -> Option<Matcher> {
    let members = node.members(&["hosts", "methods", "paths", "routes"])?;
    let hosts = each(&members, "hosts", |node, text| {
        HostPattern::parse(text)
            .map_err(|problem| node.refuse(problem, "write a host like api.example.com or *.example.com"))
            .ok()
    });
    let methods = each(&members, "methods", |node, text| {
        // `ANY` is what other gateways write for it.
        if matches!(text, "*" | "ANY" | "ALL") {
            node.refuse("stands for no other method", "leave `methods` out where every method will do");
            return None;
        }
        let is_method = is_token(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase());
        if !is_method {
            node.refuse("is not a method", "write it in upper case, like GET");
        }
        is_method.then(|| text.to_owned())
    });
    let paths = each(&members, "paths", |node, text| {
        PathPattern::parse(text)
            .map_err(|problem| node.refuse(problem, "write a path like /orders, /orders/{id} or /orders/**"))
            .ok()
    });
    let routes = each(&members, "routes", |_, text| Some(text.to_owned()));
    let matcher = Matcher { hosts: hosts?, methods: methods?, paths: paths?, routes: routes? };
    check_readings(&members, &matcher);
    Some(matcher)
}

fn check_readings(members: &Members<'_>, matcher: &Matcher) {
    let Some((at, other)) = matcher.one_sided_path() else { return };
    let paths = members.get("paths").and_then(|node| node.items("a list of strings"));
    if let Some(node) = paths.as_ref().and_then(|paths| paths.get(at)) {
        let other = quoted(&other, '`');
        node.refuse(
            format!(
                "is read as {other} too, and a request whose readings lead to different rules is refused"
            ),
            "list both in this rule",
        );
    }
}

/// All entries of the list `name`; empty when it is not there, `None` when one of them is not good.
fn each<T>(members: &Members<'_>, name: &str, read: impl Fn(&Node<'_>, &str) -> Option<T>) -> Option<Vec<T>> {
    let Some(node) = members.get(name) else { return Some(Vec::new()) };
    let items = node.some_items("a list of strings")?;
    let read: Vec<Option<T>> =
        items.iter().map(|item| item.text("a string").and_then(|text| read(item, text))).collect();
    read.into_iter().collect()
}

fn check_names(items: &[Node<'_>], rules: &[Option<Rule>]) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (item, rule) in items.iter().zip(rules) {
        let Some(rule) = rule else { continue };
        if let Some(first) = seen.get(&*rule.name) {
            let problem = format!("has the same name as {first}: {}", quoted(&rule.name, '`'));
            item.refuse(problem, "give each rule its own name");
        } else {
            seen.insert(&rule.name, item.at());
        }
    }
}

fn check_combinations(items: &[Node<'_>], rules: &[Option<Rule>]) -> bool {
    let mut all: usize = 0;
    for (item, rule) in items.iter().zip(rules) {
        let Some(Rule { matcher, .. }) = rule else { continue };
        let counts = [matcher.hosts.len(), matcher.methods.len(), matcher.paths.len(), matcher.routes.len()];
        all = all
            .saturating_add(counts.iter().fold(1, |product, count| product.saturating_mul((*count).max(1))));
        if all > MOST_COMBINATIONS {
            let problem = format!(
                "the rules up to here have more than {MOST_COMBINATIONS} combinations of hosts, methods, paths and routes"
            );
            item.refuse(problem, "use fewer of them in one rule");
            return false;
        }
    }
    true
}

fn refuse_unreachable(unreachable: Unreachable, items: &[Node<'_>], names: &[Rc<str>]) {
    let (Some(item), Some(earlier)) = (items.get(unreachable.rule), items.get(unreachable.covered_by)) else {
        return;
    };
    let name = |index: usize| names.get(index).map(|name| quoted(name, '`')).unwrap_or_default();
    item.refuse(
        format!(
            "the rule {} can never be reached: {} ({}) matches everything that it matches",
            name(unreachable.rule),
            name(unreachable.covered_by),
            earlier.at(),
        ),
        "move it up, or narrow the earlier rule",
    );
}
