//! Where messages are answered. Order of checks: a repeat, the header, the protection, the body; then the request is
//! done, written down together with its answer, and answered.

mod admission;
mod confirm;
mod enrol;
mod revoke;
mod speech;
mod support;

use std::sync::Arc;

use certs::algorithm::Digest;
use certs::{Certificate, Millis};
use cmp::server::{self, HeaderRules, Operation};
use cmp::{BodyKind, Header, Limits, Message, ParseFault};

pub(crate) use self::admission::Admission;
pub(crate) use self::speech::Speech;
use crate::authority::{Authority, NotIssued};
use crate::mischief::{Mischief, Plot};
use crate::records::{Kind, Record, Records, Transaction};
use crate::revocations::Revocations;
use crate::turns::Turns;
use crate::{Clock, Fault};

/// Everything that is needed to answer a message.
pub(crate) struct Desk {
    pub(crate) authority: Authority,
    pub(crate) admission: Admission,
    pub(crate) speech: Speech,
    pub(crate) records: Records,
    pub(crate) revocations: Revocations,
    pub(crate) plot: Plot,
    /// One message of a transaction at a time.
    pub(crate) turns: Turns,
    /// One revocation of a certificate at a time.
    pub(crate) serials: Turns,
    pub(crate) clock: Arc<Clock>,
    pub(crate) policy: Policy,
}

/// What the settings say about messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Whether implicitConfirm is granted.
    pub(crate) implicit_confirm: bool,
    /// How long a confirmation is waited for, in milliseconds.
    pub(crate) confirm_wait: i64,
    /// How far a message's time may be off, in milliseconds.
    pub(crate) time_window: i64,
}

/// What goes back.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// A message (DER).
    Message(Vec<u8>),
    /// Nothing: the connection is closed.
    Silence,
    /// An HTTP status without a body.
    Status(u16),
}

/// A message from somebody who may ask, and what is known about it.
struct Visit<'a> {
    message: &'a Message,
    print: Vec<u8>,
    transaction_id: Vec<u8>,
    signer: Certificate,
    mischief: Mischief,
    now: Millis,
    transaction: Option<Transaction>,
}

/// What a request came to, before it is written down: a record and the body of the answer.
struct Done {
    record: Record,
    body: Vec<u8>,
    infos: Vec<cmp::InfoTypeAndValue>,
}

