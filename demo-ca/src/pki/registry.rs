use std::path::PathBuf;

use certs::{Certificate, Name};

use super::read_certificates;

/// The certificates that the intermediate authority issued when the demo was set up, before there were records: those
/// in `DIR/pki`. They can be revoked, too.
#[derive(Debug)]
pub(crate) struct Registry {
    folder: PathBuf,
    issuer: Name,
}

impl Registry {
    pub(crate) fn new(folder: PathBuf, issuer: Name) -> Self {
        Self { folder, issuer }
    }

    /// Looks for a certificate by its serial number. The folder is read each time, since it is rarely asked and may have
    /// got another certificate.
    pub(crate) fn find(&self, serial: &[u8]) -> Option<Certificate> {
        let files = std::fs::read_dir(&self.folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "pem"));
        files
            .flat_map(|path| read_certificates(&path).unwrap_or_default())
            .find(|certificate| certificate.serial() == serial && certificate.issuer().matches(&self.issuer))
    }
}
