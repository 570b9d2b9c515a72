//! Rules for the extensions of a certificate (RFC 5280 section 4.2).

use const_oid::ObjectIdentifier;

use super::syntax::{is_absolute_uri, is_host, is_mailbox};
use super::{View, only_if};
use crate::walk::{OID, SEQUENCE, Walk, explicit, implicit};
use crate::{AltName, Fault, KeyKind, KeyUsage, Name, oid, write};

/// Which extensions are never and which are always critical.
pub(super) fn critical(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for extension in view.certificate.extensions() {
        let never = NEVER_CRITICAL.iter().find(|(oid, _)| *oid == extension.oid).filter(|_| extension.critical);
        found.extend(never.map(|(_, name)| format!("{name} is critical, and must not be")));
    }
    // RFC 5280 section 4.2.1.6: without a subject, who cannot read subjectAltName knows nobody.
    let names = view.certificate.extension(oid::SUBJECT_ALT_NAME);
    let lone = view.certificate.subject().is_empty() && names.is_some_and(|(critical, _)| !critical);
    found.extend(only_if(lone, || "the subject is empty, and subjectAltName is not critical".to_owned()));
    // RFC 3161 section 2.3.
    let stamps = view.certificate.extended_key_usages().is_some_and(|purposes| purposes.contains(&TIME_STAMPING));
    let purposes = view.certificate.extension(oid::EXTENDED_KEY_USAGE);
    let lenient = stamps && purposes.is_some_and(|(critical, _)| !critical);
    found.extend(only_if(lenient, || "it is for time stamps, and extKeyUsage is not critical".to_owned()));
    found
}

/// RFC 5280 section 4.2: who does not know a critical extension rejects the certificate.
pub(super) fn unknown_critical(view: &View<'_>) -> Vec<String> {
    let strange = |oid: &ObjectIdentifier| {
        !KNOWN.contains(oid)
            && !NEVER_CRITICAL.iter().any(|(known, _)| known == oid)
            && !AUTHORITY_ONLY.iter().any(|(known, _)| known == oid)
            && !view.approved.contains(oid)
    };
    let critical = view.certificate.extensions().iter().filter(|extension| extension.critical);
    critical
        .map(|extension| extension.oid)
        .filter(strange)
        .map(|oid| format!("the extension {oid} is critical, and nobody approved it"))
        .collect()
}

/// RFC 5280 sections 4.2.1.1 and 4.2.1.2: it names the key that signed, by the value in the CA's own certificate.
pub(super) fn authority_key_identifier(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let found = view.certificate.authority_key_identifier();
    let mut faults = match (found, view.issuer.subject_key_identifier()) {
        (None, _) => vec!["it has no authorityKeyIdentifier with a keyIdentifier".to_owned()],
        (Some(found), Some(wanted)) if found != wanted => {
            vec!["its authorityKeyIdentifier is not the subjectKeyIdentifier of its CA".to_owned()]
        }
        _ => Vec::new(),
    };
    let Some((_, value)) = view.certificate.extension(oid::AUTHORITY_KEY_IDENTIFIER) else { return Ok(faults) };
    let mut fields = Walk::only("the authority key identifier", value, SEQUENCE)?.inside()?;
    fields.take_if(implicit(0))?;
    let (issuer, serial) = (fields.take_if(explicit(1))?, fields.take_if(implicit(2))?);
    fields.finish()?;
    faults.extend(only_if(issuer.is_some() != serial.is_some(), || {
        "its authorityKeyIdentifier has one of issuer and serial number without the other".to_owned()
    }));
    Ok(faults)
}

