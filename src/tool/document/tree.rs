//! The events of a YAML parser become documents, each with what other readers of YAML read otherwise.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the parser keeps its list of events open; those that have no place somewhere are refused there"
)]

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{
    ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag,
};
use serde_json::Value;

use super::Unreadable;
use super::difference::{Difference, Step};
use super::scalar::{self, Reason};
use crate::base::json::{MAX_DEPTH, Object};

/// How many values the documents of one file may have, aliases followed: a small file must not become a large one.
const MOST_VALUES: usize = 1_000_000;

const NOT_UNDERSTOOD: &str = "it cannot be understood from here on";
const ENDS: &str = "it ends inside a list, a mapping or a text";
const INDENTATION: &str = "the indentation is not right";
const TAB: &str = "a tab stands where only spaces may";
const TWICE: &str = "a key stands twice in one mapping: keep one of them";
const KEY: &str = "a key is a list or a mapping: write a text";
const NO_ANCHOR: &str = "an alias stands here without its anchor";
const NO_MAPPING: &str = "a merge key has no mapping";
const ENDLESS: &str = "a number is larger than any that JSON has";
const TOO_MUCH: &str = "far more aliases, nesting or values than a person writes";

const ALIAS: Reason = ("is an alias", "write out what it stands for");
const ANCHOR: Reason = ("has an anchor, which another place could stand for", "leave it out");
const MERGE: Reason = ("has a merge key, which Envoy takes for a member", "write the members out");
const TAG: Reason = ("has a tag, which not every reader heeds", "leave it out, and write a text in quotes");

/// A document, and what differs in it.
type Read = (Value, Vec<Difference>);

/// All documents in `text`; empty ones are left out. And whether one of these stands in front.
///
/// # Errors
/// What is no YAML, and where.
pub(super) fn read(text: &str) -> Result<(Vec<Read>, bool), Unreadable> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        path: Vec::new(),
        differences: Vec::new(),
        values: 0,
        flows: 0,
    };
    let (mut documents, mut begins_empty) = (Vec::new(), false);
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok((documents, begins_empty)),
            (Event::DocumentStart(..), _) => {
                let first = reader.next()?;
                let value = reader.node(first)?;
                let differences = core::mem::take(&mut reader.differences);
                if value.is_null() {
                    begins_empty |= documents.is_empty();
                } else {
                    documents.push((value, differences));
                }
            }
            _ => {}
        }
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchored>,
    path: Vec<Step>,
    differences: Vec<Difference>,
    values: usize,
    /// How many `{}` and `[]` are open.
    flows: usize,
}

/// What an alias stands for.
struct Anchored {
    value: Value,
    /// Their ways begin at the value.
    differences: Vec<Difference>,
    /// How many values it is made of, and how many lists and mappings stand in each other.
    size: (usize, usize),
}

