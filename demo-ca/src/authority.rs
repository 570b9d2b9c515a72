use std::sync::{Arc, Mutex, PoisonError};

use certs::{
    AltName, Certificate, CertificateDraft, Crl, CrlDraft, Csr, Extension, KeyKind, KeyUsage, Millis, Name,
    ObjectIdentifier, PublicKey, Revoked, Signer as _, oid,
};
use cmp::{CertTemplate, FailureInfo};

use crate::mischief::{Twist, TwistedExtension};
use crate::pki::{DEMO_POLICY, Identity, serial_number};
use crate::signer::{KeyChoice, SoftwareSigner};
use crate::{Fault, Random};

/// Decides what may be issued, and issues it. Who may ask was checked before.
#[derive(Debug)]
pub(crate) struct Authority {
    issuing: Identity,
    validity: i64,
    crl_url: String,
    random: Arc<Random>,
    /// The newest certificate, for those who ask for it again.
    newest: Mutex<Option<Certificate>>,
}

/// What a requester asks to be certified; the key is proven.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) subject: Name,
    pub(crate) public_key: PublicKey,
    alt_names: Vec<AltName>,
    purposes: Vec<ObjectIdentifier>,
    key_usage: Option<KeyUsage>,
    extensions: Vec<Extension>,
    not_before: Option<Millis>,
    not_after: Option<Millis>,
}

