use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::files::{self, Readers};

/// What can be set about the demo CA: `DIR/ca/ca.json`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long certificates are valid.
    pub validity_days: u32,
    /// Whether requesters may do without confirming.
    pub implicit_confirm: bool,
    /// How long a confirmation is waited for before the certificate is revoked.
    pub confirm_wait_seconds: u32,
    /// How far a message's time may be off.
    pub message_time_seconds: u32,
    /// PEM files of further certificates that may act as registration authorities, relative to `DIR`.
    pub registration_authorities: Vec<PathBuf>,
    /// Whether end entities may ask by themselves, with no registration authority that vouches for them.
    pub end_entities: bool,
    /// PEM files of makers of devices, relative to `DIR`: their devices are known by their certificates.
    pub manufacturers: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            validity_days: 90,
            implicit_confirm: true,
            confirm_wait_seconds: 300,
            message_time_seconds: 300,
            registration_authorities: Vec::new(),
            end_entities: true,
            manufacturers: vec![PathBuf::from("pki/manufacturer.pem")],
        }
    }
}

impl Settings {
    /// Reads the settings; without a file all are at their defaults.
    ///
    /// # Errors
    /// When the file cannot be read, or has an unknown or malformed setting.
    pub fn load(dir: &Path) -> Result<Self, Fault> {
        let path = file(dir);
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_slice(&files::read(&path)?).map_err(|error| Fault::Content { path, detail: error.to_string() })
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Fault> {
        files::make_folder(&folder(dir))?;
        let path = file(dir);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Fault::Content { path: path.clone(), detail: error.to_string() })?;
        files::write(&path, &text, Readers::All)
    }
}

/// Where the demo CA keeps what is its own: settings, records and the revocation list.
#[must_use]
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("ca")
}

fn file(dir: &Path) -> PathBuf {
    folder(dir).join("ca.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_unknown_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), Settings::default());
        let changed = Settings { validity_days: 7, ..Settings::default() };
        changed.save(dir.path()).unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), changed);
        std::fs::write(file(dir.path()), r#"{"validity_day": 7}"#).unwrap();
        assert!(Settings::load(dir.path()).is_err());
    }
}
