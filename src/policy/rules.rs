//! Rules, and which of them decides about a request.

use std::collections::HashMap;
use std::rc::Rc;

use super::index::Index;
use super::matcher::{Matcher, Target};
use super::requirement::Requirement;
use super::settings::Mode;
use crate::token::binding::Proof;
use crate::token::expect::IssuerId;

/// A rule's number within its policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u32);

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name; no other rule has it.
    pub name: Rc<str>,
    /// Which requests it is about.
    pub matcher: Matcher,
    /// What they need.
    pub access: Access,
    /// Whether its denials count.
    pub mode: Mode,
    /// Whether the token stays on its requests; `None` where the policy says so for all.
    pub forward: Option<bool>,
}

/// What the requests of a rule need.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing; a token is not looked at.
    Anonymous,
    /// Nothing, but a token that is there must be good.
    Optional,
    /// Nothing helps.
    Deny,
    /// A good token that satisfies this.
    Require(Rc<Requirement>),
}

impl Access {
    /// The scopes every one of which a token must hold.
    pub fn required_scopes(&self) -> &[String] {
        match self {
            Self::Require(requirement) => requirement.required_scopes(),
            Self::Anonymous | Self::Optional | Self::Deny => &[],
        }
    }

    /// The scopes that a client without a token is told to ask for, space-delimited: what `insufficient_scope` would
    /// name to a token without any (RFC 6750 section 3). Empty where no scope is needed.
    pub fn scope_at_first(&self) -> String {
        match self {
            Self::Require(requirement) => requirement.scope_at_first(),
            Self::Anonymous | Self::Optional | Self::Deny => String::new(),
        }
    }

    /// How a token has to be bound, whatever else it needs; `None` where it need not be.
    pub fn proof(&self) -> Option<Proof> {
        match self {
            Self::Require(requirement) => requirement.proof(),
            Self::Anonymous | Self::Optional | Self::Deny => None,
        }
    }

    /// Whether a token that is bound to a key is asked for, or would be one of several that do.
    pub fn mentions_key(&self) -> bool {
        match self {
            Self::Require(requirement) => requirement.mentions_key(),
            Self::Anonymous | Self::Optional | Self::Deny => false,
        }
    }

    /// The issuers whose tokens can satisfy this; `None` for any.
    pub fn issuers(&self) -> Option<Vec<IssuerId>> {
        match self {
            Self::Require(requirement) => requirement.issuers(),
            Self::Anonymous | Self::Optional | Self::Deny => None,
        }
    }
}

/// All rules of a policy. The first that matches decides; finding it costs the same for ten rules and ten thousand.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    index: Index,
    names: HashMap<Rc<str>, RuleId>,
    uses_routes: bool,
    uses_hosts: bool,
}

/// A rule that no request can reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreachable {
    /// The rule's place, from 0.
    pub rule: usize,
    /// The place of the first earlier rule that matches all that it matches.
    pub covered_by: usize,
}

impl Rules {
    /// Compiles `rules`, in their order.
    ///
    /// # Errors
    /// Every rule that an earlier one covers.
    pub fn new(rules: Vec<Rule>) -> Result<Self, Vec<Unreachable>> {
        let matchers: Vec<&Matcher> = rules.iter().map(|rule| &rule.matcher).collect();
        let index = Index::new(&matchers)?;
        let uses_routes = matchers.iter().any(|matcher| !matcher.routes.is_empty());
        let uses_hosts = matchers.iter().any(|matcher| !matcher.hosts.is_empty());
        let mut names = HashMap::new();
        for (rule, number) in rules.iter().zip(0..) {
            names.entry(Rc::clone(&rule.name)).or_insert(RuleId(number));
        }
        Ok(Self { rules, index, names, uses_routes, uses_hosts })
    }

    /// The first rule that matches `target`.
    pub fn find(&self, target: &Target<'_>) -> Option<&Rule> {
        self.get(self.find_id(target)?)
    }

    /// The number of the first rule that matches `target`.
    pub fn find_id(&self, target: &Target<'_>) -> Option<RuleId> {
        self.index.find(target).map(RuleId)
    }

    /// The rule called `name`.
    pub fn named(&self, name: &str) -> Option<&Rule> {
        self.get(self.named_id(name)?)
    }

    /// The number of the rule called `name`.
    pub fn named_id(&self, name: &str) -> Option<RuleId> {
        self.names.get(name).copied()
    }

    /// The rule of this number.
    pub fn get(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(usize::try_from(id.0).ok()?)
    }

    /// All rules, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether any rule looks at the route's name.
    pub fn uses_routes(&self) -> bool {
        self.uses_routes
    }

    /// Whether any rule looks at the host.
    pub fn uses_hosts(&self) -> bool {
        self.uses_hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, routes: &[&str]) -> Rule {
        let routes = routes.iter().map(|route| (*route).to_owned()).collect();
        let matcher = Matcher { routes, ..Matcher::default() };
        Rule { name: name.into(), matcher, access: Access::Anonymous, mode: Mode::Enforce, forward: None }
    }

    #[test]
    fn a_rule_is_found_by_match_and_by_name() {
        let rules = Rules::new(vec![rule("one", &["r"]), rule("two", &[])]).unwrap();
        let target = Target { host: None, method: b"GET", path: None, route: Some(b"r") };
        assert_eq!(rules.find(&target).map(|rule| &*rule.name), Some("one"));
        assert_eq!(rules.find(&Target { route: None, ..target }).map(|rule| &*rule.name), Some("two"));
        assert_eq!(rules.named_id("two"), Some(RuleId(1)));
        assert!(rules.named("three").is_none() && rules.uses_routes() && rules.len() == 2);
    }

    #[test]
    fn without_rules_nothing_is_found() {
        let target = Target { host: Some("a"), method: b"GET", path: None, route: None };
        assert!(Rules::default().find(&target).is_none());
    }
}
