//! The table `certificate`.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{CertificateStatus, Error, NewCertificate, Store};
use crate::case::{CaseId, CertificateId, Millis};

/// A certificate that a case brought.
#[derive(Clone, Debug)]
pub struct CertificateRow {
    /// Its identifier.
    pub id: CertificateId,
    /// The case that brought it.
    pub case: CaseId,
    /// The profile's name.
    pub profile: String,
    /// The issuer's name in canonical form.
    pub issuer: Vec<u8>,
    /// The serial number's content octets.
    pub serial: Vec<u8>,
    /// SHA-256 of the DER.
    pub hash: [u8; 32],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_print: [u8; 32],
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its end.
    pub not_after: Millis,
    /// Where it stands.
    pub status: CertificateStatus,
    /// Since when.
    pub status_at: Millis,
    /// When it came.
    pub at: Millis,
}

macro_rules! select_certificate {
    ($rest:literal) => {
        concat!(
            "SELECT id, case_id, profile, issuer, serial, hash, key_print, der, not_after, status, status_at, created_at ",
            "FROM certificate ",
            $rest
        )
    };
}

macro_rules! mark_unless {
    ($final:literal) => {
        concat!(
            "UPDATE certificate SET status = CASE WHEN ",
            $final,
            " THEN status ELSE ? END, status_at = CASE WHEN ",
            $final,
            " THEN status_at ELSE ? END WHERE id = ?; "
        )
    };
}

impl Store {
    /// The certificate with this SHA-256 of its DER.
    pub async fn certificate_by_hash(&self, hash: &[u8; 32]) -> Result<Option<CertificateRow>, Error> {
        self.find(select_certificate!("WHERE hash = ?"), values![hash], certificate_row).await
    }

    /// The certificate of this issuer (canonical form) with this serial number (content octets).
    pub async fn certificate_by_serial(&self, issuer: &[u8], serial: &[u8]) -> Result<Option<CertificateRow>, Error> {
        self.find(select_certificate!("WHERE serial = ? AND issuer = ?"), values![serial, issuer], certificate_row)
            .await
    }

    /// The newest certificate that a case brought.
    pub async fn certificate_of_case(&self, case: CaseId) -> Result<Option<CertificateRow>, Error> {
        self.find(
            select_certificate!("WHERE case_id = ? ORDER BY seq DESC LIMIT 1"),
            values![case.as_bytes()],
            certificate_row,
        )
        .await
    }

    /// The certificates of a key that are in use: issued or valid, newest first. Whether they expired is not looked at.
    pub async fn valid_certificates_of_key(&self, key_print: &[u8; 32]) -> Result<Vec<CertificateRow>, Error> {
        self.list(
            select_certificate!("WHERE key_print = ? AND status IN ('issued', 'valid') ORDER BY seq DESC"),
            values![key_print],
            certificate_row,
        )
        .await
    }

    /// The certificates of a profile with this subject (canonical form) that are in use: issued or valid, newest first. Whether they
    /// expired is not looked at.
    pub async fn valid_certificates_of_subject(
        &self,
        profile: &str,
        subject: &[u8],
    ) -> Result<Vec<CertificateRow>, Error> {
        self.list(
            select_certificate!(
                "WHERE subject = ? AND profile = ? AND status IN ('issued', 'valid') ORDER BY seq DESC"
            ),
            values![subject, profile],
            certificate_row,
        )
        .await
    }
}

pub(super) fn add(certificate: &NewCertificate, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO certificate (id, case_id, profile, status, status_at, not_after, created_at, key_print, \
         hash, issuer, serial, subject, der) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            certificate.id.as_bytes(),
            certificate.case.as_bytes(),
            certificate.profile,
            certificate.status.name(),
            certificate.at.0,
            certificate.not_after.0,
            certificate.at.0,
            certificate.key_print,
            certificate.hash,
            certificate.issuer,
            certificate.serial,
            certificate.subject,
            certificate.der,
        ],
    )
}

/// What was revoked stays revoked, and what was rejected can only be revoked, whatever comes late.
pub(super) fn mark(
    certificate: CertificateId,
    status: CertificateStatus,
    at: Millis,
    pen: Pen<'_>,
) -> Result<(), Broken> {
    pen.must_change(
        match status {
            CertificateStatus::Revoked => mark_unless!("status = 'revoked'"),
            CertificateStatus::Issued
            | CertificateStatus::Valid
            | CertificateStatus::Renewed
            | CertificateStatus::Rejected => mark_unless!("status IN ('revoked', 'rejected')"),
        },
        values![status.name(), at.0, certificate.as_bytes()],
    )
}

fn certificate_row(row: &Columns<'_>) -> Result<CertificateRow, Error> {
    Ok(CertificateRow {
        id: CertificateId::from_octets(row.octets("id")?),
        case: CaseId::from_octets(row.octets("case_id")?),
        profile: row.value("profile")?,
        issuer: row.value("issuer")?,
        serial: row.value("serial")?,
        hash: row.octets("hash")?,
        key_print: row.octets("key_print")?,
        der: row.value("der")?,
        not_after: row.moment("not_after")?,
        status: row.named("status", CertificateStatus::named)?,
        status_at: row.moment("status_at")?,
        at: row.moment("created_at")?,
    })
}

impl CertificateStatus {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Valid => "valid",
            Self::Renewed => "renewed",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Issued, Self::Valid, Self::Renewed, Self::Rejected, Self::Revoked]
            .into_iter()
            .find(|status| status.name() == name)
    }
}
