//! The paths that a file names, resolved as far as its own text allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Kind, Token, tokens};

/// The paths that one file names.
pub(crate) struct Paths {
    pub(crate) file: String,
    pub(crate) named: Vec<Named>,
    /// Modules that the file declares for tests only.
    test_modules: Vec<String>,
}

/// `crate::room::thing` or `other::thing`, with `self`, `super` and the file's imports resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// Under `#[cfg(test)]` in this file.
    pub(crate) in_test: bool,
}

impl Named {
    pub(crate) fn head(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// The room, of a path into the crate.
    pub(crate) fn room(&self) -> Option<&str> {
        if self.head() != "crate" {
            return None;
        }
        self.segments.get(1).map(String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
}

impl Paths {
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let mut reader = Reader { tokens: tokens(text), at: 0, open: Vec::new(), depth: 0, testing: false };
        let mut paths = Self { file: file.to_owned(), named: Vec::new(), test_modules: Vec::new() };
        let home = module(file);
        let mut imports = BTreeMap::new();
        while let Some(token) = reader.tokens.get(reader.at).cloned() {
            reader.step(&token, &home, &mut paths, &mut imports);
        }
        for named in &mut paths.named {
            if let Some(import) = imports.get(named.head()).filter(|import| !named.segments.starts_with(import)) {
                named.segments.splice(..1, import.iter().cloned());
            }
        }
        paths
    }

    /// The room that the file belongs to.
    pub(crate) fn room(&self) -> Option<String> {
        module(&self.file).into_iter().next()
    }
}

/// Files that are compiled for tests only, as their parents declare.
pub(crate) fn test_only(files: &[Paths]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for parent in files {
        let folder = match parent.file.rsplit_once('/') {
            Some((folder, "lib.rs" | "mod.rs" | "main.rs")) => folder,
            _ => parent.file.trim_end_matches(".rs"),
        };
        for module in &parent.test_modules {
            let (one, many) = (format!("{folder}/{module}.rs"), format!("{folder}/{module}/"));
            let own = files.iter().map(|file| &file.file).filter(|file| **file == one || file.starts_with(&many));
            found.extend(own.cloned());
        }
    }
    found
}

/// `src/a/b.rs` is `a::b`, `src/a/mod.rs` is `a`.
fn module(file: &str) -> Vec<String> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    let mut parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
        parts.pop();
    }
    parts.into_iter().map(str::to_owned).collect()
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    /// Modules written inside the file: name, depth of their brace, whether they are tests.
    open: Vec<(String, usize, bool)>,
    depth: usize,
    /// `#[cfg(test)]` stands before what comes.
    testing: bool,
}

impl Reader {
    fn step(&mut self, token: &Token, home: &[String], paths: &mut Paths, imports: &mut BTreeMap<String, Vec<String>>) {
        match &token.kind {
            Kind::Sign('#') if self.cfg_test() => {
                self.testing = true;
                self.at += CFG_TEST.len();
                return;
            }
            Kind::Sign('{') => {
                self.depth += 1;
                self.testing = false;
            }
            Kind::Sign('}') => {
                self.depth = self.depth.saturating_sub(1);
                self.open.retain(|(_, depth, _)| *depth <= self.depth);
            }
            Kind::Sign(';') => self.testing = false,
            Kind::Word(word) if word == "mod" => {
                self.open_module(paths);
                return;
            }
            Kind::Word(word) if word == "use" => {
                self.at += 1;
                self.import(&[], home, paths, imports);
                return;
            }
            Kind::Word(_) if self.starts_path() => {
                let (line, segments) = self.path();
                if segments.len() > 1 {
                    self.name(line, &segments, home, paths);
                }
                return;
            }
            _ => {}
        }
        self.at += 1;
    }

    fn cfg_test(&self) -> bool {
        CFG_TEST.iter().enumerate().all(|(ahead, wanted)| match self.kind(ahead) {
            Some(Kind::Word(word)) => word == wanted,
            Some(Kind::Sign(sign)) => sign.to_string() == *wanted,
            _ => false,
        })
    }

    fn kind(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn before(&self, back: usize) -> Option<&Kind> {
        self.at.checked_sub(back).and_then(|at| self.tokens.get(at)).map(|token| &token.kind)
    }

    /// `mod name {` opens a module here; `mod name;` declares a file.
    fn open_module(&mut self, paths: &mut Paths) {
        if let (Some(Kind::Word(name)), Some(Kind::Sign(sign))) = (self.kind(1).cloned(), self.kind(2).cloned()) {
            match sign {
                '{' => {
                    self.depth += 1;
                    self.open.push((name, self.depth, self.testing));
                }
                _ if self.testing => paths.test_modules.push(name),
                _ => {}
            }
            self.testing = false;
            self.at += 2;
        }
        self.at += 1;
    }

    /// Not the `c` of `a::<b>::c`, which belongs to what stands before.
    fn starts_path(&self) -> bool {
        self.before(1) != Some(&Kind::Path) || !matches!(self.before(2), Some(Kind::Word(_) | Kind::Sign('>')))
    }

    fn path(&mut self) -> (usize, Vec<String>) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut segments = Vec::new();
        while let Some(Kind::Word(word)) = self.kind(0).cloned() {
            segments.push(word);
            self.at += 1;
            if self.kind(0) != Some(&Kind::Path) {
                break;
            }
            self.at += 1;
        }
        (line, segments)
    }

