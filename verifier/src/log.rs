//! A whole log, made anew from its entries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tlog::{Canonical, Frontier, Hash, NoteKey, SignedCheckpoint, leaf_hash};

/// Checks an exported log, and tells what it is.
pub(super) fn check(folder: &Path, since: &[PathBuf], key: &NoteKey) -> Result<String, String> {
    let mut signed = BTreeMap::new();
    let newest = checkpoint(&folder.join("checkpoint"), key, &mut signed)?;
    let mut compared = 1;
    for file in since {
        compared += file_of_checkpoints(file, key, &mut signed)?;
    }
    let mut frontier = Frontier::new();
    hold(&frontier, &signed)?;
    for tile in tlog::tiles(newest).take_while(|tile| tile.level == 0) {
        let (hashes, path) = (super::read(&folder.join(tile.path()))?, folder.join(tile.entries_path()));
        let bundle = super::read(&path)?;
        let entries = tlog::entries(&bundle, tile.width).map_err(|fault| format!("{}: {fault}", path.display()))?;
        for (place, entry) in entries.into_iter().enumerate() {
            let number = frontier.size();
            Canonical::parse(entry).map_err(|fault| format!("{}: leaf {number}: {fault}", path.display()))?;
            let hash = leaf_hash(entry);
            if hashes.get(32 * place..32 * (place + 1)) != Some(hash.as_slice()) {
                return Err(format!("{}: leaf {number} is not the one of the tile beside it", path.display()));
            }
            frontier.push(hash, |_, _| {});
            hold(&frontier, &signed)?;
        }
    }
    if let Some((size, _)) = signed.last_key_value().filter(|(size, _)| **size > frontier.size()) {
        return Err(format!("the log has {} leaves here, and one of {size} was signed: it was cut", frontier.size()));
    }
    Ok(format!(
        "PROVEN: the log of '{}' has {} leaves, root {}; {compared} checkpoints agree",
        key.name(),
        frontier.size(),
        hex::encode(frontier.root())
    ))
}

fn hold(frontier: &Frontier, signed: &BTreeMap<u64, Hash>) -> Result<(), String> {
    match signed.get(&frontier.size()) {
        Some(root) if *root != frontier.root() => {
            Err(format!("the first {} leaves are not those that were signed: the log was changed", frontier.size()))
        }
        _ => Ok(()),
    }
}

fn checkpoint(path: &Path, key: &NoteKey, signed: &mut BTreeMap<u64, Hash>) -> Result<u64, String> {
    let note = String::from_utf8(super::read(path)?).map_err(|fault| format!("{}: {fault}", path.display()))?;
    take(&note, key, signed).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn file_of_checkpoints(path: &Path, key: &NoteKey, signed: &mut BTreeMap<u64, Hash>) -> Result<u64, String> {
    let octets = super::read(path)?;
    let text = String::from_utf8_lossy(&octets);
    let mut taken = 0;
    for note in tlog::checkpoints(&text, key.name()).whole {
        taken += 1;
        take(note, key, signed).map_err(|fault| format!("{}: checkpoint {taken}: {fault}", path.display()))?;
    }
    Ok(taken)
}

fn take(note: &str, key: &NoteKey, signed: &mut BTreeMap<u64, Hash>) -> Result<u64, String> {
    let read = SignedCheckpoint::parse(note, key).map_err(|fault| fault.to_string())?;
    let (size, root) = (read.checkpoint().size, read.checkpoint().root);
    if signed.insert(size, root).is_some_and(|before| before != root) {
        return Err(format!("two logs of {size} leaves were signed, and they differ"));
    }
    Ok(size)
}
