//! The constants of the crate that are numbers or spans of time.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Expr, Ident, Type};

use crate::site::one_line;

/// A constant and how it is changed.
pub(crate) struct Constant {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// What is told of each change, and what is written behind the name for it.
    pub(crate) changes: Vec<(String, String)>,
}

/// The constants of the crate but those of tests, by name and file.
#[derive(Default)]
pub(crate) struct Constants(BTreeMap<(String, String), Constant>);

impl Constants {
    /// Adds those of a file.
    pub(crate) fn read(&mut self, file: &str, text: &str) -> Result<(), String> {
        let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
        Reader { file, text, constants: &mut self.0 }.visit_file(&parsed);
        Ok(())
    }

    /// The one that is meant in `file` by a path of these names.
    pub(crate) fn meant(&self, file: &str, path: &[String]) -> Option<&Constant> {
        let (name, around) = path.split_last()?;
        // Those of a type stand beside it, or have a name of their own.
        let around: Vec<&String> =
            around.iter().filter(|name| name.starts_with(char::is_lowercase)).collect();
        if around.is_empty()
            && let Some(own) = self.0.get(&(name.clone(), file.to_owned()))
        {
            return Some(own);
        }
        let module = around.last().map(|module| format!("/{module}.rs")).unwrap_or_default();
        let mut same = self.0.iter().filter(|((other, place), _)| other == name && place.ends_with(&module));
        same.next().filter(|_| same.next().is_none()).map(|(_, constant)| constant)
    }
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    constants: &'t mut BTreeMap<(String, String), Constant>,
}

impl Reader<'_> {
    fn constant(&mut self, name: &Ident, of: &Type, value: &Expr) {
        let (of, name) = (one_line(&self.code(of)), name.to_string());
        let changes = match &*of {
            "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i32" | "i64" => {
                vec![(" + 1", ".wrapping_add(1)"), (" - 1", ".wrapping_sub(1)")]
            }
            "Duration" if self.code(value).contains("from_millis") => vec![
                (" + 1 ms", " + core::time::Duration::from_millis(1)"),
                (" - 1 ms", " - core::time::Duration::from_millis(1)"),
            ],
            "Duration" => vec![
                (" + 1 s", " + core::time::Duration::from_secs(1)"),
                (" - 1 s", " - core::time::Duration::from_secs(1)"),
            ],
            _ => Vec::new(),
        };
        let changes =
            changes.into_iter().map(|(told, code)| (format!("{name}{told}"), code.to_owned())).collect();
        let constant = Constant { file: self.file.to_owned(), line: value.span().start().line, changes };
        self.constants.insert((name, self.file.to_owned()), constant);
    }

    fn code(&self, of: &impl Spanned) -> String {
        self.text.get(of.span().byte_range()).unwrap_or_default().to_owned()
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(&item.ident, &item.ty, &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(&item.ident, &item.ty, &item.expr);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() && item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}
