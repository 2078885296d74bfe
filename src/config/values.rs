//! Values of the policy language that are not plain JSON: durations, bounded numbers, choices, names of things.

use core::ops::RangeInclusive;
use core::time::Duration;

use serde_json::Value;

use super::names::quoted;
use super::reader::Node;
use crate::base::duration;
use crate::http::uri::Uri;

/// Longer than any span that makes sense, short enough for every sum.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// A duration, zero included.
pub(super) fn duration(node: &Node<'_>) -> Option<Duration> {
    let what = format!("a duration like {}", duration::EXAMPLES);
    let Some(span) = duration::parse(node.text(&what)?) else {
        node.refuse("is not a duration", format!("write {what}"));
        return None;
    };
    Some(span).filter(|span| *span <= LONGEST).or_else(|| {
        node.refuse("is too long", "write a shorter duration");
        None
    })
}

/// A duration above zero.
pub(super) fn span(node: &Node<'_>) -> Option<Duration> {
    let span = duration(node)?;
    if span.is_zero() {
        node.refuse("is zero", "write a duration above zero");
        return None;
    }
    Some(span)
}

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

/// A whole number within `range`.
pub(super) fn number(node: &Node<'_>, range: RangeInclusive<u32>) -> Option<u32> {
    let bounds = || format!("a whole number from {} to {}", range.start(), range.end());
    let Value::Number(number) = node.value() else { return node.wrong_type(&bounds()) };
    // Envoy's Struct knows only floats.
    let whole = number
        .as_f64()
        .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number));
    let whole = whole.map(|number| number as u32).filter(|number| range.contains(number));
    if whole.is_none() {
        node.refuse("is out of range", format!("write {}", bounds()));
    }
    whole
}

/// One of the texts in `choices`, and what it stands for.
pub(super) fn choice<T: Copy>(node: &Node<'_>, choices: &[(&str, T)]) -> Option<T> {
    let what = one_of(choices);
    let text = node.text(&what)?;
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        node.refuse("is not one of the choices", format!("write {what}"));
    }
    found
}

/// `texts` as a policy holds them.
pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The names of `choices`, for people.
pub(super) fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        Some(_) | None => names.concat(),
    }
}

/// A list of texts, at least one, with each its place.
pub(super) fn texts<'d>(node: &Node<'d>) -> Option<Vec<(Node<'d>, &'d str)>> {
    let items = node.some_items("a list of strings")?;
    Some(items.into_iter().filter_map(|item| item.text("a string").map(|text| (item, text))).collect())
}

/// A list of texts, at least one.
pub(super) fn strings(node: &Node<'_>) -> Option<Vec<String>> {
    texts(node).map(|texts| texts.into_iter().map(|(_, text)| text.to_owned()).collect())
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
