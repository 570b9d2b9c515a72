//! Whether a certificate can be the RA's: at this CA, now, for a key on this token.

use std::path::Path;

use certs::path::{Anchors, PathQuery, Purpose, validate};
use certs::{Certificate, KeyUsage, Millis, ObjectIdentifier, oid};

use super::named;
use crate::cli::Failed;
use crate::cli::assemble::read_certificates;
use crate::cli::genuine::is_demo;
use crate::config::{AuthorityConfig, Config};
use crate::hsm::{KeyRef, Token};

/// The CA of a name; the only one when none is given.
pub(super) fn authority<'a>(config: &'a Config, name: Option<&str>) -> Result<(&'a str, &'a AuthorityConfig), Failed> {
    let found = match name {
        Some(name) => config.authority.get_key_value(name),
        None if config.authority.len() == 1 => config.authority.iter().next(),
        None => return Err(Failed::new("there are several CAs: say which with --authority")),
    };
    let (name, table) =
        found.ok_or_else(|| Failed::new(format!("there is no [authority.{}]", name.unwrap_or("NAME"))))?;
    Ok((name, table))
}

/// What keeps a certificate from being the RA's at a CA, but for its key: the CA's certificates are in the file `chain`, and the
/// certificate must be for these purposes. `others` came with it.
pub(in crate::cli) fn check(
    config: &Config,
    (chain, needed): (&Path, &[ObjectIdentifier]),
    certificate: &Certificate,
    others: &[Certificate],
    now: Millis,
) -> Result<(), Failed> {
    let of = |text: String| Failed::new(format!("the certificate of '{}' {text}", certificate.subject()));
    if certificate.not_after() < now {
        return Err(of(format!("ended at {}; ask the CA for a new one", certificate.not_after())));
    }
    if now < certificate.not_before() {
        return Err(of(format!("does not begin before {}; is the clock right?", certificate.not_before())));
    }
    if certificate.is_ca() {
        return Err(of("is a CA's".to_owned()));
    }
    if !certificate.key_usage().is_some_and(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE)) {
        return Err(of("is not for signatures: it needs the key usage digitalSignature".to_owned()));
    }
    let purposes = certificate.extended_key_usages().unwrap_or_default();
    if let Some(purpose) = needed.iter().find(|needed| !purposes.contains(needed)) {
        return Err(of(match *purpose {
            oid::CMC_RA => {
                format!("does not make its holder an RA: it needs the extended key usage id-kp-cmcRA ({purpose})")
            }
            _ => format!(
                "is not for TLS clients, as which the RA asks this CA: it needs the extended key usage id-kp-clientAuth ({purpose}), too"
            ),
        }));
    }
    if !config.demo && is_demo(certificate) {
        return Err(of("is of a demo, which proves nothing".to_owned()));
    }
    let authorities = read_certificates(chain)?;
    let anchors = Anchors::new(authorities.last().cloned().into_iter().collect());
    let intermediates = [&authorities, others].concat();
    let query = PathQuery {
        end: certificate,
        intermediates: &intermediates,
        anchors: &anchors,
        at: now,
        purpose: Purpose::RegistrationAuthority,
        crls: &[],
        crl_required: false,
        policies: None,
    };
    validate(&query)
        .map(drop)
        .map_err(|fault| Failed::new(format!("{fault}; it must lead to the certificates in {}", chain.display())))
}

/// The key of a certificate on the token, after it has signed.
pub(super) fn key_of(token: &Token, certificate: &Certificate) -> Result<KeyRef, Failed> {
    let keys = token.list_keys().map_err(Failed::new)?;
    let fitting = keys.iter().find(|key| key.public_key.as_ref() == Some(certificate.public_key()));
    let key = fitting.and_then(named::of).ok_or_else(|| {
        Failed::new(format!(
            "the certificate of '{}' is for the key with SHA-256 {}, which is not on the token; `daftar key list` shows \
             what is there",
            certificate.subject(),
            certificate.public_key().print()
        ))
    })?;
    token.signing_key(&key).map_err(Failed::new)?;
    Ok(key)
}

/// Whether a reference of the configuration means this key.
pub(super) fn is_meant(configured: &KeyRef, key: &KeyRef) -> bool {
    let same = configured.label.is_none() || configured.label == key.label;
    same && (configured.id.is_none() || configured.id == key.id)
}
