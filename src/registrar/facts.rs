//! From a request to the facts that the rules judge.

use certs::{AltName, Certificate, KeyKind, KeyUsage, Name, PublicKey, lint};

use super::identify::Identified;
use super::request::{CertificateRequest, Possession, RevocationRequest};
use super::{Refusal, Registrar};
use crate::case::Kind;
use crate::rules::{AttributeFact, Facts, HolderFact, KeyFact, LintFact, NameFact, ReplacedFact};
use crate::store::{CertificateRow, CertificateStatus};

impl Registrar {
    /// The certificate that a request names, as this office knows it.
    pub(super) async fn named_certificate(
        &self,
        issuer: &Name,
        serial: &[u8],
    ) -> Result<Option<CertificateRow>, Refusal> {
        self.store.certificate_by_serial(&issuer.canonical(), serial).await.map_err(Refusal::store)
    }

    /// The certificate that a registration authority would have renewed for another: of the profile's in use with these names, the
    /// newest. By issuer and serial number.
    pub async fn renewable_for(
        &self,
        who: &Identified,
        subject: &Name,
        alt_names: &[AltName],
    ) -> Result<Option<(Name, Vec<u8>)>, Refusal> {
        let wanted = sorted(alt_names);
        let known = self.certificates_in_use(who, subject).await?;
        let found = known.iter().find(|known| sorted(known.alt_names()) == wanted);
        Ok(found.map(|known| (known.issuer().clone(), known.serial().to_vec())))
    }

    /// The certificates of a requester's profile with this subject that are in use, newest first.
    pub async fn certificates_in_use(&self, who: &Identified, subject: &Name) -> Result<Vec<Certificate>, Refusal> {
        let found = self.store.valid_certificates_of_subject(&who.profile, &subject.canonical()).await;
        let found = found.map_err(Refusal::store)?;
        Ok(found.iter().filter_map(|row| Certificate::parse(&row.der).ok()).collect())
    }

    /// The facts of a request for a certificate.
    pub(super) async fn facts_of(
        &self,
        who: &Identified,
        request: &CertificateRequest,
        kind: Kind,
        replaced: Option<&CertificateRow>,
    ) -> Result<Facts, Refusal> {
        let print = request.public_key.as_ref().map(PublicKey::print);
        let key_in_use = match (who.profile(), &print) {
            (Some(profile), Some(print)) if !profile.same_key => {
                !self.store.valid_certificates_of_key(print.as_bytes()).await.map_err(Refusal::store)?.is_empty()
            }
            _ => false,
        };
        let now = self.now();
        Ok(Facts {
            version: FACTS_VERSION,
            operation: kind.name().to_owned(),
            door: request.door.name().to_owned(),
            credential: who.fact.clone(),
            key: request.public_key.as_ref().map(key),
            server_key: request.server_key.is_some(),
            possession_proven: matches!(&request.possession, Possession::Proven(proven) if Some(proven.print()) == print),
            possession_vouched: matches!(&request.possession, Possession::Vouched),
            proof_algorithm: match &request.possession {
                Possession::Proven(proven) => Some(proven.algorithm().family().to_owned()),
                Possession::Vouched | Possession::NoKey => None,
            },
            subject: attributes(&request.subject),
            alternative_names: alternative_names(&request.alt_names),
            lints: lints(request),
            key_usage: request.key_usage.map(|usage| usage_names(usage).iter().map(ToString::to_string).collect()),
            extended_key_usage: request
                .extended_key_usages
                .as_ref()
                .map(|usages| usages.iter().map(ToString::to_string).collect()),
            certification_authority: request.certification_authority,
            other_extensions: request.other_extensions.iter().map(ToString::to_string).collect(),
            validity_days: request.not_after.map(|end| (end.0 - now.0 + DAY - 1).div_euclid(DAY)),
            not_after: request.not_after.map(|end| end.0),
            replaced: request
                .replaces
                .as_ref()
                .map(|(issuer, serial)| self.replaced_fact(who, request, replaced, (issuer, serial))),
            key_in_use,
            vouched: !who.vouchers.is_empty(),
            holder: Some(holder(who, request)),
        })
    }

