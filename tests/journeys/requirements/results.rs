//! What a run left behind: nextest's junit.xml or what `cargo test` said, and the lines PASS and FAIL of conformance.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Test -> whether it passed. A test that is not there did not run.
#[derive(Default)]
pub(super) struct Results(BTreeMap<String, bool>);

impl Results {
    pub(super) fn read<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let mut results = Self::default();
        for file in files {
            let content = fs::read_to_string(file).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
            if file.extension().is_some_and(|end| end == "xml") {
                results.add_junit(&content);
            } else {
                results.add_lines(&content);
            }
        }
        results
    }

    /// None when it did not run.
    pub(super) fn passed(&self, test: &str) -> Option<bool> {
        let (binary, name) = match test.split_once(' ') {
            Some(("run:", check)) => return self.0.get(&key("run:", check)).copied(),
            Some((binary, name)) => (binary, name),
            None => ("daftar::journeys", test),
        };
        self.0.get(&key(binary, name)).copied()
    }

    fn add_junit(&mut self, content: &str) {
        for case in content.split("<testcase ").skip(1) {
            let (head, rest) = case.split_once('>').unwrap_or((case, ""));
            let inner = if head.ends_with('/') { "" } else { rest.split("</testcase>").next().unwrap_or("") };
            // The names of tests are identifiers: nothing in them is escaped.
            let value = |text: &str| text.split('"').next().unwrap_or("").to_owned();
            let name = head.strip_prefix("name=\"").map(value);
            let binary = head.split_once("classname=\"").map(|(_, rest)| value(rest));
            let (Some(name), Some(binary)) = (name, binary) else { panic!("another form of junit.xml: {head}") };
            if !inner.contains("<skipped") {
                self.add(&binary, &name, !inner.contains("<failure") && !inner.contains("<error"));
            }
        }
    }

    /// `     Running tests/journeys.rs (target/debug/deps/journeys-0123456789abcdef)`, `test name ... ok`, `PASS what`
    fn add_lines(&mut self, content: &str) {
        let mut binary = String::new();
        for line in content.lines() {
            if let Some((_, file)) = line.trim_start().strip_prefix("Running ").and_then(|rest| rest.rsplit_once('/')) {
                file.rsplit_once('-').map_or("", |(name, _)| name).clone_into(&mut binary);
            } else if let Some((name, end)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
                if end == "ok" || end == "FAILED" {
                    self.add(&binary, name, end == "ok");
                }
            } else if let Some(what) = line.strip_prefix("PASS ") {
                self.add("run:", what, true);
            } else if let Some(what) = line.strip_prefix("FAIL ") {
                self.add("run:", what, false);
            }
        }
    }

    /// What failed once did not pass.
    fn add(&mut self, binary: &str, name: &str, passed: bool) {
        let before = self.0.entry(key(binary, name)).or_insert(true);
        *before &= passed;
    }
}

/// nextest says `daftar-cmp` and `daftar-cmp::vectors` where cargo's files are called `cmp` and `vectors`.
fn key(binary: &str, name: &str) -> String {
    let short = binary.rsplit("::").next().unwrap_or(binary);
    let short = short.strip_prefix("daftar-").unwrap_or(short).replace('-', "_");
    format!("{short} {name}")
}
