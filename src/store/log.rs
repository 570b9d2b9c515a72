//! The audit log checked from its first byte: every hash is made anew from canonical bytes.

use std::collections::BTreeMap;

use tlog::{Canonical, Damaged, Frontier, Hash, Node, leaf_hash};

use super::columns::Columns;
use super::leaves::NODE_HASH;
use super::look::{Look, at_once};
use super::values::values;
use super::{Backend, Error, Store};

/// A log that verifies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogSummary {
    /// How many leaves have a number: the size of the tree.
    pub leaves: u64,
    /// The root of the tree.
    pub root: [u8; 32],
    /// How many leaves wait for their number.
    pub unnumbered: u64,
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFault {
    /// A number is missing.
    #[error("leaf {number} is not there")]
    Gap {
        /// Which.
        number: u64,
    },
    /// The stored hash of a leaf is not that of its canonical bytes.
    #[error("a leaf is not what it was when it was written (number: {number:?})")]
    Leaf {
        /// Its number, if it has one.
        number: Option<u64>,
    },
    /// The canonical bytes of a leaf cannot be read.
    #[error("a leaf cannot be read (number: {number:?}): {cause}")]
    Unreadable {
        /// Its number, if it has one.
        number: Option<u64>,
        /// Why.
        cause: Damaged,
    },
    /// A checkpoint was signed of another log than this one.
    #[error("the log is not the one that was signed: at {size} leaves its tree had another root")]
    Checkpoint {
        /// The size of the tree that was signed.
        size: u64,
    },
    /// A checkpoint was signed of a longer log.
    #[error(
        "the log has {leaves} leaves, and one of {signed} was signed: the database was rolled back, or leaves were removed"
    )]
    Shorter {
        /// How many leaves have a number.
        leaves: u64,
        /// The size of the tree that was signed.
        signed: u64,
    },
    /// A stored node of the tree is missing or is not that of its leaves.
    #[error("the node {index} of level {level} is not that of its leaves")]
    Node {
        /// Its level.
        level: u8,
        /// Its index in the level.
        index: u64,
    },
    /// There are nodes that no leaf is below of.
    #[error("the tree holds {0} nodes too many")]
    Surplus(u64),
    /// The value beside a leaf is not the one that the leaf commits to.
    #[error("the detail {position} of the leaf {leaf} is not what was recorded")]
    Detail {
        /// The leaf's identifier.
        leaf: String,
        /// The place of the fact.
        position: u64,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Checks the whole audit log against its canonical bytes, and against the roots that were signed at some of its sizes, as it
    /// stands at one moment.
    pub async fn verify_log(&self, signed: &BTreeMap<u64, Hash>) -> Result<LogSummary, LogFault> {
        // One transaction: one moment, whatever is written meanwhile.
        match &self.backend {
            Backend::Sqlite { readers, .. } => {
                let signed = signed.clone();
                readers
                    .aside(move |connection| {
                        let moment = connection.transaction().map_err(Error::from)?;
                        at_once(check(&signed, &*moment))
                    })
                    .await
            }
            Backend::Postgres(postgres) => {
                let moment = postgres.moment().await?;
                let summary = check(signed, &moment).await?;
                moment.end().await?;
                Ok(summary)
            }
        }
    }
}

pub(super) async fn check(signed: &BTreeMap<u64, Hash>, look: &impl Look) -> Result<LogSummary, LogFault> {
    let mut frontier = Frontier::new();
    as_signed(&frontier, signed)?;
    let mut nodes_made = 0;
    // Leaves are read in steps, so that what is remembered of them stays small.
    loop {
        let leaves = numbered_leaves(frontier.size(), look).await?;
        if leaves.is_empty() {
            break;
        }
        let mut made = Vec::new();
        for (number, hash) in leaves {
            if number != frontier.size() {
                return Err(LogFault::Gap { number: frontier.size() });
            }
            frontier.push(hash, |node, hash| made.push((node, hash)));
            as_signed(&frontier, signed)?;
        }
        nodes_made += made.len() as u64;
        for (node, hash) in made {
            compare(node, hash, look).await?;
        }
    }
    if let Some((&signed, _)) = signed.last_key_value().filter(|(size, _)| **size > frontier.size()) {
        return Err(LogFault::Shorter { leaves: frontier.size(), signed });
    }
    let stored =
        look.find("SELECT COUNT(*) AS count FROM tree_node", &[], |row| row.count("count")).await?.unwrap_or(0);
    if stored != nodes_made {
        return Err(LogFault::Surplus(stored.saturating_sub(nodes_made)));
    }
    let unnumbered = unnumbered_leaves(look).await?;
    details(look).await?;
    Ok(LogSummary { leaves: frontier.size(), root: frontier.root(), unnumbered })
}

