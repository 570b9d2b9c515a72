//! `daftar migrate`: the records go from one kind of database to another.

use std::path::PathBuf;

use serde_json::json;

use super::socket::Folder;
use super::{Common, Failed, print};
use crate::config::Config;
use crate::store::Store;

/// `daftar migrate VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Copies all records into the empty PostgreSQL database that the configuration names, and proves that nothing is missing.
    SqliteToPostgres {
        /// The SQLite file. It stays as it is.
        #[arg(long)]
        from: PathBuf,
    },
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    let Verb::SqliteToPostgres { from } = verb;
    // No server writes meanwhile.
    let _folder = Folder::take(config)?;
    if !from.exists() {
        return Err(Failed::new(format!("{}: there is no database", from.display())));
    }
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let copied = store.copy_from_sqlite(&from).await.map_err(Failed::new)?;
    store.close().await;
    let root = hex::encode(copied.log.root);
    if common.json {
        let rows: serde_json::Map<_, _> =
            copied.rows.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
        print(&json!({ "rows": rows, "leaves": copied.log.leaves, "root": root }).to_string());
    } else {
        for (table, rows) in &copied.rows {
            print(&format!("{table}: {rows}"));
        }
        print(&format!("{} leaves on both sides, root {root}", copied.log.leaves));
    }
    Ok(())
}
