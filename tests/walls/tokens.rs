//! Rust as words: enough to see which paths a file names. Comments, strings and characters are left out.

/// A word or sign, with its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// An identifier or keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other sign.
    Sign(char),
}

/// The words and signs of a text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = reader.rest.chars().next() {
        let line = reader.line;
        if let Some(kind) = reader.next(first) {
            found.push(Token { line, kind });
        }
    }
    found
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self, first: char) -> Option<Kind> {
        if self.rest.starts_with("//") {
            self.pass(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.pass(comment(self.rest));
        } else if let Some(length) = raw_string(self.rest) {
            self.pass(length);
        } else if first == '"' || self.rest.starts_with("b\"") || self.rest.starts_with("c\"") {
            self.pass(string(self.rest));
        } else if let Some(length) = character(self.rest) {
            self.pass(length);
        } else if first.is_alphanumeric() || first == '_' {
            let word: String = self.rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect();
            self.pass(word.len());
            return Some(Kind::Word(word));
        } else if self.rest.starts_with("::") {
            self.pass(2);
            return Some(Kind::Path);
        } else {
            self.pass(first.len_utf8());
            return (!first.is_whitespace()).then_some(Kind::Sign(first));
        }
        None
    }

    fn pass(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

/// Block comments nest.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// `r"…"`, `r#"…"#`, and the same after `b` or `c`.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let hashes = after.chars().take_while(|sign| *sign == '#').count();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - body.len();
    Some(start + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

fn string(text: &str) -> usize {
    let start = text.find('"').map_or(0, |at| at + 1);
    let mut escaped = false;
    for (at, sign) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `'a'`, `'\n'`, `b'a'`; not the lifetime `'a`.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('b').unwrap_or(text).strip_prefix('\'')?;
    let start = text.len() - body.len();
    let mut signs = body.char_indices();
    let (_, first) = signs.next()?;
    if first == '\\' {
        let (after, _) = signs.nth(1)?;
        return body.get(after..)?.find('\'').map(|at| start + after + at + 1).or(Some(text.len()));
    }
    let (after, second) = signs.next()?;
    (second == '\'').then_some(start + after + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let words = tokens(text).into_iter().filter_map(|token| match token.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        });
        words.collect()
    }

    #[test]
    fn comments_and_strings_have_no_words() {
        assert_eq!(words("a /* b /* c */ d */ e // f\ng"), ["a", "e", "g"]);
        assert_eq!(words(r##"a "b \" c" d r#"e " f"# g b"h" i"##), ["a", "d", "g", "i"]);
        assert_eq!(words(r"a '\'' b '\u{41}' c 'd' e b'f' g"), ["a", "b", "c", "e", "g"]);
        assert_eq!(words("<'a, 'b>"), ["a", "b"]);
    }

    #[test]
    fn a_word_knows_its_line() {
        let lines: Vec<usize> = tokens("a\n/*\n*/ b \"\n\" c").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }
}
