//! The tables `rule_set` and `data_key`: what the office judges by, and what its secrets stand under.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Error, NewDataKey, Store};
use crate::case::Millis;

/// A rule set as it stands.
#[derive(Clone, Debug)]
pub struct RuleSetRow {
    /// SHA-256 of its canonical text.
    pub hash: [u8; 32],
    /// The canonical text.
    pub text: String,
    /// When it was proposed.
    pub proposed_at: Millis,
    /// When it became active, if it did.
    pub activated_at: Option<Millis>,
    /// Who made it active.
    pub actor: Option<String>,
}

/// A wrapped data key.
#[derive(Clone, Debug)]
pub struct DataKeyRow {
    /// Its number.
    pub id: i64,
    /// `token:LABEL` or `recovery:SHA-256`.
    pub wrapped_by: String,
    /// The wrapped key.
    pub blob: Vec<u8>,
    /// When it was wrapped.
    pub created_at: Millis,
}

macro_rules! select_rule_set {
    ($rest:literal) => {
        concat!("SELECT hash, text, proposed_at, activated_at, actor FROM rule_set ", $rest)
    };
}

impl Store {
    /// The rule set that is active.
    pub async fn active_rule_set(&self) -> Result<Option<RuleSetRow>, Error> {
        self.find(select_rule_set!("WHERE state = 'active'"), &[], rule_set_row).await
    }

    /// The canonical text of a rule set, whatever became of it.
    pub async fn rule_set(&self, hash: &[u8; 32]) -> Result<Option<String>, Error> {
        let row = self.find(select_rule_set!("WHERE hash = ?"), values![hash], rule_set_row).await?;
        Ok(row.map(|row| row.text))
    }

    /// The data keys in all their wrappings, oldest key first.
    pub async fn data_keys(&self) -> Result<Vec<DataKeyRow>, Error> {
        self.list("SELECT id, wrapped_by, blob, created_at FROM data_key ORDER BY id, wrapped_by", &[], data_key_row)
            .await
    }
}

pub(super) fn propose(hash: &[u8; 32], text: &str, at: Millis, pen: Pen<'_>) -> Result<(), Broken> {
    pen.run(
        "INSERT INTO rule_set (hash, text, state, proposed_at) VALUES (?, ?, 'proposed', ?) ON CONFLICT \
         (hash) DO NOTHING",
        values![hash, text, at.0],
    )
}

pub(super) fn activate(hash: &[u8; 32], at: Millis, actor: &str, pen: Pen<'_>) -> Result<(), Broken> {
    pen.run("UPDATE rule_set SET state = 'retired' WHERE state = 'active' AND hash <> ?", values![hash])?;
    pen.must_change(
        "UPDATE rule_set SET state = 'active', activated_at = ?, actor = ? WHERE hash = ?",
        values![at.0, actor, hash],
    )
}

pub(super) fn add_data_key(key: &NewDataKey, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO data_key (id, wrapped_by, blob, created_at) VALUES (?, ?, ?, ?)",
        values![key.id, key.wrapped_by, key.blob, key.at.0],
    )
}

fn rule_set_row(row: &Columns<'_>) -> Result<RuleSetRow, Error> {
    Ok(RuleSetRow {
        hash: row.octets("hash")?,
        text: row.value("text")?,
        proposed_at: row.moment("proposed_at")?,
        activated_at: row.maybe_moment("activated_at")?,
        actor: row.value("actor")?,
    })
}

fn data_key_row(row: &Columns<'_>) -> Result<DataKeyRow, Error> {
    Ok(DataKeyRow {
        id: row.value("id")?,
        wrapped_by: row.value("wrapped_by")?,
        blob: row.value("blob")?,
        created_at: row.moment("created_at")?,
    })
}
