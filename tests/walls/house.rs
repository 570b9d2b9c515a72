//! The files of the house.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every text that a wall looks at, by its name relative to the root, with slashes.
pub(crate) struct House(BTreeMap<String, String>);

impl House {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut house = Self(BTreeMap::new());
        for part in PARTS {
            house.take(&root.join(part), part);
        }
        house
    }

    /// A file that must be there.
    pub(crate) fn text(&self, file: &str) -> &str {
        self.0.get(file).unwrap_or_else(|| panic!("{file} is not there"))
    }

    /// The names that begin so.
    pub(crate) fn files(&self, root: &str) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(move |file| file.starts_with(root))
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &str> {
        self.files("").filter(|file| is_rust(file))
    }

    fn take(&mut self, path: &Path, name: &str) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap().file_name();
                let entry = entry.to_str().expect("a name in UTF-8");
                if !entry.starts_with('.') && !PASSED.contains(&entry) {
                    self.take(&path.join(entry), &format!("{name}/{entry}"));
                }
            }
        } else if is_rust(name) || name.ends_with("Cargo.toml") || name == "Cargo.lock" {
            self.0.insert(name.to_owned(), fs::read_to_string(path).unwrap());
        }
    }
}

/// Whether this is the name of a Rust file.
pub(crate) fn is_rust(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "rs")
}

/// Fails with every breach, not with the first.
pub(crate) fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

const PARTS: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "certs",
    "tlog",
    "protocols",
    "verifier",
    "demo-ca",
    "tests",
    "benches",
    "fuzz",
    "conformance",
];

/// What is made, not written.
const PASSED: [&str; 4] = ["target", "vectors", "corpus", "artifacts"];
