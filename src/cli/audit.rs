//! `daftar audit`: proves that the log is whole.

use serde_json::json;

use super::{Common, Failed, print};
use crate::config::Config;
use crate::store::Store;

/// `daftar audit VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Computes every hash of the log anew.
    Verify,
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    let Verb::Verify = verb;
    if let Some(path) = config.store.path.as_ref().filter(|path| !path.exists()) {
        return Err(Failed::new(format!("{}: there is no database", path.display())));
    }
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    let summary = store.verify_log().await.map_err(Failed::new)?;
    let root = hex::encode(summary.root);
    if common.json {
        let summary = json!({ "leaves": summary.leaves, "unnumbered": summary.unnumbered, "root": root });
        print(&summary.to_string());
    } else {
        print(&format!("{} leaves, {} unnumbered, root {root}", summary.leaves, summary.unnumbered));
    }
    Ok(())
}
