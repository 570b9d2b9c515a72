//! What people do with the RA key, by `daftar key`. The token is not in the transaction: each act is written down before it
//! is done, and again with what came of it.

use certs::KeyPrint;
use serde::{Deserialize, Serialize};

use super::{Refusal, Registrar};
use crate::audit::{Leaf, LeafKind};
use crate::case::{Millis, Random};

/// An act, as it is written down.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAct {
    /// What is done.
    pub verb: KeyVerb,
    /// How far it is.
    pub step: KeyStep,
    /// Who does it.
    pub officer: String,
    /// Who looks on.
    pub witness: Option<String>,
    /// Label and id of the key, as they were given.
    pub key: Option<String>,
    /// SHA-256 of the public key.
    pub public_key: Option<[u8; 32]>,
    /// The CA whose certificate it is about.
    pub authority: Option<String>,
    /// SHA-256 of the certificate.
    pub certificate: Option<[u8; 32]>,
    /// SHA-256 of the file with the report.
    pub report: Option<[u8; 32]>,
}

/// What is done with a key. The names stand in the log for ever.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyVerb {
    /// It is made.
    Generate,
    /// It is shown to a CA.
    Csr,
    /// Its certificate is taken into use.
    Install,
    /// It is certified by the CA that certified its predecessor.
    Renew,
    /// It is destroyed.
    Retire,
}

impl KeyVerb {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Csr => "csr",
            Self::Install => "install",
            Self::Renew => "renew",
            Self::Retire => "retire",
        }
    }
}

/// How far an act is. The names stand in the log for ever.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStep {
    /// It is about to be done.
    Begun,
    /// It was done.
    Done,
    /// It was not done, or not wholly.
    Failed,
}

impl KeyStep {
    const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl KeyAct {
    /// Whether it is about to destroy this key.
    #[must_use]
    pub fn destroys(&self, key: &KeyPrint) -> bool {
        (self.verb, self.step) == (KeyVerb::Retire, KeyStep::Begun) && self.public_key == Some(*key.as_bytes())
    }

    /// The line of the log. `actor` is the way by which it came.
    #[must_use]
    pub fn leaf(&self, random: &dyn Random, now: Millis, node: &str, actor: &str) -> Leaf {
        let mut leaf = Leaf::new(random, now, node, LeafKind::KeyCeremony, actor)
            .plain("verb", self.verb.name())
            .plain("step", self.step.name())
            .personal("officer", &self.officer, random);
        if let Some(witness) = &self.witness {
            leaf = leaf.personal("witness", witness, random);
        }
        for (name, text) in [("key", &self.key), ("authority", &self.authority)] {
            if let Some(text) = text {
                leaf = leaf.plain(name, text);
            }
        }
        let hashes = [("public_key", self.public_key), ("certificate", self.certificate), ("report", self.report)];
        for (name, hash) in hashes {
            if let Some(hash) = hash {
                leaf = leaf.hash(name, hash);
            }
        }
        leaf
    }
}

impl Registrar {
    /// Records what is done with the RA key.
    pub async fn note_key_act(&self, act: &KeyAct) -> Result<(), Refusal> {
        self.note(act.leaf(self.random.as_ref(), self.now(), &self.settings.node, "house:control")).await
    }
}
