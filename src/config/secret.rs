//! Secrets: written out, or named by an environment variable. No message shows a value.

use super::names::quoted;
use super::reader::Node;
use crate::base::secret::Secret;

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
            "set it under vm_config.environment_variables.key_values of Envoy's Wasm configuration",
        );
    }
    value.map(Secret::new)
}
