//! The tables `leaf`, `leaf_detail` and `tree_node`: writing leaves, and the sequencer that numbers them (DESIGN rule 7).

use std::fmt::Write as _;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::batch::Batch;
use super::columns::Columns;
use super::{Error, Store};
use crate::audit::{Frontier, Hash, Leaf, Node};
use crate::case::Millis;

/// One step of the sequencer.
#[derive(Debug)]
pub(super) struct Numbering {
    pub(super) node: String,
    pub(super) now: Millis,
}

impl Store {
    /// When the oldest leaf without a number was written.
    pub async fn oldest_unnumbered_leaf(&self) -> Result<Option<Millis>, Error> {
        let query = sqlx::query("SELECT at FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT 1");
        let row = query.fetch_optional(&self.readers).await?;
        row.map(|row| Columns(&row).moment("at")).transpose()
    }
}

impl Numbering {
    /// Numbers leaves that have no number, in the order of time, and extends the tree by them. Without the lease: none.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<usize, Error> {
        if !self.take_lease(connection).await? {
            return Ok(0);
        }
        let leaves = unnumbered(connection).await?;
        if leaves.is_empty() {
            return Ok(0);
        }
        let mut frontier = frontier(connection).await?;
        let first = frontier.size();
        let mut nodes = String::from("[");
        for hash in &leaves {
            frontier.push(*hash, |node, hash| {
                let comma = if nodes.len() > 1 { "," } else { "" };
                // Writing to a String does not fail.
                let _ = write!(nodes, "{comma}[{},{},\"{}\"]", node.level, node.index, hex::encode(hash));
            });
        }
        nodes.push(']');
        number(first, connection).await?;
        sqlx::query(
            "INSERT INTO tree_node (level, position, hash) SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?)",
        )
        .bind(nodes)
        .execute(connection)
        .await?;
        Ok(leaves.len())
    }

    /// One sequencer at a time, also when nodes share a database.
    async fn take_lease(&self, connection: &mut SqliteConnection) -> Result<bool, Error> {
        let query = sqlx::query(
            "INSERT INTO lease (name, owner, until) VALUES ('sequencer', ?1, ?2) ON CONFLICT (name) DO UPDATE SET \
             owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until <= ?3",
        );
        let query = query.bind(self.node.as_str()).bind(self.now.plus(LEASE).0).bind(self.now.0);
        Ok(query.execute(connection).await?.rows_affected() > 0)
    }
}

async fn unnumbered(connection: &mut SqliteConnection) -> Result<Vec<Hash>, Error> {
    let query = sqlx::query("SELECT hash FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT ?").bind(STEP);
    query.fetch_all(connection).await?.iter().map(hash).collect()
}

/// The same leaves in the same order as [`unnumbered`].
async fn number(first: u64, connection: &mut SqliteConnection) -> Result<(), Error> {
    let first = i64::try_from(first).map_err(|_| Error::Damaged("number"))?;
    sqlx::query(
        "UPDATE leaf SET number = ?1 + ranked.rank FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY at, id) - 1 AS rank FROM leaf \
         WHERE number IS NULL ORDER BY at, id LIMIT ?2) AS ranked WHERE leaf.seq = ranked.seq",
    )
    .bind(first)
    .bind(STEP)
    .execute(connection)
    .await?;
    Ok(())
}

/// The right edge of the stored tree.
pub(super) async fn frontier(connection: &mut SqliteConnection) -> Result<Frontier, Error> {
    let query = sqlx::query("SELECT COALESCE(MAX(number) + 1, 0) AS size FROM leaf WHERE number IS NOT NULL");
    let size = Columns(&query.fetch_one(&mut *connection).await?).count("size")?;
    let mut peaks = Vec::new();
    for place in Frontier::places(size) {
        peaks.push(node(place, connection).await?.ok_or(Error::Damaged("tree_node.hash"))?);
    }
    Frontier::of(size, peaks).ok_or(Error::Damaged("tree_node.hash"))
}

/// The hash of a complete subtree; a leaf's stands in its own row.
async fn node(place: Node, connection: &mut SqliteConnection) -> Result<Option<Hash>, Error> {
    let index = i64::try_from(place.index).map_err(|_| Error::Damaged("tree_node.position"))?;
    let query = match place.level {
        0 => sqlx::query("SELECT hash FROM leaf WHERE number = ?"),
        level => sqlx::query("SELECT hash FROM tree_node WHERE level = ? AND position = ?").bind(level),
    };
    query.bind(index).fetch_optional(connection).await?.as_ref().map(hash).transpose()
}

pub(super) fn append(leaf: &Leaf, batch: &mut Batch) {
    let canonical = leaf.canonical();
    let hash = crate::audit::leaf_hash(&canonical);
    batch
        .must_change("INSERT INTO leaf (id, at, hash, canonical) VALUES (?, ?, ?, ?); ")
        .bind(leaf.id.as_bytes().as_slice())
        .bind(leaf.at.0)
        .bind(hash.as_slice())
        .bind(canonical);
    for detail in leaf.details() {
        batch
            .must_change("INSERT INTO leaf_detail (leaf_id, position, name, salt, value) VALUES (?, ?, ?, ?, ?); ")
            .bind(leaf.id.as_bytes().as_slice())
            .bind(i64::try_from(detail.position).unwrap_or(i64::MAX))
            .bind(detail.name)
            .bind(detail.salt.as_slice())
            .bind(detail.value);
    }
}

fn hash(row: &SqliteRow) -> Result<Hash, Error> {
    Columns(row).octets("hash")
}

/// How long a sequencer that says nothing keeps its post (DESIGN rule 7: 10 s turn `/readyz` red).
const LEASE: i64 = 10_000;

/// Bounds the transaction; what is left is numbered in the next step.
const STEP: i64 = 4096;
