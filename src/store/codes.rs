//! The table `code`: enrolment codes.

use super::columns::Columns;
use super::look::Look;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{CodeFault, Conflict, Error, NewCode, Store};
use crate::case::{CaseId, CodeId, Millis};

/// An enrolment code as it stands. The secret is encrypted.
#[derive(Clone, Debug)]
pub struct CodeRow {
    /// Its identifier.
    pub id: CodeId,
    /// The reference, readable.
    pub reference: String,
    /// The data key that `secret` is encrypted under.
    pub data_key: i64,
    /// nonce || AES-256-GCM ciphertext.
    pub secret: Vec<u8>,
    /// The profile it serves.
    pub profile: String,
    /// How many cases it may open; none for any number.
    pub uses: Option<u32>,
    /// How many it opened.
    pub used: u32,
    /// The case that a one-time code is bound to.
    pub bound_case: Option<CaseId>,
    /// How often a wrong secret was tried with its reference.
    pub tries: u32,
    /// The names it is bound to, as JSON.
    pub names: Option<String>,
    /// After this it opens no case.
    pub expires_at: Option<Millis>,
    /// Since when it opens no case.
    pub withdrawn_at: Option<Millis>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Millis,
}

macro_rules! select_code {
    ($rest:literal) => {
        concat!(
            "SELECT id, reference, data_key, secret, profile, uses, used, bound_case, tries, names, expires_at, withdrawn_at, ",
            "created_by, created_at FROM code ",
            $rest
        )
    };
}

impl Store {
    /// The code with this look-up value.
    pub async fn code_by_lookup(&self, lookup: &[u8; 32]) -> Result<Option<CodeRow>, Error> {
        self.find(select_code!("WHERE lookup = ?"), values![lookup], code_row).await
    }

    /// The code with this identifier.
    pub async fn code_by_id(&self, code: CodeId) -> Result<Option<CodeRow>, Error> {
        self.find(select_code!("WHERE id = ?"), values![code.as_bytes()], code_row).await
    }

    /// The newest codes, newest first.
    pub async fn codes(&self, limit: u32) -> Result<Vec<CodeRow>, Error> {
        self.search(select_code!("ORDER BY seq DESC LIMIT ?"), values![limit], code_row).await
    }
}

pub(super) fn add(code: &NewCode, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO code (id, lookup, reference, data_key, secret, profile, uses, used, tries, names, \
         expires_at, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)",
        values![
            code.id.as_bytes(),
            code.lookup,
            code.reference,
            code.data_key,
            code.secret,
            code.profile,
            code.uses,
            code.names,
            code.expires_at.map(|expires| expires.0),
            code.created_by,
            code.created_at.0,
        ],
    )
}

/// A one-time code is bound to the case it opens, and goes on serving that one (DESIGN rule 11).
pub(super) fn spend(code: CodeId, case: CaseId, at: Millis, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "UPDATE code SET used = used + CASE WHEN bound_case = ? THEN 0 ELSE 1 END, bound_case = CASE WHEN uses = 1 THEN ? END \
         WHERE id = ? AND (bound_case = ? OR (withdrawn_at IS NULL AND (expires_at IS NULL OR expires_at > ?) \
         AND (uses IS NULL OR used < uses)))",
        values![case.as_bytes(), case.as_bytes(), code.as_bytes(), case.as_bytes(), at.0],
    )
}

/// Only a code that is bound to the case is freed: freeing twice frees once.
pub(super) fn free(code: CodeId, case: CaseId, pen: Pen<'_>) -> Result<(), Broken> {
    pen.run(
        "UPDATE code SET used = used - 1, bound_case = NULL WHERE id = ? AND bound_case = ?",
        values![code.as_bytes(), case.as_bytes()],
    )
}

pub(super) fn withdraw(code: CodeId, at: Millis, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "UPDATE code SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL",
        values![at.0, code.as_bytes()],
    )
}

pub(super) fn count_try(code: CodeId, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change("UPDATE code SET tries = tries + 1 WHERE id = ?", values![code.as_bytes()])
}

/// Why a code could not be spent.
pub(super) async fn why_not(code: CodeId, at: Millis, look: &impl Look) -> Result<Conflict, Error> {
    let found = look.find(select_code!("WHERE id = ?"), values![code.as_bytes()], code_row).await?;
    Ok(match found {
        None => Conflict::State { what: "code" },
        Some(code) if code.withdrawn_at.is_some() => Conflict::Code(CodeFault::Withdrawn),
        Some(code) if code.expires_at.is_some_and(|expires| expires <= at) => Conflict::Code(CodeFault::Expired),
        Some(_) => Conflict::Code(CodeFault::Spent),
    })
}

fn code_row(row: &Columns<'_>) -> Result<CodeRow, Error> {
    Ok(CodeRow {
        id: CodeId::from_octets(row.octets("id")?),
        reference: row.value("reference")?,
        data_key: row.value("data_key")?,
        secret: row.value("secret")?,
        profile: row.value("profile")?,
        uses: row.maybe_count("uses")?,
        used: row.count("used")?,
        bound_case: row.maybe_octets("bound_case")?.map(CaseId::from_octets),
        tries: row.count("tries")?,
        names: row.value("names")?,
        expires_at: row.maybe_moment("expires_at")?,
        withdrawn_at: row.maybe_moment("withdrawn_at")?,
        created_by: row.value("created_by")?,
        created_at: row.moment("created_at")?,
    })
}
