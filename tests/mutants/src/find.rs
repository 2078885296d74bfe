//! Every place of a file at which something is changed.
//!
//! The changes are those of `cargo mutants` (bodies that return a plausible value, operators, negations, guards and arms of
//! matches), and besides: constants and literals that are compared are one more or one less, a part of a condition is
//! dropped, so is a statement, a part of what is hashed, or a condition itself; `min` is `max`, `any` is `all`.
//! What the compiler works out is left alone, and so are tests and `Debug`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprBinary, ExprIf, ExprMatch, ExprMethodCall, ExprPath, ExprUnary,
    ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemTrait, Lit, Pat, ReturnType, Signature, Stmt, TraitItemFn,
    Type, UnOp,
};

use crate::constants::Constants;
use crate::operators;
use crate::site::{Kind, Mutant, Number, Site, one_line};
use crate::values;

/// Finds changes in one file after the other, and numbers them.
pub(crate) struct Finder<'t> {
    pub(crate) mutants: Vec<Mutant>,
    /// Those of the file that is read.
    sites: Vec<Site>,
    constants: &'t Constants,
    /// The functions that the compiler calls.
    compile_time: &'t BTreeSet<String>,
    file: String,
    text: &'t str,
    /// The types and modules around, and the function.
    names: Vec<String>,
    /// The changes of each constant that is used, which all of its uses share.
    used: BTreeMap<(String, String), Vec<(Number, String)>>,
}

impl<'t> Finder<'t> {
    /// Knows the constants of the crate, and the functions that have to stay `const`.
    pub(crate) fn new(constants: &'t Constants, compile_time: &'t BTreeSet<String>) -> Self {
        Self {
            mutants: Vec::new(),
            sites: Vec::new(),
            constants,
            compile_time,
            file: String::new(),
            text: "",
            names: Vec::new(),
            used: BTreeMap::new(),
        }
    }

    /// The places in the file of this name, which has this text.
    pub(crate) fn find(&mut self, file: &str, text: &'t str) -> Result<Vec<Site>, String> {
        let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
        self.file = file.to_owned();
        self.text = text;
        self.visit_file(&parsed);
        Ok(core::mem::take(&mut self.sites))
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    fn code(&self, of: &impl Spanned) -> &'t str {
        self.slice(of.span().byte_range())
    }

    /// A change at `range`: `from` is told to become `to`, and `code` is put there.
    fn change(&mut self, range: &Range<usize>, kind: Kind, from: &str, to: &str, code: String) {
        // A guard that is one macro, and the like.
        let is_there = |site: &Site| {
            site.range == *range && site.kind == kind && site.changes.iter().any(|(_, there)| *there == code)
        };
        if self.sites.iter().any(is_there) {
            return;
        }
        let number = self.number(range.start, from, to);
        self.sites.push(Site { range: range.clone(), kind, changes: vec![(number, code)] });
    }

    fn number(&mut self, at: usize, from: &str, to: &str) -> Number {
        let number = self.mutants.len() as Number;
        let line = self.slice(0..at).matches('\n').count() + 1;
        self.mutants.push(Mutant {
            number,
            file: self.file.clone(),
            line,
            function: self.names.join("::"),
            from: one_line(from),
            to: one_line(to),
        });
        number
    }

