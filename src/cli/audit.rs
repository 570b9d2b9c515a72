//! `daftar audit`: proves that the log is whole, and proves to others what stands in it. Reads the database itself: the server may be
//! away.

mod export;
mod prove;
mod verify;

use std::path::PathBuf;

use super::{Common, Failed};
use crate::config::Config;
use crate::store::Store;

/// `daftar audit VERB`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Computes every hash of the log anew, and compares it with the checkpoints that were signed.
    Verify {
        /// A file to which checkpoints were appended, best from where the database's administrators cannot write. Default: those of
        /// the configuration.
        #[arg(long, value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
    },
    /// Writes what the log says of a case, with the proofs, for somebody who has nothing but the key of the log.
    Prove {
        /// The case.
        case: String,
        /// Writes it there instead of to standard output; a file that is there is left alone.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Writes the whole log as tiles (C2SP tlog-tiles), without personal data; a folder that holds an earlier export is brought up to
    /// date.
    Export {
        /// The folder.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

pub(super) async fn run(config: &Config, common: &Common, verb: Verb) -> Result<(), Failed> {
    if let Some(path) = config.store.path.as_ref().filter(|path| !path.exists()) {
        return Err(Failed::new(format!("{}: there is no database", path.display())));
    }
    let store = Store::open(&config.store).await.map_err(Failed::new)?;
    match verb {
        Verb::Verify { checkpoints } => verify::run(config, common, &store, &checkpoints).await,
        Verb::Prove { case, out } => prove::run(config, &store, &case, out.as_deref()).await,
        Verb::Export { to } => export::run(config, common, &store, &to).await,
    }
}
