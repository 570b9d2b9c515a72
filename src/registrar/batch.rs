//! Batches from registration authorities below us (RFC 9483 section 5.2.2.2). A batch is an exchange of its own without a case; each
//! message in it has its own exchange, and repeats of the batch find the answers there.

use super::identify::Identified;
use super::request::{Finished, Incoming};
use super::{Refusal, Registrar};
use crate::case::{Exchange, ExchangeState, Family};
use crate::store::{CommitError, Conflict, Leg, Row, Unit};

impl Registrar {
    /// Records that a batch came.
    pub async fn open_batch(&self, who: &Identified, message: Incoming) -> Result<Exchange, Refusal> {
        self.check_standing(who).await?;
        let exchange = self.exchange(who, &message, None, Family::Terminated, true);
        let request = self.request_message(&exchange, &message);
        let unit = Unit::new().with(Row::OpenExchange(Box::new(exchange.clone()))).with(request);
        match self.store.commit(unit).await {
            Ok(()) => Ok(exchange),
            Err(CommitError::Conflict(Conflict::ExchangeKey { .. })) => Err(Refusal::TransactionInUse),
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// Records the bundled answers before they are sent.
    pub async fn close_batch(&self, exchange: &Exchange, finished: &Finished) -> Result<(), Refusal> {
        let transaction = exchange.transaction.clone();
        let unit = Unit::new()
            .with(self.message(Leg::Reply, Some(exchange.id), None, transaction, &finished.octets))
            .with(Row::MoveExchange {
                exchange: exchange.id,
                from: exchange.state,
                to: ExchangeState::Ended,
                our_nonce: finished.nonce.clone(),
                deadline: None,
            });
        self.store.commit(unit).await.map_err(Refusal::store)
    }
}
