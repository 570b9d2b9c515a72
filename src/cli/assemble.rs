//! Builds the house from the ground up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use certs::{Certificate, KeyPrint, PublicKey, Signer, oid};
use tlog::NoteKey;

use super::checkpoint_file::CheckpointFile;
use super::expiry::Ends;
use super::genuine::refuse_demo_certificates;
use super::key::fits_an_ra;
use super::key_files::key_encryption_keys;
use super::key_maker::InMemory;
use super::system::{Entropy, SystemClock};
use super::{Failed, data_key, rule_sets};
use crate::case::{Clock, Millis, Random};
use crate::config::{AuthorityConfig, Config};
use crate::frontend::{KeyProtection, Protector, Protectors};
use crate::hsm::{Hsm, HsmSigner, State, Use};
use crate::registrar::{
    Balancer, CheckpointPlace, KeyReady, Log, LogConfig, Parts, Registrar, Trust, TrustConfig, TrustedRa, Vault,
};
use crate::store::Store;
use crate::upstream::{Authority, Cmc, Cmp, Est, File};

/// A house ready to open its doors.
pub(super) struct House {
    pub(super) hsm: Hsm,
    pub(super) store: Store,
    pub(super) registrar: Registrar,
    /// What the nodes of the office share.
    pub(super) vault: Vault,
    /// What the CAs know the RA by.
    pub(super) ra_key: KeyPrint,
    pub(super) protectors: Protectors,
    pub(super) keys: Arc<KeyProtection>,
    /// When the RA's certificates in use end.
    pub(super) ends: Ends,
    /// There while the data key was not unwrapped.
    pub(super) locked: Option<Locked>,
}

/// A vault that waits for the token.
#[derive(Clone)]
pub(super) struct Locked {
    vault: Vault,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
}

