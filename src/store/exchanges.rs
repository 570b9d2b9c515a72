//! The table `exchange`.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Error, Store};
use crate::case::{CaseId, CredentialId, Door, Exchange, ExchangeId, ExchangeState, Family, Millis};

macro_rules! select_exchange {
    ($rest:literal) => {
        concat!(
            "SELECT id, door, key, credential, family, state, case_id, transaction_id, our_nonce, body, implicit, deadline, ",
            "created_at FROM exchange ",
            $rest
        )
    };
}

impl Store {
    /// The exchange with this key ([`super::exchange_key`]).
    pub async fn exchange_by_key(&self, key: &[u8; 32]) -> Result<Option<Exchange>, Error> {
        self.find(select_exchange!("WHERE key = ?"), values![key], exchange).await
    }

    /// The exchanges with this transactionID, whatever their credential, oldest first.
    pub async fn exchanges_of_transaction(&self, transaction: &[u8], limit: u32) -> Result<Vec<Exchange>, Error> {
        self.list(
            select_exchange!("WHERE transaction_id = ? ORDER BY seq LIMIT ?"),
            values![transaction, limit],
            exchange,
        )
        .await
    }

    /// The exchanges about a case, oldest first.
    pub async fn exchanges_of_case(&self, case: CaseId) -> Result<Vec<Exchange>, Error> {
        self.list(select_exchange!("WHERE case_id = ? ORDER BY seq"), values![case.as_bytes()], exchange).await
    }

    /// The exchanges whose requester did not confirm, or come back, until the deadline, most overdue first.
    pub async fn overdue_exchanges(&self, now: Millis, limit: u32) -> Result<Vec<Exchange>, Error> {
        self.list(select_exchange!("WHERE deadline < ? ORDER BY deadline LIMIT ?"), values![now.0, limit], exchange)
            .await
    }
}

pub(super) fn open(exchange: &Exchange, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO exchange (id, door, key, credential, family, state, case_id, transaction_id, our_nonce, \
         body, implicit, deadline, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            exchange.id.as_bytes(),
            exchange.door.name(),
            exchange.key,
            exchange.credential.as_str(),
            exchange.family.name(),
            exchange.state.name(),
            exchange.case.as_ref().map(CaseId::as_bytes),
            exchange.transaction,
            exchange.our_nonce,
            exchange.body,
            exchange.implicit,
            exchange.deadline.map(|deadline| deadline.0),
            exchange.created_at.0,
        ],
    )
}

pub(super) fn step(
    exchange: ExchangeId,
    (from, to): (ExchangeState, ExchangeState),
    our_nonce: Option<&[u8]>,
    deadline: Option<Millis>,
    pen: Pen<'_>,
) -> Result<(), Broken> {
    pen.must_change(
        "UPDATE exchange SET state = ?, our_nonce = COALESCE(?, our_nonce), deadline = ? WHERE id = ? AND \
         state = ?",
        values![to.name(), our_nonce, deadline.map(|deadline| deadline.0), exchange.as_bytes(), from.name(),],
    )
}

fn exchange(row: &Columns<'_>) -> Result<Exchange, Error> {
    Ok(Exchange {
        id: ExchangeId::from_octets(row.octets("id")?),
        door: row.named("door", Door::named)?,
        key: row.octets("key")?,
        credential: CredentialId::from_stored(row.value("credential")?),
        family: row.named("family", Family::named)?,
        state: row.named("state", ExchangeState::named)?,
        case: row.maybe_octets("case_id")?.map(CaseId::from_octets),
        transaction: row.value("transaction_id")?,
        our_nonce: row.value("our_nonce")?,
        body: row.maybe_count("body")?,
        implicit: row.truth("implicit")?,
        deadline: row.maybe_moment("deadline")?,
        created_at: row.moment("created_at")?,
    })
}
