//! `daftar audit export`: the log as files that anybody may have, as C2SP tlog-tiles lays them out.

use std::path::Path;

use serde_json::json;
use tlog::{Hash, Node, Tile};

use crate::cli::{Common, Failed, print};
use crate::config::Config;
use crate::store::Store;

pub(super) async fn run(config: &Config, common: &Common, store: &Store, to: &Path) -> Result<(), Failed> {
    if config.audit.is_none() {
        return Err(Failed::new("the audit log is not signed, so that nobody could check the export: see [audit]"));
    }
    let checkpoint = store.newest_checkpoint().await.map_err(Failed::new)?;
    let checkpoint = checkpoint.ok_or_else(|| Failed::new("no checkpoint of the audit log was signed yet"))?;
    let mut written = 0_u64;
    for tile in tlog::tiles(checkpoint.size) {
        let path = to.join(tile.path());
        // What is full never changes, and a partial tile has its width in its name.
        if !path.exists() {
            write(&path, &hashes(store, tile).await?.concat())?;
            written += 1;
        }
        let path = to.join(tile.entries_path());
        if tile.level == 0 && !path.exists() {
            let entries = store.log_entries(tile.index * 256, tile.width.into()).await.map_err(Failed::new)?;
            let bundle = tlog::bundle(entries.iter().map(Vec::as_slice)).map_err(Failed::new)?;
            write(&path, &bundle)?;
            written += 1;
        }
    }
    // Last, so that what it promises is there.
    write(&to.join("checkpoint"), checkpoint.note.as_bytes())?;
    if common.json {
        print(
            &json!({ "leaves": checkpoint.size, "root": hex::encode(checkpoint.root), "files": written }).to_string(),
        );
    } else {
        print(&format!("{} leaves, {written} new files in {}", checkpoint.size, to.display()));
    }
    Ok(())
}

/// The hashes of a tile: those of the complete subtrees of 256^level leaves.
async fn hashes(store: &Store, tile: Tile) -> Result<Vec<Hash>, Failed> {
    let mut hashes = Vec::new();
    for place in 0..u64::from(tile.width) {
        let node = Node { level: 8 * tile.level, index: tile.index * 256 + place };
        let hash = store.log_node(node).await.map_err(Failed::new)?;
        let missing = || Failed::new("a node of the log's tree is not there; `daftar audit verify` tells which");
        hashes.push(hash.ok_or_else(missing)?);
    }
    Ok(hashes)
}

/// There is no moment with half a file.
fn write(path: &Path, octets: &[u8]) -> Result<(), Failed> {
    let named = |fault: std::io::Error| Failed::new(format!("{}: {fault}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(named)?;
    let unfinished = folder.join(".unfinished");
    std::fs::write(&unfinished, octets).map_err(named)?;
    std::fs::rename(&unfinished, path).map_err(named)
}
