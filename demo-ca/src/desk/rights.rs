//! Who may ask for what (RFC 9483 sections 4.1.3, 4.2 and 5.1.1).

use certs::{Name, oid};
use cmp::{CertReqMsg, FailureInfo, Fault};

use super::Desk;
use super::admission::{Standing, not_authorized};
use super::visit::Visit;
use crate::authority::Wanted;

impl Visit<'_> {
    /// RFC 9483 section 5.1.1: the CA must verify "that the subject name in the certTemplate identifies the same entity
    /// as the subject name in the CMP protection certificate. [...] In case this verification fails, the message MUST
    /// have been protected by an authorized PKI management entity".
    pub(super) fn check_holder(&self, wanted: &Wanted) -> Result<(), Fault> {
        // With these a certificate would open our own doors.
        if wanted.is_for_authorities() && !self.sender.is_authority() {
            return Err(not_authorized("only a registration authority may ask for the certificate of one"));
        }
        if self.sender.is_authority() || self.is_approved() || self.is_the_same(wanted) {
            return Ok(());
        }
        Err(not_authorized("the template's subject is not that of the protection certificate"))
    }

    fn is_the_same(&self, wanted: &Wanted) -> bool {
        let certificate = &self.sender.certificate;
        let ours = certificate.subject();
        match self.sender.standing {
            _ if wanted.subject.is_empty() => {
                ours.is_empty() && !certificate.alt_names().is_empty() && wanted.alt_names() == certificate.alt_names()
            }
            // A maker names its devices by serial number (IEEE 802.1AR); here they may have other names beside it.
            Standing::Device => ours.matches(&wanted.subject) || same_number(ours, &wanted.subject),
            Standing::Authority | Standing::Holder => ours.matches(&wanted.subject),
        }
    }

    /// RFC 9483 section 4.2: an end entity revokes its own certificate, by signing with it; section 5.3.2: a
    /// registration authority may revoke any.
    pub(super) fn check_revoker(&self, issuer: &Name, serial: &[u8]) -> Result<(), Fault> {
        let own = &self.sender.certificate;
        if self.sender.is_authority() || (issuer.matches(own.issuer()) && serial == own.serial()) {
            return Ok(());
        }
        Err(not_authorized("an end entity revokes its own certificate only, and signs with it"))
    }
}

impl Desk {
    /// RFC 9483 section 4.1.3: a kur is protected with the certificate to be updated, which was issued here, and asks
    /// for the same names; section 5.2.3: nobody replaces its protection.
    pub(super) fn check_update(&self, visit: &Visit<'_>, request: &CertReqMsg, wanted: &Wanted) -> Result<(), Fault> {
        let old = &visit.sender.certificate;
        if !self.admission.issued(old) {
            return Err(unknown("a kur is signed with the certificate to be updated; it was not issued here"));
        }
        if let Some((issuer, serial)) = request.old_cert_id()?
            && !(issuer.matches(old.issuer()) && serial == old.serial())
        {
            return Err(if self.is_issued(&issuer, &serial) {
                not_authorized("oldCertID: a kur is signed with the certificate to be updated")
            } else {
                unknown("oldCertID: no such certificate was issued here")
            });
        }
        let names = wanted.alt_names();
        let same_names = names.is_empty() || names == old.alt_names();
        if wanted.subject.matches(old.subject()) && same_names {
            return Ok(());
        }
        Err(not_authorized("a kur has the names of the certificate to be updated, without modifications"))
    }

    /// Whether a certificate is of our issue.
    pub(super) fn is_issued(&self, issuer: &Name, serial: &[u8]) -> bool {
        issuer.matches(self.authority.certificate().subject())
            && (self.records.ledger().is_issued(serial) || self.registry.find(serial).is_some())
    }
}

fn same_number(ours: &Name, wanted: &Name) -> bool {
    let ours = ours.values(oid::SERIAL_NUMBER);
    !ours.is_empty() && ours == wanted.values(oid::SERIAL_NUMBER)
}

fn unknown(text: &str) -> Fault {
    Fault::new(FailureInfo::BAD_CERT_ID, text)
}
