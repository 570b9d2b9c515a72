//! What a log says of one case, to be handed to somebody who has nothing of the office but the key of its log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::canonical::{Canonical, Damaged};
use crate::note::NoteKey;
use crate::statement::{Statement, StatementFault};

/// The leaves of a case, each with the proof that it stands in the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// [`Dossier::FORMAT`].
    pub format: String,
    /// The case, in hexadecimal digits.
    pub case: String,
    /// Its leaves, in the order of the log.
    pub leaves: Vec<Record>,
}

/// A leaf with its proof.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its canonical bytes, base64.
    pub canonical: String,
    /// What stands behind its commitments; what was destroyed is not there, and the leaf is proven all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revealed: Vec<Revealed>,
    /// The proof, as C2SP tlog-proof has it.
    pub proof: String,
}

/// The personal data behind a commitment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Revealed {
    /// The place of the fact in its leaf, from 0.
    pub position: usize,
    /// The fact's name.
    pub name: String,
    /// The salt, in hexadecimal digits.
    pub salt: String,
    /// The value.
    pub value: String,
}

/// A leaf that is proven to stand in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven<'d> {
    /// Its place.
    pub index: u64,
    /// How many leaves the log had when this was proven.
    pub size: u64,
    /// What it says.
    pub leaf: Canonical,
    /// What stands behind its commitments.
    pub revealed: &'d [Revealed],
}

