//! Where messages are answered. Order of checks: what is around a message, a repeat, the header, the protection, the
//! body; then the request is done, written down together with its answer, and answered.

mod admission;
mod batch;
mod confirm;
mod enrol;
mod nested;
mod original;
mod poll;
mod revoke;
mod rights;
mod speech;
mod support;
mod visit;

use std::sync::{Arc, Mutex, PoisonError};

use certs::Millis;
use certs::algorithm::Digest;
use cmp::server::{self, HeaderRules, Operation};
use cmp::{BodyKind, Header, Limits, Message, ParseFault};

pub(crate) use self::admission::Admission;
use self::admission::{Sender, not_authorized};
use self::nested::Arrival;
pub(crate) use self::speech::Speech;
use self::visit::{Done, Trouble, Visit, Words};
use crate::authority::Authority;
use crate::mischief::{Mischief, Plot};
use crate::pki::{Registry, Rollover};
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
    /// What was issued before the records began.
    pub(crate) registry: Registry,
    pub(crate) rollover: Rollover,
    pub(crate) revocations: Revocations,
    pub(crate) plot: Plot,
    /// The answer that was given last.
    pub(crate) last: Mutex<Option<Vec<u8>>>,
    /// One message of a transaction at a time.
    pub(crate) turns: Turns,
    /// One nested message of a transaction at a time; never waited for with one of `turns` in hand.
    pub(crate) nested_turns: Turns,
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
    /// Whether end entities may ask without a registration authority.
    pub(crate) end_entities: bool,
}

/// What is left of an answer on its way.
fn spoiled(mischief: &Mischief, mut der: Vec<u8>, before: Option<Vec<u8>>) -> Reply {
    if mischief.drop {
        return Reply::Silence;
    }
    if mischief.stale {
        der = before.unwrap_or_default();
    }
    if mischief.half_closed {
        return Reply::Half(der);
    }
    if mischief.truncated {
        der.truncate(der.len() / 2);
    }
    let padding = usize::try_from(mischief.padding_megabytes).unwrap_or(usize::MAX).saturating_mul(1_000_000);
    der.resize(der.len().saturating_add(padding), 0);
    Reply::Message { status: mischief.answer_status.unwrap_or(OK), der }
}

/// What goes back.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// A message.
    Message {
        /// The HTTP status.
        status: u16,
        /// The message (DER).
        der: Vec<u8>,
    },
    /// The first half of a message, and then the connection is closed.
    Half(Vec<u8>),
    /// Nothing: the connection is closed.
    Silence,
    /// An HTTP status without a body.
    Status(u16),
}

impl Desk {
    /// Answers a message.
    ///
    /// # Errors
    /// When the CA itself is broken; nothing was issued that anybody heard of.
    pub(crate) async fn answer(&self, der: &[u8]) -> Result<Reply, Fault> {
        match Message::parse(der, &Limits::default()) {
            Ok(message) if message.body().kind() == BodyKind::Nested => self.nested(message).await,
            Ok(message) => self.attend(&message, Arrival::default()).await,
            Err(unreadable) => self.answer_unreadable(&unreadable).await,
        }
    }

    /// Answers a message that is not nested, however it came.
    async fn attend(&self, message: &Message, arrival: Arrival) -> Result<Reply, Fault> {
        let transaction_id = message.header().transaction_id.clone().unwrap_or_default();
        let print = Digest::Sha256.hash(message.der());
        if self.plot.is_busy() && self.turns.is_taken(&transaction_id) {
            return self.turn_away(message, &arrival, &in_use(), (self.clock)()).await;
        }
        let _turn = self.turns.take(&transaction_id).await;
        if let Some(reply) = self.repeat(&transaction_id, &print)? {
            return Ok(reply);
        }
        let transaction = self.records.ledger().transaction(&transaction_id).cloned();
        let now = (self.clock)();
        let (sender, operation) = match self.admit(message, &arrival, transaction.as_ref(), now) {
            Ok(admitted) => admitted,
            Err(fault) => return self.turn_away(message, &arrival, &fault, now).await,
        };
        let mischief = self.plot.take(message.body().kind());
        if let Some(reply) = self.suffer(&mischief).await {
            return Ok(reply);
        }
        let visit = Visit {
            message,
            arrival,
            print,
            transaction_id,
            sender_known: self.records.ledger().signer(&sender.certificate.hash()).is_some(),
            sender,
            mischief,
            now: (self.clock)(),
            transaction,
            original: self.original(message, now),
        };
        self.serve(&visit, operation).await
    }

    /// The answer to a repeat, byte for byte: it was authenticated when it first came.
    fn repeat(&self, transaction_id: &[u8], print: &[u8]) -> Result<Option<Reply>, Fault> {
        let place = self.records.ledger().transaction(transaction_id).and_then(|known| known.answer_to(print));
        let answer = match place {
            Some(place) => self.records.answer(place)?,
            None => None,
        };
        Ok(answer.map(|der| Reply::Message { status: OK, der }))
    }

    /// Mischief that keeps anything from being done.
    async fn suffer(&self, mischief: &Mischief) -> Option<Reply> {
        if let Some(delay) = mischief.delay() {
            tokio::time::sleep(delay).await;
        }
        if mischief.ignore {
            return Some(Reply::Silence);
        }
        mischief.http_status.map(Reply::Status)
    }

