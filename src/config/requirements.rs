//! `requirements`, and what stands after `require` in a rule.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Number, Value};

use super::details::details;
use super::issuers::audiences;
use super::scopes::scopes;
use super::values::check_claim;
use crate::document::values::{choice, span, strings, texts};
use crate::document::{Members, Node, nearest, quoted};
use crate::policy::{ClaimTest, Requirement, Vocabulary, Wanted};
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

/// How many requirements one may be made of, once names are put in: a request may have to ask each of them.
const MOST_LEAVES: usize = 1024;

/// How many requirements may stand in each other.
const MOST_LEVELS: usize = 32;

/// Named requirements; each is read once, when its name is first met, and shared by all that name it.
pub(super) struct Requirements<'d> {
    names: Vec<(&'d str, Node<'d>)>,
    named: HashMap<&'d str, Node<'d>>,
    /// `None` while the reading has begun and not ended.
    read: RefCell<HashMap<&'d str, Option<Rc<Requirement>>>>,
    /// In how many requirements the one stands that is being read.
    levels: Cell<usize>,
    vocabulary: RefCell<Vocabulary>,
    issuers: HashMap<&'d str, IssuerId>,
}

impl<'d> Requirements<'d> {
    /// The named requirements of `policy`.
    pub(super) fn new(policy: &Members<'d>, issuers: HashMap<&'d str, IssuerId>) -> Self {
        let node = policy.get("requirements");
        let names =
            node.and_then(|node| node.entries("an object of names and requirements")).unwrap_or_default();
        Self {
            named: names.iter().cloned().collect(),
            names,
            read: RefCell::default(),
            levels: Cell::default(),
            vocabulary: RefCell::default(),
            issuers,
        }
    }

    /// The scopes of all requirements, those first that rules came upon first. The names that no rule has used are
    /// read now.
    pub(super) fn into_vocabulary(self) -> Vocabulary {
        for (name, _) in &self.names {
            self.read_named(name);
        }
        self.vocabulary.into_inner()
    }

    /// A requirement: a name, or an object.
    pub(super) fn requirement(&self, node: &Node<'d>) -> Rc<Requirement> {
        let levels = self.levels.get();
        if levels >= MOST_LEVELS {
            too_many_levels(node);
            return Rc::default();
        }
        match node.value() {
            Value::String(_) => node.text("the name of a requirement").map(|name| self.named(node, name)),
            Value::Object(_) => node.members(KEYS).map(|members| {
                self.levels.set(levels + 1);
                let wanted = self.fields(&members);
                self.levels.set(levels);
                Rc::new(Requirement::new(wanted, &mut self.vocabulary.borrow_mut()))
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                node.wrong_type("the name of a requirement, or an object like {scopes: [..]}")
            }
        }
        .unwrap_or_default()
    }

    fn named(&self, node: &Node<'d>, name: &'d str) -> Rc<Requirement> {
        if !self.named.contains_key(name) {
            let known: Vec<&str> = self.named.keys().copied().collect();
            let hint = nearest(name, &known).map(|near| format!("did you mean {}? ", quoted(near, '`')));
            let remedy = format!(
                "{}write a name that stands in `requirements`, or an object",
                hint.unwrap_or_default()
            );
            node.refuse(format!("names the requirement {}, which there is not", quoted(name, '`')), remedy);
            return Rc::default();
        }
        if matches!(self.read.borrow().get(name), Some(None)) {
            let problem = format!("the requirement {} needs itself", quoted(name, '`'));
            node.refuse(problem, "take one of the names out of the circle");
            return Rc::default();
        }
        self.read_named(name);
        self.read.borrow().get(name).cloned().flatten().unwrap_or_default()
    }

    fn read_named(&self, name: &'d str) {
        let Some(node) = self.named.get(name).filter(|_| !self.read.borrow().contains_key(name)) else {
            return;
        };
        self.read.borrow_mut().insert(name, None);
        let requirement = self.requirement(node);
        self.read.borrow_mut().insert(name, Some(requirement));
    }

    fn fields(&self, members: &Members<'d>) -> Wanted {
        const EVERY: &str = "leave the key out where every audience will do";
        let list = |name| members.get(name).and_then(|node| strings(&node)).unwrap_or_default();
        let scopes = |name| {
            let scopes = members.get(name).and_then(|node| scopes(&node)).unwrap_or_default();
            self.vocabulary.borrow_mut().learn(&scopes);
            scopes
        };
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
            audiences: members.get("audiences").and_then(|node| audiences(&node, EVERY)).unwrap_or_default(),
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

    fn any_of(&self, node: &Node<'d>) -> Vec<Rc<Requirement>> {
        let members = node.some_items("a list of requirements").unwrap_or_default();
        let members: Vec<_> = members.iter().map(|member| self.requirement(member)).collect();
        let leaves: usize = members.iter().map(|member| member.leaves()).sum();
        let levels = members.iter().map(|member| member.levels()).max().unwrap_or_default();
        if leaves > MOST_LEAVES {
            node.refuse(
                format!("stands for more than {MOST_LEAVES} requirements, once names are put in"),
                "name fewer requirements that have an `any_of` themselves",
            );
            return Vec::new();
        }
        if levels >= MOST_LEVELS {
            too_many_levels(node);
            return Vec::new();
        }
        members
    }
}

fn too_many_levels(node: &Node<'_>) {
    node.refuse(
        format!("stands in more than {MOST_LEVELS} requirements, one in the other"),
        "take names out of the chain",
    );
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
            let values: Vec<_> = items.iter().map(scalar).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(ClaimTest::OneOf)
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
        Value::Number(number) if !is_exact(number) => {
            node.refuse(
                "is a whole number of 2^53 or more, which Envoy would round to another one",
                "have the issuer write the claim as a string, and write a string here",
            );
            None
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(node.value().clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            node.wrong_type("a string, a number, true or false")
        }
    }
}

/// Whether `number` stays what it is within a `Struct`, which has floats alone (RFC 8259 section 6).
fn is_exact(number: &Number) -> bool {
    const FIRST_ROUNDED: f64 = 9_007_199_254_740_992.0;
    number.as_f64().is_some_and(|number| number.abs() < FIRST_ROUNDED)
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