    fn replaced_fact(
        &self,
        who: &Identified,
        request: &CertificateRequest,
        row: Option<&CertificateRow>,
        (issuer, serial): (&Name, &[u8]),
    ) -> ReplacedFact {
        // RFC 7030 section 4.2.2 and RFC 9483 section 4.1.3: the certificate that the requester proved itself with.
        let held = who.certificate.as_ref().filter(|held| held.issuer().matches(issuer) && held.serial() == serial);
        let held_by_requester = held.is_some();
        // A registration authority renews for others.
        let of_others = row
            .filter(|_| held.is_none() && who.is_registration_authority())
            .and_then(|row| Certificate::parse(&row.der).ok());
        let held = held.or(of_others.as_ref());
        // Names that are to change stand in the request as they are (RFC 7030 section 4.2.2).
        let (subject, alt_names) = match &request.present_names {
            Some((subject, alt_names)) => (subject, alt_names),
            None => (&request.subject, &request.alt_names),
        };
        let over = held.map_or(0, |held| self.now().0 - held.not_after().0).max(0);
        ReplacedFact {
            status: row.map_or("unknown", |row| status_name(row.status)).to_owned(),
            held_by_requester,
            subject_equal: held.is_some_and(|held| held.subject().matches(subject)),
            alternative_names_equal: held.is_some_and(|held| sorted(held.alt_names()) == sorted(alt_names)),
            expired: over > 0,
            expired_days: (over + DAY - 1).div_euclid(DAY),
            names_changed: request.present_names.is_some(),
        }
    }
}

/// What a CA could not grant without breaking RFC 5280.
fn lints(request: &CertificateRequest) -> Vec<LintFact> {
    let kind = request.public_key.as_ref().map(PublicKey::kind);
    let found = lint::check_request(&request.subject, &request.alt_names, kind, request.key_usage);
    found.into_iter().map(|found| LintFact { name: found.lint.to_owned(), text: found.to_string() }).collect()
}

fn sorted(names: &[AltName]) -> Vec<AltName> {
    let mut names = names.to_vec();
    names.sort();
    names
}

/// The facts of a request to revoke.
pub(super) fn revocation_facts(
    who: &Identified,
    request: &RevocationRequest,
    row: &CertificateRow,
    expired: bool,
) -> Facts {
    let held = who
        .certificate
        .as_ref()
        .is_some_and(|held| held.issuer().matches(&request.issuer) && held.serial() == request.serial);
    Facts {
        version: FACTS_VERSION,
        operation: Kind::Revoke.name().to_owned(),
        door: request.door.name().to_owned(),
        credential: who.fact.clone(),
        key: None,
        server_key: false,
        possession_proven: false,
        possession_vouched: false,
        proof_algorithm: None,
        subject: Vec::new(),
        alternative_names: Vec::new(),
        lints: Vec::new(),
        key_usage: None,
        extended_key_usage: None,
        certification_authority: false,
        other_extensions: Vec::new(),
        validity_days: None,
        not_after: None,
        replaced: Some(ReplacedFact {
            status: status_name(row.status).to_owned(),
            held_by_requester: held,
            subject_equal: true,
            alternative_names_equal: true,
            expired,
            expired_days: 0,
            names_changed: false,
        }),
        key_in_use: false,
        vouched: !who.vouchers.is_empty(),
        holder: None,
    }
}

/// How the names asked for fit the credential (RFC 9483 section 5.1.1).
fn holder(who: &Identified, request: &CertificateRequest) -> HolderFact {
    if let Some(held) = &who.certificate {
        let numbers = |name: &Name| -> Vec<String> {
            name.attributes().into_iter().filter_map(|part| valued(part, certs::oid::SERIAL_NUMBER)).collect()
        };
        let (known, asked) = (numbers(held.subject()), numbers(&request.subject));
        return HolderFact {
            subject: held.subject().matches(&request.subject),
            serial_number: !known.is_empty() && known == asked,
            alternative_names: request.alt_names.iter().all(|name| held.alt_names().contains(name)),
        };
    }
    let reference = who.requester.name.as_str();
    let names: Vec<String> =
        request.subject.attributes().into_iter().filter_map(|part| valued(part, certs::oid::COMMON_NAME)).collect();
    let is_it = |name: &String| name.eq_ignore_ascii_case(reference);
    let others = alternative_names(&request.alt_names);
    HolderFact {
        subject: names.iter().all(is_it) && !(names.is_empty() && others.is_empty()),
        serial_number: false,
        alternative_names: others.iter().all(|name| is_it(&name.value)),
    }
}