/// A root that was signed is the root.
fn as_signed(frontier: &Frontier, signed: &BTreeMap<u64, Hash>) -> Result<(), LogFault> {
    match signed.get(&frontier.size()) {
        Some(root) if *root != frontier.root() => Err(LogFault::Checkpoint { size: frontier.size() }),
        _ => Ok(()),
    }
}

async fn numbered_leaves(from: u64, look: &impl Look) -> Result<Vec<(u64, Hash)>, LogFault> {
    let from = i64::try_from(from).map_err(|_| Error::Damaged("number"))?;
    let query = "SELECT id, at, number, hash, canonical FROM leaf WHERE number >= ? ORDER BY number LIMIT ?";
    let mut found = Vec::new();
    let keep = |row: &Columns<'_>| {
        let (number, hash) = checked(row)?;
        found.push((number.unwrap_or_default(), hash));
        Ok::<(), LogFault>(())
    };
    look.each(query, values![from, STEP], keep).await?;
    Ok(found)
}

async fn unnumbered_leaves(look: &impl Look) -> Result<u64, LogFault> {
    let mut found = 0;
    let keep = |row: &Columns<'_>| {
        found += 1;
        checked(row).map(drop)
    };
    look.each("SELECT id, at, number, hash, canonical FROM leaf WHERE number IS NULL", &[], keep).await?;
    Ok(found)
}

/// A leaf whose stored hash is that of its canonical bytes, and whose canonical bytes can be read.
fn checked(row: &Columns<'_>) -> Result<(Option<u64>, Hash), LogFault> {
    let number = row.maybe_count("number")?;
    let canonical = row.bytes("canonical")?.ok_or(Error::Damaged("canonical"))?;
    let hash = leaf_hash(canonical);
    if row.octets("hash")? != hash {
        return Err(LogFault::Leaf { number });
    }
    let leaf = Canonical::parse(canonical).map_err(|cause| LogFault::Unreadable { number, cause })?;
    // The columns only find the leaf; what they say must be what the bytes say.
    if row.bytes("id")? != Some(leaf.id()) || row.value::<i64>("at")? != leaf.at() {
        return Err(LogFault::Leaf { number });
    }
    Ok((number, hash))
}

async fn compare(node: Node, hash: Hash, look: &impl Look) -> Result<(), LogFault> {
    let index = i64::try_from(node.index).map_err(|_| Error::Damaged("position"))?;
    let stored = look.find(NODE_HASH, values![node.level, index], |row| row.octets("hash")).await?;
    if stored == Some(hash) { Ok(()) } else { Err(LogFault::Node { level: node.level, index: node.index }) }
}

/// What still stands behind commitments must be what was committed to; what was destroyed is not missed.
async fn details(look: &impl Look) -> Result<(), LogFault> {
    let query = "SELECT leaf_detail.leaf_id, leaf_detail.position, leaf_detail.name, leaf_detail.salt, leaf_detail.value, \
                 leaf.canonical FROM leaf_detail LEFT JOIN leaf ON leaf.id = leaf_detail.leaf_id";
    let compared = |row: &Columns<'_>| {
        let position: u64 = row.count("position")?;
        let kept = match row.bytes("canonical")? {
            None => false,
            Some(canonical) => Canonical::parse(canonical).is_ok_and(|leaf| {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                match (row.text("name"), row.bytes("salt"), row.text("value")) {
                    (Ok(name), Ok(Some(salt)), Ok(value)) => leaf.commits_to(position, name, salt, value),
                    _ => false,
                }
            }),
        };
        if kept {
            return Ok(());
        }
        let leaf = hex::encode(row.bytes("leaf_id")?.unwrap_or_default());
        Err(LogFault::Detail { leaf, position })
    };
    look.each(query, &[], compared).await
}

const STEP: i64 = 1024;
