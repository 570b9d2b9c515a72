//! The demo CA: its mischief and its records.

use demo_ca::{Kind, Record};

use super::Office;

/// What the CA wrote down.
#[derive(Clone, Debug)]
pub(crate) struct Records(pub(crate) Vec<Record>);

impl Office {
    /// Asks the CA to misbehave.
    pub(crate) fn mischief(&self, json: &str) {
        let answer = self.post(self.ports.authority(), "/mischief", "application/json", json.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(crate) fn records(&self) -> Records {
        let answer = self.get(self.ports.authority(), "/records");
        Records(serde_json::from_slice(&answer.body).unwrap())
    }
}

impl Records {
    pub(crate) fn all(&self) -> &[Record] {
        &self.0
    }

    pub(crate) fn of(&self, kind: Kind) -> Vec<&Record> {
        self.0.iter().filter(|record| record.kind == kind).collect()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.of(kind).len()
    }

    /// Whether every certificate that was issued was revoked, too.
    pub(crate) fn all_revoked(&self) -> bool {
        let revoked = self.of(Kind::Revoked);
        self.of(Kind::Issued).iter().all(|issued| revoked.iter().any(|record| record.serial == issued.serial))
    }

    /// How many certificates were issued for the key that was certified most often.
    pub(crate) fn most_for_one_key(&self) -> usize {
        let issued = self.of(Kind::Issued);
        issued
            .iter()
            .map(|one| issued.iter().filter(|other| other.key_print == one.key_print).count())
            .max()
            .unwrap_or(0)
    }
}
