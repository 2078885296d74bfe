//! `authority`: what of a request's authority counts.

use crate::document::Members;
use crate::document::values::number;
use crate::http::host::IgnoredPorts;

/// The ports that do not count under `policy`, since the proxy ignores them as well.
pub(super) fn ignored_ports(policy: &Members<'_>) -> IgnoredPorts {
    const PORTS: &str = "any, or a list of the ports that the proxy ignores, like [443, 8443]";
    let Some(members) = policy.get("authority").and_then(|node| node.members(&["ports"])) else {
        return IgnoredPorts::None;
    };
    let Some(node) = members.need("ports", PORTS) else { return IgnoredPorts::None };
    match node.value().as_str() {
        Some("any") => IgnoredPorts::All,
        Some(_) => {
            node.refuse("is no list of ports", format!("write {PORTS}"));
            IgnoredPorts::None
        }
        None => {
            let items = node.some_items(PORTS).unwrap_or_default();
            let ports = items.iter().filter_map(|item| u16::try_from(number(item, 1..=65_535)?).ok());
            IgnoredPorts::These(ports.collect())
        }
    }
}
