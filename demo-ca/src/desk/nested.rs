use certs::Millis;
use certs::algorithm::Digest;
use cmp::server::{self, Nested};
use cmp::{BodyKind, Message, ParseFault};

use super::admission::{Sender, not_authorized};
use super::visit::{Done, Visit, Words};
use super::{Desk, Reply, in_use};
use crate::Fault;
use crate::mischief::Mischief;
use crate::records::{Form, Kind, Record};

/// What was around a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival {
    /// The transaction and the signer of the batch that it was in.
    batch: Option<(Vec<u8>, Sender)>,
    /// The registration authorities that wrapped it, the outermost first.
    wrappers: Vec<Sender>,
}

/// What is in a nested message.
enum Content {
    /// One message that the senders of those around it have approved.
    One(Message, Arrival),
    /// Messages that are nobody's but their own senders'.
    Batch { outer: Message, sender: Sender, inners: Vec<Result<Message, ParseFault>> },
}

/// A nested message that is refused, and why.
struct Unopened(Message, cmp::Fault);

impl Desk {
    /// Answers a nested message (RFC 9483 section 5.2.2): the one in it by a plain answer, a batch by a nested one.
    pub(super) async fn nested(&self, outer: Message) -> Result<Reply, Fault> {
        let transaction_id = outer.header().transaction_id.clone().unwrap_or_default();
        let print = Digest::Sha256.hash(outer.der());
        let _turn = self.nested_turns.take(&transaction_id).await;
        if let Some(reply) = self.repeat(&transaction_id, &print)? {
            return Ok(reply);
        }
        let now = (self.clock)();
        match self.open(outer, Arrival::default(), now) {
            Ok(Content::One(message, arrival)) => self.attend(&message, arrival).await,
            Ok(Content::Batch { outer, sender, inners }) => self.unbundle(&outer, sender, inners, now).await,
            Err(unopened) => {
                let Unopened(message, fault) = *unopened;
                self.turn_away(&message, &Arrival::default(), &fault, now).await
            }
        }
    }

    /// Takes off what is around a message. Each signature must be a registration authority's (RFC 9483 section
    /// 5.2.2.1: "MUST validate the additional protection signature on the nested message and check the authorization
    /// for the approval it implies. Other fields in the header of the nested message can be ignored.").
    fn open(&self, mut message: Message, mut arrival: Arrival, now: Millis) -> Result<Content, Box<Unopened>> {
        while message.body().kind() == BodyKind::Nested {
            let opened = self.check_wrapper(&message, &arrival, now);
            match opened {
                Ok((sender, Nested::One(inner))) => {
                    arrival.wrappers.push(sender);
                    message = *inner;
                }
                Ok((sender, Nested::Batch(inners))) if arrival.is_plain() => {
                    return Ok(Content::Batch { outer: message, sender, inners });
                }
                Ok((_, Nested::Batch(_))) => {
                    let fault = cmp::Fault::request("a batch must not be in another nested message");
                    return Err(Box::new(Unopened(message, fault)));
                }
                Err(fault) => return Err(Box::new(Unopened(message, fault))),
            }
        }
        Ok(Content::One(message, arrival))
    }

    fn check_wrapper(&self, message: &Message, arrival: &Arrival, now: Millis) -> Result<(Sender, Nested), cmp::Fault> {
        if arrival.wrappers.len() >= DEPTH {
            return Err(cmp::Fault::request(format!("more than {DEPTH} nested messages around one")));
        }
        let sender = self.admission.admit(message, None, now, &self.records)?;
        if !sender.is_authority() {
            return Err(not_authorized("only registration authorities may send nested messages"));
        }
        Ok((sender, server::check_nested(message)?))
    }

