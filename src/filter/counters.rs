//! Counts that are kept here and handed to the proxy now and then: a request costs no host call for them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::host::Host;

/// Counters since they were last handed over.
#[derive(Default)]
pub struct Counters {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// By rule and reason; never more than the policy has rules, times the reasons that there are.
    observed: BTreeMap<(Rc<str>, &'static str), u64>,
}

impl Counters {
    /// Counts one `what` of `kind`.
    pub fn add(&mut self, kind: &'static str, what: &'static str) {
        let count = self.counts.entry((kind, what)).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts one request that `rule` would have had refused for `reason`.
    pub fn observe(&mut self, rule: &Rc<str>, reason: &'static str) {
        let count = self.observed.entry((Rc::clone(rule), reason)).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes out what was counted.
    #[must_use]
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    /// Hands everything to the proxy: as `scopegate.<kind>.<what>`, and as `scopegate.observed.<rule>.<reason>`.
    pub fn report(self, host: &impl Host) {
        for ((kind, what), count) in self.counts {
            host.count(&format!("scopegate.{kind}.{what}"), count);
        }
        for ((rule, reason), count) in self.observed {
            host.count(&format!("scopegate.observed.{}.{reason}", plain(&rule)), count);
        }
    }
}

/// A rule's name as one part of a metric's: whatever might end the part, or confuse who reads it, becomes `_`.
fn plain(rule: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    rule.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_one_part_of_a_name() {
        for (rule, expected) in
            [("read-orders_2", "read-orders_2"), ("rules[0]", "rules_0_"), ("a.b c/\u{e9}", "a_b_c__")]
        {
            assert_eq!(plain(rule), expected);
        }
    }
}
