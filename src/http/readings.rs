//! The ways in which different servers read one text.

/// Everything that a text is known to be read as; the first is the reading of the standards. Almost always there is no
/// other, which takes no memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Readings<T> {
    first: T,
    others: Vec<T>,
}

impl<T: PartialEq> Readings<T> {
    /// A text that everybody reads alike.
    pub const fn one(first: T) -> Self {
        Self { first, others: Vec::new() }
    }

    /// Adds readings that are not there yet.
    pub(super) fn extend(&mut self, readings: impl IntoIterator<Item = T>) {
        for reading in readings {
            if self.iter().all(|known| *known != reading) {
                self.others.push(reading);
            }
        }
    }

    /// The reading of the standards.
    pub const fn first(&self) -> &T {
        &self.first
    }

    /// The readings that differ from the first.
    pub fn others(&self) -> &[T] {
        &self.others
    }

    /// Whether there is more than one.
    pub const fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// All readings, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        core::iter::once(&self.first).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_several_only_where_they_differ() {
        let mut readings = Readings::one("a");
        readings.extend(["a"]);
        assert!(!readings.are_several() && readings.others().is_empty());
        readings.extend(["b", "a", "b"]);
        assert!(readings.are_several());
        assert_eq!(readings.iter().collect::<Vec<_>>(), [&"a", &"b"], "each once, the first one first");
    }
}
