//! SIGHUP: what is read again while the server runs.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::assemble::House;
use super::genuine::refuse_demo_certificates;
use super::server_key::server_key;
use super::system::SystemClock;
use super::{Common, Failed, assemble, rule_sets};
use crate::config::Config;
use crate::hsm::Hsm;
use crate::listen::{Limits, ServerTls, TicketKeys, Tickets};
use crate::registrar::{Registrar, Vault};
use crate::store::Store;

/// What may change without a restart: certificates, revocation lists, limits, proposed rule sets. No connection is dropped.
pub(super) struct Reload {
    path: PathBuf,
    hsm: Hsm,
    store: Store,
    registrar: Registrar,
    pub(super) tls: Arc<ServerTls>,
    pub(super) limits: Arc<ArcSwap<Limits>>,
}

/// The keys of TLS tickets, from the data key that all nodes have.
#[derive(Debug)]
struct Shared(Vault);

impl TicketKeys for Shared {
    fn key(&self, period: u64) -> Option<Zeroizing<[u8; 32]>> {
        self.0.shared_key(&[b"tls tickets", &period.to_be_bytes()])
    }
}

impl Reload {
    /// Reads them for the first time.
    pub(super) fn new(config: &Config, common: &Common, house: &House) -> Result<Self, Failed> {
        let listen = &config.listen;
        let tickets =
            Tickets::new(Arc::new(Shared(house.vault.clone())), Arc::new(SystemClock)).map_err(Failed::new)?;
        let key = server_key(config, &house.hsm)?;
        let tls = ServerTls::load_with(&listen.certificate_file, &key, listen.tls_rules(), Arc::new(tickets))
            .map_err(|fault| Failed::caused(&fault))?;
        Ok(Self {
            path: common.config.clone(),
            hsm: house.hsm.clone(),
            store: house.store.clone(),
            registrar: house.registrar.clone(),
            tls: Arc::new(tls),
            limits: Arc::new(ArcSwap::from_pointee(listen.limits.clone())),
        })
    }

    /// Reads them again. What is wrong changes nothing.
    pub(super) async fn run(&self) {
        let config = match Config::load(&self.path) {
            Ok(config) => config,
            Err(fault) => return tracing::error!(%fault, "the configuration stays as it was"),
        };
        if let Err(fault) = refuse_demo_certificates(&config) {
            return tracing::error!(%fault, "the configuration stays as it was");
        }
        match self.certificate(&config) {
            Ok(()) => tracing::info!("certificates and limits were read again"),
            Err(fault) => tracing::error!(%fault, "the old certificate stays in use"),
        }
        match assemble::trust_tables(&config) {
            Ok(tables) => self.registrar.renew_trust(tables),
            Err(fault) => tracing::error!(%fault, "the old trust anchors and revocation lists stay in use"),
        }
        match rule_sets::propose(&config, &self.store).await {
            Ok(false) => {}
            Ok(true) => tracing::info!("a changed rule set is proposed; it comes into force at the next start"),
            Err(fault) => tracing::error!(%fault, "the changed rule set could not be recorded"),
        }
        self.limits.store(Arc::new(config.listen.limits));
    }

    fn certificate(&self, config: &Config) -> Result<(), Failed> {
        let key = server_key(config, &self.hsm)?;
        self.tls.reload(&config.listen.certificate_file, &key).map_err(|fault| Failed::caused(&fault))
    }
}
