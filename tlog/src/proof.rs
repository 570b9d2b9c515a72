//! Proofs over the tree: that a leaf is in it, and that a later tree holds an earlier one (RFC 9162 sections 2.1.3 and 2.1.4).

use super::tree::{Hash, Node, node_hash};

/// Where the hashes of complete subtrees are found, leaves included.
pub trait Nodes {
    /// The hash at this place; `None` when it is not there.
    fn node(&self, node: Node) -> Option<Hash>;
}

impl<Lookup: Fn(Node) -> Option<Hash>> Nodes for Lookup {
    fn node(&self, node: Node) -> Option<Hash> {
        self(node)
    }
}

/// PATH(index, D_size) of RFC 9162 section 2.1.3.1; `None` when the tree has no such leaf, or a node is not there.
#[must_use]
pub fn inclusion(nodes: &dyn Nodes, index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range(nodes, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Some(proof)
}

/// PROOF(from, D_to) of RFC 9162 section 2.1.4.1; `None` when there is no such pair of trees, or a node is not there.
#[must_use]
pub fn consistency(nodes: &dyn Nodes, from: u64, to: u64) -> Option<Vec<Hash>> {
    if from == 0 || from > to {
        return None;
    }
    let (mut start, mut end) = (0, to);
    let mut proof = Vec::new();
    // SUBPROOF(m, D_n, b): the verifier knows the hash of what is left only where that is the whole earlier tree.
    let mut known = true;
    while end != from {
        let middle = start + split(end - start);
        if from <= middle {
            proof.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range(nodes, start, middle)?);
            start = middle;
            known = false;
        }
    }
    if !known {
        proof.push(range(nodes, start, end)?);
    }
    proof.reverse();
    Some(proof)
}

/// Whether the proof shows that the leaf with this hash has this index in the tree (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut first, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for step in proof {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            hash = node_hash(step, &hash);
            while first & 1 == 0 && first != 0 {
                first >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        first >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the tree of size `to` begins with the tree of size `from` (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn verify_consistency(from: u64, to: u64, from_root: &Hash, to_root: &Hash, proof: &[Hash]) -> bool {
    if from == 0 || from > to {
        return false;
    }
    if from == to {
        return proof.is_empty() && from_root == to_root;
    }
    // Where the earlier tree is complete, its root is the first step and is left out.
    let (seed, steps) = match proof.split_first() {
        None => return false,
        Some(_) if from.is_power_of_two() => (from_root, proof),
        Some((seed, steps)) => (seed, steps),
    };
    let (mut first, mut last) = (from - 1, to - 1);
    while first & 1 == 1 {
        first >>= 1;
        last >>= 1;
    }
    let (mut earlier, mut later) = (*seed, *seed);
    for step in steps {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            earlier = node_hash(step, &earlier);
            later = node_hash(step, &later);
            while first & 1 == 0 && first != 0 {
                first >>= 1;
                last >>= 1;
            }
        } else {
            later = node_hash(&later, step);
        }
        first >>= 1;
        last >>= 1;
    }
    last == 0 && earlier == *from_root && later == *to_root
}

/// MTH(D[start:end]): a complete subtree is looked up, any other is put together.
fn range(nodes: &dyn Nodes, start: u64, end: u64) -> Option<Hash> {
    let width = end - start;
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return nodes.node(Node { level: u8::try_from(level).ok()?, index: start >> level });
    }
    let middle = start + split(width);
    Some(node_hash(&range(nodes, start, middle)?, &range(nodes, middle, end)?))
}

