//! `daftar audit verify`: the log against its own hashes, and against what was signed of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tlog::{Hash, NoteKey, SignedCheckpoint};

use crate::cli::assemble::note_key;
use crate::cli::{Common, Failed, print};
use crate::config::Config;
use crate::store::Store;

/// What was signed, as far as it can be found.
#[derive(Default)]
struct Signed {
    roots: BTreeMap<u64, Hash>,
    read: u64,
    torn: usize,
}

pub(super) async fn run(config: &Config, common: &Common, store: &Store, files: &[PathBuf]) -> Result<(), Failed> {
    let mut signed = Signed::default();
    match &config.audit {
        Some(audit) => {
            let key = note_key(audit)?;
            let kept = store.newest_checkpoint().await.map_err(Failed::new)?;
            if let Some(kept) = kept {
                signed.take("the database", &kept.note, &key)?;
            }
            for file in if files.is_empty() { &audit.copies } else { files } {
                signed.file(file, &key, !files.is_empty())?;
            }
        }
        None if files.is_empty() => {}
        None => return Err(Failed::new("--checkpoints: without [audit] nothing tells whose checkpoints these are")),
    }
    let summary = store.verify_log(&signed.roots).await.map_err(Failed::new)?;
    let root = hex::encode(summary.root);
    let newest = signed.roots.last_key_value().map(|(size, _)| *size);
    if common.json {
        let summary = json!({
            "leaves": summary.leaves,
            "unnumbered": summary.unnumbered,
            "root": root,
            "checkpoints": signed.read,
            "torn": signed.torn,
            "signed": newest,
        });
        print(&summary.to_string());
        return Ok(());
    }
    print(&format!("{} leaves, {} unnumbered, root {root}", summary.leaves, summary.unnumbered));
    match newest {
        Some(newest) => print(&format!("{} checkpoints agree; {newest} leaves are signed", signed.read)),
        None => print("no checkpoint was compared: nothing tells whether the database was rolled back"),
    }
    if signed.torn > 0 {
        print(&format!(
            "{} pieces of checkpoints cannot be read, as a machine leaves them that lost its power",
            signed.torn
        ));
    }
    Ok(())
}

impl Signed {
    fn file(&mut self, path: &Path, key: &NoteKey, wanted: bool) -> Result<(), Failed> {
        let text = match std::fs::read(path) {
            // A power cut may have split a sign.
            Ok(octets) => String::from_utf8_lossy(&octets).into_owned(),
            // Before the first checkpoint there is no file.
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound && !wanted => return Ok(()),
            Err(fault) => return Err(Failed::new(format!("{}: {fault}", path.display()))),
        };
        let notes = tlog::checkpoints(&text, key.name());
        self.torn += notes.torn.len();
        notes.whole.iter().try_for_each(|note| self.take(&path.display().to_string(), note, key))
    }

    fn take(&mut self, place: &str, note: &str, key: &NoteKey) -> Result<(), Failed> {
        let number = self.read + 1;
        let read = SignedCheckpoint::parse(note, key)
            .map_err(|fault| Failed::new(format!("{place}: checkpoint {number} of those compared: {fault}")))?;
        let (size, root) = (read.checkpoint().size, read.checkpoint().root);
        if self.roots.insert(size, root).is_some_and(|before| before != root) {
            return Err(Failed::new(format!("{place}: two logs of {size} leaves were signed, and they differ")));
        }
        self.read = number;
        Ok(())
    }
}
