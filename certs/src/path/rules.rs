use const_oid::ObjectIdentifier;

use super::{PathFault, PathQuery, Purpose};
use crate::{Certificate, KeyUsage, oid};

/// The rules that one can check a certificate at a time, so that the fault names the certificate.
/// `chain` goes from the end certificate to the anchor.
pub(super) fn check(query: &PathQuery<'_>, chain: &[&Certificate]) -> Result<(), PathFault> {
    for certificate in chain {
        validity(query, certificate)?;
        critical_extensions(certificate)?;
    }
    let Some((end, authorities)) = chain.split_first() else {
        return Ok(());
    };
    let mut below = 0u32;
    for (place, authority) in authorities.iter().enumerate() {
        let is_anchor = place + 1 == authorities.len();
        may_issue(authority, is_anchor, below)?;
        if !authority.subject().matches(authority.issuer()) {
            below += 1;
        }
    }
    purpose(query.purpose, end)?;
    // An anchor is trusted for what it was configured for.
    let intermediates = authorities.split_last().map_or(&[][..], |(_, intermediates)| intermediates);
    intermediates.iter().try_for_each(|authority| allows_below(query.purpose, authority))
}

/// RFC 5280 section 6.1.3 (a) (2). Anchors are held to it, too: an expired one is a mistake in the configuration.
fn validity(query: &PathQuery<'_>, certificate: &Certificate) -> Result<(), PathFault> {
    if query.at < certificate.not_before() {
        return Err(PathFault::NotYetValid { subject: certificate.subject().to_string() });
    }
    // notAfter is a whole second and all of it counts (RFC 5280 section 4.1.2.5).
    if query.at.seconds() > certificate.not_after().seconds() {
        return Err(PathFault::Expired { subject: certificate.subject().to_string() });
    }
    Ok(())
}

/// RFC 5280 section 6.1.4 (o) and 6.1.5 (f).
fn critical_extensions(certificate: &Certificate) -> Result<(), PathFault> {
    let unknown = certificate.extensions().iter().find(|found| found.critical && !UNDERSTOOD.contains(&found.oid));
    match unknown {
        Some(unknown) => Err(PathFault::UnknownCriticalExtension {
            subject: certificate.subject().to_string(),
            oid: unknown.oid.to_string(),
        }),
        None => Ok(()),
    }
}

/// RFC 5280 section 6.1.4 (k) to (n); `below` counts the authorities below that are not self-issued.
fn may_issue(authority: &Certificate, is_anchor: bool, below: u32) -> Result<(), PathFault> {
    let subject = || authority.subject().to_string();
    // A version 1 root has no extensions to say so; it is the configuration that says so.
    let vouched = is_anchor && authority.extensions().is_empty();
    if !(authority.is_ca() || vouched) || authority.path_length().is_some_and(|most| below > most) {
        return Err(PathFault::NotAuthority { subject: subject() });
    }
    match authority.key_usage() {
        Some(usage) if !usage.contains(KeyUsage::KEY_CERT_SIGN) => Err(PathFault::KeyUsage { subject: subject() }),
        _ => Ok(()),
    }
}

fn purpose(purpose: Purpose, end: &Certificate) -> Result<(), PathFault> {
    let key_usage = match purpose {
        Purpose::ClientAuth | Purpose::CmpProtection | Purpose::RegistrationAuthority => {
            Some(KeyUsage::DIGITAL_SIGNATURE)
        }
        Purpose::CertificationAuthority => Some(KeyUsage::KEY_CERT_SIGN),
        Purpose::Any | Purpose::Other(_) => None,
    };
    let subject = || end.subject().to_string();
    if let (Some(needed), Some(given)) = (key_usage, end.key_usage())
        && !given.contains(needed)
    {
        return Err(PathFault::KeyUsage { subject: subject() });
    }
    let listed = |wanted| end.extended_key_usages().is_some_and(|given| given.contains(&wanted));
    let fits = match purpose {
        Purpose::ClientAuth => {
            end.extended_key_usages().is_none() || listed(oid::CLIENT_AUTH) || listed(oid::ANY_EXTENDED_KEY_USAGE)
        }
        // RA rights are given by name: anyExtendedKeyUsage gives none.
        Purpose::RegistrationAuthority => listed(oid::CMC_RA),
        Purpose::Other(wanted) => listed(wanted),
        Purpose::CertificationAuthority if !end.is_ca() => {
            return Err(PathFault::NotAuthority { subject: subject() });
        }
        Purpose::CertificationAuthority | Purpose::CmpProtection | Purpose::Any => true,
    };
    if fits { Ok(()) } else { Err(PathFault::ExtendedKeyUsage { subject: subject() }) }
}

/// No RFC makes an authority's extended key usage limit what it issues, but everybody means it so. One that
/// lists id-kp-cmcCA speaks of the authority's own key (RFC 6402 section 2.10) and limits nothing.
fn allows_below(purpose: Purpose, authority: &Certificate) -> Result<(), PathFault> {
    let Some(given) = authority.extended_key_usages() else {
        return Ok(());
    };
    let wanted: ObjectIdentifier = match purpose {
        Purpose::ClientAuth => oid::CLIENT_AUTH,
        Purpose::RegistrationAuthority => oid::CMC_RA,
        Purpose::Other(wanted) => wanted,
        Purpose::CmpProtection | Purpose::CertificationAuthority | Purpose::Any => return Ok(()),
    };
    if [wanted, oid::ANY_EXTENDED_KEY_USAGE, oid::CMC_CA].iter().any(|purpose| given.contains(purpose)) {
        return Ok(());
    }
    Err(PathFault::ExtendedKeyUsage { subject: authority.subject().to_string() })
}

/// What we or certval process; distribution points matter when a list is looked for.
const UNDERSTOOD: [ObjectIdentifier; 11] = [
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::NAME_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::EXTENDED_KEY_USAGE,
    oid::INHIBIT_ANY_POLICY,
];
