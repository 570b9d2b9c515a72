use certs::Millis;
use cmp::{BodyKind, InfoTypeAndValue, Message, server};

use super::admission::Sender;
use super::nested::Arrival;
use crate::Fault;
use crate::authority::NotIssued;
use crate::mischief::Mischief;
use crate::records::{Kind, Original, Record, Transaction};

/// A message from somebody who may ask, and what is known about it.
pub(super) struct Visit<'a> {
    /// The message itself, without what it was wrapped in.
    pub(super) message: &'a Message,
    pub(super) arrival: Arrival,
    pub(super) print: Vec<u8>,
    pub(super) transaction_id: Vec<u8>,
    pub(super) sender: Sender,
    /// Whether a record has the sender's certificate already.
    pub(super) sender_known: bool,
    pub(super) mischief: Mischief,
    pub(super) now: Millis,
    pub(super) transaction: Option<Transaction>,
    /// The message that this one replaces.
    pub(super) original: Result<Option<Original>, cmp::Fault>,
}

/// What a request came to, before it is written down.
pub(super) struct Done {
    pub(super) record: Record,
    pub(super) words: Words,
}

/// What an answer says.
pub(super) struct Words {
    pub(super) body: Vec<u8>,
    pub(super) infos: Vec<InfoTypeAndValue>,
    /// Another recipNonce than that of the message that is answered.
    pub(super) recip_nonce: Option<Vec<u8>>,
}

/// Why a message gets an error or rejection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Its sender can mend it.
    #[error(transparent)]
    Refused(#[from] cmp::Fault),
    /// We are broken.
    #[error(transparent)]
    Broken(#[from] Fault),
}

impl Visit<'_> {
    /// A record about this message.
    pub(super) fn record(&self, kind: Kind) -> Record {
        let signer = &self.sender.certificate;
        Record {
            transaction_id: self.transaction_id.clone(),
            body: self.message.body().kind().name().to_owned(),
            message: self.print.clone(),
            signer: signer.subject().to_string(),
            signer_serial: signer.serial().to_vec(),
            signer_hash: signer.hash().to_vec(),
            signer_certificate: (!self.sender_known).then(|| signer.der().to_vec()),
            orig_pki_message: self.original.as_ref().ok().cloned().flatten(),
            ..self.arrival.record(Some(&self.sender), self.now, kind)
        }
    }

    /// What the transaction began with.
    pub(super) fn asked(&self) -> BodyKind {
        let began = self.transaction.as_ref().map(|known| &*known.body);
        let kinds = (0..=26).filter_map(BodyKind::from_tag);
        began
            .and_then(|began| kinds.into_iter().find(|kind| kind.name() == began))
            .unwrap_or_else(|| self.message.body().kind())
    }

    /// Whether a registration authority has approved what is asked for by wrapping it
    /// (RFC 9483 section 5.2.2.1), now or when the transaction began.
    pub(super) fn is_approved(&self) -> bool {
        self.arrival.is_approved() || self.transaction.as_ref().is_some_and(|known| known.approved)
    }

    /// The answer to a message of this kind that is refused.
    pub(super) fn refused(&self, fault: &cmp::Fault, kind: BodyKind) -> Done {
        let record = Record { detail: fault.to_string(), ..self.record(Kind::Refused) };
        Done::new(record, server::refusal_body(fault, kind))
    }
}

impl Done {
    pub(super) fn new(record: Record, body: Vec<u8>) -> Self {
        Self { record, words: body.into() }
    }
}

impl From<Vec<u8>> for Words {
    fn from(body: Vec<u8>) -> Self {
        Self { body, infos: Vec::new(), recip_nonce: None }
    }
}

impl From<NotIssued> for Trouble {
    fn from(reason: NotIssued) -> Self {
        match reason {
            NotIssued::Refused(fault) => Self::Refused(fault),
            NotIssued::Broken(fault) => Self::Broken(fault),
        }
    }
}
