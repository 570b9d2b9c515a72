//! The audit log checked from its first byte: every hash is made anew from canonical bytes.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};

use super::columns::Columns;
use super::{Error, Store};
use crate::audit::{Canonical, Damaged, Frontier, Hash, Node, leaf_hash};

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
    /// Checks the whole audit log against its canonical bytes, as it stands at one moment.
    pub async fn verify_log(&self) -> Result<LogSummary, LogFault> {
        let mut connection = self.readers.acquire().await.map_err(Error::from)?;
        // One transaction: one moment, whatever is written meanwhile.
        let mut moment = connection.begin().await.map_err(Error::from)?;
        let summary = check(&mut moment).await;
        moment.rollback().await.map_err(Error::from)?;
        summary
    }
}

async fn check(connection: &mut SqliteConnection) -> Result<LogSummary, LogFault> {
    let mut frontier = Frontier::new();
    let mut nodes_made = 0;
    // Leaves are read in steps, so that the nodes that each step makes can be compared on the same connection.
    loop {
        let leaves = numbered_leaves(frontier.size(), connection).await?;
        if leaves.is_empty() {
            break;
        }
        let mut made = Vec::new();
        for (number, hash) in leaves {
            if number != frontier.size() {
                return Err(LogFault::Gap { number: frontier.size() });
            }
            frontier.push(hash, |node, hash| made.push((node, hash)));
        }
        nodes_made += made.len() as u64;
        for (node, hash) in made {
            compare(node, hash, connection).await?;
        }
    }
    let stored = count("SELECT COUNT(*) AS found FROM tree_node", connection).await?;
    if stored != nodes_made {
        return Err(LogFault::Surplus(stored.saturating_sub(nodes_made)));
    }
    let unnumbered = unnumbered_leaves(connection).await?;
    details(connection).await?;
    Ok(LogSummary { leaves: frontier.size(), root: frontier.root(), unnumbered })
}

async fn numbered_leaves(from: u64, connection: &mut SqliteConnection) -> Result<Vec<(u64, Hash)>, LogFault> {
    let from = i64::try_from(from).map_err(|_| Error::Damaged("number"))?;
    let query =
        sqlx::query("SELECT id, at, number, hash, canonical FROM leaf WHERE number >= ? ORDER BY number LIMIT ?");
    let rows = query.bind(from).bind(STEP).fetch_all(connection).await.map_err(Error::from)?;
    rows.iter().map(|row| checked(row).map(|(number, hash)| (number.unwrap_or_default(), hash))).collect()
}

async fn unnumbered_leaves(connection: &mut SqliteConnection) -> Result<u64, LogFault> {
    let mut rows =
        sqlx::query("SELECT id, at, number, hash, canonical FROM leaf WHERE number IS NULL").fetch(connection);
    let mut found = 0;
    while let Some(row) = rows.try_next().await.map_err(Error::from)? {
        checked(&row)?;
        found += 1;
    }
    Ok(found)
}

/// A leaf whose stored hash is that of its canonical bytes, and whose canonical bytes can be read.
fn checked(row: &SqliteRow) -> Result<(Option<u64>, Hash), LogFault> {
    let row = Columns(row);
    let number = row.maybe_count("number")?;
    let canonical: &[u8] = row.value("canonical")?;
    let hash = leaf_hash(canonical);
    if row.octets("hash")? != hash {
        return Err(LogFault::Leaf { number });
    }
    let leaf = Canonical::parse(canonical).map_err(|cause| LogFault::Unreadable { number, cause })?;
    // The columns only find the leaf; what they say must be what the bytes say.
    if row.value::<&[u8]>("id")? != leaf.id() || row.value::<i64>("at")? != leaf.at() {
        return Err(LogFault::Leaf { number });
    }
    Ok((number, hash))
}

async fn compare(node: Node, hash: Hash, connection: &mut SqliteConnection) -> Result<(), LogFault> {
    let index = i64::try_from(node.index).map_err(|_| Error::Damaged("position"))?;
    let query = sqlx::query("SELECT hash FROM tree_node WHERE level = ? AND position = ?").bind(node.level).bind(index);
    let row = query.fetch_optional(connection).await.map_err(Error::from)?;
    let stored = row.map(|row| Columns(&row).octets("hash")).transpose()?;
    if stored == Some(hash) { Ok(()) } else { Err(LogFault::Node { level: node.level, index: node.index }) }
}

/// What still stands behind commitments must be what was committed to; what was destroyed is not missed.
async fn details(connection: &mut SqliteConnection) -> Result<(), LogFault> {
    let mut rows = sqlx::query(
        "SELECT leaf_detail.leaf_id, leaf_detail.position, leaf_detail.name, leaf_detail.salt, leaf_detail.value, \
         leaf.canonical FROM leaf_detail \
         LEFT JOIN leaf ON leaf.id = leaf_detail.leaf_id",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(Error::from)? {
        let row = Columns(&row);
        let position: u64 = row.count("position")?;
        let kept = match row.value::<Option<&[u8]>>("canonical")? {
            None => false,
            Some(canonical) => Canonical::parse(canonical).is_ok_and(|leaf| {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                match (row.value::<&str>("name"), row.value::<&[u8]>("salt"), row.value::<&str>("value")) {
                    (Ok(name), Ok(salt), Ok(value)) => leaf.commits_to(position, name, salt, value),
                    _ => false,
                }
            }),
        };
        if !kept {
            let leaf = hex::encode(row.value::<&[u8]>("leaf_id")?);
            return Err(LogFault::Detail { leaf, position });
        }
    }
    Ok(())
}

async fn count(sql: &'static str, connection: &mut SqliteConnection) -> Result<u64, Error> {
    Columns(&sqlx::query(sql).fetch_one(connection).await?).count("found")
}

const STEP: i64 = 1024;
