//! The tables `leaf`, `leaf_detail` and `tree_node`: writing leaves, and the sequencer that numbers them (DESIGN rule 7).

use std::fmt::Write as _;

use tlog::{Frontier, Hash, Node};

use super::columns::Columns;
use super::look::{Engine, Look};
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Error, Store};
use crate::audit::Leaf;
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
        self.find("SELECT at FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT 1", &[], |row| row.moment("at")).await
    }
}

impl Numbering {
    /// Numbers leaves that have no number, in the order of time, and extends the tree by them. Without the lease: none.
    pub(super) async fn run(&self, look: &impl Look) -> Result<usize, Error> {
        if !self.take_lease(look).await? {
            return Ok(0);
        }
        let mut frontier = frontier(look).await?;
        let leaves = number(frontier.size(), look).await?;
        if leaves.is_empty() {
            return Ok(0);
        }
        let mut nodes = String::from("[");
        for hash in &leaves {
            frontier.push(*hash, |node, hash| {
                let comma = if nodes.len() > 1 { "," } else { "" };
                // Writing to a String does not fail.
                let _ = write!(nodes, "{comma}[{},{},\"{}\"]", node.level, node.index, hex::encode(hash));
            });
        }
        nodes.push(']');
        let query = match look.engine() {
            Engine::Sqlite => {
                "INSERT INTO tree_node (level, position, hash) SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?)"
            }
            Engine::Postgres => {
                "INSERT INTO tree_node (level, position, hash) SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, \
                 decode(value ->> 2, 'hex') FROM jsonb_array_elements(CAST(? AS jsonb))"
            }
        };
        look.change(query, values![nodes]).await?;
        Ok(leaves.len())
    }

    /// One sequencer at a time, also when nodes share a database: there, whoever else asks waits for the row of the lease until
    /// this transaction has ended.
    async fn take_lease(&self, look: &impl Look) -> Result<bool, Error> {
        let query = "INSERT INTO lease (name, owner, until) VALUES ('sequencer', ?1, ?2) ON CONFLICT (name) DO UPDATE SET \
             owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until <= ?3";
        Ok(look.change(query, values![self.node, self.now.plus(LEASE).0, self.now.0]).await? > 0)
    }
}

/// Gives leaves their numbers, in the order of time; their hashes in the same order.
async fn number(first: u64, look: &impl Look) -> Result<Vec<Hash>, Error> {
    let first = i64::try_from(first).map_err(|_| Error::Damaged("number"))?;
    match look.engine() {
        // Nobody else writes between the two.
        Engine::Sqlite => {
            let query = "SELECT hash FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT ?";
            let leaves = look.list(query, values![STEP], hash).await?;
            let query = "UPDATE leaf SET number = ?1 + ranked.rank FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY at, id) - 1 AS rank \
         FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT ?2) AS ranked WHERE leaf.seq = ranked.seq";
            if !leaves.is_empty() {
                look.change(query, values![first, STEP]).await?;
            }
            Ok(leaves)
        }
        // In one statement: between two, other nodes' leaves would come.
        Engine::Postgres => {
            let query = "WITH numbered AS (UPDATE leaf SET number = ?1 + ranked.rank FROM (SELECT seq, \
                 ROW_NUMBER() OVER (ORDER BY at, id) - 1 AS rank FROM leaf WHERE number IS NULL ORDER BY at, id LIMIT ?2) AS ranked \
                 WHERE leaf.seq = ranked.seq RETURNING leaf.number, leaf.hash) SELECT hash FROM numbered ORDER BY number";
            look.list(query, values![first, STEP], hash).await
        }
    }
}

/// The right edge of the stored tree.
async fn frontier(look: &impl Look) -> Result<Frontier, Error> {
    let size = look.find(SIZE, &[], |row| row.maybe_count("size")).await?.flatten().unwrap_or(0);
    let mut peaks = Vec::new();
    for place in Frontier::places(size) {
        peaks.push(node(place, look).await?.ok_or(Error::Damaged("tree_node.hash"))?);
    }
    Frontier::of(size, peaks).ok_or(Error::Damaged("tree_node.hash"))
}

/// The hash of a complete subtree; a leaf's stands in its own row.
async fn node(place: Node, look: &impl Look) -> Result<Option<Hash>, Error> {
    let index = i64::try_from(place.index).map_err(|_| Error::Damaged("tree_node.position"))?;
    match place.level {
        0 => look.find(LEAF_HASH, values![index], hash).await,
        level => look.find(NODE_HASH, values![level, index], hash).await,
    }
}

pub(super) fn append(leaf: &Leaf, pen: Pen<'_>) -> Result<(), Broken> {
    let canonical = leaf.canonical();
    let hash = tlog::leaf_hash(&canonical);
    pen.must_change(
        "INSERT INTO leaf (id, at, hash, canonical) VALUES (?, ?, ?, ?)",
        values![leaf.id.as_bytes(), leaf.at.0, hash, canonical],
    )?;
    for detail in leaf.details() {
        pen.must_change(
            "INSERT INTO leaf_detail (leaf_id, position, name, salt, value) VALUES (?, ?, ?, ?, ?)",
            values![
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

/// How many leaves have a number.
pub(super) const SIZE: &str = "SELECT MAX(number) + 1 AS size FROM leaf WHERE number IS NOT NULL";

/// The hash of a leaf, by its number.
pub(super) const LEAF_HASH: &str = "SELECT hash FROM leaf WHERE number = ?";

/// The hash of a complete subtree above the leaves.
pub(super) const NODE_HASH: &str = "SELECT hash FROM tree_node WHERE level = ? AND position = ?";

/// How long a sequencer that says nothing keeps its post (DESIGN rule 7: 10 s turn `/readyz` red).
const LEASE: i64 = 10_000;

/// Bounds the transaction; what is left is numbered in the next step.
const STEP: i64 = 4096;
