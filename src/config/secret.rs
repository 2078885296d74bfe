//! Secrets: written out, or named by an environment variable. No message shows a value.

use crate::base::secret::Secret;
use crate::document::{Node, quoted};

/// Where environment variables come from.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

const WHAT: &str = "the secret, or {env: NAME}";

/// The secret at `node`.
pub(super) fn secret(node: &Node<'_>, environment: Environment<'_>) -> Option<Secret<String>> {
    if node.value().is_string() {
        return node.text(WHAT).map(|text| Secret::new(text.to_owned()));
    }
    if !node.value().is_object() {
        return node.wrong_type(WHAT);
    }
    let name = node.members(&["env"])?.need("env", "the name of an environment variable")?;
    let variable = name.text("the name of an environment variable")?;
    // A text that is no such name may be the secret itself.
    if !variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        name.refuse("is not the name of an environment variable", "write letters, digits and `_`");
        return None;
    }
    let value = environment(variable).filter(|value| !value.is_empty());
    if value.is_none() {
        let problem = format!("the environment variable {} is not set, or empty", quoted(variable, '`'));
        name.refuse(
            problem,
            "set it for Envoy, and name it under vm_config.environment_variables.host_env_keys of its Wasm configuration",
        );
    }
    value.map(Secret::new)
}

/// The secret at `node` that seals what workers share. It has to be one that a neighbour cannot find by trying.
pub(super) fn seal(node: &Node<'_>, environment: Environment<'_>) -> Option<Secret<String>> {
    const SHORTEST: usize = 32;
    let seal = secret(node, environment)?;
    // The tool has this in the place of a variable that is not set where it runs.
    let name = node.value().get("env").and_then(serde_json::Value::as_str);
    let is_unset = name.is_some_and(|name| seal.expose().strip_prefix('$') == Some(name));
    if seal.expose().len() < SHORTEST && !is_unset {
        node.refuse("is too short", "write at least 32 characters, as `openssl rand -hex 32` makes them");
        return None;
    }
    Some(seal)
}
