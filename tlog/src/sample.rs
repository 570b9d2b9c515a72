//! A key and a tree for tests.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use certs::algorithm::ecdsa_with_sha256;
use certs::{PublicKey, Signer, Signing};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::NoteKey;
use crate::proof::Nodes;
use crate::tree::{Frontier, Hash, Node};

pub(crate) const ORIGIN: &str = "ra.example/log";

/// A software key; only for tests.
#[derive(Debug)]
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    public: PublicKey,
    algorithm: Vec<u8>,
}

impl Key {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = PublicKey::parse(der.as_ref()).unwrap();
        Self { pair, public, algorithm: ecdsa_with_sha256() }
    }

    pub(crate) fn named(&self, name: &str) -> NoteKey {
        NoteKey::new(name, self.public.clone()).unwrap()
    }

    /// The checkpoint of a log of this size.
    pub(crate) fn checkpoint(&self, size: u64, root: Hash) -> SignedCheckpoint {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
        let (key, mut waker) = (self.named(ORIGIN), Context::from_waker(Waker::noop()));
        match pin!(checkpoint.sign(&key, self)).poll(&mut waker) {
            Poll::Ready(signed) => signed.unwrap(),
            Poll::Pending => panic!("a software key does not wait"),
        }
    }
}

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        Box::pin(async move { Ok(signature.as_ref().to_vec()) })
    }
}

/// A tree in memory, and its root at each size.
pub(crate) struct Memory(pub(crate) BTreeMap<Node, Hash>, pub(crate) Vec<Hash>);

impl Nodes for Memory {
    fn node(&self, node: Node) -> Option<Hash> {
        self.0.get(&node).copied()
    }
}

/// The tree over these leaves.
pub(crate) fn tree(leaves: impl IntoIterator<Item = Hash>) -> Memory {
    let mut frontier = Frontier::new();
    let mut memory = Memory(BTreeMap::new(), vec![frontier.root()]);
    for leaf in leaves {
        memory.0.insert(Node { level: 0, index: frontier.size() }, leaf);
        frontier.push(leaf, |node, hash| {
            memory.0.insert(node, hash);
        });
        memory.1.push(frontier.root());
    }
    memory
}
