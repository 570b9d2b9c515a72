//! The report of a key ceremony: what is shown, kept under the data folder, and never written over.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::case::Millis;
use crate::cli::Failed;

/// What is told of an act, in the order in which it is told.
#[derive(Debug)]
pub(super) struct Report {
    at: Millis,
    verb: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    value: Value,
    /// How a person reads it, where that is not the value itself.
    words: Option<Vec<String>>,
}

/// A report on disk.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// SHA-256 of the file, which stands in the audit log.
    pub(super) hash: [u8; 32],
}

impl Report {
    pub(super) fn new(verb: &'static str, at: Millis) -> Self {
        let mut report = Self { at, verb, lines: Vec::new() };
        report.add("act", format!("daftar key {verb}"));
        report.add("time", at.to_string());
        report
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.lines.push(Line { name, value: value.into(), words: None });
    }

    /// A list: each entry for machines and for people.
    pub(super) fn add_list(&mut self, name: &'static str, entries: Vec<(Value, String)>) {
        let (values, words): (Vec<Value>, Vec<String>) = entries.into_iter().unzip();
        self.lines.push(Line { name, value: values.into(), words: Some(words) });
    }

    pub(super) fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| (line.name.to_owned(), line.value.clone()));
        Value::Object(lines.collect::<Map<_, _>>())
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
    }

    /// Writes the report into the folder: as JSON, or as text with room for the hands of those who were there.
    pub(super) fn keep(&self, folder: &Path, as_json: bool) -> Result<Kept, Failed> {
        let (ending, content) = if as_json {
            ("json", format!("{}\n", self.json()))
        } else {
            ("txt", format!("{}\n\nsigned (officer):\n\nsigned (witness):\n", self.text()))
        };
        let path = keep(folder, self.at, &format!("{}.{ending}", self.verb), content.as_bytes())?;
        Ok(Kept { path, hash: sha256(content.as_bytes()) })
    }
}

/// Writes a file that only its owner may read, under the moment and a name; one that is there already is left alone.
pub(super) fn keep(folder: &Path, at: Millis, name: &str, content: &[u8]) -> Result<PathBuf, Failed> {
    let named = |path: &Path, fault: &std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|fault| named(folder, &fault))?;
    // No colons: not every file system takes them.
    let moment = at.to_string().replace(':', "-");
    for number in 1..LIMIT {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{moment}{again}-{name}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(content).and_then(|()| file.sync_all());
                let written = written.and_then(|()| File::open(folder)?.sync_all());
                return written.map(|()| path.clone()).map_err(|fault| named(&path, &fault));
            }
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(named(&path, &fault)),
        }
    }
    Err(Failed::new(format!("{}: there are too many files of {moment}", folder.display())))
}

pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, octets).as_ref());
    hash
}

impl Line {
    fn text(&self) -> String {
        match (&self.words, &self.value) {
            (Some(words), _) => format!("{}:\n    {}", self.name, words.join("\n    ")),
            (None, Value::String(text)) => format!("{}: {text}", self.name),
            (None, value) => format!("{}: {value}", self.name),
        }
    }
}

/// Reports of one millisecond.
const LIMIT: usize = 100;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_report_is_never_written_over_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("ceremonies");
        let mut report = Report::new("generate", Millis(7));
        report.add("officer", "maryam");
        let first = report.keep(&kept, false).unwrap();
        let second = report.keep(&kept, false).unwrap();
        assert_ne!(first.path, second.path);
        assert_eq!(first.hash, sha256(&std::fs::read(&first.path).unwrap()));
        assert_eq!(std::fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);
        let name = first.path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name, "1970-01-01T00-00-00.007Z-generate.txt");
    }

    #[test]
    fn a_report_reads_like_a_form() {
        let mut report = Report::new("retire", Millis(0));
        report.add_list(
            "attributes",
            vec![(1.into(), "CKA_LOCAL true".to_owned()), (2.into(), "CKA_SIGN true".to_owned())],
        );
        let text = report.text();
        assert!(text.ends_with("attributes:\n    CKA_LOCAL true\n    CKA_SIGN true"), "{text}");
        assert_eq!(report.json()["attributes"], serde_json::json!([1, 2]));
    }
}
