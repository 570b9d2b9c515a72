//! Proofs that stand by themselves (C2SP tlog-proof): a leaf's place, the way from it to the root, and the signed checkpoint.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{CheckpointFault, SignedCheckpoint};
use crate::note::NoteKey;
use crate::proof::verify_inclusion;
use crate::tree::{Hash, leaf_hash};

/// That a leaf stands in a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The place of the leaf, from 0.
    pub index: u64,
    /// The hashes beside its way to the root, from below (RFC 9162 section 2.1.3).
    pub path: Vec<Hash>,
    /// The note of the checkpoint.
    pub checkpoint: String,
}

/// Why a statement proves nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StatementFault {
    /// It is not of the form.
    #[error("this is no proof of a log: {0}")]
    Form(&'static str),
    /// Its checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    /// The leaf is not at this place of the log.
    #[error("the log of the checkpoint does not hold this leaf at place {0}: one of them was changed")]
    Inclusion(u64),
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEAD}\nindex {}\n", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl Statement {
    /// Reads a proof. Nothing is believed yet.
    ///
    /// # Errors
    /// [`StatementFault::Form`].
    pub fn parse(text: &str) -> Result<Self, StatementFault> {
        let form = StatementFault::Form;
        let rest = text.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(form("it does not begin as one"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(form("there is no checkpoint in it"))?;
        let mut lines = head.split('\n').skip_while(|line| line.starts_with("extra ")).peekable();
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(form("there is no index in it"))?;
        let index = index.parse().map_err(|_| form("its index is no number"))?;
        let hash = |line: &str| STANDARD.decode(line).ok().and_then(|hash| Hash::try_from(hash).ok());
        let path = lines.map(hash).collect::<Option<Vec<_>>>().ok_or(form("a line of it is no SHA-256"))?;
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// The checkpoint of the log in which it shows the leaf with these canonical bytes.
    ///
    /// # Errors
    /// [`StatementFault`].
    pub fn verify(&self, canonical: &[u8], key: &NoteKey) -> Result<SignedCheckpoint, StatementFault> {
        let signed = SignedCheckpoint::parse(&self.checkpoint, key)?;
        let (size, root) = (signed.checkpoint().size, &signed.checkpoint().root);
        if !verify_inclusion(&leaf_hash(canonical), self.index, size, &self.path, root) {
            return Err(StatementFault::Inclusion(self.index));
        }
        Ok(signed)
    }
}

/// The first line of every proof.
const HEAD: &str = "c2sp.org/tlog-proof@v1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::inclusion;
    use crate::sample::{Key, ORIGIN, tree};

    #[test]
    fn a_statement_has_the_form_of_the_standard_and_reads_back() {
        let key = Key::new();
        let memory = tree((0..5_u8).map(|leaf| leaf_hash(&[leaf])));
        let signed = key.checkpoint(5, memory.1[5]);
        for index in 0..5_u8 {
            let path = inclusion(&memory, index.into(), 5).unwrap();
            let statement = Statement { index: index.into(), path, checkpoint: signed.note().to_owned() };
            let text = statement.to_string();
            assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")));
            assert!(text.ends_with(&format!("\n\n{}", signed.note())));
            assert_eq!(Statement::parse(&text).unwrap(), statement);
            assert_eq!(Statement::parse(&text.replacen("\nindex", "\nextra AAAA\nindex", 1)).unwrap(), statement);
            assert_eq!(statement.verify(&[index], &key.named(ORIGIN)).unwrap(), signed);
            let other = statement.verify(&[index + 1], &key.named(ORIGIN));
            assert_eq!(other, Err(StatementFault::Inclusion(index.into())));
        }
        for wrong in ["", "c2sp.org/tlog-proof@v2\nindex 0\n\nx", "c2sp.org/tlog-proof@v1\nindex x\n\nx"] {
            assert!(matches!(Statement::parse(wrong), Err(StatementFault::Form(_))), "{wrong:?}");
        }
    }
}
