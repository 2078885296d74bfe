//! An absolute sentence of the prose names the tests that show it, right behind it, where no reader sees it:
//! `<!-- shown by tests/native/gate/mod.rs::name, tests/native/skin/mod.rs::name -->`. One that promises nothing of what the program does,
//! which is advice, a definition or a word about others, says so: `<!-- no claim: why -->`.

use std::collections::BTreeSet;
use std::path::Path;

use kit::vectors::EXPECTED;

use crate::{has_test, read};

/// The pages that promise something.
const PAGES: [&str; 10] = [
    "README.md",
    "src/manual/policy.md",
    "src/manual/envoy.md",
    "src/manual/promises.md",
    "src/manual/figures.md",
    "src/manual/operations.md",
    "src/manual/defaults.md",
    "envoy/README.md",
    "tests/README.md",
    "src/lib.rs",
];

/// What makes a sentence absolute.
const ABSOLUTE: [&str; 14] = [
    "never",
    "always",
    "every",
    "everybody",
    "everything",
    "no",
    "nobody",
    "nothing",
    "none",
    "neither",
    "all",
    "only",
    "cannot",
    "exactly",
];

/// A sentence, or a row of a table, and the comments right behind it.
#[derive(Debug, PartialEq, Eq)]
struct Sentence {
    text: String,
    marks: Vec<String>,
}

impl Sentence {
    fn is_absolute(&self) -> bool {
        let prose: String = self.text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let words = prose.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.into_iter().any(|word| ABSOLUTE.contains(&word.to_lowercase().as_str()))
    }
}

