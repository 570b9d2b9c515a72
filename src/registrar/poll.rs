//! Later messages of a CMP exchange: finding it again, repeating its answers, polling (RFC 9483 section 4.4).

use std::sync::Arc;

use certs::Certificate;

use super::identify::Identified;
use super::recording::sha256;
use super::request::{Answered, Incoming, Reply};
use super::{Refusal, Registrar};
use crate::case::{CredentialId, Exchange, ExchangeState, Outcome, State};
use crate::store::{CaseRow, Unit, exchange_key};

/// What is known about a message of a transaction.
#[derive(Debug)]
pub enum Known {
    /// Nothing: a new transaction may begin.
    Nothing,
    /// The same bytes came before, and this was answered.
    Answered(Vec<u8>),
    /// The same bytes came before, and are being worked on: wait with [`Registrar::wait_again`].
    InWork(Exchange),
    /// The exchange is known, the message is new in it.
    Exchange(Exchange),
}

/// Whom a message says it is from, before that is proven.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// The reference of an enrolment code.
    Reference(&'a [u8]),
    /// A certificate.
    Certificate(&'a Certificate),
}

impl Registrar {
    /// The message that began a transaction, found before it is proven who asks: for what decides how that is proven.
    pub async fn begun_with(&self, claim: Claim<'_>, transaction: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let credential = match claim {
            Claim::Certificate(certificate) => Some(CredentialId::certificate(&certificate.hash())),
            Claim::Reference(reference) => {
                let row = self
                    .store
                    .code_by_lookup(&self.secrets.secrets()?.lookup(reference))
                    .await
                    .map_err(Refusal::store)?;
                row.map(|row| CredentialId::code(row.id))
            }
        };
        let Some(credential) = credential else { return Ok(None) };
        let exchange = self.store.exchange_by_key(&exchange_key(&credential, transaction)).await;
        match exchange.map_err(Refusal::store)? {
            Some(exchange) => self.store.first_request(exchange.id).await.map_err(Refusal::store),
            None => Ok(None),
        }
    }

    /// Looks a message's transaction up, under the credential that proved it. `own` is the requester's message itself: a
    /// byte-identical one is told from a new one before any nonce is looked at (DESIGN rule 2).
    pub async fn known(&self, who: &Identified, transaction: &[u8], own: &[u8]) -> Result<Known, Refusal> {
        let key = exchange_key(&who.requester.credential, transaction);
        let Some(exchange) = self.store.exchange_by_key(&key).await.map_err(Refusal::store)? else {
            return Ok(Known::Nothing);
        };
        let repeated = self.store.request_in_exchange(exchange.id, &sha256(own)).await.map_err(Refusal::store)?;
        Ok(match repeated {
            None => Known::Exchange(exchange),
            Some(message) => match message.reply {
                Some(reply) => Known::Answered(reply),
                None => Known::InWork(exchange),
            },
        })
    }

    /// The messages that began the exchanges with this transactionID, whoever sent them. They tell which credential a later
    /// message is to be checked with (RFC 9483 section 3.5); nothing follows from being among them.
    pub async fn first_messages(&self, transaction: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut messages = Vec::new();
        for exchange in self.store.exchanges_of_transaction(transaction, MOST_ALIKE).await.map_err(Refusal::store)? {
            messages.extend(self.first_message(&exchange).await?);
        }
        Ok(messages)
    }

    /// The message that began an exchange.
    pub async fn first_message(&self, exchange: &Exchange) -> Result<Option<Vec<u8>>, Refusal> {
        self.store.first_request(exchange.id).await.map_err(Refusal::store)
    }

    /// What the requester of an exchange was answered last.
    pub async fn last_reply(&self, exchange: &Exchange) -> Result<Option<Vec<u8>>, Refusal> {
        self.store.last_reply(exchange.id).await.map_err(Refusal::store)
    }

    /// Waits for the answer to a message that is being worked on. `own` is the requester's message itself.
    pub async fn wait_again(&self, exchange: Exchange, own: &[u8], reply: Arc<dyn Reply>) -> Result<Answered, Refusal> {
        let case = self.case_of(&exchange).await?;
        if let Some(flight) = self.flights.find(case.id) {
            let patience = self.settings.answer_time;
            let landed = tokio::time::timeout(patience, flight.landing()).await.ok().flatten();
            if landed.is_some()
                && let Some(request) =
                    self.store.request_in_exchange(exchange.id, &sha256(own)).await.map_err(Refusal::store)?
                && let Some(reply) = request.reply
            {
                return Ok(Answered { outcome: None, octets: reply });
            }
        }
        self.progress(exchange, &case, &reply).await
    }

    /// A pollReq: the outcome, or patience.
    pub async fn poll(
        &self,
        exchange: Exchange,
        message: Incoming,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        // A certConf in work has no deadline any more.
        let confirming = exchange.state == ExchangeState::Confirming && exchange.deadline.is_none();
        if exchange.state != ExchangeState::Polling && !confirming {
            return Err(Refusal::OutOfPlace("nothing is waited for in this transaction"));
        }
        let case = self.case_of(&exchange).await?;
        if exchange.family.is_relayed() {
            return self.relay_poll(exchange, &case, &message, reply).await;
        }
        let unit = Unit::new().with(self.request_message(&exchange, &message));
        self.store.commit(unit).await.map_err(Refusal::store)?;
        self.progress(exchange, &case, &reply).await
    }

    async fn progress(&self, exchange: Exchange, case: &CaseRow, reply: &Arc<dyn Reply>) -> Result<Answered, Refusal> {
        if exchange.family.is_relayed() {
            return self.say(exchange, case, reply).await;
        }
        let outcome = match (exchange.state, case.state) {
            (ExchangeState::Confirming, State::Confirmed | State::HandedOver | State::Archived | State::Rejected) => {
                Some(Outcome::Confirmed)
            }
            (ExchangeState::Confirming, State::Issued) => None,
            _ => self.outcome_of(case, Some(&exchange)).await?,
        };
        let outcome = outcome.unwrap_or(Outcome::Waiting { check_after: self.check_after() });
        self.answer(Some(&exchange), outcome, reply).await
    }

    pub(super) async fn case_of(&self, exchange: &Exchange) -> Result<CaseRow, Refusal> {
        let case = exchange.case.ok_or(Refusal::OutOfPlace("the transaction is about no certificate"))?;
        let case = self.store.case_by_id(case).await.map_err(Refusal::store)?;
        case.ok_or_else(|| Refusal::store("the case of an exchange is not there"))
    }
}

/// A transactionID is random: more than one exchange has it only where somebody tries something.
const MOST_ALIKE: u32 = 8;
