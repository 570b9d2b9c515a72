use std::collections::{BTreeMap, HashMap};

use certs::{Certificate, Millis, Revoked};

use super::{Kind, Record};

/// What all records together say.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    transactions: HashMap<Vec<u8>, Transaction>,
    /// Serial numbers, and when the certificates end.
    issued: HashMap<Vec<u8>, Option<Millis>>,
    revoked: BTreeMap<Vec<u8>, Revoked>,
    /// How often something was revoked or released.
    revisions: usize,
    unconfirmed: BTreeMap<(Millis, Vec<u8>), Vec<u8>>,
    /// Who signed messages, by the hash of the certificate.
    signers: HashMap<Vec<u8>, Certificate>,
}

/// Where a record is in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// Octets before it.
    pub(crate) offset: u64,
    /// Octets of the line without its end.
    pub(crate) length: usize,
}

/// One requester's transaction.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    /// The hash of the certificate that signed its first request; the others must come from the same.
    pub(crate) signer_hash: Vec<u8>,
    /// Whether a registration authority wrapped its first request.
    pub(crate) approved: bool,
    /// The kind of its first request.
    pub(crate) body: String,
    /// The senderNonce of our last answer.
    pub(crate) nonce: Vec<u8>,
    /// What is still to come.
    pub(crate) stage: Stage,
    /// The serial number of the certificate that was issued in it.
    pub(crate) serial: Option<Vec<u8>>,
    answers: Vec<(Vec<u8>, Place)>,
}

/// How far a transaction is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The requester is to poll.
    Held {
        /// The request as it came.
        request: Vec<u8>,
        /// How often he is still told to wait.
        polls_left: u32,
        /// The seconds he is told to wait each time.
        check_after: i64,
        /// What the request confirms, if it is a confirmation.
        confirms: Option<Unconfirmed>,
    },
    /// The requester is to confirm.
    Unconfirmed(Unconfirmed),
    /// Nothing.
    Over,
}

/// A certificate that waits for its confirmation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unconfirmed {
    /// The serial number.
    pub(crate) serial: Vec<u8>,
    /// The certificate (DER).
    pub(crate) certificate: Vec<u8>,
    /// When it is revoked if none comes.
    pub(crate) confirm_by: Millis,
}

impl Ledger {
    /// Takes a record in. The same records always give the same ledger, whether read at the start or written now.
    pub(super) fn apply(&mut self, record: &Record, place: Place) {
        if let Some(certificate) = record.signer_certificate.as_deref().and_then(|der| Certificate::parse(der).ok()) {
            self.signers.insert(certificate.hash().to_vec(), certificate);
        }
        match record.kind {
            Kind::Issued => {
                self.issued.insert(record.serial.clone(), record.not_after.map(Millis));
            }
            Kind::Revoked => {
                self.revoke(&record.serial, Revoked { at: Millis(record.at), reason: record.reason.unwrap_or(0) });
                self.end_wait_for(&record.serial);
            }
            Kind::Released => {
                self.revoked.remove(&record.serial);
                self.revisions += 1;
            }
            Kind::Confirmed => self.end_wait(&record.transaction_id),
            Kind::Received | Kind::Refused | Kind::Waiting | Kind::Answered => {}
        }
        if record.answer.is_some() {
            self.answered(record, place);
        }
    }

    /// A transaction by its identifier.
    pub(crate) fn transaction(&self, id: &[u8]) -> Option<&Transaction> {
        self.transactions.get(id)
    }

    /// Whose certificate has this hash, if it ever signed a message.
    pub(crate) fn signer(&self, hash: &[u8]) -> Option<&Certificate> {
        self.signers.get(hash)
    }

    /// Whether we issued this certificate.
    pub(crate) fn is_issued(&self, serial: &[u8]) -> bool {
        self.issued.contains_key(serial)
    }

    /// When a certificate that we issued ends.
    pub(crate) fn not_after(&self, serial: &[u8]) -> Option<Millis> {
        self.issued.get(serial).copied().flatten()
    }

    /// Whether and how a certificate was revoked.
    pub(crate) fn revocation(&self, serial: &[u8]) -> Option<Revoked> {
        self.revoked.get(serial).copied()
    }

    /// All that was revoked.
    pub(crate) fn revoked(&self) -> Vec<(Vec<u8>, Revoked)> {
        self.revoked.iter().map(|(serial, revoked)| (serial.clone(), *revoked)).collect()
    }