/// What was issued.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) certificate: Certificate,
    /// What differs from the request, in words.
    pub(crate) modified: Option<String>,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotIssued {
    /// The requester can mend it.
    #[error(transparent)]
    Refused(#[from] cmp::Fault),
    /// We are broken.
    #[error(transparent)]
    Broken(#[from] Fault),
}

impl Wanted {
    pub(crate) fn from_csr(csr: &Csr) -> Self {
        Self {
            subject: csr.subject().clone(),
            public_key: csr.public_key().clone(),
            alt_names: csr.alt_names().to_vec(),
            purposes: csr.extended_key_usages().unwrap_or_default().to_vec(),
            key_usage: csr.key_usage(),
            extensions: csr.extensions().to_vec(),
            not_before: None,
            not_after: None,
        }
    }

    pub(crate) fn from_template(template: &CertTemplate) -> Result<Self, cmp::Fault> {
        let (not_before, not_after) = template.validity.unwrap_or_default();
        Ok(Self {
            subject: template.subject.clone().unwrap_or_else(Name::empty),
            public_key: template.key()?.clone(),
            alt_names: template.alt_names()?,
            purposes: template.extended_key_usages()?.unwrap_or_default(),
            key_usage: template.key_usage()?,
            extensions: template.extensions.clone(),
            not_before,
            not_after,
        })
    }

    /// The names in subjectAltName.
    pub(crate) fn alt_names(&self) -> &[AltName] {
        &self.alt_names
    }

    /// Whether it would make its holder a registration authority, or let him sign in our place (RFC 9810 section 4.5).
    pub(crate) fn is_for_authorities(&self) -> bool {
        self.purposes.contains(&oid::CMC_RA) || self.purposes.contains(&oid::CMC_CA)
    }

    /// Checks what no policy of a CA would allow.
    fn check(&self) -> Result<(), cmp::Fault> {
        if self.key_usage.is_some_and(|usage| usage.intersects(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)) {
            return Err(bad("keyUsage: no authorities are certified here"));
        }
        if self.extension(oid::BASIC_CONSTRAINTS).is_some_and(|found| found.value != NO_AUTHORITY) {
            return Err(bad("basicConstraints: no authorities are certified here"));
        }
        // RFC 5280 section 4.1.2.6: an empty subject needs a subjectAltName.
        if self.subject.is_empty() && self.alt_names.is_empty() {
            return Err(bad("there is neither a subject nor a subjectAltName"));
        }
        Ok(())
    }

    /// The extensions that are granted, and the OIDs of those that are not.
    fn granted_extensions(&self) -> (Vec<Extension>, Vec<String>) {
        let usage = self.key_usage.unwrap_or(KeyUsage::DIGITAL_SIGNATURE);
        let mut granted = vec![Extension::key_usage(usage)];
        let mut dropped = Vec::new();
        for extension in &self.extensions {
            match extension.oid {
                oid::SUBJECT_ALT_NAME => {
                    granted.push(Extension { critical: self.subject.is_empty(), ..extension.clone() });
                }
                oid::EXTENDED_KEY_USAGE | oid::BASIC_CONSTRAINTS => granted.push(extension.clone()),
                // These we set ourselves, whatever is asked for.
                oid::KEY_USAGE | oid::SUBJECT_KEY_IDENTIFIER | oid::AUTHORITY_KEY_IDENTIFIER => {}
                other => dropped.push(other.to_string()),
            }
        }
        (granted, dropped)
    }

    fn extension(&self, oid: certs::ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }
}

impl Authority {
    pub(crate) fn new(issuing: Identity, validity_days: u32, crl_url: String, random: Arc<Random>) -> Self {
        Self { issuing, validity: i64::from(validity_days) * DAY, crl_url, random, newest: Mutex::default() }
    }

    /// The authority's own certificate.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.issuing.certificate
    }

    /// Where its revocation list is.
    pub(crate) fn crl_url(&self) -> &str {
        &self.crl_url
    }

    /// Issues what is wanted, unless a test asks for something else.
    pub(crate) async fn issue(
        &self,
        wanted: &Wanted,
        twist: Option<&Twist>,
        now: Millis,
    ) -> Result<Granted, NotIssued> {
        wanted.check()?;
        let (mut extensions, dropped) = wanted.granted_extensions();
        let from = Millis::from_seconds(now.seconds());
        let not_before = wanted.not_before.map_or(from, |asked| asked.max(from));
        let latest = from.plus(self.validity).min(self.issuing.certificate.not_after());
        let mut draft = CertificateDraft {
            serial: serial_number(&*self.random)?,
            issuer: self.issuing.certificate.subject().clone(),
            subject: wanted.subject.clone(),
            public_key: wanted.public_key.clone(),
            not_before,
            not_after: wanted.not_after.map_or(latest, |asked| asked.min(latest)),
            extensions: Vec::new(),
        };
        if draft.not_before > draft.not_after {
            return Err(bad("validity: it would be over before it begins").into());
        }
        if let Some(twist) = twist {
            twist_draft(&mut draft, &mut extensions, twist)?;
        }
        extensions.extend([
            Extension::subject_key_identifier(&draft.public_key.sha1_key_identifier()),
            Extension::authority_key_identifier(&self.key_identifier()),
            Extension::certificate_policies(&[DEMO_POLICY]),
            Extension::crl_distribution_points(&[&self.crl_url]),
        ]);
        for twisted in twist.iter().flat_map(|twist| &twist.extensions) {
            twist_extension(&mut extensions, twisted)?;
        }
        draft.extensions = extensions;
        let mut certificate = draft.sign(&self.issuing.signer).await.map_err(Fault::from)?;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match newest.as_ref().filter(|_| twist.is_some_and(|twist| twist.again)) {
            Some(before) => certificate = before.clone(),
            None => *newest = Some(certificate.clone()),
        }
        let modified = (!dropped.is_empty()).then(|| format!("not granted: {}", dropped.join(", ")));
        Ok(Granted { certificate, modified })
    }

    /// Makes a revocation list.
    pub(crate) async fn crl(&self, number: u64, revoked: Vec<(Vec<u8>, Revoked)>, now: Millis) -> Result<Crl, Fault> {
        let draft = CrlDraft {
            issuer: self.issuing.certificate.subject().clone(),
            authority_key_identifier: self.key_identifier().to_vec(),
            number,
            this_update: now,
            next_update: now.plus(7 * DAY),
            revoked,
        };
        Ok(draft.sign(&self.issuing.signer).await?)
    }

    fn key_identifier(&self) -> [u8; 20] {
        self.issuing.signer.public_key().sha1_key_identifier()
    }
}

/// Checks that a key is strong enough; to be done before its signature costs anything.
pub(crate) fn check_key(key: &PublicKey) -> Result<(), cmp::Fault> {
    match key.kind() {
        KeyKind::Rsa { bits } if bits < 2048 => Err(bad(format!("{} keys are too weak", key.kind()))),
        _ => Ok(()),
    }
}

fn twist_draft(draft: &mut CertificateDraft, extensions: &mut Vec<Extension>, twist: &Twist) -> Result<(), Fault> {
    if let Some(subject) = &twist.subject {
        draft.subject = Name::from_text(subject)?;
    }
    if twist.public_key {
        draft.public_key = SoftwareSigner::generate(KeyChoice::P256)?.public_key().clone();
    }
    if let Some(days) = twist.validity_days {
        draft.not_after = draft.not_before.plus(i64::from(days) * DAY);
    }
    if let Some(name) = &twist.extra_dns {
        let found = extensions.iter().position(|extension| extension.oid == oid::SUBJECT_ALT_NAME);
        let mut names = match found.map(|index| extensions.remove(index)) {
            Some(extension) => AltName::parse_all(&extension.value)?,
            None => Vec::new(),
        };
        names.push(AltName::Dns(name.clone()));
        extensions.push(Extension::subject_alt_name(&names, draft.subject.is_empty()));
    }
    if twist.authority {
        extensions.retain(|extension| extension.oid != oid::BASIC_CONSTRAINTS && extension.oid != oid::KEY_USAGE);
        extensions.push(Extension::basic_constraints(true, None));
        extensions.push(Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN));
    }
    Ok(())
}

fn twist_extension(extensions: &mut Vec<Extension>, twisted: &TwistedExtension) -> Result<(), Fault> {
    let wrong = |detail: String| Fault::Certs(certs::Fault::Malformed { what: "a twisted extension", detail });
    let oid = ObjectIdentifier::new(&twisted.oid).map_err(|_| wrong(format!("{} is no identifier", twisted.oid)))?;
    extensions.retain(|extension| extension.oid != oid);
    if let Some(value) = &twisted.value {
        let value = hex::decode(value).map_err(|fault| wrong(fault.to_string()))?;
        extensions.push(Extension { oid, critical: twisted.critical, value });
    }
    Ok(())
}

fn bad(text: impl Into<String>) -> cmp::Fault {
    cmp::Fault::new(FailureInfo::BAD_CERT_TEMPLATE, text)
}

/// basicConstraints that says no: an empty SEQUENCE, since FALSE is the default (RFC 5280 section 4.2.1.9).
const NO_AUTHORITY: [u8; 2] = [0x30, 0x00];
const DAY: i64 = 24 * 3600 * 1000;
