//! Plain scalars of YAML: what they are here, and which of them are something else elsewhere.
//!
//! A text without quotes may be a text, a number, true, false or nothing, and readers of YAML do not agree. The tool
//! reads YAML 1.2 (section 10.3, the core schema). Envoy's reader takes `NO` for false, `0123` for 83, and every
//! fraction and every whole number beyond 32 bits for a text. kubectl's, of YAML 1.1, has octal and binary numbers with
//! `_` between the digits; others of YAML 1.1 have times and numbers to the base of 60. None of them says a word.

use serde_json::{Number, Value};

/// Why a plain scalar must not stand in a policy, and what to write instead.
pub(super) type Reason = (&'static str, &'static str);

const QUOTES: &str = "write it in quotes";

/// What `n` and `y` are as keys of a JSON Web Key, where Envoy reads them as everybody writes them. kubectl does not, and
/// the filter then misses a number of the key.
pub(super) const KEY_NUMBER: Reason =
    ("is true or false for kubectl, as a key too, and the filter misses a number of this key", QUOTES);

/// The plain scalar `text` as YAML 1.2 has it. `None` for numbers without an end, which JSON lacks.
pub(super) fn value(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_endless(text) => return None,
        _ => match (integer(text), is_decimal(text)) {
            (Some(number), _) => Value::Number(number),
            (None, true) => Value::Number(Number::from_f64(text.parse().ok()?)?),
            (None, false) => Value::String(text.to_owned()),
        },
    })
}

/// How readers differ on the plain scalar `text`, where they do.
pub(super) fn difference(text: &str) -> Option<Reason> {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off"];
    if WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some((
            "is a text in YAML 1.2, and true or false for Envoy and kubectl",
            "write it in quotes, or write true or false",
        ));
    }
    if matches!(text, "=" | "<<") || is_time(text) {
        return Some(("is a text in YAML 1.2, and no text in YAML 1.1", QUOTES));
    }
    if is_number_somewhere(text) && !is_number_everywhere(text) {
        return Some((
            "is not the same for YAML 1.2, Envoy and kubectl: to some it is a text, or another number",
            "write it in quotes, or as a whole number of at most 2147483647 without leading zeros",
        ));
    }
    None
}

/// As [`difference`], for a plain scalar within `{}` or `[]`: there a `?` begins a key for Envoy, and a first `:` ends
/// one for kubectl, and they refuse the whole file.
pub(super) fn difference_in_flow(text: &str) -> Option<Reason> {
    let is_told = text.contains('?') || text.starts_with(':');
    let within = ("is a text in YAML 1.2, and within {} or [] a mistake for Envoy or kubectl", QUOTES);
    difference(text).or_else(|| is_told.then_some(within))
}

/// As [`difference`], for the key of a mapping, which has to be a text for everybody.
pub(super) fn difference_of_key(text: &str) -> Option<Reason> {
    match value(text) {
        Some(Value::Null | Value::Bool(_)) => Some(("is a key that is no text to every reader", QUOTES)),
        None | Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            difference(text)
        }
    }
}

/// A whole number that every reader takes for the same one: Envoy keeps no others as numbers.
fn is_number_everywhere(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|number| number.to_string() == text)
}

