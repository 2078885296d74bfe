//! What a function may be made to return, by its type: as `cargo mutants` does it.

use syn::{GenericArgument, PathArguments, ReturnType, Type, TypePath};

/// Expressions that a function of this type may return instead; some may not compile.
pub(crate) fn of_function(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, of) => of_type(of),
    }
}

fn of_type(of: &Type) -> Vec<String> {
    let default = || vec!["Default::default()".to_owned()];
    match of {
        Type::Path(path) => of_path(path),
        Type::Tuple(tuple) => {
            let first = |of: &Type| of_type(of).into_iter().next();
            match tuple.elems.iter().map(first).collect::<Option<Vec<_>>>() {
                Some(values) if !values.is_empty() => vec![format!("({},)", values.join(", "))],
                Some(_) => vec!["()".to_owned()],
                None => Vec::new(),
            }
        }
        Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => vec!["\"\"".to_owned(), "\"xyzzy\"".to_owned()],
            Type::Slice(_) => vec!["&[]".to_owned()],
            _ => Vec::new(),
        },
        Type::Array(_) => default(),
        _ => Vec::new(),
    }
}

fn of_path(path: &TypePath) -> Vec<String> {
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    let argument = || match &last.arguments {
        PathArguments::AngleBracketed(list) => list.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(of) => Some(of),
            _ => None,
        }),
        _ => None,
    };
    let within = |around: &str| {
        let values = argument().map(of_type).unwrap_or_default();
        values.into_iter().map(move |value| format!("{around}({value})")).collect::<Vec<_>>()
    };
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match &*last.ident.to_string() {
        "bool" => texts(&["true", "false"]),
        "String" => texts(&["String::new()", "\"xyzzy\".to_owned()"]),
        "Vec" => texts(&["Vec::new()"]),
        "Option" => [texts(&["None"]), within("Some")].concat(),
        "Result" => within("Ok"),
        "Cow" => texts(&["Default::default()"]),
        "Rc" => within("std::rc::Rc::new"),
        "Box" => within("Box::new"),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i32" | "i64" => texts(&["0", "1"]),
        "f64" => texts(&["0.0", "1.0"]),
        "Duration" => texts(&["Default::default()", "core::time::Duration::from_secs(1)"]),
        _ => texts(&["Default::default()"]),
    }
}
