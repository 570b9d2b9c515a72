//! The table `exchange`.

use sqlx::sqlite::SqliteRow;

use super::batch::Batch;
use super::columns::Columns;
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
        let query = sqlx::query(select_exchange!("WHERE key = ?")).bind(key.as_slice());
        query.fetch_optional(&self.readers).await?.as_ref().map(exchange).transpose()
    }

    /// The exchanges with this transactionID, whatever their credential, oldest first.
    pub async fn exchanges_of_transaction(&self, transaction: &[u8], limit: u32) -> Result<Vec<Exchange>, Error> {
        let query = sqlx::query(select_exchange!("WHERE transaction_id = ? ORDER BY seq LIMIT ?"));
        query.bind(transaction).bind(limit).fetch_all(&self.readers).await?.iter().map(exchange).collect()
    }

    /// The exchanges about a case, oldest first.
    pub async fn exchanges_of_case(&self, case: CaseId) -> Result<Vec<Exchange>, Error> {
        let query = sqlx::query(select_exchange!("WHERE case_id = ? ORDER BY seq")).bind(case.as_bytes().as_slice());
        query.fetch_all(&self.readers).await?.iter().map(exchange).collect()
    }

    /// The exchanges whose requester did not confirm until the deadline, most overdue first.
    pub async fn overdue_exchanges(&self, now: Millis, limit: u32) -> Result<Vec<Exchange>, Error> {
        let query =
            sqlx::query(select_exchange!("WHERE deadline < ? AND state = 'confirming' ORDER BY deadline LIMIT ?"));
        query.bind(now.0).bind(limit).fetch_all(&self.readers).await?.iter().map(exchange).collect()
    }
}

pub(super) fn open(exchange: Exchange, batch: &mut Batch) {
    batch
        .must_change(
            "INSERT INTO exchange (id, door, key, credential, family, state, case_id, transaction_id, our_nonce, body, implicit, \
             deadline, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); ",
        )
        .bind(exchange.id.as_bytes().as_slice())
        .bind(exchange.door.name())
        .bind(exchange.key.as_slice())
        .bind(exchange.credential.as_str())
        .bind(exchange.family.name())
        .bind(exchange.state.name())
        .bind(exchange.case.as_ref().map(|case| case.as_bytes().as_slice()))
        .bind(exchange.transaction)
        .bind(exchange.our_nonce)
        .bind(exchange.body)
        .bind(exchange.implicit)
        .bind(exchange.deadline.map(|deadline| deadline.0))
        .bind(exchange.created_at.0);
}

pub(super) fn step(
    exchange: ExchangeId,
    (from, to): (ExchangeState, ExchangeState),
    our_nonce: Option<Vec<u8>>,
    deadline: Option<Millis>,
    batch: &mut Batch,
) {
    batch
        .must_change(
            "UPDATE exchange SET state = ?, our_nonce = COALESCE(?, our_nonce), deadline = ? WHERE id = ? AND state = ?; ",
        )
        .bind(to.name())
        .bind(our_nonce)
        .bind(deadline.map(|deadline| deadline.0))
        .bind(exchange.as_bytes().as_slice())
        .bind(from.name());
}

fn exchange(row: &SqliteRow) -> Result<Exchange, Error> {
    let row = Columns(row);
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
        implicit: row.value("implicit")?,
        deadline: row.maybe_moment("deadline")?,
        created_at: row.moment("created_at")?,
    })
}
