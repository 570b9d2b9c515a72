//! The audit log: what a leaf says (DESIGN rule 7). How leaves become a tree, and what can be proven by it, is the crate `tlog`'s;
//! `store` keeps both.

mod leaf;

pub use leaf::{Detail, Fact, FactValue, Leaf, LeafKind};
