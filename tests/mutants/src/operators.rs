//! What stands in place of an operator.

use syn::BinOp;

use crate::find::integer;

/// The code to put in place of `left operator right`.
pub(crate) fn instead(operator: &BinOp, left: &str, right: &str) -> Vec<String> {
    let others: &[&str] = match operator {
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) | BinOp::Div(_) => &["+"],
        BinOp::Mul(_) | BinOp::Rem(_) => &["/"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::BitXor(_) | BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&", "^"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", "==", ">"],
        BinOp::Le(_) => &["<", "==", ">"],
        BinOp::Gt(_) => &[">=", "==", "<"],
        BinOp::Ge(_) => &[">", "==", "<"],
        BinOp::AddAssign(_) | BinOp::MulAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::BitXorAssign(_) | BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        _ => &[],
    };
    let mut codes: Vec<String> = others.iter().map(|other| format!("{left} {other} {right}")).collect();
    if let Some(sign) = comparison(operator) {
        codes.extend(beside(left).map(|left| format!("{left} {sign} {right}")));
        codes.extend(beside(right).map(|right| format!("{left} {sign} {right}")));
    }
    codes
}

/// The numbers beside a literal.
fn beside(literal: &str) -> impl Iterator<Item = String> {
    let number = integer(literal);
    let less = number.and_then(|number| number.checked_sub(1));
    let more = number.and_then(|number| number.checked_add(1));
    [less, more].into_iter().flatten().map(|number| number.to_string())
}

const fn comparison(operator: &BinOp) -> Option<&'static str> {
    match operator {
        BinOp::Eq(_) => Some("=="),
        BinOp::Ne(_) => Some("!="),
        BinOp::Lt(_) => Some("<"),
        BinOp::Le(_) => Some("<="),
        BinOp::Gt(_) => Some(">"),
        BinOp::Ge(_) => Some(">="),
        _ => None,
    }
}

/// Whether it is one like `+=`.
pub(crate) const fn assigns(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// The method to call in place of this one.
pub(crate) fn other_method(name: &str) -> Option<&'static str> {
    Some(match name {
        "min" => "max",
        "max" => "min",
        "any" => "all",
        "all" => "any",
        "is_some" => "is_none",
        "is_none" => "is_some",
        "is_ok" => "is_err",
        "is_err" => "is_ok",
        _ => return None,
    })
}