fn is_number_somewhere(text: &str) -> bool {
    let unsigned = unsigned(text);
    let starts =
        unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.' || (c == '_' && unsigned != text));
    is_endless(text)
        || is_in_another_base(unsigned)
        || is_sexagesimal(unsigned)
        || (starts && is_decimal(&unsigned.replace('_', "")))
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_endless(text: &str) -> bool {
    [".inf", ".nan"].iter().any(|endless| unsigned(text).eq_ignore_ascii_case(endless))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let text = unsigned(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(one, other)| (one, Some(other)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_mantissa = match (whole.is_empty(), fraction.is_empty()) {
        (true, _) => is_digits(fraction),
        (false, true) => is_digits(whole),
        (false, false) => is_digits(whole) && is_digits(fraction),
    };
    is_mantissa && exponent.is_none_or(|exponent| is_digits(unsigned(exponent)))
}

/// `0x`, `0o` and `0b` in either case, with `_` between the digits.
fn is_in_another_base(unsigned: &str) -> bool {
    let Some((prefix, digits)) = unsigned.split_at_checked(2) else { return false };
    let radix = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return false,
    };
    let digits = digits.replace('_', "");
    !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
}

/// `1:30`, an hour and a half in minutes.
fn is_sexagesimal(unsigned: &str) -> bool {
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default().replace('_', "");
    let mut count = 0;
    let is_sixtieth = |part: &str| is_digits(part) && part.parse::<u8>().is_ok_and(|part| part < 60);
    let rest = parts.all(|part| {
        count += 1;
        is_sixtieth(part.split_once('.').map_or(part, |(whole, _)| whole))
    });
    is_digits(&first) && rest && count > 0
}

/// A date, and what may follow it: `2001-12-14`, `2001-12-14T21:59:43Z`.
fn is_time(text: &str) -> bool {
    let end = text.find(['T', 't', ' ', '\t']).unwrap_or(text.len());
    let parts: Vec<&str> = text.get(..end).unwrap_or_default().split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    year.len() == 4
        && is_digits(year)
        && [month, day].iter().all(|part| (1..=2).contains(&part.len()) && is_digits(part))
}

fn integer(text: &str) -> Option<Number> {
    let radix = |prefix, radix| u64::from_str_radix(text.strip_prefix(prefix)?, radix).ok();
    if is_digits(unsigned(text)) {
        let digits = text.strip_prefix('+').unwrap_or(text);
        return digits
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| digits.parse::<u64>().map(Number::from))
            .ok();
    }
    if !is_in_another_base(text) || text.contains('_') {
        return None;
    }
    radix("0x", 16).or_else(|| radix("0o", 8)).map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What readers make of each: `tests/readers/yaml.rs` asks them.
    const SCALARS: &str = include_str!("../../../tests/data/yaml_scalars.txt");

    #[test]
    fn what_readers_differ_on_has_to_be_quoted_and_nothing_else() {
        let (mut count, mut wrong) = (0, Vec::new());
        for line in SCALARS.lines().filter(|line| !line.starts_with('#')) {
            let (kind, scalars) = line.split_once(": ").unwrap();
            for text in scalars.split(' ') {
                let (quoted, within) = match kind {
                    "alike" => (false, false),
                    "differ" | "strict" => (true, true),
                    "within" => (false, true),
                    other => panic!("{other}"),
                };
                let found = (difference(text).is_some(), difference_in_flow(text).is_some());
                wrong.extend((found != (quoted, within)).then_some(text));
                count += 1;
            }
        }
        assert_eq!(wrong, [] as [&str; 0]);
        assert!(count > 250, "{count}");
    }

    #[test]
    fn keys_are_texts() {
        for text in ["true", "False", "null", "~", "", "y", "0123", "1.0"] {
            assert!(difference_of_key(text).is_some(), "{text}");
        }
        for text in ["issuers", "/a/b", "5", "x-y", "https://a/b", "tRue"] {
            assert_eq!(difference_of_key(text), None, "{text}");
        }
    }

    #[test]
    fn scalars_are_those_of_the_core_schema() {
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("True", json!(true)),
            ("NO", json!("NO")),
            ("0123", json!(123)),
            ("+5", json!(5)),
            ("-5", json!(-5)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0b11", json!("0b11")),
            ("1_000", json!("1_000")),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1:30", json!("1:30")),
            ("2001-12-14", json!("2001-12-14")),
            ("18446744073709551616", json!(18446744073709551616.0)),
            ("inf", json!("inf")),
            ("1e", json!("1e")),
            (".", json!(".")),
            ("-", json!("-")),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for endless in [".inf", "-.Inf", ".NAN", "1e400"] {
            assert_eq!(value(endless), None, "{endless}");
        }
    }
}