    /// One branch of a use tree, after `prefix`.
    fn import(
        &mut self,
        prefix: &[String],
        home: &[String],
        paths: &mut Paths,
        imports: &mut BTreeMap<String, Vec<String>>,
    ) {
        if self.kind(0) == Some(&Kind::Path) {
            self.at += 1;
        }
        let (line, tail) = self.path();
        let mut segments = [prefix, &tail].concat();
        if self.kind(0) == Some(&Kind::Sign('{')) {
            self.at += 1;
            while !matches!(self.kind(0), None | Some(Kind::Sign('}'))) {
                if self.kind(0) == Some(&Kind::Sign(',')) {
                    self.at += 1;
                } else {
                    self.import(&segments, home, paths, imports);
                }
            }
            self.at += 1;
            return;
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let mut alias = segments.last().cloned();
        if self.kind(0) == Some(&Kind::Word("as".to_owned())) {
            alias = match self.kind(1) {
                Some(Kind::Word(word)) => Some(word.clone()),
                _ => None,
            };
            self.at += 2;
        } else if self.kind(0) == Some(&Kind::Sign('*')) {
            alias = None;
            self.at += 1;
        }
        if !matches!(self.kind(0), None | Some(Kind::Sign(',' | '}' | ';'))) {
            // Not a use tree that we know, such as the `use<'a>` of a return type: go on behind its word.
            return;
        }
        if let (Some(alias), Some(full)) = (alias, self.name(line, &segments, home, paths)) {
            imports.insert(alias, full);
        }
    }

    /// Notes a path, resolved from where it stands.
    fn name(&self, line: usize, written: &[String], home: &[String], paths: &mut Paths) -> Option<Vec<String>> {
        let mut here: Vec<String> = home.iter().chain(self.open.iter().map(|(name, ..)| name)).cloned().collect();
        let mut rest = written;
        let mut inside = false;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "super" => drop(here.pop()),
                "self" => {}
                _ => break,
            }
            (inside, rest) = (true, after);
        }
        let segments = if inside { [&["crate".to_owned()], here.as_slice(), rest].concat() } else { rest.to_vec() };
        if segments.is_empty() {
            return None;
        }
        let in_test = self.testing || self.open.iter().any(|(_, _, test)| *test);
        paths.named.push(Named { line, segments: segments.clone(), in_test });
        Some(segments)
    }
}

const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, text: &str) -> Vec<String> {
        Paths::of(file, text).named.iter().map(Named::text).collect()
    }

    #[test]
    fn a_use_tree_is_spread_out() {
        let text = "use a::{self, b as c, d::{e, *}};\nuse ::f;";
        assert_eq!(named("src/x.rs", text), ["a", "a::b", "a::d::e", "a::d", "f"]);
    }

    #[test]
    fn super_is_counted_from_where_it_stands() {
        assert_eq!(
            named("src/a/b.rs", "use super::c;\nfn f() { super::super::d::g() }"),
            ["crate::a::c", "crate::d::g"]
        );
        assert_eq!(named("src/a/mod.rs", "mod tests { use super::c; } use super::d;"), ["crate::a::c", "crate::d"]);
        assert_eq!(named("src/a/b.rs", "use self::c::d;"), ["crate::a::b::c::d"]);
    }

    #[test]
    fn an_import_tells_what_a_short_name_means() {
        assert_eq!(named("src/a.rs", "use std::cmp;\nfn f() { cmp::max(1, 2) }"), ["std::cmp", "std::cmp::max"]);
        assert_eq!(named("src/a.rs", "use crate::b as c;\ntype D = c::E;"), ["crate::b", "crate::b::E"]);
    }

    #[test]
    fn a_method_and_a_continued_path_are_no_paths() {
        assert_eq!(named("src/a.rs", "fn f() { a.cmp(b); Vec::<u8>::new(); <T>::d() }"), Vec::<String>::new());
        assert_eq!(named("src/a.rs", "fn f() { g(::a::b) }"), ["a::b"]);
    }

    #[test]
    fn tests_are_told_from_code() {
        let paths = Paths::of(
            "src/a/mod.rs",
            "#[cfg(test)]\nmod sample;\nuse b::c;\n#[cfg(test)]\nmod tests { use d::e; }\nuse f::g;",
        );
        let tests: Vec<bool> = paths.named.iter().map(|named| named.in_test).collect();
        assert_eq!(tests, [false, true, false]);
        let all = [paths, Paths::of("src/a/sample.rs", ""), Paths::of("src/a/other.rs", "")];
        assert_eq!(test_only(&all).into_iter().collect::<Vec<_>>(), ["src/a/sample.rs"]);
    }
}