/// Paragraphs, items of lists and rows of tables; no headings, and nothing of what is between fences.
fn blocks(page: &str) -> Vec<String> {
    let (mut blocks, mut is_code) = (vec![String::new()], false);
    for line in page.lines() {
        let text = line.trim();
        let is_fence = text.starts_with("```");
        is_code ^= is_fence;
        let is_row = text.starts_with('|');
        let is_item = text.starts_with("- ")
            || text.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        if is_code || is_fence || is_row || is_item || text.is_empty() || text.starts_with('#') {
            blocks.push(String::new());
        }
        if is_code || is_fence || text.starts_with('#') {
            continue;
        }
        let block = blocks.last_mut().unwrap();
        if !block.is_empty() {
            block.push(' ');
        }
        block.push_str(text);
        if is_row {
            blocks.push(String::new());
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// The sentences of a block. A row of a table is one.
fn sentences(block: &str) -> Vec<Sentence> {
    let is_row = block.starts_with('|');
    let (mut found, mut rest) = (Vec::new(), block);
    let mut sentence = Sentence { text: String::new(), marks: Vec::new() };
    let mut is_over = false;
    let mut is_code = false;
    while let Some(next) = rest.chars().next() {
        let mark = rest.strip_prefix("<!--").filter(|_| !is_code).and_then(|rest| rest.split_once("-->"));
        if let Some((mark, after)) = mark {
            sentence.marks.push(mark.trim().to_owned());
            rest = after;
            continue;
        }
        if is_over && !is_row && !next.is_whitespace() {
            found.push(sentence);
            sentence = Sentence { text: String::new(), marks: Vec::new() };
            is_over = false;
        }
        is_code ^= next == '`';
        sentence.text.push(next);
        rest = rest.strip_prefix(next).unwrap();
        let ends = sentence.text.trim_end_matches([')', '"', '*']).ends_with(['.', '!', '?']);
        is_over |= ends && !is_code && (rest.is_empty() || rest.starts_with(' ') || rest.starts_with("<!--"));
    }
    found.push(sentence);
    found.retain(|sentence| !sentence.text.trim().is_empty() || !sentence.marks.is_empty());
    found
}

fn is_file(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file()
}

fn prose(page: &str) -> String {
    let text = read(page);
    if !page.ends_with(".rs") {
        return text;
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect()
}

/// What is wrong with the marks of `sentence`; the tests that it names, and whether it claims nothing, are told apart.
fn check(sentence: &Sentence, tests: &mut BTreeSet<String>, waived: &mut usize) -> Vec<String> {
    let mut problems = Vec::new();
    for mark in &sentence.marks {
        if let Some(names) = mark.strip_prefix("shown by ") {
            for name in names.split(", ") {
                let is_there =
                    name.split_once("::").is_some_and(|(file, test)| is_file(file) && has_test(file, test));
                if is_there {
                    tests.insert(name.to_owned());
                } else {
                    problems.push(format!("there is no test {name}"));
                }
            }
        } else if let Some(reason) = mark.strip_prefix("no claim: ") {
            *waived += 1;
            if reason.len() < 5 || !sentence.is_absolute() {
                problems.push(format!("claims nothing, and needs no mark or a better one: {mark}"));
            }
        } else if mark != "checked" {
            problems.push(format!("nobody knows what this means: {mark}"));
        }
    }
    if sentence.is_absolute() && sentence.marks.is_empty() {
        problems
            .push("no test is named behind it: <!-- shown by FILE::TEST -->, or it says too much".to_owned());
    }
    problems
}

#[test]
fn every_absolute_sentence_names_the_test_that_shows_it() {
    let (mut tests, mut waived, mut absolute, mut problems) = (BTreeSet::new(), 0, 0, Vec::new());
    for page in PAGES {
        let text = prose(page);
        // There a comment would begin a block of its own, and end the paragraph for whoever renders it.
        for line in text.lines().filter(|line| line.trim_start().starts_with("<!--")) {
            if line.trim() != "<!-- checked -->" {
                problems.push(format!("{page}: a comment begins the line: {line}"));
            }
        }
        for sentence in blocks(&text).iter().flat_map(|block| sentences(block)) {
            absolute += usize::from(sentence.is_absolute());
            for problem in check(&sentence, &mut tests, &mut waived) {
                problems.push(format!("{page}: {problem}\n    {}", sentence.text.trim()));
            }
        }
    }
    println!(
        "{absolute} absolute sentences, {waived} of them claim nothing; {} tests are named",
        tests.len()
    );
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(tests.len() > 80 && waived * 2 < absolute, "{} tests, {waived} of {absolute}", tests.len());
}

#[test]
fn sentences_are_told_apart_and_marks_belong_to_the_one_before() {
    let page = "# No heading\n\nOne is. Two, `a. no b`,\nis never. <!-- shown by a::b --> Three (all of it.) Four\n\n\
                ```sh\nnothing\n```\n- an item. <!-- no claim: a wish -->\n- another\n| a cell. | no other <!-- shown by c::d --> |\n";
    let found: Vec<_> = blocks(page).iter().flat_map(|block| sentences(block)).collect();
    let texts: Vec<_> = found.iter().map(|sentence| sentence.text.trim()).collect();
    assert_eq!(
        texts,
        [
            "One is.",
            "Two, `a. no b`, is never.",
            "Three (all of it.)",
            "Four",
            "- an item.",
            "- another",
            "| a cell. | no other  |"
        ]
    );
    let marked: Vec<_> = found.iter().filter(|sentence| !sentence.marks.is_empty()).collect();
    assert_eq!(marked.len(), 3);
    let absolute: Vec<_> =
        found.iter().filter(|sentence| sentence.is_absolute()).map(|sentence| &*sentence.text).collect();
    assert_eq!(absolute.len(), 3, "{absolute:?}");
    let no_tests = |text: &str, mark: &str| {
        let sentence = Sentence { text: text.to_owned(), marks: vec![mark.to_owned()] };
        check(&sentence, &mut BTreeSet::new(), &mut 0).len()
    };
    assert_eq!(no_tests("Never.", "shown by tests/native/gate/mod.rs::there_is_no_such_test"), 1);
    assert_eq!(no_tests("Never.", "shown by tests/layers.rs::imports_run_one_way"), 0);
    assert_eq!(no_tests("Sometimes.", "no claim: a wish"), 1);
    assert_eq!(no_tests("Never.", "shown by tests/none.rs::no_such_file"), 1);
    assert_eq!(no_tests("Never.", "seen by me"), 1);
    // In code it is none.
    assert!(sentences("Write `<!-- shown by a::b -->`.").iter().all(|sentence| sentence.marks.is_empty()));
}

#[test]
fn the_vectors_are_as_many_as_the_manual_says() {
    let judged: usize = EXPECTED.iter().map(|(_, accepted, refused, _)| accepted + refused).sum();
    let shown: usize = EXPECTED.iter().map(|(.., shown)| shown).sum();
    let with_commas = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    let algorithms: Vec<_> =
        EXPECTED.iter().filter(|(.., shown)| *shown > 0).map(|(name, ..)| *name).collect();
    let (last, others) = algorithms.split_last().unwrap();
    let page = read("src/manual/promises.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        format!("in V8 and natively on each of {} published vectors", with_commas(judged)),
        format!("on the {} that it is shown, of {} and {last}", with_commas(shown), others.join(", ")),
    ] {
        assert!(page.contains(&told), "src/manual/promises.md does not say: {told}");
    }
}
