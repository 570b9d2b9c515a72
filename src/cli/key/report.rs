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
    lines: Vec<(&'static str, Value)>,
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
        let lines = vec![("act", format!("daftar key {verb}").into()), ("time", at.to_string().into())];
        Self { at, verb, lines }
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.lines.push((name, value.into()));
    }

    pub(super) fn json(&self) -> Value {
        let lines = self.lines.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(lines.collect::<Map<_, _>>())
    }

    pub(super) fn text(&self) -> String {
        let line = |(name, value): &(&str, Value)| match value {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| format!("\n    {}", one_line(item))).collect();
                format!("{name}:{}", items.concat())
            }
            value => format!("{name}: {}", one_line(value)),
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
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

fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "not told".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} {}", one_line(value))).collect();
            fields.join(", ")
        }
        Value::Array(items) => items.iter().map(one_line).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
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
        report.add("attributes", serde_json::json!([{ "attribute": "CKA_LOCAL", "value": null }]));
        let text = report.text();
        assert!(text.ends_with("attributes:\n    attribute CKA_LOCAL, value not told"), "{text}");
    }
}
