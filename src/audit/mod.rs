//! The audit log: what a leaf says, and the Merkle tree over all leaves (DESIGN rule 7). Pure: `store` keeps both.

mod canonical;
mod leaf;
mod proof;
mod tree;

pub use canonical::{Canonical, Damaged};
pub use leaf::{Detail, Fact, FactValue, Leaf, LeafKind};
pub use proof::{Nodes, consistency, inclusion, verify_consistency, verify_inclusion};
pub use tree::{Frontier, Hash, Node, leaf_hash, node_hash};
