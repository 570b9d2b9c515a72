use cmp::{FailureInfo, RevDetails, RevRepContent, StatusInfo};

use super::{Desk, Done, Trouble, Visit};
use crate::Fault;
use crate::records::{Kind, Record, Stage};

impl Desk {
    /// rr (RFC 9483 sections 4.2 and 5.3.2).
    pub(super) fn revoke(&self, visit: &Visit<'_>, details: &RevDetails) -> Result<Done, Trouble> {
        let (issuer, serial) = details.certificate()?;
        let known = issuer.matches(self.authority.certificate().subject()) && self.records.ledger().is_issued(serial);
        if !known {
            return Err(cmp::Fault::new(FailureInfo::BAD_CERT_ID, "no such certificate was issued here").into());
        }
        if details.reason == Some(REMOVE_FROM_CRL) {
            return Err(cmp::Fault::request("reason removeFromCRL: nothing is only on hold here").into());
        }
        if self.records.ledger().revocation(serial).is_some() {
            return Err(cmp::Fault::new(FailureInfo::CERT_REVOKED, "the certificate has been revoked already").into());
        }
        let record = Record {
            serial: serial.to_vec(),
            reason: Some(details.reason.unwrap_or(0)),
            ..visit.record(Kind::Revoked)
        };
        Ok(Done { record, body: cmp::body::rp(&RevRepContent::one(StatusInfo::accepted())), infos: Vec::new() })
    }

    /// Revokes what should have been confirmed by now.
    pub(crate) async fn revoke_unconfirmed(&self) -> Result<(), Fault> {
        let now = (self.clock)();
        let overdue = self.records.ledger().overdue(now);
        for transaction_id in &overdue {
            let _turn = self.turns.take(transaction_id).await;
            let known = self.records.ledger().transaction(transaction_id).cloned();
            let Some(Stage::Unconfirmed { serial, confirm_by, .. }) = known.map(|known| known.stage) else {
                continue;
            };
            if confirm_by < now {
                let record = Record {
                    transaction_id: transaction_id.clone(),
                    serial,
                    reason: Some(0),
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

/// `CRLReason` removeFromCRL (RFC 5280 section 5.3.1).
const REMOVE_FROM_CRL: u8 = 8;
