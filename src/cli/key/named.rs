//! How a key on the token is named on the command line.

use crate::cli::Failed;
use crate::hsm::{KeyInfo, KeyRef};

/// A key beside the configured one.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Named {
    /// The label of a key on the token.
    #[arg(long)]
    label: Option<String>,
    /// Its id, hexadecimal.
    #[arg(long, value_parser = octets)]
    id: Option<Id>,
}

/// `CKA_ID`.
#[derive(Clone, Debug)]
struct Id(Vec<u8>);

impl Named {
    /// The key, when one is named.
    pub(super) fn key(&self) -> Option<KeyRef> {
        KeyRef::by(self.label.clone(), self.id.as_ref().map(|id| id.0.clone()))
    }

    /// The key that must be named.
    pub(super) fn needed(&self) -> Result<KeyRef, Failed> {
        self.key().ok_or_else(|| Failed::new("which key? --label and --id name one; `daftar key list` shows them"))
    }
}

fn octets(text: &str) -> Result<Id, String> {
    hex::decode(text).map(Id).map_err(|_| "hexadecimal digits, two for each octet".to_owned())
}

/// Label and id, which a key needs to be made.
pub(in crate::cli) fn both(key: &KeyRef) -> Result<(String, Vec<u8>), Failed> {
    match (&key.label, &key.id) {
        (Some(label), Some(id)) => Ok((label.clone(), id.clone())),
        _ => Err(Failed::new("a key to be made needs both label and id")),
    }
}

/// A key as it stands in a list.
pub(super) fn of(key: &KeyInfo) -> Option<KeyRef> {
    KeyRef::by(Some(key.label.clone()), Some(key.id.clone()))
}