    /// Which state [`Ledger::revoked`] is in; no two states share a number.
    pub(crate) fn revision(&self) -> usize {
        self.revisions
    }

    /// The transactions whose confirmation did not come in time.
    pub(crate) fn overdue(&self, now: Millis) -> Vec<Vec<u8>> {
        let past = self.unconfirmed.iter().take_while(|((confirm_by, _), _)| *confirm_by < now);
        past.map(|(_, transaction)| transaction.clone()).collect()
    }

    fn answered(&mut self, record: &Record, place: Place) {
        let transaction = self.transactions.entry(record.transaction_id.clone()).or_insert_with(|| Transaction {
            signer_hash: record.signer_hash.clone(),
            approved: record.depth > 0,
            body: record.body.clone(),
            nonce: Vec::new(),
            stage: Stage::Over,
            serial: None,
            answers: Vec::new(),
        });
        transaction.nonce.clone_from(&record.nonce);
        transaction.answers.push((record.message.clone(), place));
        if record.kind == Kind::Issued {
            transaction.serial = Some(record.serial.clone());
        }
        let before = std::mem::replace(&mut transaction.stage, Stage::Over);
        transaction.stage = match (record.kind, before) {
            // What was refused is not done; the certificate still waits for its confirmation.
            (Kind::Refused, Stage::Unconfirmed(waits)) => Stage::Unconfirmed(waits),
            (_, before) => stage(record, before),
        };
        match &transaction.stage {
            Stage::Unconfirmed(waits) => {
                let key = (waits.confirm_by, waits.serial.clone());
                self.unconfirmed.insert(key, record.transaction_id.clone());
            }
            // A confirmation that is kept waiting has come in time.
            Stage::Held { confirms: Some(came), .. } => {
                self.unconfirmed.remove(&(came.confirm_by, came.serial.clone()));
            }
            Stage::Held { .. } | Stage::Over => {}
        }
    }

    /// What is on hold may yet be revoked for good; all else stays as it was first revoked.
    fn revoke(&mut self, serial: &[u8], revoked: Revoked) {
        if self.revoked.get(serial).is_none_or(|before| before.reason == CERTIFICATE_HOLD) {
            self.revoked.insert(serial.to_vec(), revoked);
            self.revisions += 1;
        }
    }

    /// Whoever revoked it: there is nothing left to confirm.
    fn end_wait_for(&mut self, serial: &[u8]) {
        let waiting = self.unconfirmed.iter().find(|((_, unconfirmed), _)| unconfirmed == serial);
        if let Some(transaction) = waiting.map(|(_, transaction)| transaction.clone()) {
            self.end_wait(&transaction);
        }
    }

    fn end_wait(&mut self, transaction: &[u8]) {
        let Some(transaction) = self.transactions.get_mut(transaction) else {
            return;
        };
        if let Stage::Unconfirmed(waits) = std::mem::replace(&mut transaction.stage, Stage::Over) {
            self.unconfirmed.remove(&(waits.confirm_by, waits.serial));
        }
    }
}

impl Transaction {
    /// Where the answer to this very message is written down.
    pub(crate) fn answer_to(&self, message: &[u8]) -> Option<Place> {
        self.answers.iter().find(|(answered, _)| answered == message).map(|(_, place)| *place)
    }
}

/// What a record leaves to be done.
fn stage(record: &Record, before: Stage) -> Stage {
    match (record.kind, &record.held, &record.certificate, record.confirm_by) {
        (Kind::Waiting, Some(request), _, _) => Stage::Held {
            request: request.clone(),
            polls_left: record.polls_left.unwrap_or(0),
            check_after: record.check_after.unwrap_or(1),
            confirms: match before {
                Stage::Unconfirmed(waits) => Some(waits),
                Stage::Held { confirms, .. } => confirms,
                Stage::Over => None,
            },
        },
        (Kind::Issued, _, Some(certificate), Some(confirm_by)) => Stage::Unconfirmed(Unconfirmed {
            serial: record.serial.clone(),
            certificate: certificate.clone(),
            confirm_by: Millis(confirm_by),
        }),
        _ => Stage::Over,
    }
}

/// `CRLReason` certificateHold (RFC 5280 section 5.3.1).
pub(crate) const CERTIFICATE_HOLD: u8 = 6;