/// The largest power of two smaller than the width, which is above 1.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Memory};
    use crate::tree::{leaf_hash, sha256};

    fn leaf(number: u64) -> Hash {
        leaf_hash(&number.to_be_bytes())
    }

    fn tree(size: u64) -> Memory {
        sample::tree((0..size).map(leaf))
    }

    #[test]
    fn every_leaf_is_proven_in_every_tree_up_to_64() {
        let memory = tree(64);
        for size in 1..=64_u64 {
            let root = memory.1[usize::try_from(size).unwrap()];
            for index in 0..size {
                let proof = inclusion(&memory, index, size).unwrap();
                assert!(verify_inclusion(&leaf(index), index, size, &proof, &root), "{index} of {size}");
                assert!(!verify_inclusion(&leaf(index + 1), index, size, &proof, &root));
            }
        }
    }

    #[test]
    fn every_tree_up_to_64_is_proven_to_hold_every_earlier_one() {
        let memory = tree(64);
        let root = |size: u64| memory.1[usize::try_from(size).unwrap()];
        for to in 1..=64_u64 {
            for from in 1..=to {
                let proof = consistency(&memory, from, to).unwrap();
                assert!(verify_consistency(from, to, &root(from), &root(to), &proof), "{from} to {to}");
                assert!(!verify_consistency(from, to, &[7; 32], &root(to), &proof));
                assert!(!verify_consistency(from, to, &root(from), &[7; 32], &proof));
            }
        }
    }

    #[test]
    fn a_changed_step_proves_nothing() {
        let memory = tree(21);
        let root = |size: usize| memory.1[size];
        let mut proof = inclusion(&memory, 11, 21).unwrap();
        proof[1][0] ^= 1;
        assert!(!verify_inclusion(&leaf(11), 11, 21, &proof, &root(21)));
        let mut proof = consistency(&memory, 13, 21).unwrap();
        proof[0][0] ^= 1;
        assert!(!verify_consistency(13, 21, &root(13), &root(21), &proof));
    }

    #[test]
    fn a_proof_that_is_too_long_or_too_short_proves_nothing() {
        let memory = tree(21);
        let root = memory.1[21];
        let proof = inclusion(&memory, 11, 21).unwrap();
        assert!(!verify_inclusion(&leaf(11), 11, 21, &proof[1..], &root));
        let longer = [proof.as_slice(), &[[0; 32]]].concat();
        assert!(!verify_inclusion(&leaf(11), 11, 21, &longer, &root));
    }

    #[test]
    fn nodes_can_be_looked_up_through_a_closure() {
        let memory = tree(7);
        let lookup = |node: Node| memory.0.get(&node).copied();
        assert_eq!(inclusion(&lookup, 3, 7), inclusion(&memory, 3, 7));
    }

    #[test]
    fn a_node_that_is_not_there_makes_no_proof() {
        let mut memory = tree(7);
        memory.0.remove(&Node { level: 1, index: 0 });
        assert_eq!(inclusion(&memory, 3, 7), None);
        assert_eq!(consistency(&memory, 3, 7), None);
    }

    #[test]
    fn what_no_tree_holds_is_not_proven() {
        let memory = tree(7);
        assert_eq!(inclusion(&memory, 7, 7), None);
        assert_eq!(consistency(&memory, 0, 7), None);
        assert_eq!(consistency(&memory, 8, 7), None);
        assert!(!verify_inclusion(&leaf(0), 0, 0, &[], &leaf(0)));
        assert!(!verify_inclusion(&leaf(0), 1, 1, &[], &leaf(0)));
        assert!(!verify_consistency(0, 7, &memory.1[0], &memory.1[7], &[]));
        assert!(!verify_consistency(4, 7, &memory.1[4], &memory.1[7], &[]));
        assert!(!verify_consistency(8, 7, &memory.1[7], &memory.1[7], &[]));
    }

    /// The digests were made by another program from the recursive definitions of MTH, PATH and PROOF.
    #[test]
    fn roots_and_paths_up_to_64_are_those_of_the_recursive_definitions() {
        let memory = tree(64);
        let digest = |hashes: Vec<Hash>| hex::encode(sha256(&[hashes.concat().as_slice()]));
        let all = |prove: &dyn Fn(u64, u64) -> Option<Vec<Hash>>, first: u64| {
            let pairs = (1..=64).flat_map(|size| (0..size).map(move |other| (other + first, size)));
            digest(pairs.flat_map(|(other, size)| prove(other, size).unwrap()).collect())
        };
        assert_eq!(digest(memory.1.clone()), "66924a1e1d3484d049a6baf9211486748d58debff6f1690883597fc14202c960");
        assert_eq!(
            all(&|index, size| inclusion(&memory, index, size), 0),
            "dd1435e2b913c389f919492b007d6213a40440177fabd3eaf1bbab4ccba4d226"
        );
        assert_eq!(
            all(&|from, to| consistency(&memory, from, to), 1),
            "71a86e0abeb71f284c58c96e63ae7220c8a41460100aeb2f006d1c4f669b2ad4"
        );
    }

    #[test]
    fn the_paths_are_those_of_the_standard() {
        // RFC 9162 section 2.1.5: in the tree of 7 leaves, PATH(0) = [b, h, l], PATH(3) = [c, g, l], PATH(6) = [i, k].
        let memory = tree(7);
        let node = |level, index| memory.node(Node { level, index }).unwrap();
        let l = node_hash(&node(1, 2), &node(0, 6));
        assert_eq!(inclusion(&memory, 0, 7).unwrap(), [node(0, 1), node(1, 1), l]);
        assert_eq!(inclusion(&memory, 3, 7).unwrap(), [node(0, 2), node(1, 0), l]);
        assert_eq!(inclusion(&memory, 6, 7).unwrap(), [node(1, 2), node(2, 0)]);
        // PROOF(3, D_7) = [c, d, g, l], PROOF(4, D_7) = [l], PROOF(6, D_7) = [i, j, k].
        assert_eq!(consistency(&memory, 3, 7).unwrap(), [node(0, 2), node(0, 3), node(1, 0), l]);
        assert_eq!(consistency(&memory, 4, 7).unwrap(), [l]);
        assert_eq!(consistency(&memory, 6, 7).unwrap(), [node(1, 2), node(0, 6), node(2, 0)]);
    }
}