fn valued(attribute: certs::Attribute, oid: certs::ObjectIdentifier) -> Option<String> {
    (attribute.oid == oid).then_some(attribute.value)
}

/// A subject as facts.
pub(super) fn attributes(name: &Name) -> Vec<AttributeFact> {
    name.attributes()
        .into_iter()
        .map(|attribute| {
            let oid = attribute.oid.to_string();
            let kind = SHORT_NAMES.iter().find(|(dotted, _)| *dotted == oid).map_or(oid.as_str(), |(_, short)| short);
            AttributeFact { kind: kind.to_owned(), value: attribute.value }
        })
        .collect()
}

fn alternative_names(names: &[AltName]) -> Vec<NameFact> {
    names
        .iter()
        .map(|name| {
            let (kind, value) = match name {
                AltName::Dns(name) => ("dns", name.clone()),
                AltName::Ip(address) => ("ip", address.to_string()),
                AltName::Email(address) => ("email", address.clone()),
                AltName::Uri(uri) => ("uri", uri.clone()),
                AltName::DirectoryName(name) => ("directory", name.to_string()),
                other => ("other", hex::encode(other.encode())),
            };
            NameFact { kind: kind.to_owned(), value }
        })
        .collect()
}

fn key(key: &PublicKey) -> KeyFact {
    let kind = key.kind();
    let (family, bits) = match kind {
        KeyKind::Rsa { bits } => ("RSA".to_owned(), bits),
        KeyKind::P256 | KeyKind::Ed25519 => (kind.to_string(), 256),
        KeyKind::P384 => (kind.to_string(), 384),
        KeyKind::P521 => (kind.to_string(), 521),
        other => (other.to_string(), 0),
    };
    KeyFact { kind: kind.to_string(), family, bits }
}

/// The names of RFC 5280 section 4.2.1.3.
pub(super) fn usage_names(usage: KeyUsage) -> Vec<&'static str> {
    USAGES.iter().filter(|(bit, _)| usage.contains(*bit)).map(|(_, name)| *name).collect()
}

/// The usages of these names; unknown names are left out.
#[must_use]
pub fn usages<'a>(names: impl IntoIterator<Item = &'a String>) -> KeyUsage {
    names.into_iter().fold(KeyUsage::none(), |all, name| {
        USAGES.iter().find(|(_, known)| known == name).map_or(all, |(bit, _)| all | *bit)
    })
}

const fn status_name(status: CertificateStatus) -> &'static str {
    match status {
        CertificateStatus::Issued => "issued",
        CertificateStatus::Valid => "valid",
        CertificateStatus::Renewed => "renewed",
        CertificateStatus::Rejected => "rejected",
        CertificateStatus::Revoked => "revoked",
    }
}

const USAGES: [(KeyUsage, &str); 9] = [
    (KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
    (KeyUsage::NON_REPUDIATION, "nonRepudiation"),
    (KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
    (KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
    (KeyUsage::KEY_AGREEMENT, "keyAgreement"),
    (KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
    (KeyUsage::CRL_SIGN, "cRLSign"),
    (KeyUsage::ENCIPHER_ONLY, "encipherOnly"),
    (KeyUsage::DECIPHER_ONLY, "decipherOnly"),
];

/// RFC 4519 section 2 and RFC 5280 appendix A.1: attributes by the names that offices write.
pub const SHORT_NAMES: [(&str, &str); 15] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

const FACTS_VERSION: u32 = 1;

const DAY: i64 = 24 * 60 * 60 * 1000;
