//! Canaries: words that are planted where secrets stand, and must turn up nowhere else in any form.

use std::fmt::Write as _;

use scopegate::base::base64url;

/// A planted word, in every form that somebody might have brought it into.
pub struct Canary {
    name: String,
    forms: Vec<String>,
}

impl Canary {
    /// The canary `name` is the text or the bytes `word`.
    pub fn new(name: &str, word: impl AsRef<[u8]>) -> Self {
        let word = word.as_ref();
        assert!(word.len() >= 8, "{name} could turn up by chance");
        let mut forms: Vec<String> = str::from_utf8(word).ok().map(str::to_owned).into_iter().collect();
        forms.extend((0..3).flat_map(|before| in_base64(word, before)));
        forms.extend([
            spelt(word, "", false),
            spelt(word, "", true),
            spelt(word, "%", false),
            spelt(word, "%", true),
        ]);
        Self { name: name.to_owned(), forms }
    }

    /// The middle of the text `long`, such as a signature, which nobody would show whole.
    pub fn within(name: &str, long: &str) -> Self {
        let middle: String = long.chars().skip(long.len() / 2 - 8).take(16).collect();
        Self::new(name, middle)
    }

    /// The first line of `text` in which it stands.
    pub fn line_of<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.lines().find(|line| self.forms.iter().any(|form| line.contains(form)))
    }

    /// Holds `text`, from `place`, to telling nothing.
    pub fn is_not_in(&self, text: &str, place: &str) {
        assert_eq!(self.line_of(text), None, "{} stands in {place}", self.name);
    }
}

/// What is left of `word` in base64 and base64url, whatever stands around it, when `before` bytes stand in front of it.
fn in_base64(word: &[u8], before: usize) -> [String; 2] {
    let bytes = [vec![0; before], word.to_vec()].concat();
    // Characters that hold bits of the word alone.
    let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    [base64url::encode_standard(&bytes), base64url::encode(&bytes)]
        .map(|text| text.chars().take(end).skip(start).collect())
}

/// Each byte as two hexadecimal digits after `sign`.
fn spelt(word: &[u8], sign: &str, capital: bool) -> String {
    let mut text = String::new();
    for byte in word {
        let written =
            if capital { write!(text, "{sign}{byte:02X}") } else { write!(text, "{sign}{byte:02x}") };
        assert!(written.is_ok());
    }
    text
}

/// Holds `text`, from `place`, to telling nothing of any of `canaries`.
pub fn tells_nothing<'c>(canaries: impl IntoIterator<Item = &'c Canary>, text: &str, place: &str) {
    canaries.into_iter().for_each(|canary| canary.is_not_in(text, place));
}

/// The search itself, before anything is found to be quiet.
pub fn canaries_are_found_in_every_form() {
    let canary = Canary::new("word", "canary-4711");
    for before in ["", "a", "ab", "abc"] {
        let around = format!("{before}canary-4711{before}z");
        let forms = [
            around.clone(),
            base64url::encode(&around),
            base64url::encode_standard(&around),
            spelt(around.as_bytes(), "", false),
            spelt(around.as_bytes(), "%", true),
        ];
        for form in forms {
            assert!(canary.line_of(&format!("first\nlast {form}")).is_some(), "{form}");
        }
    }
    assert_eq!(canary.line_of("canary-471 1"), None);
}
