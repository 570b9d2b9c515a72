//! What a unit contradicts: found out after it failed, so that a unit that does not fail pays nothing for it.

use sqlx::SqliteConnection;

use super::codes;
use super::columns::Columns;
use super::{Conflict, Error};
use crate::case::{CaseId, CodeId, ExchangeId, MessageId, Millis};

/// What a row of a unit was about; enough to look up what stands against it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    Opening { join_key: Option<[u8; 32]> },
    Case(CaseId),
    Exchange { key: [u8; 32] },
    Message { exchange: Option<ExchangeId>, hash: [u8; 32] },
    Certificate,
    Code { code: CodeId, at: Millis },
    Other(&'static str),
}

impl Subject {
    /// What stands against it.
    pub(super) async fn conflict(self, connection: &mut SqliteConnection) -> Result<Conflict, Error> {
        Ok(match self {
            Self::Opening { join_key } => open_case(join_key, connection).await?,
            Self::Case(case) => reopened_case(case, connection).await?,
            Self::Exchange { key } => {
                let query = sqlx::query("SELECT id FROM exchange WHERE key = ?").bind(key.as_slice());
                match query.fetch_optional(connection).await? {
                    Some(row) => {
                        Conflict::ExchangeKey { exchange: ExchangeId::from_octets(Columns(&row).octets("id")?) }
                    }
                    None => Conflict::State { what: "exchange" },
                }
            }
            Self::Message { exchange: Some(exchange), hash } => {
                let query =
                    sqlx::query("SELECT id FROM message WHERE leg = 'request' AND exchange_id = ? AND hash = ?")
                        .bind(exchange.as_bytes().as_slice())
                        .bind(hash.as_slice());
                match query.fetch_optional(connection).await? {
                    Some(row) => Conflict::Repeat { message: MessageId::from_octets(Columns(&row).octets("id")?) },
                    None => Conflict::State { what: "message" },
                }
            }
            Self::Message { exchange: None, .. } => Conflict::State { what: "message" },
            Self::Certificate => Conflict::Certificate,
            Self::Code { code, at } => codes::why_not(code, at, connection).await?,
            Self::Other(what) => Conflict::State { what },
        })
    }
}

async fn open_case(join_key: Option<[u8; 32]>, connection: &mut SqliteConnection) -> Result<Conflict, Error> {
    let Some(key) = join_key else { return Ok(Conflict::State { what: "case" }) };
    let query = sqlx::query("SELECT id FROM case_record WHERE join_key = ? AND open = 1").bind(key.as_slice());
    Ok(match query.fetch_optional(connection).await? {
        Some(row) => Conflict::OpenCase { case: CaseId::from_octets(Columns(&row).octets("id")?) },
        None => Conflict::State { what: "case" },
    })
}

/// A case that opens again (issued, then undecided) may find another one open for the same request.
async fn reopened_case(case: CaseId, connection: &mut SqliteConnection) -> Result<Conflict, Error> {
    let query = sqlx::query(
        "SELECT id FROM case_record WHERE open = 1 AND join_key = (SELECT join_key FROM case_record WHERE id = ?1) AND id <> ?1",
    );
    Ok(match query.bind(case.as_bytes().as_slice()).fetch_optional(connection).await? {
        Some(row) => Conflict::OpenCase { case: CaseId::from_octets(Columns(&row).octets("id")?) },
        None => Conflict::State { what: "case" },
    })
}
