//! `daftar audit prove`: a dossier of a case.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tlog::{Canonical, Dossier, Hash, Node, Record, Revealed, Statement};

use crate::case::CaseId;
use crate::cli::{Failed, print};
use crate::config::Config;
use crate::store::{CaseLeaf, Checkpoint, Store};

pub(super) async fn run(config: &Config, store: &Store, case: &str, out: Option<&Path>) -> Result<(), Failed> {
    let case = CaseId::parse(case)
        .ok_or_else(|| Failed::new(format!("'{case}' is not an identifier; `daftar case list` shows them")))?;
    if config.audit.is_none() {
        return Err(Failed::new("the audit log is not signed, so that nothing can be proven to others: see [audit]"));
    }
    let checkpoint = store.newest_checkpoint().await.map_err(Failed::new)?;
    let checkpoint = checkpoint.ok_or_else(|| Failed::new("no checkpoint of the audit log was signed yet"))?;
    let mut leaves = Vec::new();
    for leaf in store.leaves_naming(case).await.map_err(Failed::new)? {
        let read = Canonical::parse(&leaf.canonical).map_err(Failed::new)?;
        if read.case() != Some(case.as_bytes()) {
            continue;
        }
        if leaf.number >= checkpoint.size {
            return Err(Failed::new("the newest leaf of the case is not signed yet: try again in a second"));
        }
        leaves.push(record(store, &leaf, &checkpoint).await?);
    }
    if leaves.is_empty() {
        return Err(Failed::new(format!("the log says nothing of case {case}")));
    }
    let dossier = Dossier { format: Dossier::FORMAT.to_owned(), case: case.to_string(), leaves };
    let text = serde_json::to_string_pretty(&dossier).map_err(Failed::new)?;
    let Some(out) = out else {
        print(&text);
        return Ok(());
    };
    let written = std::fs::File::create_new(out)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|fault| Failed::new(format!("{}: {fault}", out.display())))?;
    print(&format!("{}: {} leaves of case {case}", out.display(), dossier.leaves.len()));
    Ok(())
}

async fn record(store: &Store, leaf: &CaseLeaf, checkpoint: &Checkpoint) -> Result<Record, Failed> {
    let statement = Statement {
        index: leaf.number,
        path: path(store, leaf.number, checkpoint.size).await?,
        checkpoint: checkpoint.note.clone(),
    };
    let details = store.details(leaf.id).await.map_err(Failed::new)?;
    let revealed = details.into_iter().map(|detail| Revealed {
        position: detail.position,
        name: detail.name,
        salt: hex::encode(detail.salt),
        value: detail.value,
    });
    Ok(Record {
        canonical: STANDARD.encode(&leaf.canonical),
        revealed: revealed.collect(),
        proof: statement.to_string(),
    })
}

/// The way from a leaf to the root, once its nodes are known.
async fn path(store: &Store, index: u64, size: u64) -> Result<Vec<Hash>, Failed> {
    let asked = std::cell::RefCell::new(Vec::new());
    let note = |node: Node| {
        asked.borrow_mut().push(node);
        Some([0; 32])
    };
    // What it looks at is what is needed.
    let _ = tlog::inclusion(&note, index, size);
    let mut nodes = BTreeMap::new();
    for node in asked.into_inner() {
        let hash = store.log_node(node).await.map_err(Failed::new)?;
        nodes.extend(hash.map(|hash| (node, hash)));
    }
    let found = tlog::inclusion(&|node: Node| nodes.get(&node).copied(), index, size);
    found.ok_or_else(|| Failed::new("a node of the log's tree is not there; `daftar audit verify` tells which"))
}
