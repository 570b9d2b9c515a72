use certs::Millis;
use certs::algorithm::Digest;
use cmp::server::{self, Nested};
use cmp::{BodyKind, Message, ParseFault};

use super::admission::{Sender, not_authorized};
use super::{Desk, Reply};
use crate::Fault;
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
pub(super) enum Content {
    /// One message that the senders of those around it have approved.
    One(Message, Arrival),
    /// Messages that are nobody's but their own senders'.
    Batch { outer: Message, sender: Sender, inners: Vec<Result<Message, ParseFault>> },
}

/// A nested message that is refused, and why.
pub(super) struct Unopened(pub(super) Message, pub(super) cmp::Fault);

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
    pub(super) fn open(
        &self,
        mut message: Message,
        mut arrival: Arrival,
        now: Millis,
    ) -> Result<Content, Box<Unopened>> {
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
                    return Err(Box::new(Unopened(message, batch_within())));
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
}

pub(super) fn batch_within() -> cmp::Fault {
    cmp::Fault::request("a batch must not be in another nested message")
}

impl Arrival {
    /// In the batch of this transaction and sender.
    pub(super) fn in_batch(transaction_id: Vec<u8>, sender: Sender) -> Self {
        Self { batch: Some((transaction_id, sender)), wrappers: Vec::new() }
    }

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

/// A registration authority near the device, and a central one above it.
const DEPTH: usize = 2;
