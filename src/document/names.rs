//! Names as authors write them: quoted for messages, compared with what may have been meant.

/// The longest part of a name that a message shows.
const SHOWN: usize = 80;

/// `text` between two `quote`s, on one line, not too long.
pub fn quoted(text: &str, quote: char) -> String {
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().count() > SHOWN { "…" } else { "" };
    format!("{quote}{shown}{more}{quote}")
}

/// The place of the member `name` of what stands at `at`: `rules.x`, or `rules["x y"]` where the name is no plain word. Of
/// a long name it shows the beginning: each thing within has its own place, and may have a problem.
pub fn member_place(at: &str, name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > SHOWN || !name.bytes().all(is_plain) {
        return format!("{at}[{}]", quoted(name, '"'));
    }
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// The one of `known` that `name` is most likely a slip of.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    const SLIPS: usize = 2;
    let distances = known.iter().map(|known| (distance(name, known), *known));
    let near = distances.filter(|(distance, known)| *distance <= SLIPS && distance * 2 < known.len());
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// How many characters must be put in, left out or replaced to get from one text to the other.
fn distance(one: &str, other: &str) -> usize {
    const TOO_LONG_TO_MATTER: usize = 40;
    if one.len() > TOO_LONG_TO_MATTER {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (count, left) in one.bytes().enumerate() {
        let mut diagonal = count;
        let mut last = count + 1;
        let mut next = vec![last];
        for (right, above) in other.bytes().zip(row.iter().skip(1)) {
            last = (diagonal + usize::from(left != right)).min(above + 1).min(last + 1);
            diagonal = *above;
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized() {
        let known = ["issuers", "rules", "mode", "limits"];
        for (name, meant) in [
            ("isuers", "issuers"),
            ("rule", "rules"),
            ("Rules", "rules"),
            ("modes", "mode"),
            ("limts", "limits"),
        ] {
            assert_eq!(nearest(name, &known), Some(meant), "{name}");
        }
        for name in ["", "x", "code2", "elephant", &"rules".repeat(100)] {
            assert_eq!(nearest(name, &known), None, "{name}");
        }
    }

    #[test]
    fn a_quoted_name_stays_on_its_line() {
        assert_eq!(quoted("a\r\nb", '`'), "`a\\r\\nb`");
        assert!(quoted(&"x".repeat(1000), '`').chars().count() < 100);
    }

    #[test]
    fn a_place_is_short_however_long_a_name_is() {
        assert_eq!(member_place("a", &"x".repeat(SHOWN)), format!("a.{}", "x".repeat(SHOWN)));
        for name in ["x".repeat(100_000), " ".repeat(100_000)] {
            assert!(member_place("a", &name).chars().count() < 100);
        }
    }
}