/// RFC 5280 section 4.2.1.3.
pub(super) fn key_usage(view: &View<'_>) -> Vec<String> {
    let Some(usage) = view.certificate.key_usage() else { return Vec::new() };
    let mut found = only_if(usage.is_empty(), || "no bit of its keyUsage is set".to_owned());
    let signs = usage.intersects(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
    found.extend(only_if(signs && !view.certificate.is_ca(), || {
        "its keyUsage has keyCertSign or cRLSign, and it is no CA".to_owned()
    }));
    // X.690 section 11.2.2: trailing zeros are left out.
    let written =
        view.certificate.extension(oid::KEY_USAGE).is_some_and(|(_, value)| value == write::named_bits(usage.bits()));
    found.extend(only_if(!written, || "its keyUsage is not DER".to_owned()));
    found
}

pub(super) fn key_usage_of_key(view: &View<'_>) -> Vec<String> {
    let Some(usage) = view.certificate.key_usage() else { return Vec::new() };
    usage_of(view.certificate.public_key().kind(), usage)
}

/// What a key of its kind cannot do, or must not.
pub(super) fn usage_of(kind: KeyKind, usage: KeyUsage) -> Vec<String> {
    let agreement = KeyUsage::KEY_AGREEMENT | KeyUsage::ENCIPHER_ONLY | KeyUsage::DECIPHER_ONLY;
    let encipherment = KeyUsage::KEY_ENCIPHERMENT | KeyUsage::DATA_ENCIPHERMENT;
    let never = match kind {
        // RFC 3279 section 2.3.1, RFC 4055 section 1.2.
        KeyKind::Rsa { .. } => agreement,
        // RFC 8813 section 3.
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => encipherment,
        // RFC 9295 section 3, RFC 9881 section 5.
        KeyKind::Ed25519 | KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => agreement | encipherment,
    };
    only_if(usage.intersects(never), || format!("the key usage has what a key of kind {kind} is not used for"))
}

/// RFC 5280 section 4.2.1.4.
pub(super) fn certificate_policies(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let Some((_, value)) = view.certificate.extension(oid::CERTIFICATE_POLICIES) else { return Ok(Vec::new()) };
    let mut items = Walk::only("the certificate policies", value, SEQUENCE)?.inside()?;
    let (mut seen, mut found) = (Vec::new(), Vec::new());
    while !items.is_empty() {
        let policy = items.take(SEQUENCE)?.inside()?.take(OID)?.oid()?;
        found.extend(only_if(seen.contains(&policy), || format!("the policy {policy} occurs twice")));
        seen.push(policy);
    }
    found.extend(only_if(seen.is_empty(), || "its certificatePolicies has no policy".to_owned()));
    Ok(found)
}

pub(super) fn subject_alt_name(view: &View<'_>) -> Vec<String> {
    alt_names(view.certificate.alt_names())
}

/// RFC 5280 section 4.2.1.6.
pub(super) fn alt_names(names: &[AltName]) -> Vec<String> {
    let wrong = |name: &AltName| match name {
        AltName::Dns(host) if !is_host(host) => Some(format!("'{host}' in subjectAltName is no host name")),
        AltName::Email(address) if !is_mailbox(address) => Some(format!("'{address}' in subjectAltName is no mailbox")),
        AltName::Uri(uri) if !is_absolute_uri(uri) => Some(format!("'{uri}' in subjectAltName is no absolute URI")),
        _ => None,
    };
    names.iter().filter_map(wrong).collect()
}

pub(super) fn email_in_subject(view: &View<'_>) -> Vec<String> {
    emails(view.certificate.subject(), view.certificate.alt_names())
}

/// RFC 5280 section 4.1.2.6: an address in a new certificate MUST stand in subjectAltName.
pub(super) fn emails(subject: &Name, names: &[AltName]) -> Vec<String> {
    let stands = |address: &String| {
        names.iter().any(|name| matches!(name, AltName::Email(known) if known.eq_ignore_ascii_case(address)))
    };
    let addresses = subject.values(oid::EMAIL_ADDRESS);
    let missing = addresses.iter().filter(|address| !stands(address));
    missing.map(|address| format!("'{address}' stands in the subject and not in subjectAltName")).collect()
}

/// RFC 5280 section 4.2.1.9.
pub(super) fn basic_constraints(view: &View<'_>) -> Vec<String> {
    let Some((_, value)) = view.certificate.extension(oid::BASIC_CONSTRAINTS) else { return Vec::new() };
    let mut found = only_if(view.certificate.is_ca(), || "it makes its holder a CA".to_owned());
    let lone = !view.certificate.is_ca() && view.certificate.path_length().is_some();
    found.extend(only_if(lone, || "it has a pathLenConstraint, and is no CA".to_owned()));
    // X.690 section 11.5: FALSE is the default.
    found.extend(only_if(value == SAYS_FALSE, || "its basicConstraints is not DER: FALSE is left out".to_owned()));
    found
}

/// What only a CA's certificate has.
pub(super) fn authority_only(view: &View<'_>) -> Vec<String> {
    let has = |(oid, _): &&(ObjectIdentifier, &str)| view.certificate.extension(*oid).is_some();
    let found = AUTHORITY_ONLY.iter().filter(has);
    found.map(|(_, name)| format!("it has {name}, which is for certificates of CAs")).collect()
}

/// RFC 5280 section 4.2.1.12. Which purposes were approved is not asked here.
pub(super) fn extended_key_usage(view: &View<'_>) -> Vec<String> {
    let purposes = view.certificate.extended_key_usages().unwrap_or_default();
    let mut found = only_if(purposes.contains(&oid::ANY_EXTENDED_KEY_USAGE), || {
        "its extKeyUsage has anyExtendedKeyUsage, which allows everything".to_owned()
    });
    let authority = [oid::CMC_RA, oid::CMC_CA].iter().any(|purpose| purposes.contains(purpose));
    // DESIGN rule 10: such a certificate is given by people, to an authority, and never through a profile.
    found.extend(only_if(authority, || {
        "its extKeyUsage makes its holder an RA, or lets it speak for the CA".to_owned()
    }));
    found
}

/// RFC 5280 section 4.2.1.13.
pub(super) fn crl_distribution_points(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for oid in [oid::CRL_DISTRIBUTION_POINTS, FRESHEST_CRL] {
        let Some((_, value)) = view.certificate.extension(oid) else { continue };
        let mut points = Walk::only("the CRL distribution points", value, SEQUENCE)?.inside()?;
        found.extend(only_if(points.is_empty(), || "its cRLDistributionPoints has no point".to_owned()));
        while !points.is_empty() {
            let mut fields = points.take(SEQUENCE)?.inside()?;
            let place = fields.take_if(explicit(0))?;
            fields.take_if(implicit(1))?;
            let issuer = fields.take_if(explicit(2))?;
            fields.finish()?;
            found.extend(only_if(place.is_none() && issuer.is_none(), || {
                "a point in its cRLDistributionPoints has neither a place nor an issuer".to_owned()
            }));
            let Some(place) = place else { continue };
            // The full names have the tag of the choice; a name relative to the issuer has no URI.
            let Some(full) = place.inside()?.take_if(explicit(0))? else { continue };
            let mut names = full.inside()?;
            while !names.is_empty() {
                found.extend(uri_fault("cRLDistributionPoints", names.next()?.der)?);
            }
        }
    }
    Ok(found)
}

/// RFC 5280 sections 4.2.2.1 and 4.2.2.2.
pub(super) fn information_access(view: &View<'_>) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for (oid, name) in [(AUTHORITY_INFORMATION, "authorityInfoAccess"), (SUBJECT_INFORMATION, "subjectInfoAccess")] {
        let Some((_, value)) = view.certificate.extension(oid) else { continue };
        let mut items = Walk::only("the information access", value, SEQUENCE)?.inside()?;
        found.extend(only_if(items.is_empty(), || format!("its {name} tells of nothing")));
        while !items.is_empty() {
            let mut fields = items.take(SEQUENCE)?.inside()?;
            fields.take(OID)?;
            found.extend(uri_fault(name, fields.next()?.der)?);
            fields.finish()?;
        }
    }
    Ok(found)
}

