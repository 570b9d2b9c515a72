use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use certs::Millis;
use tokio::sync::Mutex;

use crate::Fault;
use crate::authority::Authority;
use crate::files::{self, Readers};
use crate::records::Records;

/// The revocation list: in memory and in `DIR/ca/ca.crl`.
#[derive(Debug)]
pub(crate) struct Revocations {
    path: PathBuf,
    /// Which state of the ledger the newest list shows, once there is one. Holding it makes lists one after another.
    published: Mutex<Option<usize>>,
    newest: RwLock<Vec<u8>>,
}

impl Revocations {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, published: Mutex::default(), newest: RwLock::default() }
    }

    /// Makes a new list unless the newest has all that was revoked by now: those who waited for one list share it.
    pub(crate) async fn publish(&self, authority: &Authority, records: &Records, now: Millis) -> Result<(), Fault> {
        let mut published = self.published.lock().await;
        let (revoked, revision) = {
            let ledger = records.ledger();
            if *published == Some(ledger.revision()) {
                return Ok(());
            }
            (ledger.revoked(), ledger.revision())
        };
        // Later lists need higher numbers, also after a restart (RFC 5280 section 5.2.3).
        let number = u64::try_from(now.0).unwrap_or(0);
        let crl = authority.crl(number, revoked, now).await?;
        files::write(&self.path, crl.der(), Readers::All)?;
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = crl.der().to_vec();
        *published = Some(revision);
        Ok(())
    }

    /// The newest list (DER).
    pub(crate) fn der(&self) -> Vec<u8> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