/// Why a dossier is not believed.
#[derive(Debug, thiserror::Error)]
pub enum DossierFault {
    /// It is another version's.
    #[error("this is a dossier of the format '{0}', which is not known")]
    Format(String),
    /// It proves nothing of any leaf.
    #[error("there is no leaf in it")]
    Empty,
    /// The bytes of a leaf do not read.
    #[error("leaf {0} of the dossier is not base64")]
    Base64(usize),
    /// The bytes of a leaf are not canonical.
    #[error("leaf {0} of the dossier: {1}")]
    Leaf(usize, #[source] Damaged),
    /// The log does not hold the leaf.
    #[error("leaf {0} of the dossier: {1}")]
    Proof(usize, #[source] StatementFault),
    /// The leaf is about something else.
    #[error("leaf {0} of the dossier is about another case")]
    Case(usize),
    /// The leaves are not in the order of the log, or one stands there twice.
    #[error("leaf {0} of the dossier does not follow the one before it")]
    Order(usize),
    /// A value is not what the leaf commits to.
    #[error("leaf {0} of the dossier: its '{1}' was changed: it is not what was recorded")]
    Revealed(usize, String),
}

impl Dossier {
    /// What stands in the first field of every dossier.
    pub const FORMAT: &'static str = "daftar-dossier-1";

    /// Checks everything that it says against the key of the log.
    ///
    /// # Errors
    /// [`DossierFault`]; leaves are counted from 1.
    pub fn verify(&self, key: &NoteKey) -> Result<Vec<Proven<'_>>, DossierFault> {
        if self.format != Self::FORMAT {
            return Err(DossierFault::Format(self.format.clone()));
        }
        if self.leaves.is_empty() {
            return Err(DossierFault::Empty);
        }
        let mut proven: Vec<Proven<'_>> = Vec::new();
        for (number, record) in (1..).zip(&self.leaves) {
            let next = record.verify(number, &self.case, key)?;
            if proven.last().is_some_and(|last| last.index >= next.index) {
                return Err(DossierFault::Order(number));
            }
            proven.push(next);
        }
        Ok(proven)
    }
}

impl Record {
    fn verify(&self, number: usize, case: &str, key: &NoteKey) -> Result<Proven<'_>, DossierFault> {
        let canonical = STANDARD.decode(&self.canonical).map_err(|_| DossierFault::Base64(number))?;
        let proof = |fault| DossierFault::Proof(number, fault);
        let statement = Statement::parse(&self.proof).map_err(proof)?;
        let signed = statement.verify(&canonical, key).map_err(proof)?;
        let leaf = Canonical::parse(&canonical).map_err(|fault| DossierFault::Leaf(number, fault))?;
        if leaf.case().map(hex::encode).as_deref() != Some(case) {
            return Err(DossierFault::Case(number));
        }
        for Revealed { position, name, salt, value } in &self.revealed {
            let salt = hex::decode(salt).unwrap_or_default();
            if !leaf.commits_to(*position, name, &salt, value) {
                return Err(DossierFault::Revealed(number, name.clone()));
            }
        }
        Ok(Proven { index: statement.index, size: signed.checkpoint().size, leaf, revealed: &self.revealed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Fact;
    use crate::proof::inclusion;
    use crate::sample::{Key, ORIGIN, tree};
    use crate::tree::leaf_hash;

    /// Leaf 2 and leaf 5 of seven are about the case.
    fn dossier(key: &Key) -> Dossier {
        let leaf = |number: u8| {
            let case = if [2, 5].contains(&number) { [9; 16] } else { [8; 16] };
            let facts = vec![Fact::plain("verdict", "pass"), Fact::personal("officer", &[4; 16], "anna")];
            Canonical::new(&[number; 16], 1, ("n1", "decision", "house:control"), Some(&case), facts).to_octets()
        };
        let memory = tree((0..7).map(|number| leaf_hash(&leaf(number))));
        let checkpoint = key.checkpoint(7, memory.1[7]).note().to_owned();
        let record = |number: u8| Record {
            canonical: STANDARD.encode(leaf(number)),
            revealed: vec![Revealed {
                position: 1,
                name: "officer".to_owned(),
                salt: hex::encode([4; 16]),
                value: "anna".to_owned(),
            }],
            proof: Statement {
                index: number.into(),
                path: inclusion(&memory, number.into(), 7).unwrap(),
                checkpoint: checkpoint.clone(),
            }
            .to_string(),
        };
        let format = Dossier::FORMAT.to_owned();
        Dossier { format, case: hex::encode([9; 16]), leaves: vec![record(2), record(5)] }
    }

    #[test]
    fn a_dossier_proves_each_of_its_leaves() {
        let key = Key::new();
        let dossier = dossier(&key);
        let note_key = key.named(ORIGIN);
        let proven = dossier.verify(&note_key).unwrap();
        assert_eq!(proven.iter().map(|leaf| (leaf.index, leaf.size)).collect::<Vec<_>>(), [(2, 7), (5, 7)]);
        assert_eq!(proven[0].leaf.kind(), "decision");
        assert_eq!(proven[1].revealed[0].value, "anna");
    }

    #[test]
    fn nothing_in_a_dossier_can_be_changed() {
        let key = Key::new();
        let with = |change: &dyn Fn(&mut Dossier)| {
            let mut changed = dossier(&key);
            change(&mut changed);
            changed.verify(&key.named(ORIGIN)).map(|proven| proven.len()).unwrap_err()
        };
        assert!(matches!(with(&|it| it.format.push('0')), DossierFault::Format(_)));
        assert!(matches!(with(&|it| it.case = hex::encode([8; 16])), DossierFault::Case(1)));
        assert!(matches!(with(&|it| it.leaves.clear()), DossierFault::Empty));
        assert!(matches!(with(&|it| it.leaves.swap(0, 1)), DossierFault::Order(2)));
        assert!(matches!(with(&|it| it.leaves[1] = it.leaves[0].clone()), DossierFault::Order(2)));
        assert!(matches!(with(&|it| it.leaves[1].revealed[0].value = "bert".to_owned()), DossierFault::Revealed(2, _)));
        assert!(matches!(with(&|it| it.leaves[0].revealed[0].name = "door".to_owned()), DossierFault::Revealed(1, _)));
        let moved = with(&|it| it.leaves[0].canonical = it.leaves[1].canonical.clone());
        assert!(matches!(moved, DossierFault::Proof(1, StatementFault::Inclusion(2))), "{moved}");
        let size = with(&|it| it.leaves[0].proof = it.leaves[0].proof.replace("log\n7\n", "log\n8\n"));
        assert!(matches!(size, DossierFault::Proof(1, StatementFault::Checkpoint(_))), "{size}");
        assert!(dossier(&key).verify(&Key::new().named(ORIGIN)).is_err(), "another key proves nothing");
        assert!(dossier(&key).verify(&key.named("other.example/log")).is_err(), "nor does another log");
    }
}
