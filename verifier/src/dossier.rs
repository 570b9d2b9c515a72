//! What a log says of a case, for people.

use std::fmt::Write as _;
use std::path::Path;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tlog::{Dossier, Fact, NoteKey, Proven};

/// Checks a dossier, and gives what it says.
pub(super) fn check(file: &Path, key: &NoteKey) -> Result<String, String> {
    let named = |fault: &dyn std::fmt::Display| format!("{}: {fault}", file.display());
    let dossier: Dossier = serde_json::from_slice(&super::read(file)?).map_err(|fault| named(&fault))?;
    let proven = dossier.verify(key).map_err(|fault| named(&fault))?;
    let mut text = String::new();
    for leaf in &proven {
        show(leaf, &mut text);
    }
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "PROVEN: each of these {} leaves stands at its place in the log of '{}'. That they are all that it says of case {}, the whole \
         log tells (`daftar-verify log`).",
        proven.len(),
        key.name(),
        dossier.case
    );
    Ok(text)
}

fn show(proven: &Proven<'_>, text: &mut String) {
    let Proven { index, size, leaf, revealed } = proven;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(leaf.at()) * 1_000_000);
    let at = at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{} ms", leaf.at()));
    let _ =
        writeln!(text, "leaf {index} of {size}: {at}  {}  by {} at node {}", leaf.kind(), leaf.actor(), leaf.node());
    for (position, fact) in leaf.facts().iter().enumerate() {
        let known = revealed.iter().find(|revealed| revealed.position == position);
        let _ = writeln!(text, "  {}: {}", fact.name(), said(fact, known.map(|known| known.value.as_str())));
    }
}

fn said(fact: &Fact, revealed: Option<&str>) -> String {
    // Nothing in it moves a terminal's cursor.
    let plain = |text: &str| text.chars().map(|sign| if sign.is_control() { '\u{fffd}' } else { sign }).collect();
    match (fact.text(), revealed) {
        (Some(text), _) | (None, Some(text)) => plain(text),
        (None, None) if fact.is_personal() => "not shown, or destroyed".to_owned(),
        (None, None) => hex::encode(fact.digest().unwrap_or_default()),
    }
}
