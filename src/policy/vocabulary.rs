//! The scopes that a policy speaks of, numbered; and which scopes stand for which others.

use std::collections::{BTreeSet, HashMap, HashSet};

/// What every scope is worth in a policy: its own number, and those of all that it implies.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    numbers: HashMap<String, u32>,
    implied: HashMap<String, Worth>,
}

/// What one scope is worth besides itself.
#[derive(Clone, Debug)]
enum Worth {
    Everything,
    These(Vec<u32>),
}

/// A set of scopes of one vocabulary, one bit each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScopeBits {
    words: Vec<u64>,
    all: bool,
}

impl Vocabulary {
    /// The scope on the right side of an implication that stands for all of them.
    pub const EVERYTHING: &str = "*";

    /// Takes `scopes` in, in this order.
    pub fn learn(&mut self, scopes: &[String]) {
        for scope in scopes {
            self.number(scope);
        }
    }

    /// The number of `scope`; a new one when it has none yet.
    pub(super) fn number(&mut self, scope: &str) -> u32 {
        if let Some(number) = self.numbers.get(scope) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(scope.to_owned(), number);
        number
    }

    /// Takes in that each left side stands for its right sides too, and for what they stand for in turn. To be called
    /// once, after every requirement is made: a scope that is numbered later is implied by nothing.
    pub fn imply(&mut self, implications: &[(String, Vec<String>)]) {
        let direct = implications.iter().map(|(left, right)| (left.as_str(), right.as_slice())).collect();
        self.implied =
            implications.iter().map(|(left, _)| (left.clone(), self.worth(left, &direct))).collect();
    }

    /// The scopes that have these numbers, in the order in which rules name them first.
    pub(super) fn names(&self, numbers: &BTreeSet<u32>) -> Vec<String> {
        let mut scopes: Vec<_> = self.numbers.iter().filter(|(_, number)| numbers.contains(number)).collect();
        scopes.sort_by_key(|(_, number)| **number);
        scopes.into_iter().map(|(scope, _)| scope.clone()).collect()
    }

    /// Which scopes of the policy a token holds that names `scopes`.
    pub(super) fn held<'s>(&self, scopes: impl Iterator<Item = &'s str>) -> ScopeBits {
        let mut bits = ScopeBits::default();
        for scope in scopes {
            if let Some(number) = self.numbers.get(scope) {
                bits.insert(*number);
            }
            match self.implied.get(scope) {
                None => {}
                Some(Worth::Everything) => bits.all = true,
                Some(Worth::These(numbers)) => numbers.iter().for_each(|number| bits.insert(*number)),
            }
        }
        bits
    }

    fn worth(&self, scope: &str, direct: &HashMap<&str, &[String]>) -> Worth {
        let mut seen = HashSet::from([scope]);
        let mut open = vec![scope];
        let mut numbers = Vec::new();
        while let Some(scope) = open.pop() {
            for implied in direct.get(scope).copied().unwrap_or_default() {
                if implied == Self::EVERYTHING {
                    return Worth::Everything;
                }
                if seen.insert(implied) {
                    numbers.extend(self.numbers.get(implied));
                    open.push(implied);
                }
            }
        }
        Worth::These(numbers)
    }
}

impl ScopeBits {
    pub(super) fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.all || self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    fn insert(&mut self, number: u32) {
        let (word, bit) = place(number);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }
}

const fn place(number: u32) -> (usize, u64) {
    ((number / u64::BITS) as usize, 1 << (number % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(named: &[&str], implications: &[(&str, &[&str])]) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for scope in named {
            vocabulary.number(scope);
        }
        let owned = |(left, right): &(&str, &[&str])| {
            ((*left).to_owned(), right.iter().map(|scope| (*scope).to_owned()).collect())
        };
        vocabulary.imply(&implications.iter().map(owned).collect::<Vec<_>>());
        vocabulary
    }

    fn held(vocabulary: &Vocabulary, named: &[&str], scopes: &str) -> Vec<String> {
        let bits = vocabulary.held(scopes.split(' '));
        let is_held = |scope: &&&str| bits.contains(vocabulary.numbers[**scope]);
        named.iter().filter(is_held).map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn implications_are_transitive_through_scopes_that_no_rule_names() {
        let named = ["a", "b", "c"];
        let vocabulary = vocabulary(&named, &[("x", &["y"]), ("y", &["b"]), ("b", &["c"])]);
        assert_eq!(held(&vocabulary, &named, "x"), ["b", "c"]);
        assert_eq!(held(&vocabulary, &named, "b a"), ["a", "b", "c"]);
        assert_eq!(held(&vocabulary, &named, "c"), ["c"]);
        assert!(held(&vocabulary, &named, "z A aa").is_empty());
    }

    #[test]
    fn the_star_on_the_right_is_everything_and_in_a_token_nothing() {
        let named = ["a", "b"];
        let vocabulary = vocabulary(&named, &[("full", &["*"]), ("root", &["full"])]);
        assert_eq!(held(&vocabulary, &named, "root"), named);
        assert_eq!(held(&vocabulary, &named, "full"), named);
        assert!(held(&vocabulary, &named, "*").is_empty());
    }

    #[test]
    fn a_circle_ends() {
        let named = ["a", "b"];
        let vocabulary = vocabulary(&named, &[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(held(&vocabulary, &named, "a"), named);
    }

    #[test]
    fn scopes_are_told_in_the_order_in_which_they_are_learnt() {
        let learnt: Vec<String> = (0..50).rev().map(|number| format!("s{number}")).collect();
        let mut vocabulary = Vocabulary::default();
        vocabulary.learn(&learnt);
        assert_eq!(vocabulary.names(&(0..50).collect()), learnt);
        assert_eq!(vocabulary.number("s49"), 0, "the first that was learnt");
    }

    #[test]
    fn there_may_be_many_scopes() {
        let named: Vec<String> = (0..1000).map(|number| format!("s{number}")).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let vocabulary = vocabulary(&named, &[("all", &["s63", "s64", "s999"])]);
        assert_eq!(held(&vocabulary, &named, "all s0"), ["s0", "s63", "s64", "s999"]);
    }
}
