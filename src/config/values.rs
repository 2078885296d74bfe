//! Values that several keys of the policy language have: addresses, names of things, claims.

use core::time::Duration;

use crate::document::values::{span, texts};
use crate::document::{Node, quoted};
use crate::http::uri::Uri;

/// A duration above zero that a callout may take.
pub(super) fn timeout(node: &Node<'_>) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(3600);
    let span = span(node)?;
    if span > MOST {
        node.refuse("is too long for a callout", "write at most 1h");
        return None;
    }
    Some(span)
}

/// `texts` as a policy holds them.
pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// An absolute `http` or `https` URI.
pub(super) fn uri(node: &Node<'_>, example: &str) -> Option<Uri> {
    let text = node.text(example)?;
    Uri::parse(text).map_err(|problem| node.refuse(problem, format!("write {example}"))).ok()
}

/// The name of something in logs and metrics.
pub(super) fn check_name(node: &Node<'_>, name: &str) {
    const MOST: usize = 128;
    if name.is_empty() || name.len() > MOST || name.chars().any(char::is_control) {
        let problem = format!("the name {} cannot stand in a log line", quoted(name, '`'));
        node.refuse(problem, format!("choose one of 1 to {MOST} printable characters"));
    }
}

/// A list of claims, at least one: names, or JSON pointers.
pub(super) fn claim_names(node: &Node<'_>) -> Vec<String> {
    let claims = texts(node).unwrap_or_default();
    claims.iter().for_each(|(node, claim)| check_claim(node, claim));
    claims.into_iter().map(|(_, claim)| claim.to_owned()).collect()
}

/// A claim's name, or a JSON pointer (RFC 6901) when it begins with `/`.
pub(super) fn check_claim(node: &Node<'_>, name: &str) {
    let is_escape = |rest: &str| rest.starts_with(['0', '1']);
    if name.is_empty() || (name.starts_with('/') && !name.split('~').skip(1).all(is_escape)) {
        node.refuse("is not a claim", "write a claim's name, or a JSON pointer with ~0 for ~ and ~1 for /");
    }
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_odd = |part: &str| match part.strip_prefix(['+', '0']) {
        Some(digits) => is_digits(digits),
        None => false,
    };
    if name.starts_with('/') && name.split('/').any(is_odd) {
        node.refuse(
            "has an index with a sign or a leading zero",
            "write it in plain digits (RFC 6901 section 4)",
        );
    }
}
