use certs::Certificate;
use cmp::server::{self, Confirmation};
use cmp::{BodyKind, CertStatus, FailureInfo};

use super::Desk;
use super::visit::{Done, Trouble, Visit};
use crate::Fault;
use crate::records::{Kind, Record, Stage, Unconfirmed};

impl Desk {
    /// certConf: the certificate is taken, or it is revoked (RFC 9810 section 5.3.18).
    pub(super) fn confirm(&self, visit: &Visit<'_>, statuses: &[CertStatus]) -> Result<Done, Trouble> {
        let Some(Stage::Unconfirmed(waits) | Stage::Held { confirms: Some(waits), .. }) = visit.stage() else {
            return Err(self.too_late(visit).into());
        };
        let Unconfirmed { serial, certificate, .. } = waits;
        // While the confirmation was kept waiting, another may have revoked the certificate.
        if self.records.ledger().revocation(serial).is_some() {
            return Err(self.too_late(visit).into());
        }
        let certificate = Certificate::parse(certificate).map_err(Fault::from)?;
        let about =
            |record: Record| Record { serial: serial.clone(), subject: certificate.subject().to_string(), ..record };
        let revoked =
            |detail: String| about(Record { detail, reason: Some(UNSPECIFIED), ..visit.record(Kind::Revoked) });
        let confirmation = server::check_confirmation(statuses, &certificate, visit.asked() == BodyKind::P10cr);
        Ok(match confirmation {
            Ok(Confirmation::Accepted) => Done::new(about(visit.record(Kind::Confirmed)), cmp::body::pki_conf()),
            Ok(Confirmation::Rejected { text }) => {
                Done::new(revoked(format!("rejected by its requester: {text}")), cmp::body::pki_conf())
            }
            // RFC 9483 section 3.6.4: an error ends the transaction, and an unconfirmed certificate is revoked.
            Err(fault) => Done::new(revoked(fault.to_string()), server::refusal_body(&fault, BodyKind::CertConf)),
        })
    }

    fn too_late(&self, visit: &Visit<'_>) -> cmp::Fault {
        let serial = visit.transaction.as_ref().and_then(|known| known.serial.as_deref());
        match serial {
            Some(serial) if self.records.ledger().revocation(serial).is_some() => {
                cmp::Fault::new(FailureInfo::CERT_REVOKED, "the certificate has been revoked; ask for a new one")
            }
            Some(_) => cmp::Fault::new(FailureInfo::CERT_CONFIRMED, "the certificate was confirmed already"),
            None => cmp::Fault::request("there is no certificate to be confirmed in this transaction"),
        }
    }
}

/// `CRLReason` unspecified (RFC 5280 section 5.3.1).
const UNSPECIFIED: u8 = 0;
