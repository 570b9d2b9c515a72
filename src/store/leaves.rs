//! The tables `leaf`, `leaf_detail` and `tree_node`: writing leaves, and the sequencer that numbers them (DESIGN rule 7).

use std::fmt::Write as _;

use rusqlite::{Connection, params};

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::readers::{find, list};
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
        self.find("SELECT at FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT 1", (), |row| row.moment("at")).await
    }
}

impl Numbering {
    /// Numbers leaves that have no number, in the order of time, and extends the tree by them. Without the lease: none.
    pub(super) fn run(&self, connection: &Connection) -> Result<usize, Error> {
        if !self.take_lease(connection)? {
            return Ok(0);
        }
        let leaves = unnumbered(connection)?;
        if leaves.is_empty() {
            return Ok(0);
        }
        let mut frontier = frontier(connection)?;
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
        number(first, connection)?;
        connection.prepare_cached(
            "INSERT INTO tree_node (level, position, hash) SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?)",
        )?.execute((nodes,))?;
        Ok(leaves.len())
    }

    /// One sequencer at a time, also when nodes share a database.
    fn take_lease(&self, connection: &Connection) -> Result<bool, Error> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO lease (name, owner, until) VALUES ('sequencer', ?1, ?2) ON CONFLICT (name) DO UPDATE SET \
             owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until <= ?3",
        )?;
        Ok(statement.execute((&self.node, self.now.plus(LEASE).0, self.now.0))? > 0)
    }
}

fn unnumbered(connection: &Connection) -> Result<Vec<Hash>, Error> {
    list(connection, "SELECT hash FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT ?", (STEP,), hash)
}

/// The same leaves in the same order as [`unnumbered`].
fn number(first: u64, connection: &Connection) -> Result<(), Error> {
    let first = i64::try_from(first).map_err(|_| Error::Damaged("number"))?;
    let mut statement = connection.prepare_cached(
        "UPDATE leaf SET number = ?1 + ranked.rank FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY at, id) - 1 AS rank FROM leaf \
         WHERE number IS NULL ORDER BY at, id LIMIT ?2) AS ranked WHERE leaf.seq = ranked.seq",
    )?;
    statement.execute((first, STEP))?;
    Ok(())
}

/// The right edge of the stored tree.
pub(super) fn frontier(connection: &Connection) -> Result<Frontier, Error> {
    let query = "SELECT MAX(number) + 1 AS size FROM leaf WHERE number IS NOT NULL";
    let size = find(connection, query, (), |row| row.maybe_count("size"))?.flatten().unwrap_or(0);
    let mut peaks = Vec::new();
    for place in Frontier::places(size) {
        peaks.push(node(place, connection)?.ok_or(Error::Damaged("tree_node.hash"))?);
    }
    Frontier::of(size, peaks).ok_or(Error::Damaged("tree_node.hash"))
}

/// The hash of a complete subtree; a leaf's stands in its own row.
fn node(place: Node, connection: &Connection) -> Result<Option<Hash>, Error> {
    let index = i64::try_from(place.index).map_err(|_| Error::Damaged("tree_node.position"))?;
    match place.level {
        0 => find(connection, "SELECT hash FROM leaf WHERE number = ?", (index,), hash),
        level => {
            let query = "SELECT hash FROM tree_node WHERE level = ? AND position = ?";
            find(connection, query, (level, index), hash)
        }
    }
}

pub(super) fn append(leaf: &Leaf, pen: Pen<'_>) -> Result<(), Broken> {
    let canonical = leaf.canonical();
    let hash = crate::audit::leaf_hash(&canonical);
    pen.must_change(
        "INSERT INTO leaf (id, at, hash, canonical) VALUES (?, ?, ?, ?)",
        params![leaf.id.as_bytes(), leaf.at.0, hash, canonical],
    )?;
    for detail in leaf.details() {
        pen.must_change(
            "INSERT INTO leaf_detail (leaf_id, position, name, salt, value) VALUES (?, ?, ?, ?, ?)",
            params![
                leaf.id.as_bytes(),
                i64::try_from(detail.position).unwrap_or(i64::MAX),
                detail.name,
                detail.salt,
                detail.value,
            ],
        )?;
    }
    Ok(())
}

fn hash(row: &Columns<'_>) -> Result<Hash, Error> {
    row.octets("hash")
}

/// How long a sequencer that says nothing keeps its post (DESIGN rule 7: 10 s turn `/readyz` red).
const LEASE: i64 = 10_000;

/// Bounds the transaction; what is left is numbered in the next step.
const STEP: i64 = 4096;
