//! The rows of conformance/rfc/*.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::Value;

use super::lines::Lines;
use super::results::Results;

pub(super) struct Table {
    pub(super) operations: Vec<Operation>,
    pub(super) rows: Vec<Row>,
}

/// What requirements are about: a line of docs/protocols.md.
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) chapter: String,
    pub(super) title: String,
    pub(super) note: String,
    /// Whether the office has it at all.
    pub(super) offered: bool,
    /// Whether its note names a limit that no row tells.
    pub(super) partly: bool,
}

pub(super) struct Row {
    pub(super) id: String,
    /// `9483 3.5`: the standard's number comes first.
    pub(super) section: String,
    level: String,
    text: String,
    role: String,
    pub(super) class: Class,
    pub(super) operation: String,
    lines: Vec<String>,
    tests: Vec<String>,
    pub(super) excuse: String,
    pub(super) todo: String,
}

#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Class {
    /// Binds a registration authority (or an EST server) always.
    Always,
    /// Binds who has the operation.
    WithOperation,
    /// Binds end entities or CAs only.
    NotUs,
}

impl Table {
    pub(super) fn read(house: &Path) -> Self {
        let mut table = Self { operations: Vec::new(), rows: Vec::new() };
        let mut files = files(&house.join(FOLDER));
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "toml")) {
            let content: toml::Table =
                fs::read_to_string(file).unwrap().parse().unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
            let all = |key: &str| content.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            table.operations.extend(all("operation").iter().map(Operation::read));
            table.rows.extend(all("requirement").iter().map(|row| Row::read(file, row)));
        }
        table
    }

    pub(super) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// What is wrong with the tables themselves.
    pub(super) fn faults(&self, house: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        for row in &self.rows {
            let mut fault = |text: &str| faults.push(format!("{}: {text}", row.id));
            if !seen.insert(&row.id) {
                fault("stands twice");
            }
            if [&row.id, &row.section, &row.text, &row.role].iter().any(|field| field.is_empty()) {
                fault("id, section, text and role are needed");
            }
            if !LEVELS.contains(&row.level.as_str()) {
                fault("an unknown level");
            }
            let Some(operation) = self.operation(&row.operation) else {
                fault(&format!("there is no operation '{}'", row.operation));
                continue;
            };
            let bare = row.tests.is_empty() && row.excuse.is_empty() && row.todo.is_empty();
            if bare && row.class != Class::NotUs {
                fault("neither test nor excuse");
            }
            let binds = row.class == Class::Always || (row.class == Class::WithOperation && operation.offered);
            if binds && !row.excuse.is_empty() && !EXCUSABLE.contains(&row.id.as_str()) {
                fault("binds us and cannot be excused");
            }
            if env::var("STRICT").is_ok() && !row.todo.is_empty() {
                fault(&format!("to be done: {}", row.todo));
            }
            for test in &row.tests {
                if !exists(house, test) {
                    fault(&format!("there is no test '{test}'"));
                }
            }
        }
        faults
    }

    pub(super) fn lines_without_row(&self, lines: &Lines) -> Vec<String> {
        let known = lines.ids();
        let mut open = known.clone();
        let mut faults = Vec::new();
        for row in &self.rows {
            for line in &row.lines {
                open.remove(line.as_str());
                if !known.contains(line.as_str()) {
                    faults.push(format!("{}: there is no line {line}", row.id));
                }
            }
        }
        faults.extend(open.into_iter().map(|line| format!("{line} has no row")));
        faults
    }

    /// What a run says about the rows.
    pub(super) fn judge(&self, results: &Results) -> Vec<String> {
        let mut faults = Vec::new();
        for row in self.rows.iter().filter(|row| row.todo.is_empty()) {
            for test in &row.tests {
                match (results.passed(test), row.excuse.is_empty()) {
                    (None, true) => faults.push(format!("{}: '{test}' did not run", row.id)),
                    (Some(false), true) => faults.push(format!("{}: '{test}' failed", row.id)),
                    (Some(true), false) => faults.push(format!("{}: is excused, and '{test}' passes", row.id)),
                    _ => {}
                }
            }
        }
        faults
    }

    /// Rows by standard and class.
    pub(super) fn summary(&self) -> String {
        let mut counts: BTreeMap<(&str, Class), [usize; 4]> = BTreeMap::new();
        for row in &self.rows {
            let count = counts.entry((row.standard(), row.class)).or_default();
            count[0] += 1;
            let column = [row.is_tested(), !row.excuse.is_empty(), !row.todo.is_empty()];
            for (cell, one) in count[1..].iter_mut().zip(column) {
                *cell += usize::from(one);
            }
        }
        let mut said = String::from("standard  class  rows  tested  excused  to do");
        for ((standard, class), [rows, tested, excused, todo]) in counts {
            let class = match class {
                Class::Always => 'R',
                Class::WithOperation => 'C',
                Class::NotUs => 'N',
            };
            let _ = write!(said, "\nRFC {standard:<7}{class:>2}{rows:>8}{tested:>8}{excused:>9}{todo:>7}");
        }
        said
    }
}

