use std::collections::{BTreeMap, HashMap};

use certs::{Millis, Revoked};

use super::{Kind, Record};

/// What all records together say.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    transactions: HashMap<Vec<u8>, Transaction>,
    issued: HashMap<Vec<u8>, Millis>,
    revoked: BTreeMap<Vec<u8>, Revoked>,
    unconfirmed: BTreeMap<(Millis, Vec<u8>), Vec<u8>>,
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
    /// The serial number of the certificate that signed its first request; the others must come from the same.
    pub(crate) signer_serial: Vec<u8>,
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
    },
    /// The requester is to confirm.
    Unconfirmed {
        /// The serial number.
        serial: Vec<u8>,
        /// The certificate (DER).
        certificate: Vec<u8>,
        /// When it is revoked if he does not.
        confirm_by: Millis,
    },
    /// Nothing.
    Over,
}

impl Ledger {
    /// Takes a record in. The same records always give the same ledger, whether read at the start or written now.
    pub(super) fn apply(&mut self, record: &Record, place: Place) {
        let at = Millis(record.at);
        match record.kind {
            Kind::Issued => {
                self.issued.insert(record.serial.clone(), at);
            }
            Kind::Revoked => {
                let reason = record.reason.unwrap_or(0);
                self.revoked.entry(record.serial.clone()).or_insert(Revoked { at, reason });
                self.end_wait_for(&record.serial);
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

    /// Whether we issued this certificate.
    pub(crate) fn is_issued(&self, serial: &[u8]) -> bool {
        self.issued.contains_key(serial)
    }

    /// Whether and how a certificate was revoked.
    pub(crate) fn revocation(&self, serial: &[u8]) -> Option<Revoked> {
        self.revoked.get(serial).copied()
    }

    /// All that was revoked.
    pub(crate) fn revoked(&self) -> Vec<(Vec<u8>, Revoked)> {
        self.revoked.iter().map(|(serial, revoked)| (serial.clone(), *revoked)).collect()
    }

    /// How many certificates were revoked.
    pub(crate) fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// The transactions whose confirmation did not come in time.
    pub(crate) fn overdue(&self, now: Millis) -> Vec<Vec<u8>> {
        let past = self.unconfirmed.iter().take_while(|((confirm_by, _), _)| *confirm_by < now);
        past.map(|(_, transaction)| transaction.clone()).collect()
    }

    fn answered(&mut self, record: &Record, place: Place) {
        let stage = stage(record);
        if let Stage::Unconfirmed { serial, confirm_by, .. } = &stage {
            self.unconfirmed.insert((*confirm_by, serial.clone()), record.transaction_id.clone());
        }
        let transaction = self.transactions.entry(record.transaction_id.clone()).or_insert_with(|| Transaction {
            signer_serial: record.signer_serial.clone(),
            body: record.body.clone(),
            nonce: Vec::new(),
            stage: Stage::Over,
            serial: None,
            answers: Vec::new(),
        });
        transaction.nonce.clone_from(&record.nonce);
        transaction.stage = stage;
        if record.kind == Kind::Issued {
            transaction.serial = Some(record.serial.clone());
        }
        transaction.answers.push((record.message.clone(), place));
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
        if let Stage::Unconfirmed { serial, confirm_by, .. } = std::mem::replace(&mut transaction.stage, Stage::Over) {
            self.unconfirmed.remove(&(confirm_by, serial));
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
fn stage(record: &Record) -> Stage {
    match (record.kind, &record.held, &record.certificate, record.confirm_by) {
        (Kind::Waiting, Some(request), _, _) => Stage::Held {
            request: request.clone(),
            polls_left: record.polls_left.unwrap_or(0),
            check_after: record.check_after.unwrap_or(1),
        },
        (Kind::Issued, _, Some(certificate), Some(confirm_by)) => Stage::Unconfirmed {
            serial: record.serial.clone(),
            certificate: certificate.clone(),
            confirm_by: Millis(confirm_by),
        },
        _ => Stage::Over,
    }
}
