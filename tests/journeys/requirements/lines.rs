//! The lines of a standard that require something, known by section and running number. The text itself is not part of the
//! house: a line is kept as a hash and its first words.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

pub(super) struct Lines(Vec<Line>);

struct Line {
    id: String,
    /// `HASH WORDS`
    rest: String,
}

impl Lines {
    pub(super) fn read(file: &Path) -> Self {
        let content = fs::read_to_string(file).unwrap();
        let lines = content.lines().map(|line| {
            let (id, rest) = line.split_once(' ').expect("ID HASH WORDS");
            Line { id: id.to_owned(), rest: rest.to_owned() }
        });
        let lines = Self(lines.collect());
        assert_eq!(lines.ids().len(), lines.0.len(), "a line stands twice");
        lines
    }

    /// The lines of sections 3 to 7 with a word that binds.
    pub(super) fn of_text(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut section = String::new();
        let mut number = 0;
        for line in text.lines() {
            if let Some(next) = heading(line) {
                next.clone_into(&mut section);
                number = 0;
            }
            if !section.starts_with(['3', '4', '5', '6', '7']) || !binds(line) {
                continue;
            }
            number += 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            let hash = digest(&SHA256, words.join(" ").as_bytes());
            let first = words.iter().take(WORDS).copied().collect::<Vec<_>>().join(" ");
            let rest = format!("{} {first}", hex::encode(&hash.as_ref()[..HASH]));
            lines.push(Line { id: format!("{section}-{number}"), rest });
        }
        Self(lines)
    }

    pub(super) fn ids(&self) -> BTreeSet<&str> {
        self.0.iter().map(|line| line.id.as_str()).collect()
    }
}

impl Display for Lines {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{} {}", line.id, line.rest))
    }
}

/// `3.1.  General Description` at the margin (the contents are indented).
fn heading(line: &str) -> Option<&str> {
    let (number, title) = line.split_once(".  ")?;
    let is_number = number.split('.').all(|part| part.parse::<u8>().is_ok());
    (is_number && title.starts_with(|first: char| first.is_ascii_uppercase())).then_some(number)
}

fn binds(line: &str) -> bool {
    line.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| BINDING.contains(&word))
}

const BINDING: [&str; 4] = ["MUST", "SHALL", "SHOULD", "REQUIRED"];
const WORDS: usize = 5;
/// Octets of the hash that are kept.
const HASH: usize = 4;