type Spanned<'t> = (Event<'t>, Span);

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Spanned<'t>, Unreadable> {
        match self.events.next_event() {
            Some(Ok(spanned)) => Ok(spanned),
            Some(Err(error)) => Err(broken(why(&error), *error.marker())),
            None => Err(Unreadable::yaml(ENDS)),
        }
    }

    fn node(&mut self, (event, span): Spanned<'t>) -> Result<Value, Unreadable> {
        let at = span.start;
        let (begin, before) = (self.differences.len(), self.values);
        self.count(1, at)?;
        let (value, anchor, tag) = match event {
            Event::Alias(id) => return self.alias(id, at),
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), at)?, anchor, tag)
            }
            Event::SequenceStart(style, anchor, tag) => {
                (self.within(style, |reader| reader.sequence(at))?, anchor, tag)
            }
            Event::MappingStart(style, anchor, tag) => {
                (self.within(style, |reader| reader.mapping(at))?, anchor, tag)
            }
            _ => return Err(broken(NOT_UNDERSTOOD, at)),
        };
        if tag.is_some() {
            self.differ(TAG, at);
        }
        if anchor != 0 {
            self.differ(ANCHOR, at);
            let mut differences: Vec<Difference> = self.differences.iter().skip(begin).cloned().collect();
            differences.iter_mut().for_each(|difference| drop(difference.path.drain(..self.path.len())));
            let size = (self.values - before, levels(&value));
            self.anchors.insert(anchor, Anchored { value: value.clone(), differences, size });
        }
        Ok(value)
    }

    fn alias(&mut self, id: usize, at: Marker) -> Result<Value, Unreadable> {
        self.differ(ALIAS, at);
        let Some(anchored) = self.anchors.get(&id) else { return Err(broken(NO_ANCHOR, at)) };
        let (values, levels) = anchored.size;
        if self.path.len() + levels > MAX_DEPTH {
            return Err(broken(TOO_MUCH, at));
        }
        let moved = |difference: &Difference| Difference {
            path: [&self.path[..], &difference.path].concat(),
            ..difference.clone()
        };
        let (value, differences): (_, Vec<_>) =
            (anchored.value.clone(), anchored.differences.iter().map(moved).collect());
        self.count(values + differences.len(), at)?;
        self.differences.extend(differences);
        Ok(value)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<Value, Unreadable> {
        let is_plain = style == ScalarStyle::Plain && tag.is_none();
        if let Some(reason) = self.difference(text).filter(|_| is_plain) {
            self.differ(reason, at);
        }
        let is_resolved = match tag.and_then(Tag::core_suffix) {
            Some(kind) => kind != "str",
            None => is_plain,
        };
        if !is_resolved {
            return Ok(Value::String(text.to_owned()));
        }
        scalar::value(text).ok_or_else(|| broken(ENDLESS, at))
    }

    fn difference(&self, plain: &str) -> Option<Reason> {
        if self.flows > 0 { scalar::difference_in_flow(plain) } else { scalar::difference(plain) }
    }

    /// What `read` reads of a list or a mapping that is written in `style`.
    fn within(
        &mut self,
        style: StructureStyle,
        read: impl FnOnce(&mut Self) -> Result<Value, Unreadable>,
    ) -> Result<Value, Unreadable> {
        let flow = usize::from(style == StructureStyle::Flow);
        self.flows += flow;
        let value = read(self)?;
        self.flows -= flow;
        Ok(value)
    }

    fn sequence(&mut self, at: Marker) -> Result<Value, Unreadable> {
        self.check_depth(at)?;
        let mut items = Vec::new();
        loop {
            let next = self.next()?;
            if next.0 == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            self.path.push(Step::Item(items.len()));
            items.push(self.node(next)?);
            self.path.pop();
        }
    }

    fn mapping(&mut self, at: Marker) -> Result<Value, Unreadable> {
        self.check_depth(at)?;
        let (mut members, mut merged) = (Object::new(), Vec::new());
        let begin = self.differences.len();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<" => {
                    merged.extend(self.merged(span.start)?);
                    continue;
                }
                other => self.key((other, span))?,
            };
            let next = self.next()?;
            self.path.push(Step::Member(Rc::from(key.as_str())));
            let value = self.node(next)?;
            self.path.pop();
            if members.insert(key, value).is_some() {
                return Err(broken(TWICE, span.start));
            }
        }
        if members.contains_key("kty") {
            self.forgive_numbers(begin);
        }
        // The mapping's own members outweigh those, and earlier ones later ones.
        for (name, value) in merged.into_iter().flatten() {
            members.entry(name).or_insert(value);
        }
        Ok(Value::Object(members))
    }

    /// The mapping here, whose differences begin at `begin`, is a JSON Web Key: its numbers are called `n` and `y`.
    fn forgive_numbers(&mut self, begin: usize) {
        let depth = self.path.len();
        for difference in self.differences.iter_mut().skip(begin) {
            let is_number = match difference.path.get(depth..) {
                Some([Step::Member(name)]) => scalar::difference(name) == Some(difference.reason),
                Some(_) | None => false,
            };
            if is_number && difference.path.last().is_some_and(|last| last.is("n") || last.is("y")) {
                difference.reason = scalar::KEY_NUMBER;
            }
        }
    }

    /// A key: a text, whatever it is elsewhere. What it differs in belongs to the member.
    fn key(&mut self, (event, span): Spanned<'t>) -> Result<String, Unreadable> {
        let at = span.start;
        let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, 0, None));
        let text = match &event {
            Event::Scalar(text, ..) => Some(text.to_string()),
            _ => None,
        };
        let begin = self.differences.len();
        let value = self.node((event, span))?;
        let Some(text) = text.or_else(|| value.as_str().map(str::to_owned)) else {
            return Err(broken(KEY, at));
        };
        if is_plain {
            self.differences.truncate(begin);
            if let Some(reason) = scalar::difference_of_key(&text).or_else(|| self.difference(&text)) {
                self.differ(reason, at);
            }
        }
        let step = Step::Member(Rc::from(text.as_str()));
        for difference in self.differences.iter_mut().skip(begin) {
            difference.path.push(step.clone());
        }
        Ok(text)
    }

    /// What stands after a merge key (`<<`): one mapping, or a list of some. The ways to what is in them are those that
    /// it has as members.
    fn merged(&mut self, at: Marker) -> Result<Vec<Object>, Unreadable> {
        self.differ(MERGE, at);
        let next = self.next()?;
        let (begin, depth) = (self.differences.len(), self.path.len());
        self.path.push(Step::Member(Rc::from("<<")));
        let value = self.node(next)?;
        self.path.pop();
        let steps = if value.is_array() { 2 } else { 1 };
        for difference in self.differences.iter_mut().skip(begin) {
            let end = difference.path.len().min(depth + steps);
            difference.path.drain(depth..end);
        }
        let items = match value {
            Value::Array(items) => items,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                vec![value]
            }
        };
        let mapping = |value| match value {
            Value::Object(members) => Ok(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(broken(NO_MAPPING, at))
            }
        };
        items.into_iter().map(mapping).collect()
    }

    fn differ(&mut self, reason: Reason, at: Marker) {
        let place = (at.line(), at.col() + 1);
        self.differences.push(Difference { path: self.path.clone(), place, reason });
    }

    fn count(&mut self, values: usize, at: Marker) -> Result<(), Unreadable> {
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES { Err(broken(TOO_MUCH, at)) } else { Ok(()) }
    }

    fn check_depth(&self, at: Marker) -> Result<(), Unreadable> {
        if self.path.len() < MAX_DEPTH { Ok(()) } else { Err(broken(TOO_MUCH, at)) }
    }
}

/// How many lists and mappings stand in each other in `value`.
fn levels(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn broken(why: &str, at: Marker) -> Unreadable {
    Unreadable::yaml(&format!("{why} (line {}, column {})", at.line(), at.col() + 1))
}

/// The reason among those that people meet. The parser's own words may quote the text.
fn why(error: &ScanError) -> &'static str {
    let kind = error.kind();
    if matches!(
        kind,
        ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnexpectedEofBlockSequence
            | ErrorKind::UnexpectedEofBlockMapping
            | ErrorKind::UnexpectedEof
    ) {
        ENDS
    } else if matches!(kind, ErrorKind::InvalidIndentation) {
        INDENTATION
    } else if matches!(kind, ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation) {
        TAB
    } else if matches!(kind, ErrorKind::UnknownAnchor) {
        NO_ANCHOR
    } else {
        NOT_UNDERSTOOD
    }
}
