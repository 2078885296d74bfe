//! What the compiler works out: functions that are called there have to stay `const`, and cannot be switched.

use std::collections::{BTreeMap, BTreeSet};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The names that stand where the compiler works something out.
#[derive(Default)]
pub(crate) struct CompileTime {
    names: BTreeSet<String>,
    /// The names in each function that may be called there, by its own.
    functions: BTreeMap<String, BTreeSet<String>>,
}

impl CompileTime {
    /// Adds those of a file.
    pub(crate) fn read(&mut self, file: &str, text: &str) -> Result<(), String> {
        let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
        Reader { text, found: self }.visit_file(&parsed);
        Ok(())
    }

    /// The functions that have to stay `const`: those that are named there, and whatever they call.
    pub(crate) fn functions(mut self) -> BTreeSet<String> {
        loop {
            let called = self.functions.iter().filter(|(name, _)| self.names.contains(*name));
            let called: BTreeSet<String> = called.flat_map(|(_, names)| names.iter().cloned()).collect();
            let before = self.names.len();
            self.names.extend(called);
            if self.names.len() == before {
                return self.names;
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    found: &'t mut CompileTime,
}

impl Reader<'_> {
    fn names(&self, of: &impl Spanned) -> BTreeSet<String> {
        let text = self.text.get(of.span().byte_range()).unwrap_or_default();
        let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn worked_out(&mut self, expression: &impl Spanned) {
        let names = self.names(expression);
        self.found.names.extend(names);
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_some() {
            let names = self.names(block);
            self.found.functions.entry(signature.ident.to_string()).or_default().extend(names);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.worked_out(&*item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.worked_out(&item.expr);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.worked_out(&*item.expr);
    }

    fn visit_expr_const(&mut self, expression: &'ast syn::ExprConst) {
        self.worked_out(expression);
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.worked_out(&*repeat.len);
        self.visit_expr(&repeat.expr);
    }

    // thread_local! and the like.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if called.path.is_ident("thread_local") {
            self.worked_out(called);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}
