//! How the story is laid out: a hundred columns, colours only where they are seen.

const COLUMNS: usize = 100;

/// Where the lines below a title begin.
const INDENT: usize = 7;

/// A terminal, or a file.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    colour: bool,
}

impl Page {
    pub(crate) const fn for_terminal(colour: bool) -> Self {
        Self { colour }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A line below a title, broken after commas where it is too long.
    pub(crate) fn line(text: &str) -> String {
        let mut lines = vec![" ".repeat(INDENT)];
        for part in text.split_inclusive(", ") {
            let line = lines.last_mut().filter(|line| line.len() + part.trim_end().len() <= COLUMNS);
            match line {
                Some(line) => line.push_str(part),
                None => lines.push(format!("{}{part}", " ".repeat(INDENT + 4))),
            }
        }
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
    }

    /// A status in the colour of its class.
    pub(crate) fn status(self, status: u16) -> String {
        let colour = match status {
            200..=299 => "1;32",
            400..=499 => "1;33",
            _ => "1;31",
        };
        self.paint(colour, &status.to_string())
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
