use certs::Revoked;
use cmp::{FailureInfo, RevDetails, RevRepContent, StatusInfo};

use super::Desk;
use super::visit::{Done, Trouble, Visit};
use crate::Fault;
use crate::records::{CERTIFICATE_HOLD, Kind, Record, Stage};

impl Desk {
    /// rr (RFC 9483 sections 4.2, 5.1.3 and 5.3.2).
    pub(super) fn revoke(&self, visit: &Visit<'_>, details: &RevDetails) -> Result<Done, Trouble> {
        let (issuer, serial) = details.certificate()?;
        let own = visit.sender.certificate.serial() == serial && self.admission.issued(&visit.sender.certificate);
        if !self.is_issued(issuer, serial) && !own {
            return Err(cmp::Fault::new(FailureInfo::BAD_CERT_ID, "no such certificate was issued here").into());
        }
        visit.check_revoker(issuer, serial)?;
        let reason = details.reason.unwrap_or(UNSPECIFIED);
        let kind = after(self.records.ledger().revocation(serial), reason)?;
        if self.not_after(serial).is_some_and(|end| end < visit.now) {
            // RFC 9483 section 5.1.3: "is not already expired or revoked (failInfo bit: certRevoked)".
            return Err(cmp::Fault::new(FailureInfo::CERT_REVOKED, "the certificate has expired").into());
        }
        let record = Record { serial: serial.to_vec(), reason: Some(reason), ..visit.record(kind) };
        Ok(Done::new(record, cmp::body::rp(&RevRepContent::one(StatusInfo::accepted()))))
    }

    fn not_after(&self, serial: &[u8]) -> Option<certs::Millis> {
        let issued = self.records.ledger().not_after(serial);
        issued.or_else(|| self.registry.find(serial).map(|certificate| certificate.not_after()))
    }

    /// Revokes what should have been confirmed by now.
    pub(crate) async fn revoke_unconfirmed(&self) -> Result<(), Fault> {
        let now = (self.clock)();
        let overdue = self.records.ledger().overdue(now);
        for transaction_id in &overdue {
            let _turn = self.turns.take(transaction_id).await;
            let known = self.records.ledger().transaction(transaction_id).cloned();
            let Some(Stage::Unconfirmed(waits)) = known.map(|known| known.stage) else {
                continue;
            };
            if waits.confirm_by < now {
                let record = Record {
                    transaction_id: transaction_id.clone(),
                    serial: waits.serial,
                    reason: Some(UNSPECIFIED),
                    detail: "not confirmed in time".to_owned(),
                    ..Record::new(now.0, Kind::Revoked)
                };
                self.records.append(record).await?;
            }
        }
        if overdue.is_empty() { Ok(()) } else { self.publish_revocations().await }
    }

    /// Makes a new revocation list unless there is one with all that was revoked.
    pub(crate) async fn publish_revocations(&self) -> Result<(), Fault> {
        self.revocations.publish(&self.authority, &self.records, (self.clock)()).await
    }
}

/// What becomes of a certificate by a request with this reason. removeFromCRL is not in RFC 9483; it releases what is
/// on hold (RFC 5280 section 5.3.1), which may also be revoked for good.
fn after(before: Option<Revoked>, reason: u8) -> Result<Kind, cmp::Fault> {
    match (before.map(|before| before.reason), reason) {
        (Some(CERTIFICATE_HOLD), REMOVE_FROM_CRL) => Ok(Kind::Released),
        (None, REMOVE_FROM_CRL) => {
            Err(cmp::Fault::new(FailureInfo::INCORRECT_DATA, "removeFromCRL: the certificate is not on hold"))
        }
        (Some(CERTIFICATE_HOLD), reason) if reason != CERTIFICATE_HOLD => Ok(Kind::Revoked),
        (None, _) => Ok(Kind::Revoked),
        (Some(_), _) => Err(cmp::Fault::new(FailureInfo::CERT_REVOKED, "the certificate has been revoked already")),
    }
}

/// `CRLReason` unspecified (RFC 5280 section 5.3.1).
const UNSPECIFIED: u8 = 0;
/// `CRLReason` removeFromCRL.
const REMOVE_FROM_CRL: u8 = 8;

#[cfg(test)]
mod tests {
    use certs::Millis;

    use super::*;

    fn moved(before: Option<u8>, reason: u8) -> Result<Kind, FailureInfo> {
        let before = before.map(|reason| Revoked { at: Millis(0), reason });
        after(before, reason).map_err(|fault| fault.failure)
    }

    #[test]
    fn only_a_hold_is_not_for_ever() {
        assert_eq!(moved(None, 1), Ok(Kind::Revoked));
        assert_eq!(moved(None, 6), Ok(Kind::Revoked));
        assert_eq!(moved(Some(6), 8), Ok(Kind::Released));
        assert_eq!(moved(Some(6), 1), Ok(Kind::Revoked));
        assert_eq!(moved(Some(6), 6), Err(FailureInfo::CERT_REVOKED));
        assert_eq!(moved(Some(1), 6), Err(FailureInfo::CERT_REVOKED));
        assert_eq!(moved(Some(1), 8), Err(FailureInfo::CERT_REVOKED));
        assert_eq!(moved(None, 8), Err(FailureInfo::INCORRECT_DATA));
    }
}
