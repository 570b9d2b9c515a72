//! The table `checkpoint`, and what is looked up to prove something by the audit log.

use tlog::{Frontier, Hash, Node};

use super::columns::Columns;
use super::leaves::{LEAF_HASH, NODE_HASH, SIZE};
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Backend, Error, Store};
use crate::case::{CaseId, LeafId, Millis};

/// A signed checkpoint of the audit log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// How many leaves the tree had.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// When it was signed.
    pub at: Millis,
    /// The signed note.
    pub note: String,
}

/// A leaf about a case, with its place.
#[derive(Clone, Debug)]
pub struct CaseLeaf {
    /// Its place in the tree.
    pub number: u64,
    /// Its identifier.
    pub id: LeafId,
    /// Its canonical bytes.
    pub canonical: Vec<u8>,
}

/// What stands behind a commitment.
#[derive(Clone, Debug)]
pub struct DetailRow {
    /// The place of the fact in its leaf, from 0.
    pub position: usize,
    /// The fact's name.
    pub name: String,
    /// The salt.
    pub salt: Vec<u8>,
    /// The value.
    pub value: String,
}

impl Store {
    /// The newest checkpoint that was signed.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        self.find("SELECT size, root, at, note FROM checkpoint", &[], |row| {
            Ok(Checkpoint {
                size: row.count("size")?,
                root: row.octets("root")?,
                at: row.moment("at")?,
                note: row.value("note")?,
            })
        })
        .await
    }

    /// Whether another node numbers leaves now.
    pub async fn another_sequences(&self, node: &str, now: Millis) -> Result<bool, Error> {
        let query = "SELECT owner FROM lease WHERE name = 'sequencer' AND owner <> ? AND until > ?";
        Ok(self.find(query, values![node, now.0], |row| row.text("owner").map(drop)).await?.is_some())
    }

    /// How many leaves have a number.
    pub async fn log_size(&self) -> Result<u64, Error> {
        Ok(self.find(SIZE, &[], |row| row.maybe_count("size")).await?.flatten().unwrap_or(0))
    }

    /// The root that the tree of the log had at this size; none when it never was as large.
    pub async fn log_root(&self, size: u64) -> Result<Option<Hash>, Error> {
        let mut peaks = Vec::new();
        for place in Frontier::places(size) {
            let Some(peak) = self.log_node(place).await? else { return Ok(None) };
            peaks.push(peak);
        }
        Ok(Frontier::of(size, peaks).map(|frontier| frontier.root()))
    }

    /// The hash of a complete subtree, or of a leaf.
    pub async fn log_node(&self, place: Node) -> Result<Option<Hash>, Error> {
        let index = i64::try_from(place.index).map_err(|_| Error::Damaged("tree_node.position"))?;
        let hash = |row: &Columns<'_>| row.octets("hash");
        match place.level {
            0 => self.find(LEAF_HASH, values![index], hash).await,
            level => self.find(NODE_HASH, values![level, index], hash).await,
        }
    }

    /// The numbered leaves that have the octets of a case's identifier in them, in the order of the tree; who asks looks where.
    pub async fn leaves_naming(&self, case: CaseId) -> Result<Vec<CaseLeaf>, Error> {
        let query = match &self.backend {
            Backend::Sqlite { .. } => {
                "SELECT number, id, canonical FROM leaf WHERE number IS NOT NULL AND instr(canonical, ?) > 0 ORDER BY number"
            }
            Backend::Postgres(_) => {
                "SELECT number, id, canonical FROM leaf WHERE number IS NOT NULL AND position(? IN canonical) > 0 ORDER BY number"
            }
        };
        self.search(query, values![case.as_bytes()], |row| {
            Ok(CaseLeaf {
                number: row.count("number")?,
                id: LeafId::from_octets(row.octets("id")?),
                canonical: row.value("canonical")?,
            })
        })
        .await
    }

    /// The canonical bytes of leaves from this number on, so many at most.
    pub async fn log_entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Error> {
        let from = i64::try_from(from).map_err(|_| Error::Damaged("leaf.number"))?;
        let query = "SELECT canonical FROM leaf WHERE number >= ? ORDER BY number LIMIT ?";
        self.search(query, values![from, limit], |row| row.value("canonical")).await
    }

    /// What still stands behind the commitments of a leaf.
    pub async fn details(&self, leaf: LeafId) -> Result<Vec<DetailRow>, Error> {
        let query = "SELECT position, name, salt, value FROM leaf_detail WHERE leaf_id = ? ORDER BY position";
        self.list(query, values![leaf.as_bytes()], |row| {
            Ok(DetailRow {
                position: row.count("position")?,
                name: row.value("name")?,
                salt: row.value("salt")?,
                value: row.value("value")?,
            })
        })
        .await
    }
}

pub(super) fn keep(checkpoint: &Checkpoint, pen: Pen<'_>) -> Result<(), Broken> {
    let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
    pen.run(
        "INSERT INTO checkpoint (one, size, root, at, note) VALUES (1, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET \
         size = excluded.size, root = excluded.root, at = excluded.at, note = excluded.note \
         WHERE checkpoint.size < excluded.size",
        values![size, checkpoint.root, checkpoint.at.0, checkpoint.note],
    )
}
