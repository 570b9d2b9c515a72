use certs::Certificate;
use cmp::server::{self, Confirmation};
use cmp::{BodyKind, CertStatus, FailureInfo};

use super::{Desk, Done, Trouble, Visit};
use crate::Fault;
use crate::records::{Kind, Record, Records, Stage};

impl Desk {
    /// certConf: the certificate is taken, or it is revoked (RFC 9810 section 5.3.18).
    pub(super) fn confirm(visit: &Visit<'_>, statuses: &[CertStatus], records: &Records) -> Result<Done, Trouble> {
        let stage = visit.transaction.as_ref().map(|known| known.stage.clone());
        let Some(Stage::Unconfirmed { serial, certificate, .. }) = stage else {
            return Err(too_late(visit, records).into());
        };
        let certificate = Certificate::parse(&certificate).map_err(Fault::from)?;
        let about =
            |record: Record| Record { serial: serial.clone(), subject: certificate.subject().to_string(), ..record };
        let revoked =
            |detail: String| about(Record { detail, reason: Some(UNSPECIFIED), ..visit.record(Kind::Revoked) });
        let pki_conf = cmp::body::pki_conf();
        Ok(match server::check_confirmation(statuses, &certificate, visit.asked() == BodyKind::P10cr) {
            Ok(Confirmation::Accepted) => {
                Done { record: about(visit.record(Kind::Confirmed)), body: pki_conf, infos: Vec::new() }
            }
            Ok(Confirmation::Rejected { text }) => Done {
                record: revoked(format!("rejected by its requester: {text}")),
                body: pki_conf,
                infos: Vec::new(),
            },
            // RFC 9483 section 3.6.4: an error ends the transaction, and an unconfirmed certificate is revoked.
            Err(fault) => Done {
                record: revoked(fault.to_string()),
                body: server::refusal_body(&fault, BodyKind::CertConf),
                infos: Vec::new(),
            },
        })
    }
}

fn too_late(visit: &Visit<'_>, records: &Records) -> cmp::Fault {
    let serial = visit.transaction.as_ref().and_then(|known| known.serial.as_deref());
    match serial {
        Some(serial) if records.ledger().revocation(serial).is_some() => {
            cmp::Fault::new(FailureInfo::CERT_REVOKED, "the certificate has been revoked; ask for a new one")
        }
        Some(_) => cmp::Fault::new(FailureInfo::CERT_CONFIRMED, "the certificate was confirmed already"),
        None => cmp::Fault::request("there is no certificate to be confirmed in this transaction"),
    }
}

/// `CRLReason` unspecified (RFC 5280 section 5.3.1).
const UNSPECIFIED: u8 = 0;