impl Operation {
    fn read(value: &Value) -> Self {
        let offered = value.get("offered").and_then(Value::as_bool).unwrap_or(true);
        let partly = value.get("partly").and_then(Value::as_bool).unwrap_or(false);
        let word = |key: &str| word(value, key);
        Self { name: word("name"), chapter: word("chapter"), title: word("title"), note: word("note"), offered, partly }
    }
}

impl Row {
    fn read(file: &Path, value: &Value) -> Self {
        let word = |key: &str| word(value, key);
        let list = |key: &str| -> Vec<String> {
            let all = value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            all.iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
        };
        let class = match word("class").as_str() {
            "R" => Class::Always,
            "C" => Class::WithOperation,
            "N" => Class::NotUs,
            other => panic!("{}: {}: there is no class '{other}'", file.display(), word("id")),
        };
        Self {
            id: word("id"),
            section: word("section"),
            level: word("level"),
            text: word("text"),
            role: word("role"),
            class,
            operation: word("operation"),
            lines: list("lines").iter().flat_map(|range| unfolded(range)).collect(),
            tests: list("test"),
            excuse: word("excuse"),
            todo: word("todo"),
        }
    }

    pub(super) fn standard(&self) -> &str {
        self.section.split(' ').next().unwrap_or("")
    }

    pub(super) fn is_tested(&self) -> bool {
        !self.tests.is_empty() && self.excuse.is_empty() && self.todo.is_empty()
    }
}

/// `3.1-2..4` stands for 3.1-2, 3.1-3 and 3.1-4.
fn unfolded(range: &str) -> Vec<String> {
    let Some((section, numbers)) = range.rsplit_once('-') else { return vec![range.to_owned()] };
    let Some((first, last)) = numbers.split_once("..") else { return vec![range.to_owned()] };
    let (first, last): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
    (first..=last).map(|number| format!("{section}-{number}")).collect()
}

/// Whether a test of this name is written; whether it runs is seen at the end of a run.
fn exists(house: &Path, test: &str) -> bool {
    if let Some(check) = test.strip_prefix("run: ") {
        return below(&house.join("conformance"), &|content| {
            content.lines().filter_map(|line| line.trim().strip_prefix("check \"")).any(|rest| fits(rest, check))
        });
    }
    if let Some((binary, name)) = test.split_once(' ') {
        let (package, file) = binary
            .split_once("::")
            .map_or((binary, "src".to_owned()), |(package, file)| (package, format!("tests/{file}")));
        let folder = match package {
            "daftar" => house.to_owned(),
            "daftar-cmp" | "daftar-est" => house.join("protocols").join(&package["daftar-".len()..]),
            "daftar-certs" | "daftar-demo-ca" => house.join(&package["daftar-".len()..]),
            _ => return false,
        };
        let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
        let holds = |content: &str| content.contains(&function);
        let alone = folder.join(format!("{file}.rs"));
        return fs::read_to_string(alone).is_ok_and(|content| holds(&content)) || below(&folder.join(file), &holds);
    }
    let Some((file, name)) = test.split_once("::") else { return false };
    let content = fs::read_to_string(house.join(format!("tests/journeys/{file}.rs"))).unwrap_or_default();
    content.contains(&format!("fn {name}()"))
}

/// Whether `name` is what a shell makes of the text up to the closing quote; `$word` stands for anything.
fn fits(written: &str, name: &str) -> bool {
    let written = written.split('"').next().unwrap_or("");
    let mut parts = written.split('$');
    let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else { return false };
    let mut open = false;
    for part in parts {
        let part = part.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "_{}".contains(letter));
        open = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    open || rest.is_empty()
}

/// Whether a file below a folder holds what is looked for.
fn below(folder: &Path, holds: &dyn Fn(&str) -> bool) -> bool {
    files(folder).iter().any(|path| {
        if path.is_dir() { below(path, holds) } else { fs::read_to_string(path).is_ok_and(|content| holds(&content)) }
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

fn word(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const FOLDER: &str = "conformance/rfc";
const LEVELS: [&str; 12] = [
    "MUST",
    "MUST NOT",
    "SHALL",
    "SHALL NOT",
    "SHOULD",
    "SHOULD NOT",
    "REQUIRED",
    "RECOMMENDED",
    "PROHIBITED",
    "OPTIONAL",
    "MAY",
    "should",
];
/// RFC 9483 section 3.2 wins over RFC 9810 section 5.3.21 under a MAC, and section 3.6.4 is narrowed so that a known
/// transactionID is no weapon.
const EXCUSABLE: [&str; 2] = ["9810-5.3.21-ca-signs", "9483-3.6.4-terminated"];
