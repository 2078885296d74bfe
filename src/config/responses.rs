//! `responses`, `limits`: what refused clients are told, and how much is kept.

use crate::document::Members;
use crate::document::values::{choice, number};
use crate::policy::{BodyForm, Limits, Responses};

/// What refused clients of `policy` are told.
pub(super) fn responses(policy: &Members<'_>) -> Responses {
    let mut responses = Responses::default();
    let members = policy.get("responses").and_then(|node| node.members(&["realm", "body", "describe"]));
    let Some(members) = members else { return responses };
    if let Some(node) = members.get("realm") {
        let realm = node.text("a realm").unwrap_or_default();
        if !realm.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || realm.trim() != realm {
            node.refuse("cannot stand in a header", "write visible ASCII");
        }
        responses.realm = Some(realm.to_owned());
    }
    const FORMS: &[(&str, BodyForm)] =
        &[("json", BodyForm::Json), ("problem", BodyForm::Problem), ("none", BodyForm::None)];
    if let Some(form) = members.get("body").and_then(|node| choice(&node, FORMS)) {
        responses.body = form;
    }
    if let Some(describe) = members.get("describe").and_then(|node| node.flag()) {
        responses.describe = describe;
    }
    responses
}

/// The limits of `policy`.
pub(super) fn limits(policy: &Members<'_>) -> Limits {
    let mut limits = Limits::default();
    let known = &["token_bytes", "cached_tokens", "waiting_requests", "remembered_proofs"];
    let Some(members) = policy.get("limits").and_then(|node| node.members(known)) else { return limits };
    let read = |name, range, limit: &mut usize| {
        let given = members.get(name).and_then(|node| number(&node, range));
        *limit = given.and_then(|given| usize::try_from(given).ok()).unwrap_or(*limit);
    };
    read("token_bytes", 256..=65_536, &mut limits.token_bytes);
    read("cached_tokens", 0..=1_000_000, &mut limits.cached_tokens);
    read("waiting_requests", 1..=100_000, &mut limits.waiting_requests);
    read("remembered_proofs", 1_000..=1_000_000, &mut limits.remembered_proofs);
    limits
}
