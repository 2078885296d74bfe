//! Values that are not plain JSON: durations, bounded numbers, choices, lists of texts.

use core::ops::RangeInclusive;
use core::time::Duration;

use serde_json::Value;

use super::node::Node;
use crate::base::duration;

/// Longer than any span that makes sense, short enough for every sum.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// A duration, zero included.
pub fn duration(node: &Node<'_>) -> Option<Duration> {
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
pub fn span(node: &Node<'_>) -> Option<Duration> {
    let span = duration(node)?;
    if span.is_zero() {
        node.refuse("is zero", "write a duration above zero");
        return None;
    }
    Some(span)
}

/// A whole number within `range`.
pub fn number(node: &Node<'_>, range: RangeInclusive<u32>) -> Option<u32> {
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
pub fn choice<T: Copy>(node: &Node<'_>, choices: &[(&str, T)]) -> Option<T> {
    let what = one_of(choices);
    let text = node.text(&what)?;
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        node.refuse("is not one of the choices", format!("write {what}"));
    }
    found
}

/// The names of `choices`, for people.
pub fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        Some(_) | None => names.concat(),
    }
}

/// A list of texts, at least one, with each its place.
pub fn texts<'d>(node: &Node<'d>) -> Option<Vec<(Node<'d>, &'d str)>> {
    let items = node.some_items("a list of strings")?;
    Some(items.into_iter().filter_map(|item| item.text("a string").map(|text| (item, text))).collect())
}

/// A list of texts, at least one.
pub fn strings(node: &Node<'_>) -> Option<Vec<String>> {
    texts(node).map(|texts| texts.into_iter().map(|(_, text)| text.to_owned()).collect())
}
