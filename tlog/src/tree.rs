//! The Merkle tree of RFC 9162 section 2.1, grown leaf by leaf from its right edge.

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 in the tree.
pub type Hash = [u8; 32];

/// The place of a complete subtree: the `index`-th from the left of those with 2^`level` leaves.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u8,
    /// From 0.
    pub index: u64,
}

/// The right edge of a tree: all that is needed to grow it and to know its root.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    /// The hashes of the largest complete subtrees, from the left.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the peaks of a tree of this size stand, from the left: one for each bit of the size.
    #[must_use]
    pub fn places(size: u64) -> Vec<Node> {
        (0..64_u8)
            .rev()
            .filter(|level| size >> level & 1 == 1)
            .map(|level| Node { level, index: (size >> level) - 1 })
            .collect()
    }

    /// The edge of a tree of this size; `None` when these are not as many peaks as it has.
    #[must_use]
    pub fn of(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the right and hands over the complete subtrees that this makes, the leaf itself not among them.
    pub fn push(&mut self, leaf: Hash, mut made: impl FnMut(Node, Hash)) {
        let mut node = Node { level: 0, index: self.size };
        let mut hash = leaf;
        while node.index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            made(node, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            // RFC 9162 section 2.1.1: the hash of an empty list is the hash of an empty string.
            None => sha256(&[]),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The hash of a leaf (RFC 9162 section 2.1.1).
#[must_use]
pub fn leaf_hash(octets: &[u8]) -> Hash {
    sha256(&[&[0], octets])
}

/// The hash of an inner node (RFC 9162 section 2.1.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The leaves of the certificate-transparency project's tests, and the roots over the first n of them.
    pub(crate) const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_are_those_of_the_known_vectors() {
        let mut frontier = Frontier::new();
        assert_eq!(hex::encode(frontier.root()), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            frontier.push(leaf_hash(&hex::decode(leaf).unwrap()), |_, _| {});
            assert_eq!(hex::encode(frontier.root()), *root);
        }
    }

    #[test]
    fn a_frontier_taken_up_from_stored_nodes_grows_as_if_never_left() {
        let mut nodes = std::collections::BTreeMap::new();
        let mut whole = Frontier::new();
        for number in 0..100_u64 {
            let peaks = Frontier::places(number).iter().map(|place| nodes[place]).collect();
            let mut taken_up = Frontier::of(number, peaks).unwrap();
            assert_eq!(taken_up, whole);
            let leaf = leaf_hash(&number.to_be_bytes());
            nodes.insert(Node { level: 0, index: number }, leaf);
            whole.push(leaf, |node, hash| {
                nodes.insert(node, hash);
            });
            taken_up.push(leaf, |_, _| {});
            assert_eq!(taken_up.root(), whole.root());
        }
    }

    #[test]
    fn a_wrong_number_of_peaks_is_no_frontier() {
        assert_eq!(Frontier::of(3, vec![[0; 32]]), None);
    }
}
