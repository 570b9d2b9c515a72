//! What a unit contradicts: found out after it failed, so that a unit that does not fail pays nothing for it.

use super::look::Look;
use super::values::values;
use super::{Conflict, Error, Row, codes};
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
    /// What a row is about.
    pub(super) fn of(row: &Row) -> Self {
        match row {
            Row::OpenCase(case) => Self::Opening { join_key: case.join_key },
            Row::MoveCase { case, .. } => Self::Case(*case),
            Row::ExplainCase { .. } | Row::GiveKey { .. } => Self::Other("case"),
            Row::Decide(_) => Self::Other("decision"),
            Row::OpenExchange(exchange) => Self::Exchange { key: exchange.key },
            Row::MoveExchange { .. } => Self::Other("exchange"),
            Row::Record(message) => Self::Message { exchange: message.exchange, hash: message.hash },
            Row::OpenSubmission(_) | Row::MoveSubmission { .. } | Row::Release { .. } => Self::Other("submission"),
            Row::AddCertificate(_) => Self::Certificate,
            Row::MarkCertificate { .. } => Self::Other("certificate"),
            Row::UseCode { code, at, .. } | Row::WithdrawCode { code, at } => Self::Code { code: *code, at: *at },
            Row::AddCode(_) | Row::FreeCode { .. } | Row::CountTry { .. } => Self::Other("code"),
            Row::AddDataKey(_) => Self::Other("data key"),
            Row::ProposeRuleSet { .. } | Row::ActivateRuleSet { .. } => Self::Other("rule set"),
            Row::Leaf(_) => Self::Other("leaf"),
            Row::SpendNonce { .. } => Self::Other("nonce"),
            Row::KeepCheckpoint(_) => Self::Other("checkpoint"),
            Row::Export(_) => Self::Other("export"),
            Row::Officer(_) => Self::Other("officer"),
        }
    }

    /// What stands against it.
    pub(super) async fn conflict(self, look: &impl Look) -> Result<Conflict, Error> {
        Ok(match self {
            Self::Opening { join_key } => open_case(join_key, look).await?,
            Self::Case(case) => reopened_case(case, look).await?,
            Self::Exchange { key } => {
                let query = "SELECT id FROM exchange WHERE key = ?";
                let found = look.find(query, values![key], |row| row.octets("id")).await?;
                match found.map(ExchangeId::from_octets) {
                    Some(exchange) => Conflict::ExchangeKey { exchange },
                    None => Conflict::State { what: "exchange" },
                }
            }
            Self::Message { exchange: Some(exchange), hash } => {
                let query = "SELECT id FROM message WHERE leg = 'request' AND exchange_id = ? AND hash = ?";
                let found = look.find(query, values![exchange.as_bytes(), hash], |row| row.octets("id")).await?;
                match found.map(MessageId::from_octets) {
                    Some(message) => Conflict::Repeat { message },
                    None => Conflict::State { what: "message" },
                }
            }
            Self::Message { exchange: None, .. } => Conflict::State { what: "message" },
            Self::Certificate => Conflict::Certificate,
            Self::Code { code, at } => codes::why_not(code, at, look).await?,
            Self::Other(what) => Conflict::State { what },
        })
    }
}

async fn open_case(join_key: Option<[u8; 32]>, look: &impl Look) -> Result<Conflict, Error> {
    let query = "SELECT id FROM case_record WHERE join_key = ? AND open = 1";
    let found = look.find(query, values![join_key], |row| row.octets("id")).await?;
    Ok(open_conflict(found))
}

/// A case that opens again (issued, then undecided) may find another one open for the same request.
async fn reopened_case(case: CaseId, look: &impl Look) -> Result<Conflict, Error> {
    let query = "SELECT id FROM case_record WHERE open = 1 AND id <> ?1 AND \
                 join_key = (SELECT join_key FROM case_record WHERE id = ?1)";
    Ok(open_conflict(look.find(query, values![case.as_bytes()], |row| row.octets("id")).await?))
}

fn open_conflict(found: Option<[u8; 16]>) -> Conflict {
    match found.map(CaseId::from_octets) {
        Some(case) => Conflict::OpenCase { case },
        None => Conflict::State { what: "case" },
    }
}
