//! The file that names officers, for `daftar init` and `daftar officer add`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Failed;
use super::assemble::read_certificates;
use crate::duty::{Jobs, OfficerName};
use crate::registrar::{Candidate, Learned};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    officer: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    jobs: Vec<String>,
    certificate: PathBuf,
    #[serde(default)]
    learned: Vec<Training>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    course: String,
    passed: String,
    valid_until: Option<String>,
}

/// Reads the officers of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Candidate>, Failed> {
    let named = |fault: &dyn std::fmt::Display| Failed::new(format!("{}: {fault}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|fault| named(&fault))?;
    let file: Named = toml::from_str(&text).map_err(|fault| named(&fault))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let candidate = |entry: Entry| {
        let about = |fault: &dyn std::fmt::Display| named(&format!("'{}': {fault}", entry.name));
        Ok(Candidate {
            name: OfficerName::parse(&entry.name).map_err(|fault| about(&fault))?,
            jobs: Jobs::named(entry.jobs.iter().map(String::as_str)).map_err(|fault| about(&fault))?,
            chain: read_certificates(&folder.join(&entry.certificate))?,
            learned: entry
                .learned
                .iter()
                .map(|one| Learned::read(&one.course, &one.passed, one.valid_until.as_deref()))
                .collect::<Result<_, _>>()
                .map_err(|fault| about(&fault))?,
        })
    };
    file.officer.into_iter().map(candidate).collect()
}
