//! A policy document becomes a policy, its secrets taken from the environment.

use core::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use crate::config;
use crate::document::Diagnostic;
use crate::jose::algorithm::Algorithm;
use crate::policy::{Issuer, Policy};
use crate::tool::mint::PrivateKey;

/// A policy, and what it wanted from the environment.
pub struct Compiled {
    /// The policy.
    pub policy: Rc<Policy>,
    /// The variables that it read, each once.
    pub variables: Vec<String>,
    /// Those among them that are not set; `$NAME` stands in their place, and a new key for one that a client signs with.
    pub unset: Vec<String>,
}

impl Compiled {
    /// What `check` refuses although a proxy can load it, where it fails closed: it is not what its author meant.
    pub fn mistakes(&self) -> Vec<Diagnostic> {
        let issuers = self.policy.issuers.iter().filter(|issuer| issuer.refuses_everybody());
        let mistake = |issuer: &Issuer| {
            Diagnostic {
            at: format!("issuers.{}.audiences", issuer.name),
            problem: "is a list, and no answer in this issuer's protocol names an audience: all its tokens are refused"
                .to_owned(),
            remedy: "write `any` here, or `aud: optional` in `introspection`, and tokens for any audience are good"
                .to_owned(),
        }
        };
        issuers.map(mistake).collect()
    }
}

/// Compiles `document`, in which readers of its file differ on `differences`. A variable that is not set is no problem
/// here: its placeholder stands for it.
///
/// # Errors
/// Everything that is wrong with the document.
pub fn compile(
    document: &Value,
    differences: Vec<Diagnostic>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Compiled, Vec<Diagnostic>> {
    let variables = RefCell::new(Vec::<String>::new());
    let unset = RefCell::new(Vec::<String>::new());
    let remember = |list: &RefCell<Vec<String>>, name: &str| {
        let mut list = list.borrow_mut();
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    };
    let lookup = |name: &str| {
        remember(&variables, name);
        let value = environment(name).filter(|value| !value.is_empty());
        Some(value.unwrap_or_else(|| {
            remember(&unset, name);
            stand_in(document, name).unwrap_or_else(|| format!("${name}"))
        }))
    };
    let compiled = config::compile(document, &lookup);
    if !differences.is_empty() {
        return Err([differences, compiled.err().unwrap_or_default()].concat());
    }
    let policy = compiled?;
    Ok(Compiled { policy: Rc::new(policy), variables: variables.into_inner(), unset: unset.into_inner() })
}

/// A key of the kind that a client of `document` signs with, where it takes that from the variable `name`.
fn stand_in(document: &Value, name: &str) -> Option<String> {
    let issuers = document.get("issuers").and_then(Value::as_object).into_iter().flatten();
    let mut clients = issuers.filter_map(|(_, issuer)| issuer.pointer("/introspection/client"));
    let client = clients.find(|client| client.pointer("/key/env").and_then(Value::as_str) == Some(name))?;
    let algorithm = Algorithm::from_name(client.get("alg").and_then(Value::as_str).unwrap_or("ES256"))?;
    PrivateKey::generate(algorithm, None).ok().map(|key| key.jwk().to_string())
}
