//! The table `message`: both sides' messages with their exact octets.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Error, Leg, NewMessage, Store};
use crate::case::{ExchangeId, MessageId, SubmissionId};

/// A request that was recorded before, found by its octets.
#[derive(Clone, Debug)]
pub struct RequestRow {
    /// The message.
    pub id: MessageId,
    /// The octets of the recorded answer; none while there is none.
    pub reply: Option<Vec<u8>>,
}

macro_rules! insert_message {
    ($answers:literal) => {
        concat!(
            "INSERT INTO message (id, leg, exchange_id, submission_id, answers, transaction_id, hash, at, octets) ",
            "VALUES (?1, ?2, ?3, ?4, ",
            $answers,
            ", ?6, ?7, ?8, ?9)"
        )
    };
}

impl Store {
    /// The request that is known by this hash in an exchange, and the first answer recorded to it; where none names
    /// it, the first one recorded after it.
    pub async fn request_in_exchange(
        &self,
        exchange: ExchangeId,
        hash: &[u8; 32],
    ) -> Result<Option<RequestRow>, Error> {
        let query = "SELECT request.id, COALESCE((SELECT reply.octets FROM message AS reply WHERE reply.leg = 'reply' AND \
             reply.exchange_id = request.exchange_id AND reply.answers = request.id ORDER BY reply.seq LIMIT 1), \
             (SELECT reply.octets FROM message AS reply WHERE reply.leg = 'reply' AND reply.exchange_id = request.exchange_id AND \
             reply.seq > request.seq ORDER BY reply.seq LIMIT 1)) AS reply FROM message AS request \
             WHERE request.leg = 'request' AND request.exchange_id = ? AND request.hash = ?";
        let row = |row: &Columns<'_>| {
            Ok(RequestRow { id: MessageId::from_octets(row.octets("id")?), reply: row.value("reply")? })
        };
        self.find(query, values![exchange.as_bytes(), hash], row).await
    }

    /// The octets of the message that began an exchange.
    pub async fn first_request(&self, exchange: ExchangeId) -> Result<Option<Vec<u8>>, Error> {
        self.find(
            "SELECT octets FROM message WHERE exchange_id = ? AND leg = 'request' ORDER BY seq LIMIT 1",
            values![exchange.as_bytes()],
            |row| row.value("octets"),
        )
        .await
    }

    /// The octets of the newest answer to the requester of an exchange.
    pub async fn last_reply(&self, exchange: ExchangeId) -> Result<Option<Vec<u8>>, Error> {
        self.find(
            "SELECT octets FROM message WHERE exchange_id = ? AND leg = 'reply' ORDER BY seq DESC LIMIT 1",
            values![exchange.as_bytes()],
            |row| row.value("octets"),
        )
        .await
    }

    /// The octets of the messages recorded for a CA in a submission, oldest first.
    pub async fn sent_messages(&self, submission: SubmissionId) -> Result<Vec<Vec<u8>>, Error> {
        self.list(
            "SELECT octets FROM message WHERE submission_id = ? AND leg = 'submission' ORDER BY seq",
            values![submission.as_bytes()],
            |row| row.value("octets"),
        )
        .await
    }

    /// The octets of the CA's newest answer in a submission.
    pub async fn last_answer(&self, submission: SubmissionId) -> Result<Option<Vec<u8>>, Error> {
        self.find(
            "SELECT octets FROM message WHERE submission_id = ? AND leg = 'answer' ORDER BY seq DESC LIMIT 1",
            values![submission.as_bytes()],
            |row| row.value("octets"),
        )
        .await
    }
}

/// Which message the new one answers is known from its place: both protocols' sides speak in turns.
pub(super) fn record(message: &NewMessage, pen: Pen<'_>) -> Result<(), Broken> {
    let insert = match message.leg {
        Leg::Request | Leg::Submission => insert_message!("?5"),
        Leg::Reply => insert_message!(
            "COALESCE(?5, (SELECT id FROM message WHERE leg = 'request' AND exchange_id = ?3 ORDER BY seq DESC LIMIT 1))"
        ),
        Leg::Answer => insert_message!(
            "COALESCE(?5, (SELECT id FROM message WHERE leg = 'submission' AND submission_id = ?4 ORDER BY seq DESC LIMIT 1))"
        ),
    };
    pen.must_change(
        insert,
        values![
            message.id.as_bytes(),
            message.leg.name(),
            message.exchange.as_ref().map(ExchangeId::as_bytes),
            message.submission.as_ref().map(SubmissionId::as_bytes),
            message.answers.as_ref().map(MessageId::as_bytes),
            message.transaction,
            message.hash,
            message.at.0,
            message.octets,
        ],
    )
}

impl Leg {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Submission => "submission",
            Self::Answer => "answer",
        }
    }
}