impl Locked {
    /// Opens the vault as soon as the token is there.
    pub(super) async fn open(self, config: Config, hsm: Hsm, store: Store) {
        loop {
            tokio::time::sleep(LOOK).await;
            if hsm.state() != State::Ready {
                continue;
            }
            match data_key::open_or_make(&config, &hsm, &store, self.random.as_ref(), self.clock.now()).await {
                Ok(secrets) => {
                    self.vault.open(secrets);
                    return tracing::info!("the data key is unwrapped");
                }
                Err(fault) => tracing::error!(%fault, "the token is there, and no enrolment secret can be read"),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

const LOOK: Duration = Duration::from_millis(250);
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Tells the registrar whether the token can sign.
#[derive(Debug)]
struct TokenReady(Hsm);

impl KeyReady for TokenReady {
    fn key_ready(&self) -> bool {
        self.0.state() == State::Ready
    }
}

/// Builds everything below the doors. The RA signs with the key on the token, unless another is given.
pub(super) async fn assemble(config: &Config, signer: Option<Arc<dyn Signer>>) -> Result<House, Failed> {
    refuse_demo_certificates(config)?;
    let random: Arc<dyn Random> = Arc::new(Entropy::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let hsm = Hsm::start(&config.hsm, &config.data).map_err(Failed::new)?;
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let vault = Vault::default();
    // A token that is away comes back some time; what else keeps it from being used ends the start.
    let away = hsm.state() == State::Absent;
    let locked = match data_key::open_or_make(config, &hsm, &store, random.as_ref(), clock.now()).await {
        Ok(secrets) => {
            vault.open(secrets);
            None
        }
        Err(fault) if away || hsm.state() == State::Absent => {
            tracing::warn!(%fault, "the token is away: what needs no key is served until it comes");
            Some(Locked { vault: vault.clone(), random: Arc::clone(&random), clock: Arc::clone(&clock) })
        }
        Err(fault) => return Err(fault),
    };
    let signer = match signer {
        Some(signer) => signer,
        None => Arc::new(on_token(config, &hsm)?),
    };
    let log = signed_log(config, &hsm)?;
    let (authorities, ra, ends) = authorities(config, &signer, &clock, &random)?;
    let ra_key = ra.signer.public_key().print();
    let protectors = protectors(config, &hsm, &ra, clock.now())?;
    let packages = config.answers.packages.as_ref();
    let packages = packages.map(|path| certified(config, &hsm, &ra, clock.now(), (Use::KeyPackages, path)));
    let packages = packages.transpose()?.unwrap_or_else(|| protectors.newest.clone());
    let rules = Arc::new(rule_sets::activate(config, &store).await?);
    let trust = trust_tables(config)?;
    let trusted_ras = config
        .trusted_ra
        .iter()
        .map(|entry| {
            TrustedRa::read(entry).map_err(|fault| Failed::new(format!("trusted_ra '{}': {fault}", entry.name)))
        })
        .collect::<Result<Vec<_>, Failed>>()?;
    let balancers = config
        .balancer
        .iter()
        .map(|entry| Balancer::read(entry).map_err(|fault| Failed::new(format!("balancer '{}': {fault}", entry.name))))
        .collect::<Result<Vec<_>, Failed>>()?;
    let registrar = Registrar::new(Parts {
        store: store.clone(),
        authorities,
        trust,
        trusted_ras,
        balancers,
        rules,
        secrets: vault.clone(),
        key_ready: Arc::new(TokenReady(hsm.clone())),
        key_maker: Arc::new(InMemory),
        clock,
        random,
        log,
        settings: config.registrar.settings(&config.node, config.officers.as_ref()),
    });
    let keys = KeyProtection { protector: packages, secrets: key_encryption_keys(config)? };
    Ok(House { hsm, store, registrar, vault, ra_key, protectors, keys: Arc::new(keys), ends, locked })
}

/// The trust tables with their files read.
pub(super) fn trust_tables(config: &Config) -> Result<BTreeMap<String, Trust>, Failed> {
    let read = |(name, table): (&String, &TrustConfig)| {
        let trust = Trust::read(table).map_err(|fault| Failed::new(format!("trust.{name}: {fault}")))?;
        Ok((name.clone(), trust))
    };
    config.trust.iter().map(read).collect()
}

/// The RA key, known by the certificate of the first CA, so that the server starts while the token is away.
fn on_token(config: &Config, hsm: &Hsm) -> Result<HsmSigner, Failed> {
    let first = config.authority.values().next().ok_or_else(|| Failed::new("there is no [authority.NAME]"))?;
    let certificates = read_certificates(first.ra_certificate())?;
    let own = certificates.first().ok_or_else(|| Failed::new("the RA certificate's file is empty"))?;
    hsm.signer_for(Use::Requests, own.public_key()).map_err(Failed::new)
}

/// The keys for answers: that of `[answers]`, else the RA key; which remains one that exchanges may have begun under.
fn protectors(config: &Config, hsm: &Hsm, ra: &Protector, now: Millis) -> Result<Protectors, Failed> {
    let read = |used, path: &Option<PathBuf>| {
        path.as_ref().map(|path| certified(config, hsm, ra, now, (used, path))).transpose()
    };
    let mut protectors = Protectors { newest: ra.clone(), earlier: Vec::new() };
    protectors.earlier.extend(read(Use::RetiringAnswers, &config.answers.retiring)?);
    if let Some(newest) = read(Use::Answers, &config.answers.certificates)? {
        protectors.earlier.push(std::mem::replace(&mut protectors.newest, newest));
    }
    Ok(protectors)
}

/// A key of this use, by its certificate in a file.
fn certified(
    config: &Config,
    hsm: &Hsm,
    ra: &Protector,
    now: Millis,
    (used, path): (Use, &Path),
) -> Result<Protector, Failed> {
    let named = |fault: &dyn std::fmt::Display| Failed::new(format!("{}: {}: {fault}", used.name(), path.display()));
    let (own, mut certificates) = answer_certificates(config, path, now).map_err(|fault| named(&fault))?;
    let signer = hsm.signer_for(used, own.public_key()).map_err(|fault| named(&fault))?;
    let further = ra.certificates.iter().skip(1).filter(|further| !certificates.contains(further)).cloned();
    certificates.extend(further.collect::<Vec<_>>());
    Ok(Protector { signer: Arc::new(signer), certificates })
}

/// The certificate of a key for answers, and all that came with it. Requesters must be able to believe it: it is an RA's, by one of
/// our CAs. Its end is told of in other ways, for to answer nobody would not be better.
pub(super) fn answer_certificates(
    config: &Config,
    path: &Path,
    now: Millis,
) -> Result<(Certificate, Vec<Certificate>), Failed> {
    let certificates = read_certificates(path)?;
    let own = certificates.first().cloned().ok_or_else(|| Failed::new("it holds no certificate"))?;
    let at = now.clamp(own.not_before(), own.not_after());
    let fits =
        |table: &AuthorityConfig| fits_an_ra(config, (table.certificates(), &[oid::CMC_RA]), &own, &certificates, at);
    config.authority.values().map(fits).reduce(Result::or).unwrap_or(Ok(()))?;
    Ok((own, certificates))
}

/// The audit log as `[audit]` has it signed.
pub(super) fn signed_log(config: &Config, hsm: &Hsm) -> Result<Option<Log>, Failed> {
    let Some(audit) = &config.audit else { return Ok(None) };
    let key = note_key(audit)?;
    let signer = hsm.signer_for(Use::Checkpoints, key.key()).map_err(|fault| {
        Failed::new(format!("hsm.checkpoint_key is not the key in {}: {fault}", audit.public_key.display()))
    })?;
    let place = |path: &PathBuf| {
        Arc::new(CheckpointFile { path: path.clone(), origin: audit.origin.clone() }) as Arc<dyn CheckpointPlace>
    };
    Ok(Some(Log::new(key, Arc::new(signer), audit.copies.iter().map(place).collect())))
}

/// The name and the public key of the audit log.
pub(super) fn note_key(audit: &LogConfig) -> Result<NoteKey, Failed> {
    let path = audit.public_key.display();
    let pem = std::fs::read(&audit.public_key).map_err(|fault| {
        Failed::new(format!("audit.public_key: {path}: {fault}; `daftar key generate` writes it when it makes the key"))
    })?;
    let key = PublicKey::parse_pem(&pem).map_err(|fault| Failed::new(format!("audit.public_key: {path}: {fault}")))?;
    NoteKey::new(&audit.origin, key).map_err(|fault| Failed::new(format!("audit: {fault}")))
}

type Authorities = BTreeMap<String, Arc<dyn Authority>>;

fn authorities(
    config: &Config,
    signer: &Arc<dyn Signer>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<(Authorities, Protector, Ends), Failed> {
    let mut authorities: Authorities = BTreeMap::new();
    let mut protector = None;
    let mut ends = Ends::new(config);
    for (name, table) in &config.authority {
        let signer = Arc::clone(signer);
        let authority = authority(name, table, &signer, clock, random)
            .map_err(|fault| Failed::new(format!("authority.{name}: {fault}")))?;
        // RFC 9483 section 3.3: the RA's certificate first, then its chain.
        let mut certificates = read_certificates(table.ra_certificate())?;
        if let Some(own) = certificates.first() {
            ends.add(name, own);
        }
        if !authority.takes().revocations {
            tracing::info!(authority = name, "this CA takes PKCS#10 only: nothing is revoked there from here");
        }
        if protector.is_none() {
            let further = authority.chain().iter().filter(|further| !certificates.contains(further)).cloned();
            certificates.extend(further.collect::<Vec<_>>());
            protector = Some(Protector { signer, certificates });
        }
        authorities.insert(name.clone(), authority);
    }
    let protector = protector.ok_or_else(|| Failed::new("there is no [authority.NAME]"))?;
    Ok((authorities, protector, ends))
}

/// The CA of a table, spoken with in its protocol.
pub(super) fn authority(
    name: &str,
    table: &AuthorityConfig,
    signer: &Arc<dyn Signer>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Arc<dyn Authority>, String> {
    let signer = Arc::clone(signer);
    Ok(match table {
        AuthorityConfig::Cmp(table) => Arc::new(Cmp::new(name, table, signer, Arc::clone(clock), Arc::clone(random))?),
        AuthorityConfig::Est(table) => Arc::new(Est::new(name, table, signer)?),
        AuthorityConfig::Cmc(table) => Arc::new(Cmc::new(name, table, signer)?),
        AuthorityConfig::File(table) => Arc::new(File::new(name, table, signer)?),
    })
}

pub(super) fn read_certificates(path: &std::path::Path) -> Result<Vec<Certificate>, Failed> {
    let pem = std::fs::read(path).map_err(|fault| Failed::new(format!("{}: {fault}", path.display())))?;
    Certificate::parse_pem(&pem).map_err(|fault| Failed::new(format!("{}: {fault}", path.display())))
}
