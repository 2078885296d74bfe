//! `authorization_details` of a requirement (RFC 9396).

use crate::document::Node;
use crate::document::values::strings;
use crate::policy::WantedDetail;

/// What a token's authorization details must have.
pub(super) fn details(node: &Node<'_>) -> Vec<WantedDetail> {
    const WHAT: &str = "a list of authorization details like {type: payment_initiation, actions: [initiate]}";
    let items = node.some_items(WHAT).unwrap_or_default();
    items.iter().filter_map(detail).collect()
}

fn detail(node: &Node<'_>) -> Option<WantedDetail> {
    const KEYS: &[&str] = &["type", "locations", "actions", "datatypes", "identifier", "privileges"];
    const TYPE: &str = "the type of authorization detail, like payment_initiation";
    let members = node.members(KEYS)?;
    let list = |name| members.get(name).and_then(|node| strings(&node)).unwrap_or_default();
    let kind = members.need("type", TYPE).and_then(|node| node.text(TYPE));
    let identifier = members.get("identifier").and_then(|node| node.text("one identifier"));
    let wanted = WantedDetail {
        kind: kind.unwrap_or_default().to_owned(),
        locations: list("locations"),
        actions: list("actions"),
        datatypes: list("datatypes"),
        identifier: identifier.map(str::to_owned),
        privileges: list("privileges"),
    };
    kind.map(|_| wanted)
}
