//! The tables `export`, `export_file` and `export_message`: what was written for CAs that people carry files to.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::submissions::{SubmissionRow, submission_row};
use super::values::values;
use super::{Error, Store};
use crate::case::Millis;

/// Files for a CA, and what vouches for them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// The configured CA's name.
    pub authority: String,
    /// Its place among the exports for this CA, from 1.
    pub number: u32,
    /// The manifest, JSON.
    pub manifest: Vec<u8>,
    /// The RA key's signature over it.
    pub signature: Vec<u8>,
    /// When it was made.
    pub made_at: Millis,
    /// The files.
    pub files: Vec<ExportFile>,
}

/// A file of an export.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportFile {
    /// Its name.
    pub name: String,
    /// Its octets: one `PKIMessage`, DER (RFC 9483 section 6.4.1).
    pub octets: Vec<u8>,
}

/// An export to be kept.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// What was made.
    pub export: Export,
    /// SHA-256 of each message in it; none was ever exported before.
    pub messages: Vec<[u8; 32]>,
}

impl Store {
    /// An export, whole.
    pub async fn export(&self, authority: &str, number: u32) -> Result<Option<Export>, Error> {
        let query =
            "SELECT authority, number, manifest, signature, made_at FROM export WHERE authority = ? AND number = ?";
        let Some(found) = self.find(query, values![authority, number], export_row).await? else { return Ok(None) };
        let query = "SELECT name, octets FROM export_file WHERE authority = ? AND number = ? ORDER BY seq";
        let files = self
            .search(query, values![authority, number], |row| {
                Ok(ExportFile { name: row.value("name")?, octets: row.value("octets")? })
            })
            .await?;
        Ok(Some(Export { files, ..found }))
    }

    /// The newest export for a CA, without its files.
    pub async fn newest_export(&self, authority: &str) -> Result<Option<Export>, Error> {
        let query = "SELECT authority, number, manifest, signature, made_at FROM export WHERE authority = ? ORDER BY number DESC LIMIT 1";
        self.find(query, values![authority], export_row).await
    }

    /// In which export a message went, by its SHA-256.
    pub async fn exported_in(&self, message: &[u8; 32]) -> Result<Option<u32>, Error> {
        self.find("SELECT number FROM export_message WHERE hash = ?", values![message], |row| row.count("number")).await
    }

    /// The submissions that wait for somebody to carry them, oldest first.
    pub async fn carried_submissions(&self, authority: &str, limit: u32) -> Result<Vec<SubmissionRow>, Error> {
        let query = super::submissions::select!(
            "authority = ? AND state IN ('due', 'polling') AND next_attempt IS NULL ORDER BY seq LIMIT ?"
        );
        self.list(query, values![authority, limit], submission_row).await
    }

    /// The submission of a transaction with a CA.
    pub async fn submission_of_transaction(
        &self,
        authority: &str,
        transaction: &[u8],
    ) -> Result<Option<SubmissionRow>, Error> {
        let query = super::submissions::select!("authority = ? AND transaction_id = ? ORDER BY seq DESC LIMIT 1");
        self.find(query, values![authority, transaction], submission_row).await
    }
}

pub(super) fn keep(new: &NewExport, pen: Pen<'_>) -> Result<(), Broken> {
    let NewExport { export, messages } = new;
    pen.must_change(
        "INSERT INTO export (authority, number, manifest, signature, made_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        values![export.authority, export.number, export.manifest, export.signature, export.made_at.0],
    )?;
    for file in &export.files {
        pen.must_change(
            "INSERT INTO export_file (authority, number, name, octets) VALUES (?, ?, ?, ?)",
            values![export.authority, export.number, file.name, file.octets],
        )?;
    }
    for message in messages {
        pen.must_change(
            "INSERT INTO export_message (hash, authority, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            values![message, export.authority, export.number],
        )?;
    }
    Ok(())
}

fn export_row(row: &Columns<'_>) -> Result<Export, Error> {
    Ok(Export {
        authority: row.value("authority")?,
        number: row.count("number")?,
        manifest: row.value("manifest")?,
        signature: row.value("signature")?,
        made_at: row.moment("made_at")?,
        files: Vec::new(),
    })
}