    /// Answers a batch (RFC 9483 section 5.2.2.2). A fault of the batch itself is answered once, to its sender
    /// (section 3.6.3).
    async fn unbundle(
        &self,
        outer: &Message,
        sender: Sender,
        inners: Vec<Result<Message, ParseFault>>,
        now: Millis,
    ) -> Result<Reply, Fault> {
        let transaction_id = outer.header().transaction_id.clone().unwrap_or_default();
        let used = self.records.ledger().transaction(&transaction_id).is_some();
        let checked = server::check_header(outer.header(), now, &self.rules(), None);
        if let Err(fault) = checked.and_then(|()| if used { Err(in_use()) } else { Ok(()) }) {
            return self.turn_away(outer, &Arrival::default(), &fault, now).await;
        }
        let mischief = self.plot.take(BodyKind::Nested);
        if let Some(reply) = self.suffer(&mischief).await {
            return Ok(reply);
        }
        let visit = Visit {
            message: outer,
            arrival: Arrival::default(),
            print: Digest::Sha256.hash(outer.der()),
            transaction_id,
            sender_known: self.records.ledger().signer(&sender.certificate.hash()).is_some(),
            sender,
            mischief,
            now,
            transaction: None,
            original: Ok(None),
        };
        self.records.note(visit.record(Kind::Received)).await?;
        if let Some(refusal) = &visit.mischief.refuse {
            let done = visit.refused(&refusal.fault(), BodyKind::Nested);
            return self.finish(&visit, done).await;
        }
        let count = inners.len();
        let mut answers = Vec::with_capacity(count);
        for inner in inners {
            answers.extend(self.answer_inner(&visit, inner).await?);
        }
        self.spoil(&visit, &mut answers).await?;
        let detail = format!("{count} messages, {} answers", answers.len());
        let record = Record { detail, ..visit.record(Kind::Answered) };
        self.finish(&visit, Done::new(record, cmp::body::nested(&answers))).await
    }

    /// The answer to a message of a batch, as if it had come by itself; none if mischief keeps it back.
    async fn answer_inner(
        &self,
        visit: &Visit<'_>,
        inner: Result<Message, ParseFault>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let arrival =
            Arrival { batch: Some((visit.transaction_id.clone(), visit.sender.clone())), wrappers: Vec::new() };
        let opened = match inner {
            Ok(message) => self.open(message, arrival.clone(), visit.now),
            Err(unreadable) => return Ok(self.answer_unreadable(&unreadable).await?.into_message()),
        };
        let reply = match opened {
            Ok(Content::One(message, arrival)) => Box::pin(self.attend(&message, arrival)).await?,
            Ok(Content::Batch { outer, .. }) => {
                let fault = cmp::Fault::request("a batch must not be in another nested message");
                self.turn_away(&outer, &arrival, &fault, visit.now).await?
            }
            Err(unopened) => {
                let Unopened(message, fault) = *unopened;
                self.turn_away(&message, &arrival, &fault, visit.now).await?
            }
        };
        Ok(reply.into_message())
    }

    /// Leaves out answers and adds others, on request of a test.
    async fn spoil(&self, visit: &Visit<'_>, answers: &mut Vec<Vec<u8>>) -> Result<(), Fault> {
        let missing = usize::try_from(visit.mischief.missing_answers).unwrap_or(usize::MAX);
        answers.drain(..missing.min(answers.len()));
        let stranger = Mischief { wrong_transaction: true, wrong_nonce: true, ..Mischief::none() };
        for _ in 0..visit.mischief.extra_answers {
            let words = Words::from(cmp::body::pki_conf());
            answers.push(self.speech.answer(visit.message.header(), words, &stranger, visit.now).await?.0);
        }
        Ok(())
    }
}

impl Arrival {
    /// Whether a registration authority has approved the message by wrapping it; being in a batch is no approval
    /// (RFC 9483 section 5.2.2.2).
    pub(super) fn is_approved(&self) -> bool {
        !self.wrappers.is_empty()
    }

    fn is_plain(&self) -> bool {
        self.batch.is_none() && self.wrappers.is_empty()
    }

    /// A record about a message that came so; `sender` is who signed the message itself, if that is known.
    pub(super) fn record(&self, sender: Option<&Sender>, now: Millis, kind: Kind) -> Record {
        let batch = self.batch.as_ref();
        let outer = batch.map(|(_, sender)| sender).or(self.wrappers.first()).or(sender);
        let certificate = outer.map(|outer| &outer.certificate);
        Record {
            form: Some(match (batch, self.wrappers.is_empty()) {
                (Some(_), _) => Form::Batch,
                (None, false) => Form::Nested,
                (None, true) => Form::Plain,
            }),
            depth: u8::try_from(self.wrappers.len()).unwrap_or(u8::MAX),
            batch: batch.map(|(transaction, _)| transaction.clone()).unwrap_or_default(),
            outer_signer: certificate.map(|found| found.subject().to_string()).unwrap_or_default(),
            outer_signer_hash: certificate.map(|found| found.hash().to_vec()).unwrap_or_default(),
            ..Record::new(now.0, kind)
        }
    }
}

impl Reply {
    fn into_message(self) -> Option<Vec<u8>> {
        match self {
            Self::Message { der, .. } => Some(der),
            Self::Silence | Self::Status(_) => None,
        }
    }
}

/// A registration authority near the device, and a central one above it.
const DEPTH: usize = 2;
