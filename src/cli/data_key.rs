//! The data key, under which enrolment secrets stand: made at the first start, kept wrapped (DESIGN rule 11).

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use certs::Certificate;
use zeroize::Zeroizing;

use super::Failed;
use super::assemble::read_certificates;
use crate::case::{Millis, Random};
use crate::config::Config;
use crate::hsm::{Hsm, State};
use crate::registrar::Secrets;
use crate::store::{NewDataKey, Row, Store, Unit};

/// The office's data key; a new one when it has none yet.
pub(super) async fn open_or_make(
    config: &Config,
    hsm: &Hsm,
    store: &Store,
    random: &dyn Random,
    at: Millis,
) -> Result<Secrets, Failed> {
    if let Some(secrets) = open(hsm, store).await? {
        return Ok(secrets);
    }
    let mut key = Zeroizing::new([0; 32]);
    random.fill(key.as_mut_slice());
    let by_token = hsm.wrap_data_key(&key).await.map_err(|fault| unusable(hsm, &fault))?;
    let (recovery, by_recovery) = wrap_for_recovery(config, &key)?;
    let row = |wrapped_by, blob| Row::AddDataKey(NewDataKey { id: FIRST_KEY, wrapped_by, blob, at });
    let unit = Unit::new()
        .with(row(format!("{BY_TOKEN}wrapping"), by_token))
        .with(row(format!("recovery:{}", hex::encode(recovery.hash())), by_recovery));
    store.commit(unit).await.map_err(Failed::new)?;
    Ok(Secrets::new(FIRST_KEY, &key))
}

/// The office's data key, if it has one.
pub(super) async fn open(hsm: &Hsm, store: &Store) -> Result<Option<Secrets>, Failed> {
    let known = store.data_keys().await.map_err(Failed::new)?;
    let Some(row) = known.iter().find(|row| row.wrapped_by.starts_with(BY_TOKEN)) else { return Ok(None) };
    let key = hsm.unwrap_data_key(&row.blob).await.map_err(|fault| unusable(hsm, &fault))?;
    Ok(Some(Secrets::new(row.id, &key)))
}

/// Whether a data key could be wrapped for the recovery certificate.
pub(super) fn check_recovery(config: &Config) -> Result<(), Failed> {
    wrap_for_recovery(config, &Zeroizing::new([0; 32])).map(drop)
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

fn unusable(hsm: &Hsm, fault: &crate::hsm::Fault) -> Failed {
    let remedy = match hsm.state() {
        State::Ready => "the wrapping key is not the one that this office began with: use its token, or a copy of it",
        _ => "bring the token back and start again; `daftar check` tells what is missing",
    };
    Failed::new(format!("the data key cannot be used, so no enrolment secret can be read: {fault}; {remedy}"))
}

const BY_TOKEN: &str = "token:";

const FIRST_KEY: i64 = 1;
