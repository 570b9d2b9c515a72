//! The secret keys of `[[key_encryption_key]]`, from their files.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::Failed;
use crate::config::Config;
use crate::frontend::{KeyEncryptionKey, KeyEncryptionKeyConfig};

/// Reads all of them.
pub(super) fn key_encryption_keys(config: &Config) -> Result<Vec<KeyEncryptionKey>, Failed> {
    let read = |entry: &KeyEncryptionKeyConfig| {
        let content = secret(&entry.file)?;
        KeyEncryptionKey::read(entry, &content)
    };
    let named = |entry: &KeyEncryptionKeyConfig| {
        read(entry).map_err(|fault| {
            Failed::new(format!("key_encryption_key '{}': {}: {fault}", entry.identifier, entry.file.display()))
        })
    };
    config.key_encryption_key.iter().map(named).collect()
}

fn secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mode = file.metadata().map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err("others than its owner may read it; make a new key, and run chmod 600 on its file".to_owned());
    }
    // Room for all that is read, so that nothing is copied by growing.
    let mut content = Zeroizing::new(String::with_capacity(LIMIT));
    let limit = u64::try_from(LIMIT - 1).unwrap_or_default();
    file.take(limit).read_to_string(&mut content).map_err(|error| error.to_string())?;
    Ok(content)
}

/// More than 64 digits and the end of the line.
const LIMIT: usize = 128;
