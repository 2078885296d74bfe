//! The code with its switches: every change in it, and none of them on.

use std::ops::Range;

use crate::site::{Kind, Number, Site};

/// Code with switches, and where in it the changes are.
#[derive(Default)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// The code of one change.
    pub(crate) changed: Vec<(Range<usize>, Number)>,
    /// All of a place, with the changes there.
    pub(crate) sites: Vec<(Range<usize>, Vec<Number>)>,
}

impl Rendered {
    /// The changes to blame for a mistake in `range` of the code: the one that it is in, or all of the closest place.
    pub(crate) fn blame(&self, range: &Range<usize>) -> Vec<Number> {
        let within = |outer: &Range<usize>| outer.start <= range.start && range.end <= outer.end;
        let one = self.changed.iter().filter(|(outer, _)| within(outer)).min_by_key(|(outer, _)| outer.len());
        let all = self.sites.iter().filter(|(outer, _)| within(outer)).min_by_key(|(outer, _)| outer.len());
        match (one, all) {
            (Some((inner, number)), Some((outer, _))) if inner.len() <= outer.len() => vec![*number],
            (_, Some((_, numbers))) => numbers.clone(),
            (Some((_, number)), None) => vec![*number],
            (None, None) => Vec::new(),
        }
    }
}

/// The code of `text` with a switch at each of the `sites`.
pub(crate) fn render(text: &str, mut sites: Vec<Site>) -> Rendered {
    sites.sort_by(|one, other| {
        let key = |site: &Site| (site.range.start, core::cmp::Reverse(site.range.end), site.kind);
        key(one).cmp(&key(other))
    });
    sites.dedup_by(|later, earlier| {
        let same = later.range == earlier.range && later.kind == earlier.kind;
        if same {
            earlier.changes.append(&mut later.changes);
        }
        same
    });
    let mut rendered = Rendered::default();
    rendered.part(text, 0..text.len(), &sites);
    rendered
}

impl Rendered {
    /// Adds a part of the code, all of whose sites these are.
    fn part(&mut self, text: &str, range: Range<usize>, mut sites: &[Site]) {
        let mut at = range.start;
        while let Some((site, rest)) = sites.split_first() {
            self.text.push_str(text.get(at..site.range.start).unwrap_or_default());
            let inner = rest
                .iter()
                .take_while(|next| next.range.end <= site.range.end && !site.range.is_empty())
                .count();
            let (inner, rest) = rest.split_at(inner);
            self.site(text, site, inner);
            at = site.range.end;
            sites = rest;
        }
        self.text.push_str(text.get(at..range.end).unwrap_or_default());
    }

    fn site(&mut self, text: &str, site: &Site, inner: &[Site]) {
        let begin = self.text.len();
        match site.kind {
            Kind::Body => {
                for (number, code) in &site.changes {
                    self.text.push_str(&format!(" if crate::mutant::on({number}) {{ return "));
                    self.change(*number, code);
                    self.text.push_str("; }");
                }
            }
            Kind::Arm => {
                let numbers = site.changes.iter().map(|(number, _)| format!("!crate::mutant::on({number})"));
                self.text.push_str(&format!(" if {}", numbers.collect::<Vec<_>>().join(" && ")));
            }
            Kind::Gone => (),
            Kind::Statement => {
                let numbers = site.changes.iter().map(|(number, _)| format!("!crate::mutant::on({number})"));
                self.text.push_str(&format!("if {} {{ ", numbers.collect::<Vec<_>>().join(" && ")));
                self.part(text, site.range.clone(), inner);
                self.text.push_str(" }");
            }
            Kind::Expression => {
                self.text.push('(');
                for (number, code) in &site.changes {
                    self.text.push_str(&format!("if crate::mutant::on({number}) {{ "));
                    self.change(*number, code);
                    self.text.push_str(" } else ");
                }
                self.text.push_str("{ ");
                self.part(text, site.range.clone(), inner);
                self.text.push_str(" })");
            }
        }
        self.sites.push((begin..self.text.len(), site.changes.iter().map(|(number, _)| *number).collect()));
    }

    fn change(&mut self, number: Number, code: &str) {
        let begin = self.text.len();
        self.text.push_str(code);
        self.changed.push((begin..self.text.len(), number));
        // The code may end in a comment.
        self.text.push('\n');
    }
}
