//! Counts that are kept here and handed to the proxy now and then: a request costs no host call for them.

use std::collections::BTreeMap;

use super::host::Host;

/// Counters since they were last handed over.
#[derive(Default)]
pub struct Counters(BTreeMap<(&'static str, &'static str), u64>);

impl Counters {
    /// Counts one `what` of `kind`.
    pub fn add(&mut self, kind: &'static str, what: &'static str) {
        let count = self.0.entry((kind, what)).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes out what was counted.
    #[must_use]
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    /// Hands everything to the proxy as `scopegate.<kind>.<what>`.
    pub fn report(self, host: &impl Host) {
        for ((kind, what), count) in self.0 {
            host.count(&format!("scopegate.{kind}.{what}"), count);
        }
    }
}
