//! Files that import each other, directly or around a circle.

use std::collections::{BTreeMap, BTreeSet};

/// A module as its path from the crate's root.
type Module = Vec<String>;

/// What each module imports.
type Imported<'m> = BTreeMap<&'m Module, BTreeSet<Module>>;

/// The circles among `files`, each a path from `src` and its code: the files of each in order. What a `mod.rs` passes on
/// with `pub use` belongs to the file that it is from.
pub(crate) fn knots(files: &[(String, String)]) -> Vec<Vec<String>> {
    let tree = Tree::of(files);
    let modules = || tree.files.keys();
    let imported: Imported<'_> = modules().map(|module| (module, tree.imported(module))).collect();
    let reached: Imported<'_> = modules().map(|module| (module, reached(module, &imported))).collect();
    let is_tied = |one: &Module, other: &Module| reached[one].contains(other) && reached[other].contains(one);
    let mut knots = BTreeSet::new();
    for module in modules() {
        let tied: Vec<_> = modules().filter(|other| is_tied(module, other)).collect();
        if tied.len() > 1 {
            let files: BTreeSet<_> = tied.into_iter().map(|module| tree.files[module].0.clone()).collect();
            knots.insert(files.into_iter().collect());
        }
    }
    knots.into_iter().collect()
}

struct Tree<'f> {
    files: BTreeMap<Module, (String, &'f str)>,
    /// What a `mod.rs` passes on, and where that is from.
    passed_on: BTreeMap<Module, Module>,
}

impl<'f> Tree<'f> {
    fn of(files: &'f [(String, String)]) -> Self {
        let module = |path: &str| {
            let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
            path.split('/').map(str::to_owned).collect::<Module>()
        };
        let files = files.iter().map(|(path, code)| (module(path), (path.clone(), code.as_str()))).collect();
        let mut tree = Self { files, passed_on: BTreeMap::new() };
        for (module, (path, code)) in &tree.files {
            for import in imports(code).into_iter().filter(|import| import.is_passed_on_by(path)) {
                let Some(origin) = tree.absolute(module, &import.path) else { continue };
                let name = origin.last().cloned();
                tree.passed_on.insert(module.iter().cloned().chain(name).collect(), origin);
            }
        }
        tree
    }

    /// `path`, which stands in `module`, from the crate's root; `None` where it leads out of the crate.
    fn absolute(&self, module: &Module, path: &str) -> Option<Module> {
        let mut base = module.clone();
        let mut steps = path.split("::").peekable();
        match steps.peek().copied() {
            Some("crate") => base.clear(),
            Some("super" | "self") => {}
            Some(child) => {
                base.push(child.to_owned());
                if !self.files.contains_key(&base) {
                    return None;
                }
                base.pop();
            }
            None => return None,
        }
        for step in steps {
            match step {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                name => base.push(name.to_owned()),
            }
        }
        Some(base)
    }

    /// The file in which `item` is.
    fn home(&self, item: &Module) -> Option<Module> {
        let length = (1..=item.len()).rev().find(|length| self.files.contains_key(&item[..*length]))?;
        let passed_on = item.get(..=length).and_then(|name| self.passed_on.get(name));
        match passed_on {
            Some(origin) => self.home(&[origin.as_slice(), &item[length + 1..]].concat()),
            None => Some(item[..length].to_vec()),
        }
    }

    fn imported(&self, module: &Module) -> BTreeSet<Module> {
        let (path, code) = &self.files[module];
        let imports = imports(code).into_iter().filter(|import| !import.is_passed_on_by(path));
        let items = imports.filter_map(|import| self.absolute(module, &import.path));
        items.filter_map(|item| self.home(&item)).filter(|home| home != module).collect()
    }
}

/// The modules that `module` imports, and those that they import, and so on.
fn reached(module: &Module, imported: &Imported<'_>) -> BTreeSet<Module> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![module]);
    while let Some(module) = next.pop() {
        next.extend(imported[module].iter().filter(|imported| reached.insert((*imported).clone())));
    }
    reached
}

struct Import {
    is_public: bool,
    path: String,
}

impl Import {
    fn is_passed_on_by(&self, file: &str) -> bool {
        self.is_public && file.ends_with("mod.rs")
    }
}

/// Every path in `code`: those of `use`, one for each name, and those that stand where they are used.
fn imports(code: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    let code = code.replace("pub(in crate::", "pub(");
    for statement in code.split_inclusive(';') {
        let (before, used) = match statement.split_once("use ").filter(|(before, _)| is_before_use(before)) {
            Some((before, used)) => (before, used.trim_end_matches(';')),
            None => (statement, ""),
        };
        let is_public = before.lines().last().is_some_and(|line| line.trim_start().starts_with("pub"));
        imports.extend(leaves(used).into_iter().map(|path| Import { is_public, path }));
        let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let paths = before.split(|c| !is_of_path(c)).filter(|path| path.contains("::"));
        imports.extend(paths.map(|path| Import { is_public: false, path: path.to_owned() }));
    }
    imports
}

/// Whether a `use` that follows `before` is one: on a line of its own, but for who sees it.
fn is_before_use(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || (line.starts_with("pub") && !line.contains("fn "))
}

/// The paths in the tree of a `use`: `a::{b, c::D}` has two.
fn leaves(tree: &str) -> Vec<String> {
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return Some(path.to_owned()).filter(|path| !path.is_empty()).into_iter().collect();
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let parts = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.flat_map(leaves).map(|leaf| format!("{}{leaf}", prefix.trim())).collect()
}

#[test]
fn a_circle_of_imports_is_seen_however_it_is_written() {
    let found = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect();
        knots(&files)
    };
    let circle = [vec!["r/a.rs".to_owned(), "r/b.rs".to_owned()]];
    for there in [
        "use super::b::B;",
        "use crate::r::{c, b::{self, B}};",
        "use super::{\n    b,\n    c,\n};",
        "fn f() -> super::b::B {}",
    ] {
        for back in [
            "use super::a::A;",
            "pub use super::a;",
            "pub(super) use crate::r::A;",
            "fn f() { super::a::f(1) }",
        ] {
            let root = "mod a;\nmod b;\nmod c;\npub use a::A;";
            assert_eq!(
                found(&[("r/mod.rs", root), ("r/a.rs", there), ("r/b.rs", back)]),
                circle,
                "{there} {back}"
            );
        }
        let forth =
            [("r/mod.rs", "pub use a::A;\npub use b::B;"), ("r/a.rs", there), ("r/b.rs", "use core::a::A;")];
        assert!(found(&forth).is_empty(), "{there}");
    }
    // A folder is tied to a file in it where it uses it, and not where it passes it on.
    let child = "use super::Parent;";
    assert_eq!(found(&[("r/mod.rs", "fn f() { a::g() }"), ("r/a.rs", child)]).len(), 1);
    assert!(found(&[("r/mod.rs", "mod a;\npub use a::g;"), ("r/a.rs", child)]).is_empty());
    // Around more than one corner, and from another room's point of view none.
    let around = [
        ("r/a.rs", "use super::b::B;"),
        ("r/b.rs", "use super::c::C;"),
        ("r/c.rs", "use super::a;"),
        ("s.rs", "use crate::r::a;"),
    ];
    assert_eq!(found(&around), [["r/a.rs", "r/b.rs", "r/c.rs"]]);
}