    /// Header, protection and body, in this order.
    fn admit<'a>(
        &self,
        message: &'a Message,
        arrival: &Arrival,
        transaction: Option<&Transaction>,
        now: Millis,
    ) -> Result<(Sender, Operation<'a>), cmp::Fault> {
        let continues = matches!(message.body().kind(), BodyKind::CertConf | BodyKind::PollReq);
        let known = transaction.filter(|_| continues);
        if continues && known.is_none() {
            return Err(cmp::Fault::request("no transaction with this transactionID waits for this message"));
        }
        server::check_header(message.header(), now, &self.rules(), known.map(|known| &*known.nonce))?;
        let began = known.and_then(|known| self.records.ledger().signer(&known.signer_hash).cloned());
        let sender = self.admission.admit(message, began.as_ref(), now, &self.records)?;
        if !(self.policy.end_entities || sender.is_authority() || arrival.is_approved()) {
            return Err(not_authorized("end entities are served through a registration authority only"));
        }
        // RFC 9483 section 5.1: a transactionID must not be in use when a transaction begins with it.
        if !continues && transaction.is_some() {
            return Err(in_use());
        }
        Ok((sender, server::check_shape(message)?))
    }

    fn rules(&self) -> HeaderRules {
        HeaderRules { time_window: Some(self.policy.time_window), time_required: false }
    }

    /// Does what is asked, writes it down and answers.
    async fn serve(&self, visit: &Visit<'_>, operation: Operation<'_>) -> Result<Reply, Fault> {
        if visit.transaction.is_none() {
            self.records.note(visit.record(Kind::Received)).await?;
        }
        let _turn = match visit.certificate_in_question(operation) {
            Some(serial) => Some(self.serials.take(&serial).await),
            None => None,
        };
        let done = match self.perform(visit, operation).await {
            Ok(done) => done,
            Err(Trouble::Refused(fault)) => visit.refused(&fault, visit.message.body().kind()),
            Err(Trouble::Broken(fault)) => return Err(fault),
        };
        self.finish(visit, done).await
    }

    /// Writes down what was done, together with the answer, and answers.
    async fn finish(&self, visit: &Visit<'_>, done: Done) -> Result<Reply, Fault> {
        let Done { record, words } = done;
        let (der, nonce) = self.speech.answer(visit.message.header(), words, &visit.mischief, visit.now).await?;
        let changes_list = matches!(record.kind, Kind::Revoked | Kind::Released);
        self.records.append(Record { nonce, answer: Some(der.clone()), ..record }).await?;
        if changes_list {
            self.publish_revocations().await?;
        }
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(der.clone());
        Ok(spoiled(&visit.mischief, der, before))
    }

    async fn perform(&self, visit: &Visit<'_>, operation: Operation<'_>) -> Result<Done, Trouble> {
        if let Err(fault) = &visit.original {
            return Err(fault.clone().into());
        }
        if let Some(refusal) = &visit.mischief.refuse {
            return Err(refusal.fault().into());
        }
        match (operation, &visit.mischief.waiting) {
            (Operation::Poll(cert_req_id), _) => self.poll(visit, cert_req_id).await,
            (_, Some(waiting)) => Ok(visit.hold(waiting)),
            (operation, None) => self.fulfil(visit, visit.message, operation).await,
        }
    }

    /// Does a request, be it this message or one that was held.
    async fn fulfil(&self, visit: &Visit<'_>, request: &Message, operation: Operation<'_>) -> Result<Done, Trouble> {
        match operation {
            Operation::Confirm(statuses) => self.confirm(visit, statuses),
            Operation::Support(question) => self.support(visit, question).await,
            Operation::Revoke(details) => self.revoke(visit, details),
            Operation::Enrol { .. } | Operation::Pkcs10(_) => self.enrol(visit, request, operation).await,
            Operation::Nested(_) => self.unbundle_held(visit, request).await,
            Operation::Poll(_) => Err(cmp::Fault::request("a pollReq waits for nothing itself").into()),
        }
    }

    /// Refuses a message that nobody trusted has sent. It changes nothing, since anybody could have sent it
    /// (RFC 9483 section 3.6.4 read narrowly: a known transactionID must not be a weapon).
    async fn turn_away(
        &self,
        message: &Message,
        arrival: &Arrival,
        fault: &cmp::Fault,
        now: Millis,
    ) -> Result<Reply, Fault> {
        let header = message.header();
        let record = Record {
            transaction_id: header.transaction_id.clone().unwrap_or_default(),
            body: message.body().kind().name().to_owned(),
            message: Digest::Sha256.hash(message.der()),
            detail: fault.to_string(),
            ..arrival.record(None, now, Kind::Refused)
        };
        self.records.note(record).await?;
        self.error(Some(header), fault, now).await
    }

    async fn answer_unreadable(&self, unreadable: &ParseFault) -> Result<Reply, Fault> {
        self.error(unreadable.header.as_deref(), &unreadable.fault, (self.clock)()).await
    }

    async fn error(&self, header: Option<&Header>, fault: &cmp::Fault, now: Millis) -> Result<Reply, Fault> {
        let body = cmp::body::error(&cmp::status::ErrorMsgContent::from(fault));
        let der = match header {
            Some(header) => self.speech.answer(header, Words::from(body), &Mischief::none(), now).await?.0,
            None => self.speech.to_nobody(body, now).await?,
        };
        Ok(Reply::Message { status: OK, der })
    }
}

fn in_use() -> cmp::Fault {
    cmp::Fault::new(
        cmp::FailureInfo::TRANSACTION_ID_IN_USE,
        "another request had this transactionID; choose 16 random octets",
    )
}

/// RFC 9811 section 3.4: the status of an answer that is a message.
const OK: u16 = 200;
