//! Builds the house from the ground up.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use certs::{Certificate, Signer};
use zeroize::Zeroizing;

use super::Failed;
use super::system::{Entropy, SystemClock};
use crate::audit::{Leaf, LeafKind};
use crate::case::{Clock, Random};
use crate::config::{AuthorityConfig, Config};
use crate::frontend::Protector;
use crate::hsm::{Hsm, HsmSigner, State};
use crate::registrar::{KeyReady, Parts, Registrar, Secrets, Trust};
use crate::rules::RuleSet;
use crate::store::{NewDataKey, Row, Store, Unit};
use crate::upstream::{Authority, Cmp};

/// A house ready to open its doors.
pub(super) struct House {
    pub(super) hsm: Hsm,
    pub(super) store: Store,
    pub(super) registrar: Registrar,
    pub(super) protector: Protector,
}

/// Tells the registrar whether the token can sign.
#[derive(Debug)]
struct TokenReady(Hsm);

impl KeyReady for TokenReady {
    fn key_ready(&self) -> bool {
        self.0.state() == State::Ready
    }
}

/// Builds everything below the doors.
pub(super) async fn assemble(config: &Config) -> Result<House, Failed> {
    std::fs::create_dir_all(&config.data)
        .map_err(|fault| Failed::new(format!("{}: {fault}", config.data.display())))?;
    let random: Arc<dyn Random> = Arc::new(Entropy::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let hsm = Hsm::start(&config.hsm, &config.data).map_err(Failed::new)?;
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let secrets = secrets(config, &hsm, &store, random.as_ref(), clock.as_ref()).await?;
    let signer = Arc::new(signer(config, &hsm)?);
    let (authorities, protector) = authorities(config, &signer)?;
    let rules = Arc::new(activate(config, &store, random.as_ref(), clock.as_ref()).await?);
    let trust = config
        .trust
        .iter()
        .map(|(name, table)| {
            let trust = Trust::read(table).map_err(|fault| Failed::new(format!("trust.{name}: {fault}")))?;
            Ok((name.clone(), trust))
        })
        .collect::<Result<BTreeMap<_, _>, Failed>>()?;
    let registrar = Registrar::new(Parts {
        store: store.clone(),
        authorities,
        trust,
        rules,
        secrets,
        key_ready: Arc::new(TokenReady(hsm.clone())),
        clock,
        random,
        settings: config.registrar.settings(&config.node),
    });
    Ok(House { hsm, store, registrar, protector })
}

/// The RA key, known by the certificate of the first CA, so that the server starts while the token is away.
fn signer(config: &Config, hsm: &Hsm) -> Result<HsmSigner, Failed> {
    let AuthorityConfig::Cmp(first) =
        config.authority.values().next().ok_or_else(|| Failed::new("there is no [authority.NAME]"))?;
    let certificates = read_certificates(&first.ra_certificate)?;
    let own = certificates.first().ok_or_else(|| Failed::new("the RA certificate's file is empty"))?;
    hsm.signer_for(own.public_key()).map_err(Failed::new)
}

type Authorities = BTreeMap<String, Arc<dyn Authority>>;

fn authorities(config: &Config, signer: &Arc<HsmSigner>) -> Result<(Authorities, Protector), Failed> {
    let mut authorities: Authorities = BTreeMap::new();
    let mut protector = None;
    for (name, AuthorityConfig::Cmp(table)) in &config.authority {
        let named = |fault: String| Failed::new(format!("authority.{name}: {fault}"));
        let signer: Arc<dyn Signer> = signer.clone();
        let authority = Cmp::new(name, table, Arc::clone(&signer)).map_err(named)?;
        if !config.demo && authority.chain().iter().any(is_demo) {
            return Err(named("its certificates are of a demo; set `demo = true` or use real ones".to_owned()));
        }
        if protector.is_none() {
            // RFC 9483 section 3.3: the RA's certificate first, then its chain.
            let mut certificates = read_certificates(&table.ra_certificate)?;
            let further = authority.chain().iter().filter(|further| !certificates.contains(further)).cloned();
            certificates.extend(further.collect::<Vec<_>>());
            protector = Some(Protector { signer, certificates });
        }
        authorities.insert(name.clone(), Arc::new(authority));
    }
    let protector = protector.ok_or_else(|| Failed::new("there is no [authority.NAME]"))?;
    Ok((authorities, protector))
}

/// Demo certificates name themselves (DESIGN 3).
fn is_demo(certificate: &Certificate) -> bool {
    certificate.subject().to_string().contains(DEMO_ORGANIZATION)
}

pub(super) fn read_certificates(path: &std::path::Path) -> Result<Vec<Certificate>, Failed> {
    let pem = std::fs::read(path).map_err(|fault| Failed::new(format!("{}: {fault}", path.display())))?;
    Certificate::parse_pem(&pem).map_err(|fault| Failed::new(format!("{}: {fault}", path.display())))
}

/// The data key, made at the first start (DESIGN rule 11).
async fn secrets(
    config: &Config,
    hsm: &Hsm,
    store: &Store,
    random: &dyn Random,
    clock: &dyn Clock,
) -> Result<Secrets, Failed> {
    let known = store.data_keys().await.map_err(Failed::new)?;
    if let Some(row) = known.iter().find(|row| row.wrapped_by.starts_with(BY_TOKEN)) {
        let key = hsm.unwrap_data_key(&row.blob).await.map_err(|fault| {
            Failed::new(format!("the data key cannot be unwrapped, so no enrolment secret can be read: {fault}"))
        })?;
        return Ok(Secrets::new(row.id, &key));
    }
    let mut key = Zeroizing::new([0; 32]);
    random.fill(key.as_mut_slice());
    let by_token = hsm.wrap_data_key(&key).await.map_err(Failed::new)?;
    let (recovery, by_recovery) = wrap_for_recovery(config, &key)?;
    let at = clock.now();
    let row = |wrapped_by, blob| Row::AddDataKey(NewDataKey { id: FIRST_KEY, wrapped_by, blob, at });
    let unit = Unit::new()
        .with(row(format!("{BY_TOKEN}wrapping"), by_token))
        .with(row(format!("recovery:{}", hex::encode(recovery.hash())), by_recovery));
    store.commit(unit).await.map_err(Failed::new)?;
    Ok(Secrets::new(FIRST_KEY, &key))
}

/// RSAES-OAEP with SHA-256 (RFC 8017 section 7.1): opened with the off-line key when the token is lost.
fn wrap_for_recovery(config: &Config, key: &Zeroizing<[u8; 32]>) -> Result<(Certificate, Vec<u8>), Failed> {
    let path = &config.recovery_certificate;
    let named = |fault: &str| Failed::new(format!("{}: {fault}", path.display()));
    let certificate = read_certificates(path)?.into_iter().next().ok_or_else(|| named("holds no certificate"))?;
    let public = PublicEncryptingKey::from_der(certificate.public_key().der())
        .ok()
        .and_then(|key| OaepPublicEncryptingKey::new(key).ok())
        .ok_or_else(|| named("the recovery certificate needs an RSA key"))?;
    let mut sealed = vec![0; public.ciphertext_size()];
    let length = public
        .encrypt(&OAEP_SHA256_MGF1SHA256, key.as_slice(), &mut sealed, None)
        .map_err(|_| named("the data key cannot be encrypted for it"))?
        .len();
    sealed.truncate(length);
    Ok((certificate, sealed))
}

/// The configured rule set, in force (DESIGN rule 5, `activation = "on-load"`).
async fn activate(config: &Config, store: &Store, random: &dyn Random, clock: &dyn Clock) -> Result<RuleSet, Failed> {
    let rules = RuleSet::new(config.profile.clone()).map_err(Failed::new)?;
    let active = store.active_rule_set().await.map_err(Failed::new)?;
    if active.is_some_and(|active| active.hash == *rules.hash()) {
        return Ok(rules);
    }
    let (hash, at, actor) = (*rules.hash(), clock.now(), "house:on-load".to_owned());
    let leaf = |kind| Leaf::new(random, at, &config.node, kind, &actor).hash("rule_set", hash);
    let unit = Unit::new()
        .with(Row::ProposeRuleSet { hash, text: rules.text().to_owned(), at })
        .with(leaf(LeafKind::RuleSetProposed))
        .with(Row::ActivateRuleSet { hash, at, actor: actor.clone() })
        .with(leaf(LeafKind::RuleSetActivated));
    store.commit(unit).await.map_err(Failed::new)?;
    Ok(rules)
}

/// Stands in the subject of every demo certificate.
pub(super) const DEMO_ORGANIZATION: &str = "DEMO NOT FOR PRODUCTION";

const BY_TOKEN: &str = "token:";

const FIRST_KEY: i64 = 1;