/// Why a message gets an error or rejection.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Its sender can mend it.
    #[error(transparent)]
    Refused(#[from] cmp::Fault),
    /// We are broken.
    #[error(transparent)]
    Broken(#[from] Fault),
}

impl Desk {
    /// Answers a message.
    ///
    /// # Errors
    /// When the CA itself is broken; nothing was issued that anybody heard of.
    pub(crate) async fn answer(&self, der: &[u8]) -> Result<Reply, Fault> {
        let message = match Message::parse(der, &Limits::default()) {
            Ok(message) => message,
            Err(unreadable) => return self.answer_unreadable(&unreadable).await,
        };
        let transaction_id = message.header().transaction_id.clone().unwrap_or_default();
        let print = Digest::Sha256.hash(der);
        let _turn = self.turns.take(&transaction_id).await;
        let transaction = self.records.ledger().transaction(&transaction_id).cloned();
        // A repeat, byte for byte: it was authenticated when it first came.
        if let Some(place) = transaction.as_ref().and_then(|known| known.answer_to(&print))
            && let Some(answer) = self.records.answer(place)?
        {
            return Ok(Reply::Message(answer));
        }
        let now = (self.clock)();
        let (signer, operation) = match self.admit(&message, transaction.as_ref(), now) {
            Ok(admitted) => admitted,
            Err(fault) => return self.turn_away(&message, &print, &fault, now).await,
        };
        let mischief = self.plot.take(message.body().kind());
        if let Some(delay) = mischief.delay() {
            tokio::time::sleep(delay).await;
        }
        if mischief.ignore {
            return Ok(Reply::Silence);
        }
        if let Some(status) = mischief.http_status {
            return Ok(Reply::Status(status));
        }
        let visit =
            Visit { message: &message, print, transaction_id, signer, mischief, now: (self.clock)(), transaction };
        self.serve(&visit, operation).await
    }

    /// Header, protection and body, in this order.
    fn admit<'a>(
        &self,
        message: &'a Message,
        transaction: Option<&Transaction>,
        now: Millis,
    ) -> Result<(Certificate, Operation<'a>), cmp::Fault> {
        let continues = matches!(message.body().kind(), BodyKind::CertConf | BodyKind::PollReq);
        let known = transaction.filter(|_| continues);
        let rules = HeaderRules { time_window: Some(self.policy.time_window), time_required: false };
        if continues && known.is_none() {
            return Err(cmp::Fault::request("no transaction with this transactionID waits for this message"));
        }
        server::check_header(message.header(), now, &rules, known.map(|known| &*known.nonce))?;
        let same_signer = known.map(|known| &*known.signer_serial);
        let signer = self.admission.admit(message, same_signer, now, &self.records)?;
        // RFC 9483 section 3.5: a transactionID must not be in use when a transaction begins with it.
        if !continues && transaction.is_some() {
            return Err(cmp::Fault::new(
                cmp::FailureInfo::TRANSACTION_ID_IN_USE,
                "another request had this transactionID; choose 16 random octets",
            ));
        }
        Ok((signer, server::check_shape(message)?))
    }

    /// Does what is asked, writes it down and answers.
    async fn serve(&self, visit: &Visit<'_>, operation: Operation<'_>) -> Result<Reply, Fault> {
        if visit.transaction.is_none() {
            self.records.note(visit.record(Kind::Received)).await?;
        }
        let _turn = match operation {
            Operation::Revoke(details) => {
                Some(self.serials.take(details.template.serial.as_deref().unwrap_or_default()).await)
            }
            _ => None,
        };
        let done = match self.perform(visit, operation).await {
            Ok(done) => done,
            Err(Trouble::Refused(fault)) => visit.refused(&fault),
            Err(Trouble::Broken(fault)) => return Err(fault),
        };
        let (answer, nonce) =
            self.speech.answer(visit.message.header(), done.body, done.infos, &visit.mischief, visit.now).await?;
        let revokes = done.record.kind == Kind::Revoked;
        let record = Record { nonce, answer: Some(answer.clone()), ..done.record };
        self.records.append(record).await?;
        if revokes {
            self.publish_revocations().await?;
        }
        if visit.mischief.drop {
            return Ok(Reply::Silence);
        }
        Ok(Reply::Message(answer))
    }

    async fn perform(&self, visit: &Visit<'_>, operation: Operation<'_>) -> Result<Done, Trouble> {
        match operation {
            Operation::Confirm(statuses) => Ok(Self::confirm(visit, statuses, &self.records)?),
            Operation::Poll(cert_req_id) => self.poll(visit, cert_req_id).await,
            Operation::Support(question) => Ok(self.support(visit, question)?),
            Operation::Nested(_) => Err(cmp::Fault::request("nested messages are not taken here").into()),
            request => {
                if let Some(refusal) = &visit.mischief.refuse {
                    let failure = refusal.failure_info().unwrap_or(cmp::FailureInfo::BAD_REQUEST);
                    return Err(cmp::Fault::new(failure, refusal.text.clone()).into());
                }
                if let Some(waiting) = &visit.mischief.waiting {
                    return Ok(visit.hold(waiting));
                }
                self.fulfil(visit, visit.message, request).await
            }
        }
    }

    /// Does a request, be it this message or one that was held.
    async fn fulfil(&self, visit: &Visit<'_>, request: &Message, operation: Operation<'_>) -> Result<Done, Trouble> {
        match operation {
            Operation::Revoke(details) => self.revoke(visit, details),
            operation => self.enrol(visit, request, operation).await,
        }
    }

    /// Refuses a message that nobody trusted has sent. It changes nothing, since anybody could have sent it
    /// (RFC 9483 section 3.6.4 read narrowly: a known transactionID must not be a weapon).
    async fn turn_away(
        &self,
        message: &Message,
        print: &[u8],
        fault: &cmp::Fault,
        now: Millis,
    ) -> Result<Reply, Fault> {
        let header = message.header();
        let record = Record {
            transaction_id: header.transaction_id.clone().unwrap_or_default(),
            body: message.body().kind().name().to_owned(),
            message: print.to_vec(),
            detail: fault.to_string(),
            ..Record::new(now.0, Kind::Refused)
        };
        self.records.note(record).await?;
        self.error(Some(header), fault, now).await
    }

    async fn answer_unreadable(&self, unreadable: &ParseFault) -> Result<Reply, Fault> {
        self.error(unreadable.header.as_deref(), &unreadable.fault, (self.clock)()).await
    }

    async fn error(&self, header: Option<&Header>, fault: &cmp::Fault, now: Millis) -> Result<Reply, Fault> {
        let body = cmp::body::error(&cmp::status::ErrorMsgContent::from(fault));
        Ok(Reply::Message(match header {
            Some(header) => self.speech.answer(header, body, Vec::new(), &Mischief::none(), now).await?.0,
            None => self.speech.to_nobody(body, now).await?,
        }))
    }
}

impl Visit<'_> {
    /// A record about this message.
    fn record(&self, kind: Kind) -> Record {
        Record {
            transaction_id: self.transaction_id.clone(),
            body: self.message.body().kind().name().to_owned(),
            message: self.print.clone(),
            signer: self.signer.subject().to_string(),
            signer_serial: self.signer.serial().to_vec(),
            ..Record::new(self.now.0, kind)
        }
    }

    /// What the transaction began with.
    fn asked(&self) -> BodyKind {
        let began = self.transaction.as_ref().map(|known| &*known.body);
        let kinds = (0..=26).filter_map(BodyKind::from_tag);
        began
            .and_then(|began| kinds.into_iter().find(|kind| kind.name() == began))
            .unwrap_or_else(|| self.message.body().kind())
    }

    fn refused(&self, fault: &cmp::Fault) -> Done {
        // A request that was refused after polling is refused in the body that answers the request
        // (RFC 9483 section 3.6.2).
        let kind = match self.message.body().kind() {
            BodyKind::PollReq => self.asked(),
            kind => kind,
        };
        Done {
            record: Record { detail: fault.to_string(), ..self.record(Kind::Refused) },
            body: server::refusal_body(fault, kind),
            infos: Vec::new(),
        }
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
