//! What is worth a second look in a policy that is good.

use crate::policy::{Access, Policy};
use crate::token::credential::Place;

/// Notes about `policy`, a sentence each.
pub(super) fn about(policy: &Policy) -> Vec<String> {
    undecided(policy).into_iter().collect()
}

/// Anonymous rules do not say whether a token in the query or in a cookie stays on their requests: an upstream with a
/// login of its own may want it.
fn undecided(policy: &Policy) -> Option<String> {
    let place = |place: &Place| match place {
        Place::Header { .. } => None,
        Place::Query(name) => Some(format!("the query parameter `{name}`")),
        Place::Cookie(name) => Some(format!("the cookie `{name}`")),
    };
    let places: Vec<_> = policy.places.iter().filter_map(place).collect();
    let rules: Vec<_> = policy
        .rules
        .iter()
        .filter(|rule| matches!(rule.access, Access::Anonymous) && rule.forward.is_none())
        .map(|rule| format!("`{}`", rule.name))
        .collect();
    if places.is_empty() || rules.is_empty() || policy.forward_token {
        return None;
    }
    Some(format!(
        "anonymous requests lose {} (rules: {}): write `forward: true` in a rule whose upstream reads it, `forward: false` \
         in the others",
        places.join(" and "),
        rules.join(", "),
    ))
}
