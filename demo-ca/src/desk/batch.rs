//! Batches (RFC 9483 section 5.2.2.2). They approve nothing, and their faults are answered once, to their senders
//! (section 3.6.3).

use std::pin::Pin;

use certs::Millis;
use certs::algorithm::Digest;
use cmp::server::{self, Nested};
use cmp::{BodyKind, Message, ParseFault};

use super::admission::Sender;
use super::nested::{Arrival, Content, batch_within};
use super::visit::{Done, Trouble, Visit, Words};
use super::{Desk, Reply, in_use};
use crate::Fault;
use crate::mischief::Mischief;
use crate::records::{Kind, Record};

type Inners = Vec<Result<Message, ParseFault>>;

impl Desk {
    /// Answers a batch whose sender is a registration authority.
    pub(super) async fn unbundle(
        &self,
        outer: &Message,
        sender: Sender,
        inners: Inners,
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
        let done = match (&visit.mischief.refuse, &visit.mischief.waiting) {
            (Some(refusal), _) => visit.refused(&refusal.fault(), BodyKind::Nested),
            (None, Some(waiting)) => visit.hold(waiting),
            (None, None) => self.answer_all(&visit, inners).await?,
        };
        self.finish(&visit, done).await
    }

    /// Answers a batch that had to wait; it was checked when it came.
    pub(super) async fn unbundle_held(&self, visit: &Visit<'_>, held: &Message) -> Result<Done, Trouble> {
        match server::check_nested(held)? {
            Nested::Batch(inners) => Ok(self.answer_all(visit, inners).await?),
            Nested::One(_) => Err(cmp::Fault::request("this is no batch").into()),
        }
    }

    async fn answer_all(&self, visit: &Visit<'_>, inners: Inners) -> Result<Done, Fault> {
        let count = inners.len();
        let mut answers = Vec::with_capacity(count);
        for inner in inners {
            answers.extend(self.answer_inner(visit, inner).await?);
        }
        self.spoil(visit, &mut answers).await?;
        let detail = format!("{count} messages, {} answers", answers.len());
        let record = Record { detail, ..visit.record(Kind::Answered) };
        Ok(Done::new(record, cmp::body::nested(&answers)))
    }

    /// The answer to a message of a batch, as if it had come by itself; none if mischief keeps it back.
    async fn answer_inner(
        &self,
        visit: &Visit<'_>,
        inner: Result<Message, ParseFault>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let arrival = Arrival::in_batch(visit.transaction_id.clone(), visit.sender.clone());
        let opened = match inner {
            Ok(message) => self.open(message, arrival.clone(), visit.now),
            Err(unreadable) => return Ok(self.answer_unreadable(&unreadable).await?.into_message()),
        };
        let (message, fault) = match opened {
            Ok(Content::One(message, arrival)) => {
                return Ok(self.attend_inner(&message, arrival).await?.into_message());
            }
            Ok(Content::Batch { outer, .. }) => (outer, batch_within()),
            Err(unopened) => (unopened.0, unopened.1),
        };
        Ok(self.turn_away(&message, &arrival, &fault, visit.now).await?.into_message())
    }

    /// [`Desk::attend`], which leads back here when it is a batch that was polled for.
    fn attend_inner<'a>(
        &'a self,
        message: &'a Message,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Fault>> + Send + 'a>> {
        Box::pin(self.attend(message, arrival))
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

impl Reply {
    fn into_message(self) -> Option<Vec<u8>> {
        match self {
            Self::Message { der, .. } => Some(der),
            Self::Half(_) | Self::Silence | Self::Status(_) => None,
        }
    }
}
