//! `requirements`, and what stands after `require` in a rule.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use super::details::details;
use super::names::{nearest, quoted};
use super::reader::{Members, Node};
use super::scopes::scopes;
use super::values::{check_claim, choice, span, strings, texts};
use crate::policy::{ClaimTest, Wanted};
use crate::token::binding::Proof;
use crate::token::expect::IssuerId;

const KEYS: &[&str] = &[
    "issuers",
    "scopes",
    "any_scope",
    "clients",
    "claims",
    "authorization_details",
    "audiences",
    "acr",
    "max_age",
    "proof",
    "any_of",
];

const PROOFS: &[(&str, Proof)] = &[("dpop", Proof::Dpop), ("mtls", Proof::MutualTls), ("any", Proof::Any)];

/// Named requirements; each is read once, when its name is first met.
pub(super) struct Requirements<'d> {
    named: HashMap<&'d str, Node<'d>>,
    /// `None` while the reading has begun and not ended.
    read: RefCell<HashMap<&'d str, Option<Wanted>>>,
    issuers: HashMap<&'d str, IssuerId>,
}

impl<'d> Requirements<'d> {
    /// The named requirements of `policy`, each of them read.
    pub(super) fn new(policy: &Members<'d>, issuers: HashMap<&'d str, IssuerId>) -> Self {
        let node = policy.get("requirements");
        let entries =
            node.and_then(|node| node.entries("an object of names and requirements")).unwrap_or_default();
        let requirements =
            Self { named: entries.iter().cloned().collect(), read: RefCell::default(), issuers };
        for (name, _) in &entries {
            requirements.read_named(name);
        }
        requirements
    }

    /// A requirement: a name, or an object.
    pub(super) fn wanted(&self, node: &Node<'d>) -> Wanted {
        match node.value() {
            Value::String(_) => node.text("the name of a requirement").map(|name| self.named(node, name)),
            Value::Object(_) => node.members(KEYS).map(|members| self.fields(&members)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                node.wrong_type("the name of a requirement, or an object like {scopes: [..]}")
            }
        }
        .unwrap_or_default()
    }

    fn named(&self, node: &Node<'d>, name: &'d str) -> Wanted {
        if !self.named.contains_key(name) {
            let known: Vec<&str> = self.named.keys().copied().collect();
            let hint = nearest(name, &known).map(|near| format!("did you mean {}? ", quoted(near, '`')));
            let remedy = format!(
                "{}write a name that stands in `requirements`, or an object",
                hint.unwrap_or_default()
            );
            node.refuse(format!("names the requirement {}, which there is not", quoted(name, '`')), remedy);
            return Wanted::default();
        }
        if matches!(self.read.borrow().get(name), Some(None)) {
            let problem = format!("the requirement {} needs itself", quoted(name, '`'));
            node.refuse(problem, "take one of the names out of the circle");
            return Wanted::default();
        }
        self.read_named(name);
        match self.read.borrow().get(name) {
            Some(Some(wanted)) => wanted.clone(),
            Some(None) | None => Wanted::default(),
        }
    }

    fn read_named(&self, name: &'d str) {
        let Some(node) = self.named.get(name).filter(|_| !self.read.borrow().contains_key(name)) else {
            return;
        };
        self.read.borrow_mut().insert(name, None);
        let wanted = self.wanted(node);
        self.read.borrow_mut().insert(name, Some(wanted));
    }

    fn fields(&self, members: &Members<'d>) -> Wanted {
        let list = |name| members.get(name).and_then(|node| strings(&node)).unwrap_or_default();
        let scopes = |name| members.get(name).and_then(|node| scopes(&node)).unwrap_or_default();
        Wanted {
            issuers: members.get("issuers").map(|node| self.issuers(&node)),
            scopes: scopes("scopes"),
            any_scope: scopes("any_scope"),
            clients: list("clients"),
            claims: members.get("claims").map(|node| claims(&node)).unwrap_or_default(),
            authorization_details: members
                .get("authorization_details")
                .map(|node| details(&node))
                .unwrap_or_default(),
            audiences: list("audiences"),
            acr: members.get("acr").map(|node| acr(&node)).unwrap_or_default(),
            max_age: members.get("max_age").and_then(|node| span(&node)),
            proof: members.get("proof").and_then(|node| choice(&node, PROOFS)),
            any_of: members.get("any_of").map(|node| self.any_of(&node)).unwrap_or_default(),
        }
    }

    fn issuers(&self, node: &Node<'d>) -> Vec<IssuerId> {
        let mut ids = Vec::new();
        for (node, name) in texts(node).unwrap_or_default() {
            match self.issuers.get(name) {
                Some(id) => ids.push(*id),
                None => node.refuse(
                    format!("names the issuer {}, which there is not", quoted(name, '`')),
                    "write a name that stands in `issuers`",
                ),
            }
        }
        ids
    }

    fn any_of(&self, node: &Node<'d>) -> Vec<Wanted> {
        let members = node.some_items("a list of requirements").unwrap_or_default();
        members.iter().map(|member| self.wanted(member)).collect()
    }
}

fn claims(node: &Node<'_>) -> Vec<(String, ClaimTest)> {
    let entries = node.entries("an object of claims and what they must be").unwrap_or_default();
    if entries.is_empty() && node.value().is_object() {
        node.refuse("is empty", "name at least one claim, or leave the key out");
    }
    let mut tests = Vec::new();
    for (name, node) in entries {
        check_claim(&node, name);
        tests.extend(claim_test(&node).map(|test| (name.to_owned(), test)));
    }
    tests
}

fn claim_test(node: &Node<'_>) -> Option<ClaimTest> {
    match node.value() {
        Value::Array(_) => {
            let items = node.some_items("a list of values")?;
            items.iter().map(scalar).collect::<Option<Vec<_>>>().map(ClaimTest::OneOf)
        }
        Value::Object(_) => {
            let members = node.members(&["contains"])?;
            scalar(&members.need("contains", "the value that the claim must hold")?).map(ClaimTest::Contains)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            scalar(node).map(|value| ClaimTest::OneOf(vec![value]))
        }
    }
}

fn scalar(node: &Node<'_>) -> Option<Value> {
    match node.value() {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(node.value().clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            node.wrong_type("a string, a number, true or false")
        }
    }
}

/// Values of `acr`; they are told to clients with spaces between them.
fn acr(node: &Node<'_>) -> Vec<String> {
    let values = texts(node).unwrap_or_default();
    for (node, value) in &values {
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            node.refuse("is not an authentication context", "write visible ASCII without spaces");
        }
    }
    values.into_iter().map(|(_, value)| value.to_owned()).collect()
}
