//! What became of the changes, room by room.

use std::collections::{BTreeMap, BTreeSet};

use crate::site::{Mutant, Number};
use crate::suite::Fate;
use crate::survivors::Change;

#[derive(Default)]
struct Row {
    tried: usize,
    noticed: usize,
    unreached: usize,
    listed: usize,
    unlisted: usize,
}

/// The table, with a row for each folder and one for each program that noticed something.
pub(crate) fn of(mutants: &[Mutant], fates: &BTreeMap<Number, Fate>, list: &BTreeSet<Change>) -> String {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for mutant in mutants {
        let room = mutant.file.split('/').nth(1).unwrap_or_default();
        let row = rows.entry(room).or_default();
        row.tried += 1;
        match fates.get(&mutant.number) {
            Some(Fate::Noticed(program)) => {
                row.noticed += 1;
                *by.entry(program).or_default() += 1;
            }
            fate => {
                row.unreached += usize::from(fate == Some(&Fate::Unreached));
                let is_listed = list.contains(&Change::of(mutant));
                row.listed += usize::from(is_listed);
                row.unlisted += usize::from(!is_listed);
            }
        }
    }
    let mut text = "room      tried  noticed  with a reason  without  (no test comes by)\n".to_owned();
    for (room, Row { tried, noticed, unreached, listed, unlisted }) in rows {
        text += &format!("{room:9} {tried:5}  {noticed:7}  {listed:13}  {unlisted:7}  {unreached:18}\n");
    }
    text += "first noticed by:\n";
    for (program, count) in by {
        text += &format!("  {count:5}  {program}\n");
    }
    text
}