fn uri_fault(place: &str, general_name: &[u8]) -> Result<Option<String>, Fault> {
    Ok(match AltName::parse(general_name)? {
        AltName::Uri(uri) if !is_absolute_uri(&uri) => Some(format!("'{uri}' in {place} is no absolute URI")),
        _ => None,
    })
}

const fn known(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const ISSUER_ALT_NAME: ObjectIdentifier = known("2.5.29.18");
const FRESHEST_CRL: ObjectIdentifier = known("2.5.29.46");
const AUTHORITY_INFORMATION: ObjectIdentifier = known("1.3.6.1.5.5.7.1.1");
const SUBJECT_INFORMATION: ObjectIdentifier = known("1.3.6.1.5.5.7.1.11");
const SUBJECT_DIRECTORY_ATTRIBUTES: ObjectIdentifier = known("2.5.29.9");
const TIME_STAMPING: ObjectIdentifier = known("1.3.6.1.5.5.7.3.8");

/// May be critical in the certificate of an end entity.
const KNOWN: [ObjectIdentifier; 7] = [
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    ISSUER_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::EXTENDED_KEY_USAGE,
    oid::CRL_DISTRIBUTION_POINTS,
];

/// RFC 5280 sections 4.2.1.1, 4.2.1.2, 4.2.1.8, 4.2.1.15, 4.2.2.1 and 4.2.2.2.
const NEVER_CRITICAL: [(ObjectIdentifier, &str); 6] = [
    (oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier"),
    (oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier"),
    (SUBJECT_DIRECTORY_ATTRIBUTES, "subjectDirectoryAttributes"),
    (FRESHEST_CRL, "freshestCRL"),
    (AUTHORITY_INFORMATION, "authorityInfoAccess"),
    (SUBJECT_INFORMATION, "subjectInfoAccess"),
];

/// RFC 5280 sections 4.2.1.5, 4.2.1.10, 4.2.1.11 and 4.2.1.14.
const AUTHORITY_ONLY: [(ObjectIdentifier, &str); 4] = [
    (oid::POLICY_MAPPINGS, "policyMappings"),
    (oid::NAME_CONSTRAINTS, "nameConstraints"),
    (oid::POLICY_CONSTRAINTS, "policyConstraints"),
    (oid::INHIBIT_ANY_POLICY, "inhibitAnyPolicy"),
];

/// basicConstraints with cA written out as FALSE.
const SAYS_FALSE: [u8; 5] = [0x30, 0x03, 0x01, 0x01, 0x00];