    /// An expression becomes each of `codes`.
    fn replace(&mut self, expression: &impl Spanned, codes: &[String]) {
        let range = expression.span().byte_range();
        let from = self.slice(range.clone());
        for code in codes {
            self.change(&range, Kind::Expression, from, code, code.clone());
        }
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let name = signature.ident.to_string();
        let stays = signature.constness.filter(|_| self.compile_time.contains(&name));
        self.names.push(name);
        if let (Some(word), None) = (signature.constness, stays) {
            self.sites.push(Site { range: word.span.byte_range(), kind: Kind::Gone, changes: Vec::new() });
        }
        if stays.is_none() {
            let hidden =
                matches!(&signature.output, ReturnType::Type(_, of) if matches!(**of, Type::ImplTrait(_)));
            let values = if hidden { Vec::new() } else { values::of_function(&signature.output) };
            let body = block.brace_token.span.open().byte_range().end;
            // A body that says so already.
            let said = |value: &str| one_line(self.code(block)) == format!("{{ {value} }}");
            let is_default = self.names.last().is_some_and(|name| name == "default");
            let values: Vec<String> =
                values.into_iter().filter(|value| !said(value) && !is_default).collect();
            if !block.stmts.is_empty() {
                for value in values {
                    self.change(&(body..body), Kind::Body, "the body", &value, value.clone());
                }
            }
            self.visit_block(block);
        }
        self.names.pop();
    }

    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.names.push(name);
        visit(self);
        self.names.pop();
    }

    /// A part of a condition, which counts no longer.
    fn part(&mut self, part: &Expr, neutral: &str) {
        let is_let = matches!(part, Expr::Let(_));
        let is_same = matches!(part, Expr::Binary(part) if matches!(part.op, BinOp::And(_)) == (neutral == "true")
            && matches!(part.op, BinOp::And(_) | BinOp::Or(_)));
        if !is_let && !is_same {
            self.replace(part, &[neutral.to_owned()]);
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = match &attribute.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            _ => String::new(),
        };
        attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && tokens.contains("test"))
    })
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = item.default.as_ref().filter(|_| !is_for_tests(&item.attrs)) {
            self.function(&item.sig, block);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let is_debug = item.trait_.as_ref().is_some_and(|(path, _)| self.code(path).ends_with("Debug"));
        if !is_debug && !is_for_tests(&item.attrs) {
            let name = self.code(&*item.self_ty);
            let name = name.split('<').next().unwrap_or_default().to_owned();
            self.within(name, |this| visit::visit_item_impl(this, item));
        }
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.within(item.ident.to_string(), |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            self.within(item.ident.to_string(), |this| visit::visit_item_mod(this, item));
        }
    }

    // What the compiler works out.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Guard(guarded) = pattern {
            if !has_let(&guarded.guard) {
                self.replace(&*guarded.guard, &["true".to_owned(), "false".to_owned()]);
            }
            self.visit_expr(&guarded.guard);
        }
    }

    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        let catches_all = |arm: &Arm| match &arm.pat {
            Pat::Wild(_) => true,
            Pat::Ident(name) => name.subpat.is_none() && self.code(name).starts_with(char::is_lowercase),
            _ => false,
        };
        if let Some((last, arms)) = expression.arms.split_last().filter(|(last, _)| catches_all(last)) {
            for arm in arms.iter().filter(|arm| !matches!(arm.pat, Pat::Guard(_))) {
                let end = arm.pat.span().byte_range().end;
                let (from, to) =
                    (format!("{} =>", self.code(&arm.pat)), format!("{} =>", self.code(&last.pat)));
                self.change(&(end..end), Kind::Arm, &from, &to, String::new());
            }
        }
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_if(&mut self, expression: &'ast ExprIf) {
        let own =
            matches!(*expression.cond, Expr::Binary(_) | Expr::Unary(_) | Expr::Macro(_) | Expr::Let(_));
        if !own {
            self.replace(&*expression.cond, &["true".to_owned(), "false".to_owned()]);
        }
        visit::visit_expr_if(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast ExprUnary) {
        if matches!(expression.op, UnOp::Not(_)) {
            self.replace(expression, &[self.code(&*expression.expr).to_owned()]);
        }
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_binary(&mut self, expression: &'ast ExprBinary) {
        if !has_let(&expression.left) && !has_let(&expression.right) {
            let (left, right) = (self.code(&*expression.left), self.code(&*expression.right));
            let codes = operators::instead(&expression.op, left, right);
            self.replace(expression, &codes);
        }
        match expression.op {
            BinOp::And(_) => {
                self.part(&expression.left, "true");
                self.part(&expression.right, "true");
            }
            BinOp::Or(_) => {
                self.part(&expression.left, "false");
                self.part(&expression.right, "false");
            }
            _ => (),
        }
        visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_macro(&mut self, expression: &'ast syn::ExprMacro) {
        if expression.mac.path.is_ident("matches") {
            self.replace(expression, &["true".to_owned(), "false".to_owned()]);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let name = call.method.to_string();
        let (whole, method) = (call.span().byte_range(), call.method.span().byte_range());
        if let Some(other) = operators::other_method(&name) {
            let code =
                [self.slice(whole.start..method.start), other, self.slice(method.end..whole.end)].concat();
            self.replace(call, &[code]);
        }
        // What is hashed or sealed together.
        if let (Expr::Array(parts), "concat") = (&*call.receiver, &*name)
            && parts.elems.len() > 1
        {
            let rest = self.slice(parts.span().byte_range().end..whole.end);
            let codes: Vec<String> = (0..parts.elems.len())
                .map(|left_out| {
                    let kept = parts.elems.iter().enumerate().filter(|(at, _)| *at != left_out);
                    let kept: Vec<&str> = kept.map(|(_, part)| self.code(part)).collect();
                    format!("[{}]{rest}", kept.join(", "))
                })
                .collect();
            self.replace(call, &codes);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let Some(constant) = self.constants.meant(&self.file, &names) else { return };
        let name = names.last().cloned().unwrap_or_default();
        let range = path.span().byte_range();
        let code = self.slice(range.clone());
        let (mutants, new) = (&mut self.mutants, |mutants: &mut Vec<Mutant>| {
            let number = |(to, apply): &(String, String)| {
                let number = mutants.len() as Number;
                mutants.push(Mutant {
                    number,
                    file: constant.file.clone(),
                    line: constant.line,
                    function: name.clone(),
                    from: name.clone(),
                    to: to.clone(),
                });
                (number, apply.clone())
            };
            constant.changes.iter().map(number).collect()
        });
        let changes = self.used.entry((name.clone(), constant.file.clone())).or_insert_with(|| new(mutants));
        let changes = changes.iter().map(|(number, apply)| (*number, format!("{code}{apply}"))).collect();
        self.sites.push(Site { range, kind: Kind::Expression, changes });
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expression, Some(_)) = statement {
            let counts = match expression {
                Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_) | Expr::Try(_) => true,
                Expr::Binary(binary) => operators::assigns(&binary.op),
                _ => false,
            };
            if counts {
                let range = statement.span().byte_range();
                self.change(&range, Kind::Statement, self.slice(range.clone()), "nothing", String::new());
            }
        }
        visit::visit_stmt(self, statement);
    }
}

/// The number that a literal is.
pub(crate) fn integer(expression: &str) -> Option<u64> {
    match syn::parse_str(expression) {
        Ok(Lit::Int(number)) if number.suffix().is_empty() => number.base10_parse().ok(),
        _ => None,
    }
}

/// The modules that a file has for tests alone, and that have files of their own.
pub(crate) fn modules_of_tests(text: &str) -> Result<Vec<String>, String> {
    let parsed = syn::parse_file(text).map_err(|error| error.to_string())?;
    let modules = parsed.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_for_tests(&module.attrs) => Some(module),
        _ => None,
    });
    Ok(modules.map(|module| module.ident.to_string()).collect())
}
