//! What an audit log is made of, so that anyone can check it: leaves in canonical bytes, the Merkle tree over them (RFC 9162
//! section 2.1), signed checkpoints, proofs, and tiles (C2SP tlog-checkpoint, tlog-proof and tlog-tiles). No I/O, no clock.
//!
//! The office writes its log with this crate, and the stand-alone verifier reads it with the same: what either knows of the
//! other is what stands in the C2SP texts.

mod canonical;
mod checkpoint;
mod dossier;
mod note;
mod proof;
#[cfg(test)]
mod sample;
mod statement;
mod tile;
mod tree;

pub use canonical::{Canonical, Damaged, Fact};
pub use checkpoint::{Checkpoint, CheckpointFault, Notes, SignedCheckpoint, appended, checkpoints};
pub use dossier::{Dossier, DossierFault, Proven, Record, Revealed};
pub use note::{KeyFault, Note, NoteFault, NoteKey};
pub use proof::{Nodes, consistency, inclusion, verify_consistency, verify_inclusion};
pub use statement::{Statement, StatementFault};
pub use tile::{Tile, TileFault, bundle, entries, tiles};
pub use tree::{Frontier, Hash, Node, leaf_hash, node_hash};
